"""Times mixserve through its C ABI on an artifact; prints one line of JSON (README.md)."""

import ctypes
import os
import time

import workload

c = ctypes


class Event(c.Structure):
    _fields_ = [("size", c.c_uint32), ("token", c.c_int32), ("request", c.c_uint64), ("index", c.c_int64),
                ("position", c.c_int64), ("logprob", c.c_float), ("finish", c.c_int32), ("status", c.c_int32),
                ("error", c.c_char_p)]


OnEvent = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(Event))


class EngineOptions(c.Structure):
    _fields_ = [("size", c.c_uint32), ("max_queued", c.c_int32), ("max_running", c.c_int32),
                ("max_batch_tokens", c.c_int32), ("max_prefill_chunk", c.c_int32), ("on_event", OnEvent),
                ("user", c.c_void_p)]


class Sampling(c.Structure):
    _fields_ = [("temperature", c.c_float), ("top_k", c.c_int32), ("top_p", c.c_float), ("min_p", c.c_float),
                ("repetition_penalty", c.c_float), ("logprob", c.c_int32), ("seed", c.c_uint64)]


class Request(c.Structure):
    _fields_ = [("size", c.c_uint32), ("num_tokens", c.c_int32), ("tokens", c.POINTER(c.c_int32)),
                ("max_new_tokens", c.c_int64), ("sampling", Sampling), ("stop_ids", c.POINTER(c.c_int32)),
                ("num_stop_ids", c.c_int32), ("num_stop_sequences", c.c_int32),
                ("stop_sequences", c.POINTER(c.c_int32)), ("stop_lengths", c.POINTER(c.c_int32)),
                ("ignore_eos", c.c_int32), ("deadline_ns", c.c_uint64), ("prompt_logits", c.POINTER(c.c_float))]


class Mixserve:
    """One engine on one artifact; requests are submitted together and told by events."""

    def __init__(self, arguments):
        os.environ["MXS_THREADS"] = str(arguments.threads)
        self.lib = c.CDLL(arguments.library)
        self.lib.mxs_last_error.restype = self.lib.mxs_model_manifest.restype = c.c_char_p
        self.lib.mxs_model_stats.restype = c.c_char_p
        self.model, self.engine = c.c_void_p(), c.c_void_p()
        self.check(self.lib.mxs_model_open(arguments.model.encode(), None, c.byref(self.model)))
        import json
        self.vocab = json.loads(self.lib.mxs_model_manifest(self.model))["model"]["vocab"]
        self.events = []
        self.hear = OnEvent(lambda user, event: self.events.append(
            (time.perf_counter(), event[0].request, event[0].token, event[0].status)))
        options = EngineOptions(size=c.sizeof(EngineOptions), on_event=self.hear)
        self.check(self.lib.mxs_engine_open(self.model, c.byref(options), c.byref(self.engine)))

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.lib.mxs_last_error().decode())

    def generate(self, rows, tokens):
        requests = []
        for row in rows:
            ids = (c.c_int32 * len(row))(*row)
            requests.append(Request(size=c.sizeof(Request), num_tokens=len(row), tokens=ids, max_new_tokens=tokens,
                                    ignore_eos=1))
        self.events.clear()
        order, number = {}, c.c_uint64()
        begin = time.perf_counter()
        # Together: else the first step has those that were submitted before it began.
        self.check(self.lib.mxs_engine_pause(self.engine))
        for index, request in enumerate(requests):
            self.check(self.lib.mxs_engine_submit(self.engine, c.byref(request), c.byref(number)))
            order[number.value] = index
        self.check(self.lib.mxs_engine_resume(self.engine))
        self.check(self.lib.mxs_engine_wait(self.engine, c.c_uint64(0)))
        times, ids = [[] for _ in rows], [[] for _ in rows]
        for at, request, token, status in self.events:
            if status != 0:
                raise RuntimeError(f"request {request} ended with status {status}")
            if token >= 0:
                times[order[request]].append(at - begin)
                ids[order[request]].append(token)
        return times, ids

    def stats(self):
        return self.lib.mxs_model_stats(self.model).decode()


if __name__ == "__main__":
    parser = workload.parser(__doc__)
    parser.add_argument("--library", default="build/lib/libmixserve_rt.so")
    given = parser.parse_args()
    workload.run("mixserve", Mixserve, given)
