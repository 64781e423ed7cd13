"""Times onnxruntime on a model that onnxruntime_model.py wrote; prints one line of JSON (README.md)."""

import pathlib
import time

import numpy as np
import onnxruntime as ort

import workload

CONTEXT = 1024


class OnnxRuntime:
    """Greedy decoding of sequences of one length, with past and present in one buffer."""

    def __init__(self, arguments):
        options = ort.SessionOptions()
        options.intra_op_num_threads = arguments.threads
        self.session = ort.InferenceSession(str(pathlib.Path(arguments.model) / "model.onnx"), options,
                                            providers=["CPUExecutionProvider"])
        self.vocab = self.session.get_outputs()[0].shape[-1]

    def generate(self, rows, tokens):
        self.length, self.caches = 0, {}
        for value in self.session.get_inputs():
            if value.name.startswith("past."):
                shape = [len(rows), value.shape[1], CONTEXT, value.shape[3]]
                self.caches[value.name] = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        begin = time.perf_counter()
        times, out, ids = [], [], np.array(rows)
        for _ in range(tokens):
            ids = self.logits(ids)[:, -1].argmax(-1)[:, None]
            out.append(ids[:, 0])
            times.append(time.perf_counter() - begin)
        return [times] * len(rows), np.array(out).T.tolist()

    def logits(self, ids):
        binding = self.session.io_binding()
        self.length += ids.shape[1]
        binding.bind_output("logits", "cpu")
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(ids, np.int64))
        binding.bind_cpu_input("seqlens_k", np.full([ids.shape[0]], self.length - 1, np.int32))
        binding.bind_cpu_input("total_length", np.array([self.length], np.int32))
        for name, value in self.caches.items():
            binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output(name.replace("past", "present"), value)
        self.session.run_with_iobinding(binding)
        return binding.get_outputs()[0].numpy()


if __name__ == "__main__":
    workload.run(f"onnxruntime {ort.__version__}", OnnxRuntime, workload.parser(__doc__).parse_args())
