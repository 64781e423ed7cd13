#!/usr/bin/env bash
# The arrows between the parts: dialects <- phases (never sideways) <- Pipeline <- tools; the runtime sees
# none of them. Also: no source file over 700 lines, no folder named after nothing.
set -u
cd "$1" || exit 2
status=0
# What git tracks; in a tree without git (an archive) all files but those of builds.
files=$(git ls-files 2>/dev/null)
[ -n "$files" ] || files=$(find . -type f -not -path './build*' -not -path './.*' | sed 's|^\./||')
printf '%s\n' "$files" | grep -q '^lib/.*\.cpp$' || { echo "no sources in $1: nothing would be checked"; exit 2; }
complain() { printf '%s\n%s\n' "$1" "$2"; status=1; }
check() { # MESSAGE FOLDER PATTERN
  local hits
  hits=$(printf '%s\n' "$files" | grep "^$2/" | grep -E '\.(h|cpp|td|c)$' | xargs -r grep -nE "$3" || true)
  [ -z "$hits" ] || complain "$1" "$hits"
}
check 'dialects may not include phases, runtime or tools' 'dialects' '#include "(mixserve|runtime|tools)/'
check 'the runtime may not include LLVM, MLIR, dialects or phases' 'runtime' '#include ["<](llvm|mlir|dialects|mixserve)/'
for phase in Import Raise Plan Shard Fuse Emit; do
  others=$(printf '%s\n' Import Raise Plan Shard Fuse Emit Pipeline | grep -vx "$phase" | paste -sd'|')
  # Raise runs mask and rotary subgraphs on the evaluator, which lives with the importer (README of lib/Raise).
  [ $phase = Raise ] && others=$(printf '%s' "$others" | sed 's/Import|//')
  check "phase $phase may not include another phase" "lib/$phase" "#include \"mixserve/($others)/"
  check "phase $phase may not include another phase" "include/mixserve/$phase" "#include \"mixserve/($others)/"
done
# Of the runtime, phases know its C headers; so the planner's bytes and the runtime's counters share no code.
check 'phases may not include what the runtime is made of' 'lib' '#include "(runtime/)?(comm|core|kernels|machine|sample|serve|threads)/'
check 'phases may not include tools' 'lib' '#include "tools/'
long=$(printf '%s\n' "$files" | grep -E '\.(cpp|h|td)$' | xargs wc -l | awk '$1 > 700 && $2 != "total" {print $1, $2}')
[ -z "$long" ] || complain 'source files over 700 lines' "$long"
vague=$(printf '%s\n' "$files" | grep -iE '(^|/)(utils?|common|misc|helpers?)([./]|$)' || true)
[ -z "$vague" ] || complain 'folders or files named after nothing' "$vague"
exit $status
