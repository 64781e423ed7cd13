#!/usr/bin/env bash
# What is not compiled for one instruction set must not need AVX: no VEX-encoded instruction at all (its
# registers, or general ones as in BMI). Objects are looked at one by one, the library by the names of its functions:
# that also sees what was linked from elsewhere.
# usage: baseline-code.test.sh OBJDUMP NM LIBRARY ISA_OBJECT... -- OTHER_OBJECT...
set -u
objdump=$1 nm=$2 library=$3
shift 3
isa=() others=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do isa+=("$1") && shift; done
shift
others=("$@")
[ ${#isa[@]} -gt 0 ] && [ ${#others[@]} -gt 0 ] || { echo "no objects given"; exit 2; }
status=0

# functions_with_vex FILE...: the names of functions that have such an instruction, with the first one.
functions_with_vex() {
  "$objdump" -d --no-show-raw-insn "$@" | awk '
    /^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); next }
    { sub(/^ *[0-9a-f]+:[ \t]*/, "") }
    /^v|^k[a-z]+[ \t]|^(andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx)[lq]?[ \t]|%[yz]mm/ {
      if (!(name in seen)) { seen[name] = 1; print name "\t" $0 }
    }'
  return "${PIPESTATUS[0]}"
}

# These have some, each of them: so they would be seen elsewhere, too.
for object in "${isa[@]}"; do
  found=$(functions_with_vex "$object") || { echo "cannot read $object"; exit 2; }
  [ -n "$found" ] || { echo "$object has no instruction of its set"; status=1; }
done
found=$(functions_with_vex "${others[@]}") || { echo "cannot read the objects"; exit 2; }
[ -z "$found" ] || { printf 'instructions that not every processor has:\n%s\n' "$found"; status=1; }

known=$("$nm" --defined-only "${isa[@]}" | awk 'NF == 3 { print $3 }' | sort -u)
[ -n "$known" ] || { echo "no symbols in the objects"; exit 2; }
found=$(functions_with_vex "$library") || { echo "cannot read $library"; exit 2; }
[ -n "$found" ] || { echo "$library has no kernels of an instruction set"; status=1; }
found=$(awk -F '\t' 'NR == FNR { known[$1]; next } !($1 in known)' <(echo "$known") <(echo "$found"))
[ -z "$found" ] || { printf '%s has instructions that not every processor has, in:\n%s\n' "$library" "$found"; status=1; }
exit $status
