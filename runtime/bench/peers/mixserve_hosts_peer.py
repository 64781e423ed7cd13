"""Times mixserve on emulated hosts, a process each, by `mixserve-bench serve`; prints lines of JSON as the other peers do.

    hosts with 2 --rate 1000 -- python3 mixserve_hosts_peer.py two.mxs --bin build/bin --threads 1

Every measurement starts its processes anew; their start and a warm-up are not counted. --many: what the planner made for
many requests at once, where that is another artifact than the one for a request alone."""
import json
import os
import subprocess
import sys
import time

import workload

HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "test", "cluster", "hosts")


def serve(arguments, model, requests, prompt, output):
    result = subprocess.run(
        [HOSTS, "mpirun", os.environ["HOSTS_PREFIX"], "-x", f"MXS_THREADS={arguments.threads}", "-x",
         f"MXS_LINEAR_ROWS={arguments.linear_rows}",
         os.path.join(arguments.bin, "mixserve-bench"), "serve", model, "--json", "--requests", str(requests), "--prompt",
         str(prompt), "--output", str(output), "--warm-up", str(requests), "--max-running", str(requests)],
        capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"mixserve_hosts_peer.py: {result.stderr[-2000:]}")
    return json.loads(next(line for line in result.stdout.splitlines() if line.startswith("{")))


def measure(arguments):
    alone = serve(arguments, arguments.model, 1, workload.PROMPT, workload.OUTPUT)
    many = serve(arguments, arguments.many, workload.MANY, workload.MANY_PROMPT, workload.MANY_OUTPUT)
    return {"ttft_s": round(alone["ttft_s"]["mean"], 4), "itl_ms": round(alone["itl_s"]["p50"] * 1e3, 3),
            "serve8_tokens_per_s": round(many["output_tokens_per_s"], 1)}


def main():
    parser = workload.parser(__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--many")
    parser.add_argument("--linear-rows", default="f32", help="MXS_LINEAR_ROWS")
    arguments = parser.parse_args()
    arguments.model, arguments.bin = os.path.abspath(arguments.model), os.path.abspath(arguments.bin)
    arguments.many = os.path.abspath(arguments.many or arguments.model)
    begin = time.perf_counter()
    serve(arguments, arguments.model, 1, 16, 1)
    workload.say(peer="mixserve", threads=arguments.threads, load_s=0, start_s=round(time.perf_counter() - begin, 3))
    for _ in sys.stdin if arguments.follow else range(arguments.rounds):
        workload.say(**measure(arguments))


if __name__ == "__main__":
    main()
