#!/usr/bin/env bash
# truncate.sh MODEL FOLDER: compiles MODEL cut at 50 places spread over it. Every cut must be refused with exit
# code 2, an error that names the file, no crash, and no output.
set -u
model=$1 folder=$2
rm -rf "$folder" && mkdir -p "$folder"
cp "$(dirname "$model")/model.onnx.data" "$folder/"
size=$(stat -c %s "$model")
for place in $(seq 0 49); do
  bytes=$((place == 49 ? size - 1 : size * place / 49))
  head -c "$bytes" "$model" >"$folder/model.onnx"
  mixserve-compile "$folder/model.onnx" --compile-to=import >"$folder/out" 2>"$folder/err"
  code=$?
  if [ $code -ne 2 ] || [ -s "$folder/out" ] || ! grep -q "error: model '$folder/model.onnx': .*\(truncated\|is empty\)" "$folder/err"; then
    echo "cut at byte $bytes: exit code $code"
    cat "$folder/err"
    exit 1
  fi
done
echo "50 cuts refused"
