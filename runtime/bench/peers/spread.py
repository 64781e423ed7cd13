#!/usr/bin/env python3
"""Starts one process of a peer on every emulated host (test/cluster/hosts), and speaks for them as one.

    hosts with 2 --rate 1000 -- python3 spread.py w/bin/python vllm_peer.py bf16 --tensor-parallel 2 --threads 1

Every process sees RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as torchrun gives them, and {rank} in its
arguments is its number. Lines of standard input go to all; what rank 0 prints is printed. With --beside COMMAND rank 0 alone is
the peer, and COMMAND is what the other hosts run (llama.cpp's RPC server)."""
import os
import shlex
import subprocess
import sys
import threading

HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "test", "cluster", "hosts")


def start(prefix, rank, count, command):
    env = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(count), LOCAL_RANK="0", MASTER_ADDR="198.18.0.1",
               MASTER_PORT=str(20000 + os.getpid() % 10000),  # several peers at once have a port each
               GLOO_SOCKET_IFNAME="eth0", TP_SOCKET_IFNAME="eth0", VLLM_HOST_IP=f"198.18.0.{rank + 1}")
    return subprocess.Popen([HOSTS, "run", prefix, f"n{rank}", *(word.replace("{rank}", str(rank)) for word in command)],
                            stdin=subprocess.PIPE, stdout=None if rank == 0 else subprocess.DEVNULL, env=env)


def main():
    command, beside = sys.argv[1:], None
    if command[:1] == ["--beside"]:
        beside, command = shlex.split(command[1]), command[2:]
    prefix = os.environ.get("HOSTS_PREFIX")
    if not prefix or not command:
        sys.exit(__doc__)
    count = int(subprocess.run([HOSTS, "run", prefix, "n0", "sh", "-c", "echo $MIXSERVE_HOSTS"], capture_output=True, text=True,
                               check=True).stdout)
    others = [start(prefix, rank, count, beside or command) for rank in range(1, count)]
    first = start(prefix, 0, count, command)

    def forward():
        for line in sys.stdin.buffer:
            for process in [first] if beside else [*others, first]:
                process.stdin.write(line)
                process.stdin.flush()
        for process in [*others, first]:
            process.stdin.close()

    threading.Thread(target=forward, daemon=True).start()
    code = first.wait()
    for process in others:
        try:
            process.wait(timeout=0 if beside else 20)
        except subprocess.TimeoutExpired:
            process.terminate()
    sys.exit(code)


if __name__ == "__main__":
    main()
