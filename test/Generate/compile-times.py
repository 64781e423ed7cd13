#!/usr/bin/env python3
"""Compile time by phase over layers and experts, as a Markdown table.

Writes a sparse Qwen3-MoE for every pair of layers and experts, compiles each ROUNDS times, and prints CPU seconds,
the least of the rounds (another load on the machine only adds). Layout and method are fixed, so that cells compare:
left alone, the planner takes other ones for other sizes, and each makes other code. The time to pack weights is apart:
it is input and output, in proportion to the bytes of the weights."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

PHASES = ["import", "raise", "plan", "shard", "fuse", "emit"]
PACKING = "pack weights"
FIXED = ["--layout=attn_tp=2,attn_dp=2,moe_tp=2,moe_ep=2", "--moe-comm=hybrid-fused"]


def numbers(text):
    return [int(part) for part in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  test/Generate/compile-times.py build/bin --layers 2,8,32 --experts 8,32,128")
    parser.add_argument("bin", type=pathlib.Path, help="folder of mixserve-compile and generate-qwen3moe")
    parser.add_argument("--layers", type=numbers, default=[2, 8, 32], metavar="N,..")
    parser.add_argument("--experts", type=numbers, default=[8, 32, 128], metavar="N,..")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--cluster", type=pathlib.Path,
                        default=pathlib.Path(__file__).parents[2] / "models/clusters/2x2.yaml", metavar="FILE")
    parser.add_argument("--steps", action="store_true", help="also print every pass and step of the largest model")
    parser.add_argument("compile_options", nargs="*", metavar="OPTION",
                        default=FIXED, help=f"options for mixserve-compile, after -- (default {' '.join(FIXED)})")
    return parser.parse_args()


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compile-times: {' '.join(map(str, command))}\nfailed with {done.returncode}:\n{done.stderr}")


def walk(span, depth=0):
    yield depth, span
    for part in span.get("steps", []):
        yield from walk(part, depth + 1)


def packing_seconds(phases):
    return sum(span["cpu_s"] for phase in phases for _, span in walk(phase) if span["name"] == PACKING)


def measure(arguments, folder, model):
    """The run with the least CPU time of all rounds, as mixserve-compile --timing writes it."""
    runs = []
    for _ in range(arguments.rounds):
        run(arguments.bin / "mixserve-compile", model, "--cluster", arguments.cluster, "--force",
            "-o", folder / "model.mxs", f"--timing={folder / 'times.json'}", *arguments.compile_options)
        runs.append(json.loads((folder / "times.json").read_text()))
    return min(runs, key=lambda times: times["cpu_s"])


def print_row(layers, experts, nodes, times):
    seconds = {phase["name"]: phase["cpu_s"] for phase in times["phases"]}
    packing = packing_seconds(times["phases"])
    seconds["emit"] -= packing
    cells = [f"{seconds[name]:.3f}" for name in PHASES]
    print(f"| {layers} | {experts} | {nodes} | {' | '.join(cells)} | {packing:.3f} |"
          f" {times['peak_rss_bytes'] / 1e6:.0f} |", flush=True)


def main():
    arguments = parse_arguments()
    print(f"| layers | experts | ONNX nodes | {' | '.join(PHASES)} | {PACKING} | peak RSS [MB] |")
    print("|" + "---:|" * (len(PHASES) + 5))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "model.onnx"
        for layers in arguments.layers:
            for experts in arguments.experts:
                run(arguments.bin / "generate-qwen3moe", "--layers", layers, "--experts", experts, "--sparse",
                    "-o", model)
                run(arguments.bin / "mixserve-compile", model, "--compile-to=import", "-o", folder / "onnx.mlir")
                nodes = sum(" = onnx." in line for line in open(folder / "onnx.mlir"))
                times = measure(arguments, folder, model)
                print_row(layers, experts, nodes, times)
    if arguments.steps:
        print("\nThe last of them, by step (CPU seconds):\n")
        for phase in times["phases"]:
            for depth, span in walk(phase):
                print(f"    {span['cpu_s']:8.3f}  {'  ' * depth}{span['name']}")


if __name__ == "__main__":
    main()
