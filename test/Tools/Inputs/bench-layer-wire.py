# bench-layer-wire.py F32.json BF16.json: what rows as bf16 between nodes change in the bytes of each method.
import json
import sys

exact, half = (json.load(open(path)) for path in sys.argv[1:3])
assert exact["shape"]["wire"] == "f32" and half["shape"]["wire"] == "bf16", (exact["shape"], half["shape"])
hidden, routing = exact["shape"]["hidden"], 8 * exact["shape"]["top_k"]
# Rows that cross nodes in a layer, all of them everywhere: to the experts and back; with attention over all nodes twice more.
everywhere = {"allgather": 2, "flat-tp": 4}
for one, other in zip(exact["methods"], half["methods"]):
    # The values of a bf16 run are others, so its rows may go to other experts: most methods are equal to some rows only.
    assert 0.4 < other["inter_bytes"] / one["inter_bytes"] < 0.8, (one, other)
    if one["method"] in everywhere:
        rows = everywhere[one["method"]]
        assert other["intra_bytes"] == one["intra_bytes"], (one, other)
        assert one["inter_bytes"] * (2 * rows * hidden + routing) == other["inter_bytes"] * (4 * rows * hidden + routing), (one, other)
