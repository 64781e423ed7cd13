"""check-serve.py ONCE PACED: two results of mixserve-bench serve on 4 ranks, as bench-serve.test makes them."""
import json
import sys

once, paced = (json.load(open(name)) for name in sys.argv[1:])
for result in (once, paced):
    assert result["schema"] == "mixserve.bench/v1" and result["benchmark"] == "serve", result
    assert result["artifact"] == "tiny" and result["layout"]["moe_ep"] == 2, result
    assert result["requests"]["cut"] == 0 and result["steps"] > 0, result
    elapsed = result["elapsed_s"]
    assert 0 < result["step_s"] <= elapsed * 1.05, result
    for what in ("ttft_s", "itl_s", "queued_s", "request_s"):
        summary = result[what]
        assert 0 <= summary["p50"] <= summary["p99"] <= summary["most"], (what, summary)
        assert 0 < summary["mean"] <= summary["most"], (what, summary)
    assert result["queued_s"]["mean"] < result["ttft_s"]["mean"] < result["request_s"]["mean"], result
    for way in ("prompt", "output"):
        assert abs(result[way + "_tokens_per_s"] * elapsed / result[way + "_tokens"] - 1) < 1e-6, result
    assert len(result["ranks"]) == 4, result
    for times in result["ranks"]:
        assert times["compute_s"] > 0 and all(value >= 0 for value in times.values()), times
        assert abs(sum(times.values()) / elapsed - 1) < 0.05 or times["idle_s"] == 0, (times, elapsed)
    assert result["sent_bytes"]["inter"] > 0 and result["sent_bytes"]["intra"] > 0, result
assert once["requests"]["served"] == 6 and once["output_tokens"] == 18 and 30 <= once["prompt_tokens"] <= 54, once
assert once["load"] == {"rate": 0, "prompt": "5..9", "output": "3", "seed": 1, "warm_up": 4}, once
assert once["peak_running"] == 4, once
assert paced["peak_running"] <= 2, paced
# 2 s per MiB between nodes is far above what a step computes; half of the bytes leave by each of two lanes or more.
lanes = paced["sent_bytes"]["inter"] / (1 << 20) * 2 / 4
assert sum(times["inter_s"] for times in paced["ranks"]) > 0.5 * lanes, paced
