#!/usr/bin/env bash
# mixserve-run as one process per node on this machine: the same results as one process that holds all nodes.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (package openmpi-bin)"; exit 77; }
[ -e "$MIXSERVE_BUILD_DIR/lib/libmixserve_mpi.so" ] || { echo "skipped: this build has no MPI engine"; exit 77; }
export PATH=$MIXSERVE_BUILD_DIR/bin:$PATH OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
scratch=$(mktemp -d)
# Shared memory of MPI, seen when it is left.
shm=$(mktemp -d -p /dev/shm)
export OMPI_MCA_btl_vader_backing_directory=$shm
trap 'rm -rf "$scratch" "$shm"' EXIT
cd "$scratch" || exit 1
export TMPDIR=$scratch
models=$MIXSERVE_SOURCE_DIR/models
golden=$models/qwen3moe-tiny/golden.safetensors
. "$here/expect.sh"
launch() { timeout 60 mpirun --oversubscribe --bind-to none "$@"; }

# Tokens and logits are those of the unsharded model.
for method in hybrid-fused hybrid flat-ep hier-ep allgather; do
  compile 2x2 $method $method.mxs
  expect 0 'verified: the run equals the file' launch -n 2 mixserve-run $method.mxs --verify "$golden"
  [ "$(grep -c 'prompt 0' out)" -eq 1 ] || fail "not only node 0 printed: $(cat out)"
done
compile 4x1 auto four.mxs
expect 0 'verified: the run equals the file' launch -n 4 mixserve-run four.mxs --verify "$golden"

# All that is written is bitwise what one process writes, up to times.
prompts=(--prompt-ids 304,287,283,86,263 --prompt-ids 5,6,7,8,9,10,11 --mixed --max-new-tokens 12)
outputs() { echo --output "$1.safetensors" --stats="$1.stats" --routing-out "$1.routing" --trace "$1.trace"; }
for method in hybrid-fused hier-ep; do
  # shellcheck disable=SC2046
  mixserve-run $method.mxs "${prompts[@]}" $(outputs one) >one.tokens || fail "one process, $method"
  # shellcheck disable=SC2046
  launch -n 2 mixserve-run $method.mxs "${prompts[@]}" $(outputs two) >two.tokens || fail "two processes, $method"
  for part in tokens safetensors routing; do cmp one.$part two.$part || fail "$method: $part differ"; done
  python3 - <<'PY' || fail "$method: counters or tracks differ"
import json, sys
one, two = (json.load(open(name + ".stats")) for name in ("one", "two"))
same = all(one[key] == two[key] for key in one if not key.endswith("_ns"))
tracks = []
for name in ("one", "two"):
    events = [e for e in json.load(open(name + ".trace"))["traceEvents"] if e["ph"] == "X"]
    tracks.append(sorted((e["pid"], e["tid"], e["name"], e["args"]["layer"]) for e in events))
# Clocks were brought together: a message is in flight while its sender is in the collective.
inside = [e for e in events if e["pid"] < 2 and e["cat"] == "dispatch"]
links = [e for e in events if e["pid"] == 2 and e["cat"] == "dispatch"]
together = all(any(o["ts"] - 5000 <= l["ts"] <= o["ts"] + o["dur"] + 5000 for o in inside if o["pid"] == 1) for l in links)
sys.exit(0 if same and tracks[0] == tracks[1] and links and together else 1)
PY
done

# A load of requests: node 0 makes it and prints, and hears of all ranks.
expect 0 'TTFT' launch -n 2 mixserve-bench serve hybrid.mxs --requests 4 --prompt 5 --output 3 --warm-up 1
[ "$(grep -c TTFT out)" -eq 1 ] || fail "not only node 0 printed a load: $(cat out)"
launch -n 2 mixserve-bench serve hybrid.mxs --requests 4 --prompt 5 --output 3 --json >load.json || fail "no load"
python3 -c 'import json; r = json.load(open("load.json"))
assert len(r["ranks"]) == 4 and r["output_tokens"] == 12 and r["sent_bytes"]["inter"] > 0, r
assert all(rank["compute_s"] > 0 and rank["inter_s"] > 0 for rank in r["ranks"]), r' || fail "load: $(cat load.json)"
expect 2 'between processes the network has its own' launch -n 2 mixserve-bench serve hybrid.mxs --pace-inter 5
expect 1 'which artifact' launch -n 2 mixserve-bench serve

# Programs find the engine from wherever PATH finds them.
expect 0 'hybrid' launch -n 2 mixserve-bench layer --devices 1 --tokens 3 --hidden 8 --experts 4 --top-k 2 --rounds 1 \
  --methods hybrid
expect 1 'start it without mpirun' launch -n 2 mixserve-bench step hybrid.mxs
[ "$(grep -c 'start it without' out)" -eq 1 ] || fail "a usage error was printed more than once"

# What does not fit is refused by all, before anything runs.
expect 2 'the artifact is for 2 nodes, but 3 processes were started' launch -n 3 mixserve-run hybrid.mxs "${prompts[@]}"
expect 2 'between processes the network has its own' launch -n 2 mixserve-run hybrid.mxs "${prompts[@]}" --pace-inter 5
expect 2 'outside the vocabulary' launch -n 2 mixserve-run hybrid.mxs --prompt-ids 99999
expect 2 'there is no folder' launch -n 2 mixserve-run hybrid.mxs "${prompts[@]}" --output "$scratch/none/x"
expect 1 "unknown option '--nonsense'" launch -n 2 mixserve-run hybrid.mxs --nonsense
[ "$(grep -c nonsense out)" -eq 1 ] || fail "a usage error was printed more than once"
expect 2 'node 1: artifact' launch -n 1 mixserve-run hybrid.mxs "${prompts[@]}" : -n 1 mixserve-run none.mxs "${prompts[@]}"
expect 2 'OMPI_COMM_WORLD_SIZE' env OMPI_COMM_WORLD_SIZE=2 mixserve-run hybrid.mxs "${prompts[@]}"

# Nodes whose kernels differ go on, and one of them says so; all hear of a set that there is not.
if grep -qw avx2 /proc/cpuinfo; then
  expect 0 'verified: the run equals the file' launch -n 1 mixserve-run hybrid.mxs --verify "$golden" \
    : -n 1 env MXS_ISA=reference mixserve-run hybrid.mxs --verify "$golden"
  [ "$(grep -c 'mixserve: warning: kernels of different instruction sets: .* on node 0, reference on node 1; ' out)" -eq 1 ] ||
    fail "different kernels are not said once: $(cat out)"
fi
expect 0 'verified: the run equals the file' launch -n 2 mixserve-run hybrid.mxs --verify "$golden"
grep -q warning out && fail "alike kernels are warned of: $(cat out)"
expect 2 "node 1: environment variable MXS_ISA is 'bogus'" launch -n 1 mixserve-run hybrid.mxs "${prompts[@]}" \
  : -n 1 env MXS_ISA=bogus mixserve-run hybrid.mxs "${prompts[@]}"

# A node reads the weights of its own ranks only: another rank's may be damaged on its disk.
damage() { # ARTIFACT RANK
  rm -rf "$1" && cp -r hybrid.mxs "$1"
  python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(-8, 2); f.write(b"damaged!")' "$1/weights/rank-000$2.safetensors"
}
damage others.mxs 0
expect 0 ',' launch -n 1 mixserve-run hybrid.mxs "${prompts[@]}" : -n 1 mixserve-run others.mxs "${prompts[@]}"
damage own.mxs 3
expect 2 'rank-0003.safetensors' launch -n 1 mixserve-run hybrid.mxs "${prompts[@]}" : -n 1 mixserve-run own.mxs "${prompts[@]}"

# A launcher that MPI does not know: it then sees one process each, and that is said. (Slurm's: slurm.test.sh.)
expect 2 'but MPI sees 1' env PMI_SIZE=2 PMI_RANK=1 mixserve-run hybrid.mxs "${prompts[@]}"
expect 2 'start with srun --mpi=pmix' env SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1 mixserve-run hybrid.mxs "${prompts[@]}"
[ -z "$(ls "$shm")" ] || fail "shared memory is left: $(ls "$shm")"
exit $status
