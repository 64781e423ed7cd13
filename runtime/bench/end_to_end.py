#!/usr/bin/env python3
"""The paper's comparison end to end: one model, one load of requests, layouts in turn on paced links.

    end_to_end.py BIN MODEL WORK [--hosts] [--nodes 2 --devices 4] [--shares 0.2,0.55,0.85] [--rounds 3] [--json FILE]

BIN: folder of the mixserve commands. MODEL: a Hugging Face folder or ONNX file. WORK: folder for artifacts (a few times the
size of the weights). All ranks are threads of one process, links between nodes paced; or, with --hosts, every node is a process
on a host of its own (test/cluster/hosts, needs root) and its network is slow. Either way links inside a node are paced, RATIO
times faster than a device's part of those between. Rates are such that communication takes the given share of the time of
the unfused hybrid, measured first on links without pace. For DeepSeek-R1 by the ceiling table of our planning notes that is
0.20 on 2 x 8 H20 (a NIC per GPU) and 0.55 on 4 x 8 910B.

Layouts: tp (attention and experts over all ranks), ep (attention data-parallel, experts over all ranks, flat all-to-all),
hybrid (tensor-parallel inside a node, experts over nodes) unfused and fused, and what the planner chooses when it is told
the rates, what `mixserve-bench calibrate` measured on them, and the load. Two loads each: burst (all requests at once:
throughput), and arrivals at half of the rate that the unfused hybrid reached in its burst (TTFT and ITL), where
0.5 + 0.5^2 / (2 (1 - 0.5)) = 0.75 requests are there on average: the planner is told a concurrency of 1."""
import argparse
import json
import math
import os
import shlex
import shutil
import statistics
import subprocess
import sys

MIB = 1 << 20
HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "cluster", "hosts")
PAPER = {"ttft": "1.08-3.80x", "itl": "1.03-1.66x", "throughput": "1.05-1.50x"}


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"end_to_end.py: '{' '.join(command)}' ended with {result.returncode}:\n{result.stderr[-2000:]}")
    return result.stdout


class Bench:
    def __init__(self, options):
        self.options = options
        self.ranks = options.nodes * options.devices
        self.wire = "f32"  # of rows between nodes

    def tool(self, name):
        return os.path.join(self.options.bin, name)

    def cluster(self, name, inter, intra, flops, memory):
        """A cluster file whose ranks share this machine; inter and intra: ns per MiB and device, 0 = not paced."""
        rate = lambda pace: f"{MIB / (pace * 1e-9) / 1e6:.6f}MB/s" if pace else "5GB/s"
        between = (f"bw: {rate(inter / self.options.devices)}, latency: 60us, kind: ethernet, per: node" if self.options.hosts
                   else f"bw: {rate(inter)}, latency: 60us, kind: paced, per: device")
        nodes = self.options.nodes
        path = os.path.join(self.options.work, name + ".yaml")
        with open(path, "w") as file:
            file.write(
                "schema: mixserve.cluster/v1\nlevels:\n"
                f"  - {{name: node, count: {self.options.nodes}, link: {{{between}}}}}\n"
                f"  - {{name: device, count: {self.options.devices}, link: {{bw: {rate(intra)}, latency: 20us, kind: paced}}}}\n"
                f"device: {{memory: 16GiB, per: node, memory_bw: {memory / nodes / 1e9:.4f}GB/s, flops: {{"
                + ", ".join(f"{t}: {f / nodes / 1e9:.4f}GFLOP/s" for t, f in flops.items() if t in ("f32", "bf16"))
                + "}}\n")
        return path

    def compile(self, name, cluster, layout, methods, concurrency=None):
        """`concurrency`: what the planner is told beside the mean lengths; the limits are the same for all."""
        o = self.options
        path = os.path.join(o.work, name + ".mxs")
        groups = int(dict(item.split("=") for item in layout.split(","))["attn_dp"]) if layout else 1
        prompt, output = o.prompt.split("..")[-1], o.output.split("..")[-1]
        mean = lambda lengths: sum(map(int, lengths.split(".."))) // len(lengths.split(".."))
        together = concurrency or min(o.concurrency, o.requests)
        command = [self.tool("mixserve-compile"), o.model, "--cluster", cluster, "-o", path, "--force",
                   "--workload", f"prompt={mean(o.prompt)},output={mean(o.output)},concurrency={together}",
                   "--max-batch-tokens", str(o.max_batch_tokens),
                   "--max-seqs", str(-(-o.concurrency // groups)), "--max-context", str(int(prompt) + int(output))]
        if layout:
            command += ["--layout", layout]
        if methods:
            command += ["--moe-comm", methods[0]]
            command += ["--also-methods", ",".join(methods[1:])] if methods[1:] else []
        run(command)
        return path

    def calibrate(self, cluster, pace, model):
        """The cluster file with what its links and every method were measured to take."""
        o = self.options
        path = cluster.replace(".yaml", "-measured.yaml")
        command = [self.tool("mixserve-bench"), "calibrate", cluster, "-o", path, "--devices", str(o.devices),
                   "--hidden", str(model["hidden"]), "--experts", str(model["experts"]), "--top-k", str(model["top_k"]),
                   "--inter-mbit", f"{self.mbit(pace):.3f}", "--ratio", str(o.ratio), "--deadline", "120s", "--wire", self.wire]
        run(self.on_hosts(command, pace) if o.hosts else command + ["--nodes", str(o.nodes)])
        return path

    def mbit(self, pace):
        """A node's link [Mbit/s], of `pace` ns per MiB and device."""
        return self.options.devices * 8 * MIB / (pace * 1e-9) / 1e6

    def layout(self, name):
        n, d, p = self.options.nodes, self.options.devices, self.ranks
        return {"tp": f"attn_tp={p},attn_dp=1,moe_tp={p},moe_ep=1",
                "ep": f"attn_tp=1,attn_dp={p},moe_tp=1,moe_ep={p}",
                "hybrid": f"attn_tp={d},attn_dp={n},moe_tp={d},moe_ep={n}"}[name]

    def serve(self, candidate, pace, rate, requests, seed=1):
        o = self.options
        artifact, method = candidate
        command = [self.tool("mixserve-bench"), "serve", artifact, "--json", "--requests", str(requests), "--seed", str(seed),
                   "--prompt", o.prompt, "--output", o.output, "--warm-up", str(min(2, o.concurrency)),
                   "--max-running", str(o.concurrency), "--deadline", "120s", "--pace-intra", str(pace[1])]
        command += [] if o.hosts else ["--pace-inter", str(pace[0])]
        command += ["--method", method] if method else []
        command += ["--rate", str(rate)] if rate else []
        if o.hosts:
            command = self.on_hosts(command, pace[0])
        return json.loads(next(line for line in run(command).splitlines() if line.startswith("{")))

    def unpaced(self, candidate):
        """The better of two bursts on links without pace: the first one reads the weights from disk."""
        runs = [self.serve(candidate, (0, 0), 0, self.options.requests) for _ in range(2)]
        return min(runs, key=lambda result: result["elapsed_s"])

    def on_hosts(self, command, pace):
        """A node's cable is shared by its devices; a node gets its part of this machine's processors, as its own:
        threads of two nodes that Linux left on one processor while another idles would be no property of a layout."""
        o = self.options
        rate = ["--rate", f"{self.mbit(pace):.3f}"] if pace else []
        processors = len(os.sched_getaffinity(0))
        threads = max(1, processors // o.nodes)
        inner = " ".join(shlex.quote(word) for word in command)
        cores = str(threads) if threads * o.nodes <= processors else f"{math.floor(processors / o.nodes * 1e6) / 1e6:g}"
        return [HOSTS, "with", str(o.nodes), *rate, "--cores", cores, "--", "sh", "-c",
                f'{shlex.quote(HOSTS)} mpirun "$HOSTS_PREFIX" -x MXS_THREADS={threads} {inner}']


def figures(free, burst, arrivals):
    """Of bursts, all alike, medians of the rounds; of arrivals, which every round has others of, means of the rounds."""
    middle = statistics.median
    return {"ttft": statistics.mean([r["ttft_s"]["mean"] for r in arrivals]),
            "itl": statistics.mean([r["itl_s"]["mean"] for r in arrivals]),
            "itl_p99": statistics.mean([r["itl_s"]["p99"] for r in arrivals]),
            "burst_ttft": middle([r["ttft_s"]["mean"] for r in burst]),
            "burst_itl": middle([r["itl_s"]["mean"] for r in burst]),
            "throughput": middle([r["output_tokens_per_s"] for r in burst]),
            "links": 1 - free["elapsed_s"] / middle([r["elapsed_s"] for r in burst])}


def compare(bench, share, free, machine, model, fixed, unpaced):
    """`fixed`: candidates that do not depend on the links; `unpaced`: their runs on links without pace, filled here."""
    o = bench.options
    sent = free["sent_bytes"]
    per_rank = (sent["inter"] + sent["intra"] / o.ratio) / bench.ranks / MIB
    pace = round(share / (1 - share) * free["elapsed_s"] / per_rank * 1e9)
    paces = (pace, round(pace / o.ratio))
    cluster = bench.calibrate(bench.cluster(f"share-{share}", *paces, *machine), pace, model)
    hybrid = bench.compile("hybrid", cluster, bench.layout("hybrid"), ["hybrid-fused", "hybrid"])
    candidates = {
        **fixed,
        "hybrid": (hybrid, "hybrid"),
        "hybrid-fused": (hybrid, "hybrid-fused"),
        "planner": (bench.compile("planner", cluster, None, None), None),
    }
    for_arrivals = {**candidates, "planner": (bench.compile("planner-arrivals", cluster, None, None, 1), None)}
    for name, candidate in candidates.items():
        if name == "planner" or name not in unpaced:
            unpaced[name] = bench.unpaced(candidate)
    burst = {name: [] for name in candidates}
    arrivals = {name: [] for name in candidates}
    for _ in range(o.rounds):
        for name, candidate in candidates.items():
            burst[name].append(bench.serve(candidate, paces, 0, o.requests))
    rate = o.requests / statistics.median([r["elapsed_s"] for r in burst["hybrid"]]) / 2
    # Every round has arrivals of its own, the same for all: whether a prompt comes in the middle of another one's decoding
    # decides their means.
    for number in range(o.rounds):
        for name, candidate in for_arrivals.items():
            arrivals[name].append(bench.serve(candidate, paces, rate, o.arrivals, number + 1))
    planned = {}
    for load, ways in (("burst", candidates), ("arrivals", for_arrivals)):
        manifest = json.load(open(os.path.join(ways["planner"][0], "manifest.json")))
        planned[load] = {"layout": manifest["layout"], "variants": manifest["variants"]}
    result = {"share": share, "pace_inter_ns_per_mib": paces[0], "pace_intra_ns_per_mib": paces[1],
              "rate_per_s": rate, "planned": planned,
              "figures": {name: figures(unpaced[name], burst[name], arrivals[name]) for name in candidates},
              "burst": burst, "arrivals": arrivals}
    for name in ("hybrid", "planner", "planner-arrivals"):
        shutil.rmtree(os.path.join(o.work, name + ".mxs"))
    return result


def show(result):
    print(f"\nshare {result['share']:.2f}: {result['pace_inter_ns_per_mib'] / 1e6:.1f} ms per MiB between nodes, "
          f"{result['pace_intra_ns_per_mib'] / 1e6:.2f} inside; arrivals {result['rate_per_s']:.2f} per second")
    for load, plan in result["planned"].items():
        print(f"planner, {load}: " + " ".join(f"{key}={plan['layout'][key]}" for key in ("attn_tp", "attn_dp", "moe_tp", "moe_ep"))
              + " " + ",".join(v if isinstance(v, str) else v["method"] for v in plan["variants"]))
    print(f"{'layout':<13} {'TTFT ms':>9} {'ITL ms':>9} {'p99':>9} {'tokens/s':>9} {'links':>6}   burst: {'TTFT ms':>9} {'ITL ms':>9}")
    for name, f in result["figures"].items():
        print(f"{name:<13} {f['ttft'] * 1e3:9.1f} {f['itl'] * 1e3:9.2f} {f['itl_p99'] * 1e3:9.2f} {f['throughput']:9.2f} "
              f"{f['links']:6.1%}          {f['burst_ttft'] * 1e3:9.1f} {f['burst_itl'] * 1e3:9.2f}")
    best = result["figures"]["hybrid-fused"]
    print("hybrid-fused over   " + "".join(f"{name:>10}" for name in ("tp", "ep", "hybrid", "planner")) + "   the paper's hybrid over its baselines")
    for key in ("ttft", "itl", "throughput"):
        ratios = []
        for name in ("tp", "ep", "hybrid", "planner"):
            other = result["figures"][name][key]
            ratios.append(best[key] / other if key == "throughput" else other / best[key])
        print(f"  {key:<18}" + "".join(f"{ratio:9.2f}x" for ratio in ratios) + f"   {PAPER[key]}")
    fixed = [f for name, f in result["figures"].items() if name != "planner"]
    planned = result["figures"]["planner"]
    print(f"planner over the best of the others: ttft {min(f['ttft'] for f in fixed) / planned['ttft']:.2f}x, itl "
          f"{min(f['itl'] for f in fixed) / planned['itl']:.2f}x, throughput "
          f"{planned['throughput'] / max(f['throughput'] for f in fixed):.2f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("model")
    parser.add_argument("work")
    parser.add_argument("--hosts", action="store_true", help="nodes are processes on emulated hosts")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--devices", type=int, default=4)
    parser.add_argument("--shares", default="0.2,0.55,0.85", help="communication shares of the unfused hybrid")
    parser.add_argument("--ratio", type=float, default=9, help="speed of a link inside a node over one between nodes")
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--arrivals", type=int, default=0, help="requests that arrive one after another; default: three times --requests")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--prompt", default="64..256", help="tokens, N or LOW..HIGH")
    parser.add_argument("--output", default="8..16", help="tokens, N or LOW..HIGH")
    parser.add_argument("--max-batch-tokens", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="write all runs to this file")
    options = parser.parse_args()
    options.arrivals = options.arrivals or 3 * options.requests
    shares = [float(share) for share in options.shares.split(",")]
    if not all(0 < share < 1 for share in shares):
        parser.error("--shares: give shares between 0 and 1")
    options.bin, options.work = os.path.abspath(options.bin), os.path.abspath(options.work)
    if not os.access(os.path.join(options.bin, "mixserve-bench"), os.X_OK):
        parser.error(f"BIN: there is no mixserve-bench in '{options.bin}'; give the folder of the commands, such as build/bin")
    if not os.path.exists(options.model):
        parser.error(f"MODEL: there is no '{options.model}'; give a Hugging Face folder or an .onnx file")
    os.makedirs(options.work, exist_ok=True)
    bench = Bench(options)

    cluster = bench.cluster("free", 0, 0, {"f32": 100e9}, 30e9)
    hybrid = bench.compile("hybrid", cluster, bench.layout("hybrid"), ["hybrid"])
    step = json.loads(run([bench.tool("mixserve-bench"), "step", hybrid, "--json", "--prompt", "1", "--context", "0",
                           "--batch", "1", "--repeat", "3"]))
    machine = (step["steps"][0]["flops_per_s"], step["steps"][0]["read_bytes_per_s"])
    manifest = json.load(open(os.path.join(hybrid, "manifest.json")))
    model, bench.wire = manifest["model"], manifest["wire"]  # calibrated with the rows that the model sends
    free = bench.unpaced((hybrid, None))
    print(f"{options.nodes} x {options.devices} ranks, {'emulated hosts' if options.hosts else 'one process'}, on {step['machine']['cpus']} CPUs ({step['machine']['isa']}, load "
          f"{step['machine']['load']:.1f}); {options.requests} requests ({options.arrivals} in arrivals), prompt {options.prompt}, output {options.output}, at most "
          f"{options.concurrency} together; {options.rounds} rounds in turn, medians of bursts, means of arrivals; unfused hybrid on links without "
          f"pace: {free['elapsed_s']:.2f} s. links: share of a burst's time that is gone without the pace")
    fixed = {"tp": (bench.compile("tp", cluster, bench.layout("tp"), None), None),
             "ep": (bench.compile("ep", cluster, bench.layout("ep"), ["flat-ep"]), None)}
    results, unpaced = [], {"hybrid": free}
    for share in shares:
        results.append(compare(bench, share, free, machine, model, fixed, unpaced))
        show(results[-1])
        if options.json:
            with open(options.json, "w") as file:
                json.dump({"schema": "mixserve.bench/v1", "benchmark": "end-to-end", "free": free, "shares": results}, file)
    for name in fixed:
        shutil.rmtree(os.path.join(options.work, name + ".mxs"))


if __name__ == "__main__":
    main()
