#!/usr/bin/env bash
# truncate.sh MODEL CLUSTER FOLDER: compiles MODEL cut at 50 places spread over it. Every cut must be refused with exit
# code 2, an error that names the file, no crash, nothing on stdout, and no artifact, whole or partial.
set -u
model=$1 cluster=$2 folder=$3
rm -rf "$folder" && mkdir -p "$folder/model" "$folder/out"
cp "$(dirname "$model")/model.onnx.data" "$folder/model/"
size=$(stat -c %s "$model")
for place in $(seq 0 49); do
  bytes=$((place == 49 ? size - 1 : size * place / 49))
  head -c "$bytes" "$model" >"$folder/model/model.onnx"
  mixserve-compile "$folder/model/model.onnx" --cluster "$cluster" -o "$folder/out/model.mxs" >"$folder/stdout" 2>"$folder/err"
  code=$?
  if [ $code -ne 2 ] || [ -s "$folder/stdout" ] || [ -n "$(ls -A "$folder/out")" ] ||
    ! grep -q "error: model '$folder/model/model.onnx': .*\(truncated\|is empty\)" "$folder/err"; then
    echo "cut at byte $bytes: exit code $code"
    cat "$folder/err"
    ls -A "$folder/out"
    exit 1
  fi
done
echo "50 cuts refused"
