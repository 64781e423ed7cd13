"""Times llama.cpp on a GGUF file that llamacpp_model.py wrote; prints one line of JSON (README.md)."""

import ctypes
import os
import time

import llama_cpp as lib
import numpy as np

import workload

CONTEXT = 1024  # of one sequence
BATCH = 1024    # tokens of a step at most
CACHE_TYPES = {"f16": 1, "f32": 0, "bf16": 30}  # ggml_type; the Python package has no name for bf16


def add_server(endpoint):
    """Makes the devices of a ggml-rpc-server ours; needs libraries built with GGML_RPC=ON (LLAMA_CPP_LIB_PATH)."""
    folder = os.environ["LLAMA_CPP_LIB_PATH"]
    add = ctypes.CDLL(os.path.join(folder, "libggml-rpc.so")).ggml_backend_rpc_add_server
    register = ctypes.CDLL(os.path.join(folder, "libggml.so")).ggml_backend_register
    add.argtypes, add.restype = [ctypes.c_char_p], ctypes.c_void_p
    register.argtypes, register.restype = [ctypes.c_void_p], None
    server = add(endpoint.encode())
    if not server:
        raise RuntimeError(f"no ggml-rpc-server answers at {endpoint}")
    register(server)


class LlamaCpp:
    """Greedy decoding of sequences of one length, in a context of as many sequences."""

    def __init__(self, arguments):
        # Without a callback of its own every step would print; the object must outlive the calls.
        self.log = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(self.log, ctypes.c_void_p(0))
        lib.llama_backend_init()
        params = lib.llama_model_default_params()
        params.use_mmap = not arguments.no_mmap
        params.n_gpu_layers = 0
        if arguments.rpc:
            add_server(arguments.rpc)
            params.n_gpu_layers = arguments.remote_layers
        self.arguments = arguments
        self.model = lib.llama_model_load_from_file(arguments.model.encode(), params)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load '{arguments.model}'")
        self.vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))
        self.batch = lib.llama_batch_init(BATCH, 0, 1)

    def open_context(self, sequences):
        params = lib.llama_context_default_params()
        params.n_ctx = CONTEXT * sequences
        params.n_seq_max = sequences
        params.n_batch = params.n_ubatch = BATCH
        params.n_threads = params.n_threads_batch = self.arguments.threads
        params.type_k = params.type_v = CACHE_TYPES[self.arguments.cache]
        params.flash_attn_type = 1 if self.arguments.flash_attention else 0
        return lib.llama_init_from_model(self.model, params)

    def step(self, context, position, rows):
        """rows[s]: the new ids of sequence s, all of one length. Their greedy successors."""
        count = len(rows[0])
        for s, ids in enumerate(rows):
            for i, token in enumerate(ids):
                at = s * count + i
                self.batch.token[at] = token
                self.batch.pos[at] = position + i
                self.batch.n_seq_id[at] = 1
                self.batch.seq_id[at][0] = s
                self.batch.logits[at] = i == count - 1
        self.batch.n_tokens = count * len(rows)
        if lib.llama_decode(context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        out = []
        for s in range(len(rows)):
            logits = lib.llama_get_logits_ith(context, s * count + count - 1)
            out.append(int(np.ctypeslib.as_array(logits, (self.vocab,)).argmax()))
        return out

    def generate(self, rows, tokens):
        context = self.open_context(len(rows))
        times, out, position = [], [], 0
        begin = time.perf_counter()
        for _ in range(tokens):
            following = self.step(context, position, rows)
            times.append(time.perf_counter() - begin)
            out.append(following)
            position += len(rows[0])
            rows = [[token] for token in following]
        lib.llama_free(context)
        return [times] * len(rows), [list(column) for column in zip(*out)]


if __name__ == "__main__":
    parser = workload.parser(__doc__)
    parser.add_argument("--cache", default="f16", choices=CACHE_TYPES)
    parser.add_argument("--flash-attention", type=int, default=1)
    parser.add_argument("--no-mmap", action="store_true", help="read the file into memory of its own")
    parser.add_argument("--rpc", metavar="HOST:PORT", help="a ggml-rpc-server that holds the last layers")
    parser.add_argument("--remote-layers", type=int, default=3, help="how many (default 3)")
    given = parser.parse_args()
    workload.run(f"llama.cpp (llama-cpp-python {lib.__version__})", LlamaCpp, given)
