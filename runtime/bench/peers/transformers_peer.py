"""Times transformers on a Hugging Face folder; prints one line of JSON (README.md)."""

import argparse
import json
import resource
import time

import torch
import transformers


def generate(model, ids, tokens):
    """Seconds from the start to each token; the tokens [batch, tokens]. Greedy, with the cache."""
    begin, times, out, cache = time.perf_counter(), [], [], None
    for _ in range(tokens):
        result = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = result.past_key_values
        ids = result.logits[:, -1].argmax(-1, keepdim=True)
        out.append(ids[:, 0].tolist())
        times.append(time.perf_counter() - begin)
    return times, list(map(list, zip(*out)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--experts", default="grouped_mm",
                        help="experts implementation: eager, grouped_mm, or batched_mm (copies the weights of every row)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--output", type=int, default=32)
    parser.add_argument("--prompt-ids", help="comma-separated: print the greedy continuation instead of timing")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.folder, dtype=getattr(torch, arguments.dtype), attn_implementation="sdpa",
        experts_implementation=arguments.experts).eval()
    loaded = time.perf_counter() - start
    with torch.inference_mode():
        if arguments.prompt_ids:
            ids = torch.tensor([[int(i) for i in arguments.prompt_ids.split(",")]])
            print(generate(model, ids, arguments.output)[1][0])
            return
        torch.manual_seed(1)
        vocab = model.config.vocab_size
        generate(model, torch.randint(vocab, [1, 16]), 4)
        single, _ = generate(model, torch.randint(vocab, [1, arguments.prompt]), arguments.output)
        many, _ = generate(model, torch.randint(vocab, [8, 128]), 64)
    steps = sorted(b - a for a, b in zip(single, single[1:]))
    print(json.dumps({
        "peer": f"transformers {transformers.__version__} ({arguments.experts})", "dtype": arguments.dtype,
        "threads": arguments.threads, "load_s": round(loaded, 3), "ttft_s": round(single[0], 4),
        "itl_ms": round(steps[len(steps) // 2] * 1e3, 3),
        "decode8_tokens_per_s": round(8 * 63 / (many[-1] - many[0]), 1),
        "serve8_tokens_per_s": round(8 * 64 / many[-1], 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
