"""Times transformers on a Hugging Face folder; prints one line of JSON (README.md)."""

import time

import torch
import transformers

import workload


class Transformers:
    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        parallel = {}
        if arguments.parallel:  # spread.py starts the processes and sets what torchrun would
            torch.distributed.init_process_group("gloo")
            from transformers.distributed import DistributedConfig
            size = torch.distributed.get_world_size()
            experts = {"ep_size": size} if arguments.parallel == "tp+ep" else {}
            parallel = {"distributed_config": DistributedConfig(tp_size=size, tp_plan="auto", **experts)}
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            arguments.model, dtype=getattr(torch, arguments.dtype), attn_implementation="sdpa",
            experts_implementation=arguments.experts, **parallel).eval()
        self.vocab = self.model.config.vocab_size

    @torch.inference_mode()
    def generate(self, rows, tokens):
        begin, times, out, cache = time.perf_counter(), [], [], None
        ids = torch.tensor(rows)
        for _ in range(tokens):
            result = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = result.past_key_values
            ids = result.logits[:, -1].argmax(-1, keepdim=True)
            out.append(ids[:, 0].tolist())
            times.append(time.perf_counter() - begin)
        return [times] * len(rows), [list(column) for column in zip(*out)]


if __name__ == "__main__":
    parser = workload.parser(__doc__)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--experts", default="grouped_mm",
                        help="experts implementation: eager, grouped_mm, or batched_mm (copies the weights of every row)")
    parser.add_argument("--parallel", choices=["tp", "tp+ep"], help="over the processes that spread.py starts")
    given = parser.parse_args()
    workload.run(f"transformers {transformers.__version__} ({given.experts})", Transformers, given)
