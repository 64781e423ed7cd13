"""check-step.py FILE: mixserve-bench step's JSON of models/qwen3moe-tiny, prompt 16, batch 2 at context 8, attention
groups of 2 ranks. The work must be what the model's sizes say."""
import json
import sys

V, H, LAYERS, HEADS, KV, D, E, F, K = 320, 64, 2, 4, 2, 16, 8, 48, 2
result = json.load(open(sys.argv[1]))
assert result["schema"] == "mixserve.bench/v1" and result["benchmark"] == "step", result
assert result["ranks"] == 4 and result["artifact"] == "tiny" and result["skipped"] == [], result
assert result["layout"]["attn_tp"] == 2 and result["open_s"] > 0 and result["machine"]["threads"] >= 1, result

attention = (2 * HEADS + 2 * KV) * D * H  # q, o, k, v
prefill, decode = result["steps"]
assert [prefill["kind"], decode["kind"]] == ["prefill", "decode"], result
for step, sequences, tokens, cached, groups in ((prefill, 1, 16, 0, 1), (decode, 2, 2, 8, 2)):
    assert (step["sequences"], step["tokens"], step["cached"], step["repetitions"]) == (sequences, tokens, cached, 2), step
    assert 0 < step["least_s"] <= step["median_s"] <= step["most_s"], step
    touched = step["experts_touched"]
    assert K <= touched <= E, step
    # A group reads its own copy of what is sharded over attention; the router is shared by all.
    weights = 4 * (LAYERS * (groups * attention + E * H + touched * 3 * F * H) + groups * V * H + tokens * H)
    assert abs(step["weight_bytes"] - weights) < 1, (step, weights)
    assert step["cache_bytes"] == sequences * cached * LAYERS * 2 * KV * D * 4, step
    each = tokens // sequences
    attended = sequences * sum(cached + i + 1 for i in range(each))
    flops = 2 * tokens * LAYERS * (attention + E * H + K * 3 * F * H) + 2 * sequences * V * H
    flops += 4 * LAYERS * HEADS * D * attended
    assert abs(step["flops_per_token"] * tokens - flops) < 1, (step, flops)
    assert step["read_bytes_per_s"] > 0, step
    bytes_bound = (step["weight_bytes"] + step["cache_bytes"]) / step["read_bytes_per_s"]
    assert abs(step["bound_bytes_s"] / bytes_bound - 1) < 1e-9, step
    peak = step["flops_per_s"].get("f32", 0)  # 0: no such loop for this machine
    assert step["bound_flops_s"] == 0 if peak == 0 else abs(step["bound_flops_s"] / (flops / peak) - 1) < 1e-9, step
    bound = max(step["bound_bytes_s"], step["bound_flops_s"])
    assert abs(step["bound_ratio"] / (bound / step["median_s"]) - 1) < 1e-9, step
    width, issued, free = result["machine"]["core_width"], step["issued_per_cycle"], step["free"]
    assert 0 <= issued <= width < 20, result  # both 0: no such loop for this machine
    if free is not None:
        assert 1 <= free["repetitions"] <= step["repetitions"] and free["bound_ratio"] > 0, step
        assert step["least_s"] <= free["median_s"] <= step["most_s"], step
    assert width > 0 or free is None, result
