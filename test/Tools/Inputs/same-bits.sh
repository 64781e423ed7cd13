#!/usr/bin/env bash
# same-bits.sh ARTIFACT: prompts and greedy tokens on 1, 2, 3 and 7 threads, and on 1 once more, give the same file of
# logits and tokens. The long prompt is over a border of attention's spans (256), so that its tokens are decoded in
# several tasks; the short one shares its steps.
set -e
long=$(seq -s, 1 300)
for threads in 1 2 3 7 1; do
  MXS_THREADS=$threads mixserve-run "$1" --prompt-ids "$long" --prompt-ids 5,6,7 --mixed --max-new-tokens 8 --ignore-eos \
    --output "$1.$threads" >/dev/null
  [ -f "$1.first" ] || cp "$1.$threads" "$1.first"
  cmp "$1.first" "$1.$threads"
done
# Logits of 303 rows of 1024: not a file of nothing.
[ "$(stat -c %s "$1.first")" -gt $((303 * 1024 * 4)) ]
