"""Reads a Hugging Face folder of the Qwen3-MoE family: its configuration and tensors as float32."""

import json
import pathlib

import ml_dtypes  # noqa: F401  numpy knows bfloat16 with it
import numpy as np
from safetensors import safe_open


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        config = json.loads((self.path / "config.json").read_text())
        self.config = config
        self.layers = config["num_hidden_layers"]
        self.hidden = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.kv_heads = config["num_key_value_heads"]
        self.head_dim = config.get("head_dim", self.hidden // self.heads)
        self.experts = config.get("num_local_experts", config.get("num_experts"))
        self.top_k = config["num_experts_per_tok"]
        self.eps = config["rms_norm_eps"]
        self.vocab = config["vocab_size"]
        self.rope_theta = config.get("rope_parameters", config)["rope_theta"]
        index = self.path / "model.safetensors.index.json"
        self.files = {}
        if index.exists():
            for name, file in json.loads(index.read_text())["weight_map"].items():
                self.files[name] = file
        else:
            with safe_open(self.path / "model.safetensors", framework="np") as file:
                self.files = {name: "model.safetensors" for name in file.keys()}

    def tensor(self, name):
        with safe_open(self.path / self.files[name], framework="np") as file:
            return np.ascontiguousarray(file.get_tensor(name).astype(np.float32))

    def experts_of(self, layer, part):
        """[E, N, K] of gate, up or down."""
        stem = f"model.layers.{layer}.mlp.experts"
        return np.stack([self.tensor(f"{stem}.{e}.{part}_proj.weight") for e in range(self.experts)])
