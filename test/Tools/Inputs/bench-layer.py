# bench-layer.py FILE METHOD...: FILE is a result of mixserve-bench layer with these methods ("all": every one).
import json
import sys

result = json.load(open(sys.argv[1]))
assert result["schema"] == "mixserve.bench/v1" and result["benchmark"] == "layer", result
assert result["engine"] == "loopback" and result["machine"]["cpus"] >= 1, result
for key in ("version", "date", "links", "shape", "mesh", "rounds"):
    assert key in result, key
names = [m["method"] for m in result["methods"]]
every = ["sequential", "hybrid", "hybrid-fused", "hybrid-fused-apart", "hybrid-fused-ep", "hier-ep", "flat-ep", "flat-ep-dp", "allgather", "flat-tp"]
wanted = every if sys.argv[2:] == ["all"] else sys.argv[2:]
assert sorted(set(names)) == sorted(wanted), names
by = {m["method"]: m for m in result["methods"]}
for m in result["methods"]:
    assert len(m["seconds"]) == result["rounds"] and 0 < m["least_s"] <= m["median_s"] <= m["most_s"], m
    assert ("chunks" in m) == m["method"].startswith(("hybrid-fused", "hier-ep")), m
    assert ("over_fused" in m) == bool({"hybrid-fused", "hybrid-fused-ep"} & set(names)), m
    assert ("bound_s" in m) == (result["links"]["inter_bytes_per_s_per_node"] > 0), m
    assert ("traced" in m) == (m["method"].startswith("hybrid-fused") or m.get("chunks", 1) > 1), m
    if "traced" in m:
        # How much is hidden is a matter of speed; that what was traced is possible is not.
        t = m["traced"]
        assert 0 <= t["both_s"] <= min(t["inter_s"], t["intra_s"]) * 1.001 and 0 <= t["hidden"] <= 1.001, m
# As often as asked, and in one piece; chunks move what one piece moves.
hier = [m for m in result["methods"] if m["method"] == "hier-ep"]
if "hybrid-fused" in by and hier:
    assert [m["chunks"] for m in hier] == [1] + [m["chunks"] for m in result["methods"] if m["method"] == "hybrid-fused" and m["chunks"] > 1], hier
if "hybrid-fused-ep" in by and hier:
    # What hier-ep moves.
    for key in ("inter_bytes", "intra_bytes"):
        assert by["hybrid-fused-ep"][key] == hier[0][key], result
assert all(len({m[key] for m in hier}) <= 1 for key in ("inter_bytes", "intra_bytes")), hier
if "hybrid-fused" in by and "hybrid" in by:
    # Fused moves what hybrid moves, whatever the chunks; the sequential form moves more inside the node.
    for key in ("inter_bytes", "intra_bytes"):
        assert len({m[key] for m in result["methods"] if m["method"] in ("hybrid", "hybrid-fused", "hybrid-fused-apart")}) == 1, result
    assert by["sequential"]["intra_bytes"] > by["hybrid"]["intra_bytes"], result
    assert by["sequential"]["inter_bytes"] == by["hybrid"]["inter_bytes"], result
