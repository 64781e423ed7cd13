#!/usr/bin/env bash
# mixserve-bench layer as two processes on two emulated hosts, with bandwidth and with latency: the results are
# right (the tool checks them), the bytes are those of the loopback. No speed is tested.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bench=$1
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (package openmpi-bin)"; exit 77; }
"$here/hosts" check || exit $?
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
size=(--devices 2 --tokens 24 --hidden 64 --experts 16 --top-k 4 --rounds 2 --chunks 1,3 --json)
timeout 60 "$bench" layer --nodes 2 "${size[@]}" >"$scratch/loopback" || { echo "FAIL: loopback"; exit 1; }
for latency in 0 200; do
  export HOSTS=$here/hosts BENCH=$bench
  timeout 100 "$HOSTS" with 2 --rate 1000 --latency $latency -- \
    sh -c '"$HOSTS" mpirun $HOSTS_PREFIX "$BENCH" layer "$@"' layer "${size[@]}" >"$scratch/mpi" 2>"$scratch/err" ||
    { echo "FAIL: latency $latency"; cat "$scratch/err"; exit 1; }
  python3 - "$scratch/loopback" "$scratch/mpi" <<'PY' || exit 1
import json, sys
loopback, mpi = (json.load(open(path)) for path in sys.argv[1:])
assert mpi["engine"] == "mpi" and mpi["mesh"] == {"nodes": 2, "devices": 2}, mpi
key = lambda m: (m["method"], m.get("chunks"), m["inter_bytes"], m["intra_bytes"])
assert [key(m) for m in mpi["methods"]] == [key(m) for m in loopback["methods"]], (loopback, mpi)
print(len(mpi["methods"]), "methods ran on two hosts")
PY
  # In its second half only ways near the fastest run: every node must leave out the same ones.
  timeout 100 "$HOSTS" with 2 --rate 1000 --latency $latency -- \
    sh -c '"$HOSTS" mpirun $HOSTS_PREFIX "$BENCH" calibrate --devices 2 --tokens 2,24 --hidden 64 --experts 16 --top-k 4 --rounds 1 --chunks 1,3' \
    >"$scratch/measured" 2>"$scratch/err" || { echo "FAIL: calibrate, latency $latency"; cat "$scratch/err"; exit 1; }
  [ "$(grep -c 'time:' "$scratch/measured")" -eq 22 ] || { echo "FAIL: 22 layers expected"; cat "$scratch/measured"; exit 1; }
  grep -q 'error:' "$scratch/measured" || { echo "FAIL: no way ran twice"; cat "$scratch/measured"; exit 1; }
done
