#!/usr/bin/env bash
# mixserve-run under a real Slurm on two emulated hosts: the results of one process, refusals, lost tasks, ends.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/expect.sh"

outside() {
  "$here/slurm" check || exit $?
  command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (package openmpi-bin)"; exit 77; }
  [ -e "$MIXSERVE_BUILD_DIR/lib/libmixserve_mpi.so" ] || { echo "skipped: this build has no MPI engine"; exit 77; }
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  export TMPDIR=$scratch MIXSERVE_LAB=$scratch PATH=$MIXSERVE_BUILD_DIR/bin:$PATH
  cd "$scratch" || exit 1
  compile 2x2 hybrid-fused two.mxs
  compile 2x2 hier-ep other.mxs
  timeout 90 "$here/hosts" with 2 -- "$here/slurm" "$here/slurm.test.sh" inside || status=1
  gone "a run"
  killed
  exit $status
}

# Nothing that used this test's folder runs or is left.
gone() { # AFTER WHAT
  local left
  left=$(grep -lsF -f - /proc/[0-9]*/cmdline <<<"$scratch" | tr -dc "0-9\n" || true)
  [ -z "$left" ] || fail "after $1 these run: $(for pid in $left; do tr '\0' ' ' <"/proc/$pid/cmdline"; echo; done)"
  left=$(ls -d "$scratch"/tmp.* 2>/dev/null)
  [ -z "$left" ] || fail "after $1 these are left: $left"
}

# The whole cluster is ended from outside while it works.
killed() {
  "$here/hosts" with 2 -- "$here/slurm" srun -N 2 -n 2 sh -c 'touch started.$SLURM_PROCID; sleep 60' >killed.log 2>&1 &
  local hosts=$! tries
  for ((tries = 0; tries < 150; tries++)); do [ -e started.0 ] && [ -e started.1 ] && break; sleep 0.1; done
  [ $tries -lt 150 ] || fail "no cluster to end: $(cat killed.log)"
  kill $hosts
  wait $hosts
  gone "its end by a signal"
  ip netns list | grep -F "mx$hosts-" && fail "namespaces are left"
}

# What srun starts: `run 2 -N 2 -n 2` are two processes on two hosts.
run() { # OPTIONS... -- ARGUMENTS OF mixserve-run...
  local options=()
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  timeout 40 srun --mpi=pmix "${options[@]}" mixserve-run "$@"
}

now() { date +%s%N; }
servers() { # HOST: process ids of mixserve-run there
  local pid
  for pid in $(ip netns pids "$HOSTS_PREFIX-$1"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != mixserve-run ] || echo "$pid"
  done
}
ranksRun() { grep -qs code/model.so /dev/null $(servers "$1" | sed 's#.*#/proc/&/maps#'); }

# Starts work for about a minute and waits until both nodes are in it.
startLong() {
  local tries prompts=()
  for ((i = 1; i <= 60; i++)); do prompts+=(--prompt-ids "$i,5,6"); done
  srun --mpi=pmix -N 2 -n 2 mixserve-run two.mxs "${prompts[@]}" --max-new-tokens 250 --ignore-eos --deadline 5s >long.out 2>long.err &
  launcher=$!
  for ((tries = 0; tries < 200; tries++)); do ranksRun n0 && ranksRun n1 && break; sleep 0.05; done
  [ $tries -lt 200 ] || fail "the nodes did not start: $(cat long.err)"
  sleep 0.5
}
# Within the deadline and two seconds srun returns with CODE, and nothing of the run is left.
endsWith() { # CODE SINCE WHAT
  wait $launcher
  local got=$? took=$((($(now) - $2) / 1000000))
  [ $got -eq "$1" ] || fail "$3: exit code $got, expected $1: $(cat long.err)"
  [ $took -lt 7000 ] || fail "$3: srun returned after $took ms: $(cat long.err)"
  [ -z "$(servers n0)$(servers n1)" ] || fail "$3: mixserve-run outlived srun"
  echo "$3: srun returned after $took ms with $got"
}

inside() {
  cd "$MIXSERVE_LAB" || exit 1
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  srun --mpi=list 2>&1 | grep -qw pmix || { fail "this Slurm has no PMIx: $(srun --mpi=list 2>&1)"; exit 1; }
  local prompts=(--prompt-ids 304,287,283,86,263 --prompt-ids 5,6,7,8 --mixed --max-new-tokens 12) node begin

  # The tokens of one process, of the unsharded model; printed once; also with both nodes on one host.
  mixserve-run two.mxs "${prompts[@]}" >one || fail "one process: $(cat one)"
  run -N 2 --ntasks-per-node=1 --cpus-per-task=2 --kill-on-bad-exit=0 -- two.mxs "${prompts[@]}" >two || fail "two hosts"
  run -N 1 -n 2 -- two.mxs "${prompts[@]}" >same || fail "one host"
  cmp one two && cmp one same || fail "tokens differ: $(cat one two same)"
  expect 0 'verified: the run equals the file' run -N 2 -n 2 -- two.mxs \
    --verify "$MIXSERVE_SOURCE_DIR/models/qwen3moe-tiny/golden.safetensors"
  expect 0 'verified' run -N 1 -n 1 -- two.mxs --verify "$MIXSERVE_SOURCE_DIR/models/qwen3moe-tiny/golden.safetensors"
  expect 0 'TTFT' srun --mpi=pmix -N 2 -n 2 mixserve-bench serve two.mxs --requests 4 --prompt 5 --output 3
  # Open MPI's own launcher in an allocation, and a batch script, which is one process.
  salloc -Q -N 2 --ntasks-per-node=1 mpirun --bind-to none --enable-recovery mixserve-run two.mxs "${prompts[@]}" >two 2>err || fail "mpirun: $(cat err)"
  cmp one two || fail "tokens of mpirun differ"
  printf '#!/bin/sh\nmixserve-run two.mxs "$@" && srun --mpi=pmix mixserve-run two.mxs "$@"\n' >job
  sbatch -N 2 -n 2 -o batch job "${prompts[@]}" >err || fail "sbatch: $(cat err)"
  for ((i = 0; i < 100; i++)); do [ -z "$(squeue -h)" ] && break; sleep 0.1; done
  cat one one | cmp - batch || fail "batch: $(cat batch)"

  # Refusals, by all before anything runs.
  expect 2 'the artifact is for 2 nodes, but 3 processes were started' run -N 2 -n 3 -- two.mxs "${prompts[@]}"
  printf '%s mixserve-run %s.mxs --prompt-ids 304,287\n' 0 two 1 other >nodes
  expect 2 'different artifacts: node 0 opened' srun --mpi=pmix -N 2 -n 2 --multi-prog nodes
  for node in none pmi2; do
    expect 2 'srun started 2 tasks without PMIx' srun --mpi=$node -N 2 -n 2 mixserve-run two.mxs "${prompts[@]}"
    grep -q 'start with srun --mpi=pmix' out || fail "--mpi=$node: no advice: $(cat out)"
    grep -q 'not built with' out && fail "--mpi=$node: Open MPI was asked: $(cat out)"
  done

  # A task that is killed: the other one says so. srun's code is the largest one: 128 + 9.
  for node in 1 0; do
    startLong
    begin=$(now)
    kill -KILL $(servers n$node)
    endsWith 137 "$begin" "task $node killed"
    grep -q "(node $((1 - node))).*node $node gave node" long.err || fail "node $node is not named: $(cat long.err)"
    grep -q "task $((1 - node)): Exited with exit code 5" long.err || fail "exit code of the survivor: $(cat long.err)"
  done
  # Ends that were asked for.
  startLong
  begin=$(now)
  scancel --user root
  endsWith 143 "$begin" "scancel"
  startLong
  begin=$(now)
  kill -TERM $launcher
  endsWith 137 "$begin" "SIGTERM to srun"
  exit $status
}

"${1:-outside}"
