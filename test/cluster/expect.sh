# Read by the tests of mixserve-run here: a model to run, and what a command must give.
status=0
fail() { echo "FAIL: $*"; status=1; }
compile() { # CLUSTER METHOD OUTPUT
  mixserve-compile "$MIXSERVE_SOURCE_DIR/models/qwen3moe-tiny/onnx/mobius-onnx-standard/model.onnx" --moe-comm="$2" \
    --cluster "$MIXSERVE_SOURCE_DIR/models/clusters/$1.yaml" -o "$3" >compile.log 2>&1 || { cat compile.log; exit 1; }
}
# expect CODE TEXT COMMAND...: exit code (of node 0, as a launcher passes it on), and a text in what was printed.
expect() {
  local code=$1 text=$2 got
  shift 2
  "$@" >out 2>&1
  got=$?
  [ $got -eq "$code" ] || fail "exit code $got, expected $code: $*: $(cat out)"
  grep -qF -- "$text" out || fail "'$text' is missing: $*: $(cat out)"
}
