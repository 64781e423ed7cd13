#!/usr/bin/env python3
"""From the start of a process to the first token, beside reading the artifact's files once; both from the disk.

    load.py BIN ARTIFACT [--rounds 6] [--prompt-ids 1,2,3] [--json FILE]

BIN: folder of the mixserve commands. Each round takes both, in turn first and second: the page cache lets go of the
artifact's files (mincore says whether it did), then they are read one after the other in blocks of 8 MiB, or mixserve-run
starts, opens the artifact, computes the prompt and prints one token. The cache of a disk, or of a virtual machine's host, is
not ours to empty, and a disk may be throttled: what comes second in a round then takes another time than what comes first. So
each is compared with the other in the same place, and the number of rounds is even. Nothing else may use the artifact
meanwhile."""
import argparse
import ctypes
import json
import mmap
import os
import statistics
import subprocess
import sys
import time

BLOCK = 8 << 20
MOST_CACHED = 0.01  # of the artifact's bytes


def stop(text):
    sys.exit(f"load.py: {text}")


def files_of(artifact):
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(artifact) for name in names)
    return [path for path in paths if os.path.getsize(path) > 0]


def cached_bytes(path):
    """Bytes of a file in the page cache; asking brings none in."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as file:
        # Private and writable, so that its address can be had; nothing is written.
        mapped = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    size, page = len(mapped), mmap.PAGESIZE
    first = ctypes.c_char.from_buffer(mapped)
    present = (ctypes.c_ubyte * ((size + page - 1) // page))()
    failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(size), present)
    error = ctypes.get_errno()
    del first
    mapped.close()
    if failed:
        stop(f"mincore of '{path}': {os.strerror(error)}")
    return min(size, page * sum(byte & 1 for byte in bytes(present)))


def drop(paths, total):
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)  # pages that are not written yet would stay
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)
    left = sum(map(cached_bytes, paths))
    if left > MOST_CACHED * total:
        stop(f"{left} of {total} bytes stayed in the page cache: does another process map the artifact?")


def read_once(paths):
    buffer = memoryview(bytearray(BLOCK))
    begin = time.monotonic()
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.monotonic() - begin


def run_once(command):
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    seconds = time.monotonic() - begin
    _, said = process.communicate()
    if process.returncode != 0 or not line.strip():
        stop(f"'{' '.join(command)}' ended with {process.returncode}:\n{said[-2000:]}")
    return seconds


def machine(artifact):
    memory = {key: int(value.split()[0]) * 1024 for key, value in
              (line.split(":") for line in open("/proc/meminfo")) if key in ("MemTotal", "MemAvailable")}
    place = subprocess.run(["df", "--output=source,fstype", artifact], capture_output=True, text=True).stdout
    return {"cpus": len(os.sched_getaffinity(0)), "load": round(os.getloadavg()[0], 2), "kernel": os.uname().release,
            "memory": memory["MemTotal"], "available": memory["MemAvailable"],
            "disk": " ".join(place.splitlines()[-1].split()) if place else "unknown"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("artifact")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--prompt-ids", default="1,2,3")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.rounds < 2 or options.rounds % 2:
        parser.error("--rounds: an even number, so that each comes first as often as second")
    if not os.path.isfile(os.path.join(options.artifact, "manifest.json")):
        stop(f"'{options.artifact}' is no artifact: it has no manifest.json")
    paths = files_of(options.artifact)
    total = sum(map(os.path.getsize, paths))
    command = [os.path.join(options.bin, "mixserve-run"), options.artifact, "--prompt-ids", options.prompt_ids,
               "--max-new-tokens", "1"]
    before = machine(options.artifact)
    print(f"{options.artifact}: {total / 1e9:.3f} GB in {len(paths)} files on {before['disk']}; {before['cpus']} CPUs, "
          f"load {before['load']}, {before['available'] / 1e9:.1f} of {before['memory'] / 1e9:.1f} GB free, Linux {before['kernel']}")
    if before["disk"].split()[-1] in ("tmpfs", "ramfs"):
        stop("the artifact's file system lies in memory: there is no disk to read it from")
    run_once(command)  # the programs and libraries are in the cache, as on a host that served before
    actions = {"read": lambda: read_once(paths), "token": lambda: run_once(command)}
    seconds = {place: {name: [] for name in actions} for place in ("first", "second")}
    print("round   first   read [s]    GB/s   token [s]    GB/s")
    for number in range(options.rounds):
        order = list(actions) if number % 2 == 0 else list(actions)[::-1]
        took = {}
        for place, name in zip(seconds, order):
            drop(paths, total)
            took[name] = actions[name]()
            seconds[place][name].append(took[name])
        rates = {name: total / took[name] / 1e9 for name in took}
        print(f"{number + 1:5}   {order[0]:5}   {took['read']:8.3f}   {rates['read']:5.2f}   {took['token']:9.3f}   "
              f"{rates['token']:5.2f}", flush=True)
    medians = {place: {name: statistics.median(times) for name, times in both.items()} for place, both in seconds.items()}
    ratios = {place: both["token"] / both["read"] for place, both in medians.items()}
    for place, both in medians.items():
        print(f"medians of what came {place} in a round: read {both['read']:.3f} s, first token {both['token']:.3f} s, "
              f"ratio {ratios[place]:.2f}")
    after = machine(options.artifact)
    print(f"load now {after['load']}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"schema": "mixserve.load/v1", "bytes": total, "seconds": seconds, "medians": medians, "ratios": ratios,
                       "machine": {"before": before, "after": after}}, file, indent=1)


main()
