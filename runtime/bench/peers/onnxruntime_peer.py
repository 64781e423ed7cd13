"""Times onnxruntime on a model that onnxruntime_model.py wrote; prints one line of JSON (README.md)."""

import argparse
import json
import pathlib
import resource
import time

import numpy as np
import onnxruntime as ort


class Runner:
    """Greedy decoding of `batch` sequences of one length, with past and present in one buffer."""

    def __init__(self, session, batch, max_context):
        self.session, self.batch, self.length = session, batch, 0
        self.caches = {}
        for value in session.get_inputs():
            if value.name.startswith("past."):
                shape = [batch, value.shape[1], max_context, value.shape[3]]
                self.caches[value.name] = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))

    def generate(self, ids, tokens):
        """Seconds from the start to each token; the tokens [batch, tokens]."""
        begin = time.perf_counter()
        times, out = [], []
        for _ in range(tokens):
            logits = self.logits(ids)
            ids = logits[:, -1].argmax(-1)[:, None]
            out.append(ids[:, 0])
            times.append(time.perf_counter() - begin)
        return times, np.array(out).T

    def logits(self, ids):
        binding = self.session.io_binding()
        self.length += ids.shape[1]
        binding.bind_output("logits", "cpu")
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(ids, np.int64))
        binding.bind_cpu_input("seqlens_k", np.full([self.batch], self.length - 1, np.int32))
        binding.bind_cpu_input("total_length", np.array([self.length], np.int32))
        for name, value in self.caches.items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(name.replace("past", "present"), value)
        self.session.run_with_iobinding(binding)
        return binding.get_outputs()[0].numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="folder with model.onnx")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--output", type=int, default=32)
    parser.add_argument("--prompt-ids", help="comma-separated: print the greedy continuation instead of timing")
    arguments = parser.parse_args()
    options = ort.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    start = time.perf_counter()
    session = ort.InferenceSession(str(pathlib.Path(arguments.model) / "model.onnx"), options,
                                   providers=["CPUExecutionProvider"])
    loaded = time.perf_counter() - start
    if arguments.prompt_ids:
        ids = np.array([[int(i) for i in arguments.prompt_ids.split(",")]])
        print(Runner(session, 1, 1024).generate(ids, arguments.output)[1][0].tolist())
        return
    rng = np.random.default_rng(1)
    vocab = session.get_outputs()[0].shape[-1]
    Runner(session, 1, 1024).generate(rng.integers(0, vocab, [1, 16]), 4)
    single, _ = Runner(session, 1, 1024).generate(rng.integers(0, vocab, [1, arguments.prompt]), arguments.output)
    begin = time.perf_counter()
    many, _ = Runner(session, 8, 1024).generate(rng.integers(0, vocab, [8, 128]), 64)
    print(json.dumps({
        "peer": f"onnxruntime {ort.__version__}", "dtype": "f32", "threads": arguments.threads,
        "load_s": round(loaded, 3), "ttft_s": round(single[0], 4),
        "itl_ms": round(float(np.median(np.diff(single))) * 1e3, 3),
        "decode8_tokens_per_s": round(8 * 63 / (many[-1] - many[0]), 1),
        "serve8_tokens_per_s": round(8 * 64 / (time.perf_counter() - begin), 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
