"""Times vLLM's CPU build on a Hugging Face folder; prints one line of JSON (README.md)."""

import os
import time

import workload


class Vllm:
    """The engine in this process, stepped by hand so that every token has its time."""

    def __init__(self, arguments):
        # Read by vLLM when it is imported.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(str(i) for i in range(arguments.threads)))
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
        parallel = {}
        if arguments.tensor_parallel > 1:  # spread.py starts the processes and sets what torchrun would
            os.environ["VLLM_CPU_OMP_THREADS_BIND"] = os.environ["RANK"]
            # Hosts share no memory; vLLM asks only whether all ranks have one rendezvous.
            from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator
            CpuCommunicator._all_group_ranks_share_shm_group_name = lambda self: False
            parallel = {"tensor_parallel_size": arguments.tensor_parallel, "distributed_executor_backend": "external_launcher"}
        from vllm import EngineArgs, LLMEngine, SamplingParams
        self.params = SamplingParams
        self.engine = LLMEngine.from_engine_args(EngineArgs(
            model=arguments.model, dtype=arguments.dtype, skip_tokenizer_init=True, max_model_len=1024,
            max_num_batched_tokens=1024, max_num_seqs=16, enable_prefix_caching=False,
            enforce_eager=arguments.eager, disable_log_stats=True, **parallel))
        self.vocab = self.engine.model_config.get_vocab_size()
        self.count = 0

    def generate(self, rows, tokens):
        begin, order = time.perf_counter(), {}
        for index, row in enumerate(rows):
            self.count += 1
            order[str(self.count)] = index
            self.engine.add_request(str(self.count), {"prompt_token_ids": row}, self.params(
                temperature=0, max_tokens=tokens, ignore_eos=True, detokenize=False))
        times, ids = [[] for _ in rows], [[] for _ in rows]
        while self.engine.has_unfinished_requests():
            outputs = self.engine.step()
            now = time.perf_counter() - begin
            for output in outputs:
                index = order[output.request_id]
                got = list(output.outputs[0].token_ids)  # all so far
                times[index] += [now] * (len(got) - len(ids[index]))
                ids[index] = got
        return times, ids


if __name__ == "__main__":
    parser = workload.parser(__doc__)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--tensor-parallel", type=int, default=1, metavar="N", help="processes started by spread.py")
    given = parser.parse_args()
    import importlib.metadata
    workload.run(f"vLLM {importlib.metadata.version('vllm-cpu')}" + (" (eager)" if given.eager else ""), Vllm, given)
