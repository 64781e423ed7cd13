"""Runs engines in turn, several rounds, and prints the median of each figure beside the first engine's.

Each command must print one line of JSON with the keys of README.md. Example:

    compare.py --rounds 5 'mixserve-bench step model.mxs --peer-json' 'python llamacpp_peer.py model.gguf'
"""

import argparse
import json
import platform
import shlex
import statistics
import subprocess
import sys

LOWER_IS_BETTER = ["ttft_s", "itl_ms", "load_s", "peak_mib"]
HIGHER_IS_BETTER = ["decode8_tokens_per_s", "serve8_tokens_per_s"]


def measure(command, timeout):
    result = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=timeout)
    if result.returncode != 0:
        sys.exit(f"compare.py: '{command}' ended with {result.returncode}:\n{result.stderr[-2000:]}")
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"compare.py: '{command}' printed no line of JSON:\n{result.stdout[-2000:]}")
    return json.loads(lines[-1])


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("flags"):
            wanted = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"]
            return " ".join(flag for flag in wanted if flag in line.split())
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one run")
    parser.add_argument("--json", action="store_true", help="all runs as JSON")
    arguments = parser.parse_args()
    runs = [[] for _ in arguments.commands]
    for _ in range(arguments.rounds):
        for into, command in zip(runs, arguments.commands):
            into.append(measure(command, arguments.timeout))
    if arguments.json:
        print(json.dumps({"cpu": cpu(), "commands": arguments.commands, "runs": runs}))
        return
    print(f"CPU: {cpu()}; {arguments.rounds} rounds in turn, medians (ratio: over the first; above 1 = better)")
    for key in LOWER_IS_BETTER + HIGHER_IS_BETTER:
        print(f"\n{key}")
        base = None
        for command, values in zip(arguments.commands, runs):
            numbers = [value[key] for value in values if key in value]
            if not numbers:
                continue
            middle = statistics.median(numbers)
            base = base or middle
            ratio = base / middle if key in LOWER_IS_BETTER else middle / base
            print(f"  {middle:12.3f}  {ratio:6.2f}  [{min(numbers):.3f} .. {max(numbers):.3f}]  {command[:90]}")


if __name__ == "__main__":
    main()
