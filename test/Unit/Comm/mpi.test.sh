#!/usr/bin/env bash
# Runs the MPI engine's tests as several processes.
#   mpi.test.sh PROGRAM local N [OPTION...]    N processes on this machine
#   mpi.test.sh PROGRAM abort                  a process of three gives up: all end
#   mpi.test.sh PROGRAM lost killed|stopped    a process of two ends: the other names it
#   mpi.test.sh PROGRAM hangs                  MPI of one of two processes does not return: both name it
#   mpi.test.sh PROGRAM hangs rank             the same on the thread of a rank: that process ends by itself
#   mpi.test.sh PROGRAM version                an engine of another build is refused
#   mpi.test.sh PROGRAM hosts                  two emulated hosts (test/cluster; cut cables: faults.test.py there)
#   mpi.test.sh SOAK soak N                    comm-soak between two emulated hosts, N collectives
set -u
program=$1 what=$2
shift 2
cluster=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../cluster" && pwd)
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (package openmpi-bin)"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
scratch=$(mktemp -d)
# A folder of its own: what mpirun leaves after a failure is removed with it.
export TMPDIR=$scratch
# Shared memory in a folder of its own, too: what is left there is seen, and removed.
shm=$(mktemp -d -p /dev/shm)
export OMPI_MCA_btl_vader_backing_directory=$shm
trap 'rm -rf "$scratch" "$shm"' EXIT
expect_no_segments() { [ -z "$(ls "$shm")" ] || { echo "FAIL: shared memory is left: $(ls "$shm")"; exit 1; }; }
launch() { mpirun --oversubscribe --bind-to none "$@"; }

# What a survivor wrote; mpirun's own status says only that a process ended.
expect_named() { # FILE
  if [ -s "$1" ]; then cat "$1"; echo; else echo "FAIL: $1 does not name node 1:"; tail -n 40 "$scratch/log"; exit 1; fi
}

case $what in
local)
  launch -n "$1" "$program" --gtest_filter='Mpi.*' "${@:2}" || exit $?
  expect_no_segments
  ;;
version)
  cp "$program" "$scratch/program"
  engine=$(dirname "$program")/../lib/libmixserve_mpi.so
  interface=$(grep -aoE 'mpi-[0-9a-f]{64}' "$engine" | head -n 1)
  [ -n "$interface" ] || { echo "FAIL: $engine does not say which interface it has"; exit 1; }
  sed "s/$interface/${interface//[0-9]/x}/" "$engine" >"$scratch/libmixserve_mpi.so"
  "$scratch/program" >"$scratch/log" 2>&1
  grep "libmixserve_mpi.so beside this program is of another version" "$scratch/log" ||
    { echo "FAIL: not refused:"; tail -n 40 "$scratch/log"; exit 1; }
  ;;
abort)
  # Processes that leave without MPI_Finalize are a failure to mpirun.
  launch --enable-recovery -n 3 "$program" --gtest_filter='MpiFault.AnAbort*' --result="$scratch/result" >"$scratch/log" 2>&1
  for node in 0 1 2; do expect_named "$scratch/result$node"; done
  expect_no_segments
  ;;
hangs)
  filter='MpiFault.AHangInside*'
  [ $# -gt 0 ] && filter='MpiFault.AHangOfARank*'
  launch --enable-recovery -n 2 "$program" --gtest_filter="$filter" --deadline-ms=4000 --result="$scratch/result" \
    >"$scratch/log" 2>&1
  expect_named "$scratch/result0"
  if [ $# -gt 0 ]; then
    grep "^mixserve: node 1 hangs inside MPI, in MPI_Testsome, .*; this process ends" "$scratch/log" ||
      { echo "FAIL: node 1 does not say why it ended:"; tail -n 40 "$scratch/log"; exit 1; }
  else
    expect_named "$scratch/result1"
  fi
  expect_no_segments
  ;;
lost)
  [ "$1" = killed ] && filter='MpiFault.AKilled*' || filter='MpiFault.AStopped*'
  # Without recovery mpirun itself ends the survivors.
  launch --enable-recovery -n 2 "$program" --gtest_filter="$filter" --deadline-ms=6000 --result="$scratch/result" \
    >"$scratch/log" 2>&1 &
  launcher=$!
  for ((try = 0; try < 400; try++)); do [ -s "$scratch/result0" ] && break; kill -0 $launcher 2>/dev/null || break; sleep 0.1; done
  # The survivor ends by itself and removes the shared memory of both.
  for ((try = 0; try < 50; try++)); do [ -z "$(ls "$shm")" ] && break; sleep 0.1; done
  # A stopped process keeps mpirun waiting: end both.
  for child in $(pgrep -P $launcher); do kill -KILL "$child" 2>/dev/null; done
  kill -TERM $launcher 2>/dev/null
  wait $launcher 2>/dev/null
  expect_named "$scratch/result0"
  expect_no_segments
  ;;
soak)
  "$cluster/hosts" check || exit $?
  unset OMPI_MCA_btl_vader_backing_directory # hosts have a /dev/shm of their own
  export HOSTS=$cluster/hosts PROGRAM=$program COLLECTIVES=$1
  "$HOSTS" with 2 --rate 1000 -- bash -c '
    "$HOSTS" mpirun $HOSTS_PREFIX "$PROGRAM" --mpi --quiet --collectives $COLLECTIVES' >"$scratch/log" 2>&1
  result=$?
  cat "$scratch/log"
  for node in 0 1; do
    grep -q "^node $node: .* collectives right" "$scratch/log" || { echo "FAIL: node $node has no result"; exit 1; }
  done
  exit $result
  ;;
hosts)
  "$cluster/hosts" check || exit $?
  unset OMPI_MCA_btl_vader_backing_directory # hosts have a /dev/shm of their own
  export HOSTS=$cluster/hosts PROGRAM=$program
  "$HOSTS" with 2 --rate 1000 -- bash -c '
    "$HOSTS" mpirun $HOSTS_PREFIX "$PROGRAM" --gtest_filter="Mpi.M*:Mpi.AMessage*" --max-devices=2'
  ;;
esac
