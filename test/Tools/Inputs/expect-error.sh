#!/usr/bin/env bash
# expect-error.sh CODE PATTERN COMMAND...: the command must exit with CODE, say PATTERN (a glob; it may match anywhere)
# on stderr, print nothing on stdout (unless CODE ends in +), and leave nothing below the current folder that is named
# as an artifact (*.mxs), whole or under a temporary name.
code=$1 pattern=$2
shift 2
out=$(mktemp)
trap 'rm -f "$out"' EXIT
said=$("$@" 2>&1 >"$out")
got=$?
fail() {
  printf '%s\n$ %s\nexit code %s, stderr:\n%s\n' "$1" "${*:2}" "$got" "$said"
  exit 1
}
[ $got -eq "${code%+}" ] || fail "expected exit code ${code%+}" "$@"
[[ $said == *$pattern* ]] || fail "expected '$pattern'" "$@"
[ ! -s "$out" ] || [[ $code == *+ ]] || fail "expected nothing on stdout, got $(head -c 200 "$out")" "$@"
left=$(find . -name '*.mxs*')
[ -z "$left" ] || fail "left behind: $left" "$@"
