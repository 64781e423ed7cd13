"""Measures engines in turn, several rounds, and prints medians, spread and ratios.

Each engine is LABEL=COMMAND, a peer of this folder. All are started, one after the other, and then measured in turn, so
that what the machine does to one within seconds it does to all. The first is the one that is compared, round by round.

    compare.py --group f32 --rounds 5 --append runs.jsonl 'mixserve=python3 mixserve_peer.py f32.mxs' \\
        'llama.cpp=v/bin/python llamacpp_peer.py f32.gguf'
    compare.py --report runs.jsonl --markdown
"""

import argparse
import ctypes
import json
import os
import shlex
import statistics
import subprocess
import sys
import threading
import time

FIGURES = {"ttft_s": "TTFT of 512 tokens [s]", "itl_ms": "ITL, batch 1 [ms]",
           "decode8_tokens_per_s": "decode of 8 [token/s]", "serve8_tokens_per_s": "the same with prompts [token/s]",
           "start_s": "start [s]", "peak_mib": "peak memory [MiB]"}
HIGHER_IS_BETTER = ["decode8_tokens_per_s", "serve8_tokens_per_s"]
FLAGS = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8"]


def machine():
    """What the processor is, and how busy it is now."""
    info = {}
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            info.setdefault(name.strip(), value.strip())
    return {"cpu": info.get("model name", ""), "cpus": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0],
            "flags": " ".join(flag for flag in FLAGS if flag in info.get("flags", "").split())}


def settle(limit=10.0):
    """Waits until the processors idle, at most `limit` seconds: threads of the engine before may still spin."""
    def busy():
        with open("/proc/stat") as file:
            jiffies = [int(x) for x in file.readline().split()[1:]]
        return sum(jiffies) - jiffies[3] - jiffies[4], sum(jiffies)

    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        before = busy()
        time.sleep(0.3)
        after = busy()
        if after[0] - before[0] <= 0.05 * (after[1] - before[1]):
            return


class Memory:
    """How fast all processors together read memory, now: libc's memchr looks for a byte that is not there."""

    def __init__(self, size=512 << 20):
        self.libc, self.size, self.parts = ctypes.CDLL(None), size, len(os.sched_getaffinity(0))
        self.libc.memchr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        self.buffer = ctypes.create_string_buffer(size)
        ctypes.memset(self.buffer, 1, size)

    def gigabytes_per_second(self):
        share = self.size // self.parts
        threads = [threading.Thread(target=self.libc.memchr, args=(ctypes.addressof(self.buffer) + i * share, 0, share))
                   for i in range(self.parts)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return share * self.parts / (time.perf_counter() - begin) / 1e9


class Engine:
    def __init__(self, label, command):
        self.label = label
        self.process = subprocess.Popen(shlex.split(command) + ["--follow"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.started = self.answer()

    def answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        sys.exit(f"compare.py: {self.label} ended with {self.process.wait()}")

    def measure(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def record(arguments):
    state, memory = machine(), Memory()
    engines = [Engine(*engine.partition("=")[::2]) for engine in arguments.engines]
    runs = []
    for number in range(arguments.rounds):
        # The order turns from round to round: nobody is always the one after the slowest.
        turn = number % len(engines)
        settle()
        read = round(statistics.median(memory.gigabytes_per_second() for _ in range(5)), 1)
        for engine in engines[turn:] + engines[:turn]:
            settle()
            runs.append({"group": arguments.group, "label": engine.label, "round": number, **engine.started,
                         **engine.measure(), "read_gb_per_s": read, "machine": state})
            if arguments.append:
                with open(arguments.append, "a") as file:
                    file.write(json.dumps(runs[-1]) + "\n")
    for engine in engines:
        engine.end()
    return runs


def summary(runs, figure, first):
    """{label: (median, least, most, how many times better the first engine is, in the middle of the rounds)}."""
    rounds = {}
    for run in runs:
        rounds.setdefault(run["label"], {})[run["round"]] = run[figure]
    result = {}
    for label, values in rounds.items():
        middle = statistics.median(values[r] / ours for r, ours in rounds[first].items() if r in values)
        better = 1 / middle if figure in HIGHER_IS_BETTER else middle
        result[label] = statistics.median(values.values()), min(values.values()), max(values.values()), better
    return result


def print_text(figures, first):
    for figure, rows in figures.items():
        others = {label: row[3] for label, row in rows.items() if label != first}
        best = min(others, key=others.get, default=None)
        for label, (median, least, most, better) in rows.items():
            note = f"{first} {better:.2f}x" if label != first else best and f"{others[best]:.2f}x the best, {best}"
            print(f"  {FIGURES[figure]:32} {label:24} {median:10.3f}  [{least:g} .. {most:g}]  {note or ''}")


def print_markdown(figures, first):
    """A row per engine: medians, and how many times better the first engine is."""
    print("\n| engine | " + " | ".join(FIGURES[figure] for figure in figures) + " |\n|---" + "|---:" * len(figures) + "|")
    for label in figures["itl_ms"]:
        cells = [f"{rows[label][0]:.4g}" + (f" ({rows[label][3]:.2f})" if label != first else "")
                 for rows in figures.values()]
        print(f"| {label} | " + " | ".join(cells) + " |")


def report(runs, markdown):
    for group in dict.fromkeys(run["group"] for run in runs):
        chosen = [run for run in runs if run["group"] == group]
        first, state = chosen[0]["label"], chosen[0]["machine"]
        peers = dict.fromkeys(run["peer"] for run in chosen)
        read = [run["read_gb_per_s"] for run in chosen]
        print(f"\n{group}: {1 + max(run['round'] for run in chosen)} rounds in turn; {state['cpu']}, {state['cpus']} CPUs "
              f"({state['flags']}), load {state['load']:.1f} before, memory read at {min(read):g} to {max(read):g} GB/s before "
              "rounds; " + ", ".join(peers))
        figures = {figure: summary(chosen, figure, first) for figure in FIGURES if all(figure in run for run in chosen)}
        (print_markdown if markdown else print_text)(figures, first)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", metavar="LABEL=COMMAND")
    parser.add_argument("--group", default="all", help="name of the table, such as the data type")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--append", metavar="FILE", help="add every measurement to this file, a line of JSON each")
    parser.add_argument("--report", metavar="FILE", help="print the tables of such a file; measures nothing")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        with open(arguments.report) as file:
            report([json.loads(line) for line in file], arguments.markdown)
    elif arguments.engines:
        report(record(arguments), arguments.markdown)
    else:
        parser.error("give LABEL=COMMAND, or --report FILE")


if __name__ == "__main__":
    main()
