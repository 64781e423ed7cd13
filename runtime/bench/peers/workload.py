"""What every engine is asked to do, and what is printed of it (README.md).

A peer hands `run` a function that loads its model and gives an object with
    vocab                       number of token ids
    generate(rows, tokens)      greedy: `tokens` new ids for every list of ids in `rows`, all at once;
                                returns (times, ids): [sequence][token], seconds since the call
and gets its command line, the prompts and the timing from here: the same for all.
"""

import argparse
import json
import random
import resource
import statistics
import sys
import time

PROMPT, OUTPUT = 512, 32                     # one sequence alone
MANY, MANY_PROMPT, MANY_OUTPUT = 8, 128, 64  # concurrent ones


def parser(doc):
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("model", help="what the peer reads")
    result.add_argument("--threads", type=int, default=2)
    result.add_argument("--rounds", type=int, default=3, help="measurements (default 3)")
    result.add_argument("--follow", action="store_true",
                        help="measure once for every line that comes on standard input (compare.py)")
    result.add_argument("--prompt-ids", help="comma-separated: print the greedy continuation instead of timing")
    result.add_argument("--output", type=int, default=OUTPUT, help="tokens of that continuation")
    return result


def decode_rate(times):
    """Tokens per second while all sequences decode: after the last first token, to the first last one."""
    begin, end = max(t[0] for t in times), min(t[-1] for t in times)
    return sum(begin < t <= end for row in times for t in row) / (end - begin)


class Workload:
    def __init__(self, engine):
        self.engine, self.source = engine, random.Random(1)  # all engines see the same ids, and route alike

    def prompts(self, count, length):
        return [[self.source.randrange(self.engine.vocab) for _ in range(length)] for _ in range(count)]

    def warm_up(self):
        self.engine.generate(self.prompts(1, PROMPT), 4)
        self.engine.generate(self.prompts(MANY, MANY_PROMPT), 4)

    def measure(self):
        alone = [self.engine.generate(self.prompts(1, PROMPT), OUTPUT)[0][0] for _ in range(2)]
        many = self.engine.generate(self.prompts(MANY, MANY_PROMPT), MANY_OUTPUT)[0]
        steps = [b - a for times in alone for a, b in zip(times, times[1:])]
        return {"ttft_s": round(statistics.mean(times[0] for times in alone), 4),
                "itl_ms": round(statistics.median(steps) * 1e3, 3),
                "decode8_tokens_per_s": round(decode_rate(many), 1),
                "serve8_tokens_per_s": round(MANY * MANY_OUTPUT / max(t[-1] for t in many), 1)}


def say(**facts):
    print(json.dumps(facts), flush=True)


def run(name, load, arguments):
    begin = time.perf_counter()
    engine = load(arguments)
    loaded = time.perf_counter() - begin
    if arguments.prompt_ids:
        say(ids=engine.generate([[int(i) for i in arguments.prompt_ids.split(",")]], arguments.output)[1][0])
        return
    engine.generate([list(range(16))], 1)
    started = time.perf_counter() - begin
    workload = Workload(engine)
    workload.warm_up()
    say(peer=name, threads=arguments.threads, load_s=round(loaded, 3), start_s=round(started, 3))
    for _ in sys.stdin if arguments.follow else range(arguments.rounds):
        say(**workload.measure(), peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
