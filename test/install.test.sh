#!/usr/bin/env bash
# An installed tree can be moved, and the demo runs from it: what the README promises.
set -euo pipefail
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/installed" >"$scratch/log" || { tail "$scratch/log"; exit 1; }
mv "$scratch/installed" "$scratch/moved here"
"$scratch/moved here/bin/mixserve-demo" "$scratch/moved here/bin" "$scratch/moved here/share/mixserve/models" \
  "$scratch/demo" >"$scratch/demo.log" 2>&1 || { cat "$scratch/demo.log"; exit 1; }
for line in 'verified: the run equals the file' 'equal: all' 'coll.ag_dispatch' 'coll.rs_combine'; do
  grep -q "$line" "$scratch/demo.log" || { echo "the demo did not say: $line"; cat "$scratch/demo.log"; exit 1; }
done
