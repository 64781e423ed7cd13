#!/usr/bin/env bash
# Files that are compiled for one instruction set may define no symbol that the linker merges across
# files (weak, unique): it could keep the copy that the processor cannot run.
# usage: isa-symbols.test.sh NM OBJECT...
set -u
nm=$1
shift
[ $# -gt 0 ] || { echo "no objects given"; exit 2; }
status=0
for object in "$@"; do
  symbols=$("$nm" -C --defined-only "$object") || { echo "cannot read $object"; exit 2; }
  [ -n "$symbols" ] || { echo "$object defines nothing"; status=1; }
  shared=$(grep -E '^[0-9a-f]+ [WVu] ' <<<"$symbols" || true)
  [ -z "$shared" ] || { printf '%s defines symbols that are shared between files:\n%s\n' "$object" "$shared"; status=1; }
done
exit $status
