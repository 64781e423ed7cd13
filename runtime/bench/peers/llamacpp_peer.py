"""Times llama.cpp on a GGUF file that llamacpp_model.py wrote; prints one line of JSON (README.md)."""

import argparse
import ctypes
import json
import random
import resource
import time

import llama_cpp as lib


class Runner:
    """Greedy decoding of `sequences` sequences of one length in one context."""

    def __init__(self, model, sequences, arguments):
        params = lib.llama_context_default_params()
        params.n_ctx = 1024 * sequences
        params.n_seq_max = sequences
        params.n_batch = params.n_ubatch = 1024
        params.n_threads = params.n_threads_batch = arguments.threads
        kind = {"f16": lib.GGML_TYPE_F16, "f32": lib.GGML_TYPE_F32, "bf16": lib.GGML_TYPE_BF16}[arguments.cache]
        params.type_k = params.type_v = kind
        self.context = lib.llama_init_from_model(model, params)
        self.vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
        self.batch = lib.llama_batch_init(1024, 0, 1)
        self.sequences, self.length = sequences, 0

    def __del__(self):
        lib.llama_batch_free(self.batch)
        lib.llama_free(self.context)

    def step(self, rows):
        """rows[s]: the new ids of sequence s, all of one length. Their greedy successors."""
        count = len(rows[0])
        for s, ids in enumerate(rows):
            for i, token in enumerate(ids):
                at = s * count + i
                self.batch.token[at] = token
                self.batch.pos[at] = self.length + i
                self.batch.n_seq_id[at] = 1
                self.batch.seq_id[at][0] = s
                self.batch.logits[at] = i == count - 1
        self.batch.n_tokens = count * len(rows)
        if lib.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        self.length += count
        out = []
        for s in range(len(rows)):
            logits = lib.llama_get_logits_ith(self.context, s * count + count - 1)
            values = (ctypes.c_float * self.vocab).from_address(ctypes.addressof(logits.contents))
            out.append(max(range(self.vocab), key=values.__getitem__))
        return out

    def generate(self, rows, tokens):
        """Seconds from the start to each token, argmax left out; the tokens of the first sequence."""
        times, out, spent = [], [], 0.0
        for _ in range(tokens):
            begin = time.perf_counter()
            following = self.step(rows)
            spent += time.perf_counter() - begin
            times.append(spent)
            out.append(following[0])
            rows = [[token] for token in following]
        return times, out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--cache", default="f16", choices=["f16", "f32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--output", type=int, default=32)
    parser.add_argument("--prompt-ids", help="comma-separated: print the greedy continuation instead of timing")
    arguments = parser.parse_args()
    quiet = lib.llama_log_callback(lambda level, text, data: None)
    lib.llama_log_set(quiet, ctypes.c_void_p(0))
    lib.llama_backend_init()
    start = time.perf_counter()
    model = lib.llama_model_load_from_file(arguments.model.encode(), lib.llama_model_default_params())
    loaded = time.perf_counter() - start
    if arguments.prompt_ids:
        print(Runner(model, 1, arguments).generate([[int(i) for i in arguments.prompt_ids.split(",")]],
                                                   arguments.output)[1])
        return
    source = random.Random(1)
    first = Runner(model, 1, arguments)
    ids = lambda n: [source.randrange(first.vocab) for _ in range(n)]
    first.generate([ids(16)], 4)
    single, _ = Runner(model, 1, arguments).generate([ids(arguments.prompt)], arguments.output)
    many, _ = Runner(model, 8, arguments).generate([ids(128) for _ in range(8)], 64)
    steps = sorted(b - a for a, b in zip(single, single[1:]))
    print(json.dumps({
        "peer": f"llama.cpp (llama-cpp-python {lib.__version__})", "file": arguments.model, "threads": arguments.threads,
        "load_s": round(loaded, 3), "ttft_s": round(single[0], 4), "itl_ms": round(steps[len(steps) // 2] * 1e3, 3),
        "decode8_tokens_per_s": round(8 * 63 / (many[-1] - many[0]), 1),
        "serve8_tokens_per_s": round(8 * 64 / many[-1], 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
