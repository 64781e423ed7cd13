"""Writes a Hugging Face folder of the Qwen3-MoE family as GGUF: float32, bfloat16 or 8 bits (Q8_0).

The vocabulary is made up (one token per id): only token ids go in and out of a benchmark.
"""

import argparse

import gguf
import numpy as np

from folder import Folder

TYPES = {"f32": gguf.GGMLQuantizationType.F32, "bf16": gguf.GGMLQuantizationType.BF16,
         "q8_0": gguf.GGMLQuantizationType.Q8_0}


def write(folder, target, kind, max_context):
    writer = gguf.GGUFWriter(target, "qwen3moe")
    writer.add_name("peer")
    writer.add_block_count(folder.layers)
    writer.add_context_length(max_context)
    writer.add_embedding_length(folder.hidden)
    writer.add_feed_forward_length(folder.config["intermediate_size"])
    writer.add_expert_feed_forward_length(folder.config["moe_intermediate_size"])
    writer.add_head_count(folder.heads)
    writer.add_head_count_kv(folder.kv_heads)
    writer.add_key_length(folder.head_dim)
    writer.add_value_length(folder.head_dim)
    writer.add_rope_freq_base(folder.rope_theta)
    writer.add_layer_norm_rms_eps(folder.eps)
    writer.add_expert_count(folder.experts)
    writer.add_expert_used_count(folder.top_k)
    writer.add_vocab_size(folder.vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([f"t{i}" for i in range(folder.vocab)])
    writer.add_token_types([gguf.TokenType.NORMAL] * folder.vocab)
    writer.add_token_merges(["t 0"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)

    def add(name, values):
        # Norms and routers stay float32, as llama.cpp's own converter keeps them.
        wanted = TYPES[kind] if values.ndim > 1 and "gate_inp" not in name else TYPES["f32"]
        data = gguf.quants.quantize(np.ascontiguousarray(values), wanted)
        writer.add_tensor(name, data, raw_dtype=wanted)

    add("token_embd.weight", folder.tensor("model.embed_tokens.weight"))
    for layer in range(folder.layers):
        hf, own = f"model.layers.{layer}", f"blk.{layer}"
        add(f"{own}.attn_norm.weight", folder.tensor(f"{hf}.input_layernorm.weight"))
        for part, theirs in (("attn_q", "q_proj"), ("attn_k", "k_proj"), ("attn_v", "v_proj"),
                             ("attn_output", "o_proj"), ("attn_q_norm", "q_norm"), ("attn_k_norm", "k_norm")):
            add(f"{own}.{part}.weight", folder.tensor(f"{hf}.self_attn.{theirs}.weight"))
        add(f"{own}.ffn_norm.weight", folder.tensor(f"{hf}.post_attention_layernorm.weight"))
        add(f"{own}.ffn_gate_inp.weight", folder.tensor(f"{hf}.mlp.gate.weight"))
        for part in ("gate", "up", "down"):
            add(f"{own}.ffn_{part}_exps.weight", folder.experts_of(layer, part))
    add("output_norm.weight", folder.tensor("model.norm.weight"))
    if not folder.config.get("tie_word_embeddings", False):
        add("output.weight", folder.tensor("lm_head.weight"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("target", help="the .gguf file")
    parser.add_argument("--type", choices=TYPES, default="f32")
    parser.add_argument("--max-context", type=int, default=1024)
    arguments = parser.parse_args()
    write(Folder(arguments.folder), arguments.target, arguments.type, arguments.max_context)
