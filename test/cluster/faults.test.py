#!/usr/bin/env python3
"""mixserve-run on emulated hosts while a node dies, stops, loses its cable, or opened another artifact; and on a
network that loses packets. Faults come at random points of prefill and decode.

usage: faults.test.py [--times N] [--seed S] [FAULT...]     FAULT: killed stopped cut other loss
       20 times each, as a long test: faults.test.py --times 20 --seed $RANDOM
"""
import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTS = os.path.join(HERE, "hosts")
SOURCE = os.environ.get("MIXSERVE_SOURCE_DIR", os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("MIXSERVE_BUILD_DIR", os.path.join(SOURCE, "build"))
MODEL = SOURCE + "/models/qwen3moe-tiny"
DEADLINE = 5  # seconds
NODES, DEVICES = 3, 2
# Seconds of work: a fault comes in the first two of them.
PHASES = {
    "prefill": (["5,6,7,8,9,10,11,12,13,14," * 24 + "15"] * 400, 1),
    "decode": (["304,287,283"] * 40, 200),
}
PHASES["halves"] = PHASES["prefill"]  # every step in two micro-batches


class Failed(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Failed(message)


def await_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise Failed(f"{what}: not within {seconds} s")


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def alive(pid):
    """A zombie has ended: its parent has not looked yet."""
    state = re.search(r"^State:\s+(\S)", read(f"/proc/{pid}/status"), re.M)
    return bool(state) and state[1] not in "ZX"


class Lab:
    """Hosts that are removed whatever happens."""

    def __init__(self, *link):
        self.prefix = f"mf{os.getpid()}"
        self.link = link

    def __enter__(self):
        subprocess.run([HOSTS, "up", self.prefix, str(NODES), *self.link], check=True)
        return self

    def __exit__(self, *ignored):
        subprocess.run([HOSTS, "down", self.prefix], check=True)
        left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        expect(self.prefix not in left, f"namespaces are left: {left}")
        expect(not os.path.exists(f"/run/mixserve-hosts/{self.prefix}"), "state of the hosts is left")

    def cable(self, node, state):
        subprocess.run([HOSTS, "link", self.prefix, f"n{node}", state], check=True)

    def pids(self, node):
        text = subprocess.run(["ip", "netns", "pids", f"{self.prefix}-n{node}"], capture_output=True, text=True).stdout
        return [int(pid) for pid in text.split()]

    def sweep(self):
        """Ends what the launcher left, by process id; returns the names."""
        names = []
        for node in range(NODES):
            for pid in self.pids(node):
                names.append(read(f"/proc/{pid}/comm").strip())
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return sorted(name for name in names if name)


class Run:
    """mixserve-run, a process on every host. Everything that node N says is in err.N, its exit code in code.N."""

    def __init__(self, lab, folder, artifacts, arguments):
        self.lab, self.folder = lab, folder
        command = "\n".join(f"[ $OMPI_COMM_WORLD_RANK = {n} ] && artifact={a}" for n, a in enumerate(artifacts))
        script = os.path.join(folder, "node.sh")
        with open(script, "w") as file:
            file.write(f"#!/bin/sh\ncd {folder}\nn=$OMPI_COMM_WORLD_RANK\n{command}\n"
                       f"{BUILD}/bin/mixserve-run $artifact {arguments} >out.$n 2>err.$n &\n"
                       "echo $! >pid.$n.new; mv pid.$n.new pid.$n; wait $!; echo $? >code.$n\n")
        os.chmod(script, 0o755)
        with open(os.path.join(folder, "launcher"), "w") as log:
            # Without recovery mpirun ends the survivors before they can say who failed.
            self.launcher = subprocess.Popen([HOSTS, "mpirun", lab.prefix, "--enable-recovery", script],
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def text(self, name, node):
        return read(os.path.join(self.folder, f"{name}.{node}"))

    def await_start(self):
        """Until every node has loaded the model's code: then the ranks exist."""
        def started():
            expect(self.launcher.poll() is None, f"the run ended at its start: {self.everything()}")
            self.pid = [int(self.text("pid", node) or 0) for node in range(NODES)]
            return all(pid and "code/model.so" in read(f"/proc/{pid}/maps") for pid in self.pid)
        await_until(started, 20, "start")

    def everything(self):
        return "".join(f"\n--- {name}: {read(os.path.join(self.folder, name))}"
                       for name in sorted(os.listdir(self.folder)) if name.startswith(("err", "code", "launcher")))

    def await_end(self, node, seconds):
        await_until(lambda: not alive(self.pid[node]), seconds, f"node {node} ends")
        await_until(lambda: self.text("code", node), 2, f"exit code of node {node}")
        return int(self.text("code", node))

    def finish(self):
        """The launcher's end, and the names of what it left behind."""
        try:
            self.launcher.wait(1)
        except subprocess.TimeoutExpired:
            pass
        names = self.lab.sweep()
        self.launcher.wait(10)
        return names


def arguments_of(folder, phase):
    prompts, new_tokens = PHASES[phase]
    with open(os.path.join(folder, "prompts"), "w") as file:
        file.write("\n".join(prompts) + "\n")
    # Logits of whole prompts and routing come from steps in one piece.
    files = "--micro-batches 2" if phase == "halves" else "--output out.safetensors --routing-out out.routing"
    return (f"--prompt-file prompts --max-new-tokens {new_tokens} --ignore-eos --deadline {DEADLINE}s "
            f"--stats=out.stats {files}")


def lose_a_node(lab, folder, artifact, fault, phase, rng):
    victim = rng.randrange(NODES)
    run = Run(lab, folder, [artifact] * NODES, arguments_of(folder, phase))
    try:
        run.await_start()
        time.sleep(rng.uniform(0.1, 2))
        expect(all(alive(pid) for pid in run.pid), f"the run was over before the fault: {run.everything()}")
        begin = time.monotonic()
        if fault == "killed":
            os.kill(run.pid[victim], signal.SIGKILL)
        elif fault == "stopped":
            os.kill(run.pid[victim], signal.SIGSTOP)
        else:
            lab.cable(victim, "down")
        survivors = [node for node in range(NODES) if node != victim]
        for node in survivors:
            code = run.await_end(node, begin + DEADLINE + 2 - time.monotonic())
            expect(code == 5, f"node {node}: exit code {code}: {run.everything()}")
        took = time.monotonic() - begin
        for node in survivors:
            said = run.text("err", node)
            expect(f"node {victim} gave node" in said, f"node {node} does not name node {victim}: {run.everything()}")
            expect(re.search(r"layer \d+ \w+|embed_rs|lm_head_ag|sample", said),
                   f"node {node} names no operation: {run.everything()}")
        # Node 0 says where every rank is that it can still hear.
        if victim != 0 and "the next step" not in run.text("err", 0):
            lost = f"ranks {victim * DEVICES}, {victim * DEVICES + 1} not heard"
            expect(lost in run.text("err", 0), f"'{lost}' is missing: {run.everything()}")
        if fault == "stopped":
            os.kill(run.pid[victim], signal.SIGCONT)
        if fault != "killed":  # it has lost the others
            code = run.await_end(victim, DEADLINE + 2)
            expect(code == 5, f"node {victim}, back again: exit code {code}: {run.everything()}")
            expect(f"node {victim}" in run.text("err", victim), f"node {victim}, back again, says nothing: {run.everything()}")
        print(f"  {fault}, {phase}, node {victim}: {took:.2f} s; {run.text('err', survivors[0]).strip()}", flush=True)
    finally:
        names = run.finish()
        if fault == "cut":
            lab.cable(victim, "up")
    expect("mixserve-run" not in names, f"mixserve-run outlived the run: {names}")
    if names:
        print(f"  swept: {' '.join(names)}")


def another_artifact(lab, folder, artifact, other, rng):
    victim = rng.randrange(NODES)
    artifacts = [artifact] * NODES
    artifacts[victim] = other
    run = Run(lab, folder, artifacts, arguments_of(folder, "decode"))
    try:
        await_until(lambda: all(run.text("code", node) for node in range(NODES)), 20, "all nodes end")
    finally:
        names = run.finish()
    for node in range(NODES):
        expect(run.text("code", node).strip() == "2", f"exit codes: {run.everything()}")
        expect(f"; node {victim} opened one with" in run.text("err", node), f"node {node}: {run.everything()}")
    expect("mixserve-run" not in names, f"mixserve-run outlived the run: {names}")
    print(f"  other, node {victim}: {run.text('err', 0).strip()}", flush=True)


def lossy(lab, folder, artifact, phase):
    """Every token is the one of the unsharded model."""
    golden = f"{MODEL}/golden.safetensors" + (" --mixed" if phase == "prefill" else "")
    run = Run(lab, folder, [artifact] * NODES, f"--deadline 30s --verify {golden}")
    begin = time.monotonic()
    try:
        await_until(lambda: all(run.text("code", node) for node in range(NODES)), 60, "all nodes end")
    finally:
        names = run.finish()
    took = time.monotonic() - begin
    codes = [run.text("code", node).strip() for node in range(NODES)]
    expect(codes == ["0"] * NODES and "verified" in run.text("out", 0), f"{run.text('out', 0)} {run.everything()}")
    expect("mixserve-run" not in names, f"mixserve-run outlived the run: {names}")
    print(f"  loss, {phase}: verified in {took:.2f} s", flush=True)


def compile_artifact(folder, method, name):
    cluster = os.path.join(folder, "cluster.yaml")
    with open(f"{SOURCE}/models/clusters/2x2.yaml") as file, open(cluster, "w") as out:
        text, count = re.subn(r"(name: node, +count:) 2", rf"\1 {NODES}", file.read())
        expect(count == 1, "models/clusters/2x2.yaml is not as it was")
        out.write(text)
    subprocess.run([f"{BUILD}/bin/mixserve-compile", f"{MODEL}/onnx/mobius-onnx-standard/model.onnx", "--cluster",
                    cluster, f"--moe-comm={method}", "--max-batch-tokens", "256", "-o", f"{folder}/{name}"],
                   check=True, capture_output=True)
    return f"{folder}/{name}"


def unavailable():
    if not shutil.which("mpirun"):
        return "there is no mpirun (package openmpi-bin)"
    if not os.path.exists(f"{BUILD}/lib/libmixserve_mpi.so"):
        return "this build has no MPI engine"
    check = subprocess.run([HOSTS, "check"], capture_output=True, text=True)
    return check.stdout.strip().removeprefix("skipped: ") if check.returncode else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("faults", nargs="*", default=["killed", "stopped", "cut", "other", "loss"])
    options = parser.parse_args()
    if why := unavailable():
        print("skipped:", why)
        return 77
    failures = 0
    shm = set(os.listdir("/dev/shm"))
    with tempfile.TemporaryDirectory() as scratch:
        artifact = compile_artifact(scratch, "hybrid-fused", "fused.mxs")
        other = compile_artifact(scratch, "hier-ep", "other.mxs")

        def attempt(lab, fault, number):
            rng = random.Random(f"{options.seed} {fault} {number}")
            # A fault that is tried twice meets two of three phases, and the three faults all of them.
            phases = ["prefill", "decode"] + ["halves"] * (fault not in ("loss", "other"))
            phase = phases[(number + "killed stopped cut loss other".split().index(fault)) % len(phases)]
            folder = f"{scratch}/{fault}{number}"
            os.mkdir(folder)
            try:
                if fault == "loss":
                    lossy(lab, folder, artifact, phase)
                elif fault == "other":
                    another_artifact(lab, folder, artifact, other, rng)
                else:
                    lose_a_node(lab, folder, artifact, fault, phase, rng)
                left = [name for name in os.listdir(folder) if name.startswith("out.") and name[4:] not in "012"]
                expect(not left, f"outputs of a run that failed: {left}")
            except Failed as failure:
                print(f"FAIL: {fault}, {phase}, number {number}, seed {options.seed}: {failure}", flush=True)
                return 1
            return 0

        for faults, link in (("killed", "stopped", "cut", "other"), ["--rate", "1000"]), (("loss",), ["--loss", "1"]):
            wanted = [fault for fault in options.faults if fault in faults]
            if not wanted:
                continue
            with Lab(*link, *(["--seed", str(options.seed)] if link[0] == "--loss" else [])) as lab:
                failures += sum(attempt(lab, fault, number) for fault in wanted for number in range(options.times))
    new = [name for name in set(os.listdir("/dev/shm")) - shm if f"mf{os.getpid()}" in name]
    if new:
        print(f"FAIL: shared memory is left: {new}")
        failures += 1
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
