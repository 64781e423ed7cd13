#!/usr/bin/env bash
# stop-compile.sh fail|SIGNAL CODE COMMAND...: runs a mixserve-compile whose linker fails, or is sent SIGNAL while its
# linker runs. It must exit with CODE and leave no temporary name.
how=$1 code=$2
shift 2
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
if [ "$how" = fail ]; then
  printf '#!/bin/sh\necho broken linker; exit 1\n' >"$tools/ld.lld-22"
else # runs until the compiler is gone
  printf '#!/bin/sh\ntouch "%s/linking"; while kill -0 $PPID; do sleep 0.05; done\n' "$tools" >"$tools/ld.lld-22"
fi
chmod +x "$tools/ld.lld-22"
PATH=$tools:$PATH "$@" &
compiler=$!
if [ "$how" != fail ]; then
  for _ in $(seq 600); do [ -e "$tools/linking" ] && break || sleep 0.05; done
  [ -n "$(find . -name '*.partial-*')" ] || echo "not compiling yet"
  kill "-$how" $compiler
fi
wait $compiler
got=$?
left=$(find . -name '*.partial-*' -o -name new.mxs)
[ $got -eq "$code" ] && [ -z "$left" ] || { echo "exit code $got, left: $left"; exit 1; }
