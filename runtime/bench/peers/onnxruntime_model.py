"""Writes a Hugging Face folder as the ONNX graph that onnxruntime's CPU provider runs fastest.

The contrib operators: GroupQueryAttention with rotary embedding and a shared cache buffer, MoE with
interleaved SwiGLU weights, fused skip and norm. An export that computes every expert for every token
would be no yardstick. The CPU provider computes in float32 (no bfloat16); with --type int8 experts are
QMoE and the other linears MatMulNBits, 8 bits with a scale per 32 values.
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper

from folder import Folder


BLOCK = 32  # values of 8 bits that share a scale


def quantize(values):
    """[.., N, K] as uint8 around 128, and a scale per block of K."""
    blocks = values.reshape(*values.shape[:-1], -1, BLOCK)
    scales = np.maximum(np.abs(blocks).max(-1), 1e-30) / 127
    codes = np.rint(blocks / scales[..., None]) + 128
    return codes.astype(np.uint8), scales.astype(np.float32)


class Graph:
    def __init__(self, data_file, int8):
        self.int8 = int8
        self.nodes, self.initializers = [], []
        self.data_file = data_file
        self.data = open(data_file, "wb")

    def weight(self, name, values):
        values = np.ascontiguousarray(values)
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape)
        if values.nbytes < 1024:
            tensor.raw_data = values.tobytes()
        else:
            self.data.write(b"\0" * (-self.data.tell() % 4096))
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", pathlib.Path(self.data_file).name),
                               ("offset", self.data.tell()), ("length", values.nbytes)):
                tensor.external_data.add(key=key, value=str(value))
            self.data.write(values.tobytes())
        self.initializers.append(tensor)
        return name

    def op(self, kind, inputs, outputs, domain="", **attributes):
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def linear(self, x, name, values, out=None, exact=False):
        out = out or name + ".out"
        if exact or not self.int8:
            return self.op("MatMul", [x, self.weight(name, values.T)], [out])
        codes, scales = quantize(values)
        return self.op("MatMulNBits", [x, self.weight(name, codes), self.weight(name + ".scales", scales)], [out],
                       domain="com.microsoft", N=values.shape[0], K=values.shape[1], bits=8, block_size=BLOCK,
                       accuracy_level=4)  # int8 activations: its fastest

    def experts(self, rows, scores, name, gate_up, down, **attributes):
        attributes.update(domain="com.microsoft", normalize_routing_weights=1, activation_type="swiglu",
                          swiglu_fusion=1, activation_alpha=1.0, activation_beta=0.0)
        if not self.int8:
            return self.op("MoE", [rows, scores, self.weight(name + ".fc1", gate_up), "",
                                   self.weight(name + ".fc2", down)], [name + ".moe"], **attributes)
        inputs = [rows, scores]
        for part, values in (("fc1", gate_up), ("fc2", down)):
            codes, scales = quantize(values)
            inputs += [self.weight(f"{name}.{part}", codes.reshape(values.shape)),
                       self.weight(f"{name}.{part}.scales", scales), ""]
        return self.op("QMoE", inputs[:-1], [name + ".moe"], expert_weight_bits=8, block_size=BLOCK, **attributes)


def interleave(gate, up):
    """[E, 2F, H]: rows gate 0, up 0, gate 1, ..."""
    return np.stack([gate, up], axis=2).reshape(gate.shape[0], -1, gate.shape[2])


def write(folder, target, max_context, int8):
    target = pathlib.Path(target)
    target.mkdir(parents=True, exist_ok=True)
    g = Graph(target / "model.onnx.data", int8)
    norm = {"epsilon": folder.eps}
    angles = np.outer(np.arange(max_context),
                      folder.rope_theta ** (-np.arange(0, folder.head_dim, 2) / folder.head_dim))
    g.weight("cos", np.cos(angles).astype(np.float32))
    g.weight("sin", np.sin(angles).astype(np.float32))
    cache = ["batch", folder.kv_heads, "past", folder.head_dim]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"]),
              helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, ["batch"]),
              helper.make_tensor_value_info("total_length", TensorProto.INT32, [1])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1, folder.vocab])]
    residual = g.op("Gather", [g.weight("embed", folder.tensor("model.embed_tokens.weight")), "input_ids"], ["x"])
    normed = g.op("SimplifiedLayerNormalization",
                  ["x", g.weight("norm0", folder.tensor("model.layers.0.input_layernorm.weight"))],
                  ["x.normed"], axis=-1, stash_type=1, **norm)
    flat = g.weight("shape.flat", np.array([0, 0, -1], np.int64))
    for layer in range(folder.layers):
        p, t = f"l{layer}", f"model.layers.{layer}"
        heads = {}
        for which, count in (("q", folder.heads), ("k", folder.kv_heads)):
            rows = g.linear(normed, f"{p}.{which}", folder.tensor(f"{t}.self_attn.{which}_proj.weight"))
            shape = g.weight(f"{p}.{which}.shape", np.array([0, 0, count, folder.head_dim], np.int64))
            split = g.op("Reshape", [rows, shape], [f"{p}.{which}.heads"])
            scaled = g.op("SimplifiedLayerNormalization",
                          [split, g.weight(f"{p}.{which}.norm", folder.tensor(f"{t}.self_attn.{which}_norm.weight"))],
                          [f"{p}.{which}.normed"], axis=-1, stash_type=1, **norm)
            heads[which] = g.op("Reshape", [scaled, flat], [f"{p}.{which}.flat"])
        value = g.linear(normed, f"{p}.v", folder.tensor(f"{t}.self_attn.v_proj.weight"))
        for part in ("key", "value"):
            inputs.append(helper.make_tensor_value_info(f"past.{layer}.{part}", TensorProto.FLOAT, cache))
            outputs.append(helper.make_tensor_value_info(f"present.{layer}.{part}", TensorProto.FLOAT, cache))
        attended = g.op("GroupQueryAttention",
                        [heads["q"], heads["k"], value, f"past.{layer}.key", f"past.{layer}.value", "seqlens_k",
                         "total_length", "cos", "sin"],
                        [f"{p}.attended", f"present.{layer}.key", f"present.{layer}.value"],
                        domain="com.microsoft", num_heads=folder.heads, kv_num_heads=folder.kv_heads,
                        scale=folder.head_dim ** -0.5, do_rotary=1, rotary_interleaved=0)
        mixed = g.linear(attended, f"{p}.o", folder.tensor(f"{t}.self_attn.o_proj.weight"))
        gamma = g.weight(f"{p}.norm2", folder.tensor(f"{t}.post_attention_layernorm.weight"))
        normed = g.op("SkipSimplifiedLayerNormalization", [mixed, residual, gamma],
                      [f"{p}.normed2", "", "", f"{p}.residual"], domain="com.microsoft", **norm)
        residual = f"{p}.residual"
        rows = g.op("Reshape", [normed, g.weight(f"{p}.rows.shape", np.array([-1, folder.hidden], np.int64))],
                    [f"{p}.rows"])
        scores = g.linear(rows, f"{p}.router", folder.tensor(f"{t}.mlp.gate.weight"), exact=True)
        routed = g.experts(normed, scores, p, interleave(folder.experts_of(layer, "gate"), folder.experts_of(layer, "up")),
                           folder.experts_of(layer, "down"), k=folder.top_k)
        following = "model.norm.weight" if layer + 1 == folder.layers else f"model.layers.{layer + 1}.input_layernorm.weight"
        normed = g.op("SkipSimplifiedLayerNormalization",
                      [routed, residual, g.weight(f"{p}.norm3", folder.tensor(following))],
                      [f"{p}.normed3", "", "", f"{p}.residual2"], domain="com.microsoft", **norm)
        residual = f"{p}.residual2"
    last = g.op("Slice", [normed, g.weight("last", np.array([-1], np.int64)),
                          g.weight("end", np.array([2**62], np.int64)), g.weight("axis", np.array([1], np.int64))],
                ["last.row"])
    tied = folder.config.get("tie_word_embeddings", False)
    head = folder.tensor("model.embed_tokens.weight" if tied else "lm_head.weight")
    g.linear(last, "lm_head", head, out="logits")
    g.data.close()
    graph = helper.make_graph(g.nodes, "qwen3moe", inputs, outputs, g.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
                              ir_version=10)
    onnx.save_model(model, str(target / "model.onnx"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("target")
    parser.add_argument("--type", choices=["f32", "int8"], default="f32")
    parser.add_argument("--max-context", type=int, default=1024)
    arguments = parser.parse_args()
    write(Folder(arguments.folder), arguments.target, arguments.max_context, arguments.type == "int8")
