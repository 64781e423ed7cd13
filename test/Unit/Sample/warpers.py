#!/usr/bin/env python3
"""Writes warpers.json: what the logits processors of transformers keep and with which probability.

The classes are those of transformers; their order is vLLM's (README.md of runtime/sample). Needs torch and
transformers; run again only to add cases:  python3 warpers.py > warpers.json
"""
import json

import torch
from transformers.generation.logits_process import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

VOCAB = 40


def case(generator, settings):
    logits = (torch.randn(1, VOCAB, generator=generator) * settings.pop("spread", 2.0)).float()
    history = torch.randint(0, VOCAB, (1, 12), generator=generator)
    steps = []
    if settings.get("repetition_penalty"):
        steps.append(RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"]))
    steps.append(TemperatureLogitsWarper(settings["temperature"]))
    if settings.get("min_p"):
        steps.append(MinPLogitsWarper(settings["min_p"]))
    if settings.get("top_k"):
        steps.append(TopKLogitsWarper(settings["top_k"]))
    if settings.get("top_p"):
        steps.append(TopPLogitsWarper(settings["top_p"]))
    scores = logits.clone()
    for step in steps:
        scores = step(history, scores)
    probabilities = torch.softmax(scores.double(), dim=-1)[0]
    kept = [i for i in range(VOCAB) if scores[0, i] != -float("inf")]
    return {"settings": settings, "history": history[0].tolist(), "logits": logits[0].tolist(), "kept": kept,
            "probabilities": [probabilities[i].item() for i in kept]}


def main():
    generator = torch.Generator().manual_seed(11)
    cases = []
    for temperature in (0.3, 1.0, 1.7):
        for filters in ({}, {"top_k": 5}, {"top_k": 39}, {"top_p": 0.5}, {"top_p": 0.95}, {"min_p": 0.05}, {"min_p": 0.4},
                        {"top_k": 7, "top_p": 0.8}, {"min_p": 0.1, "top_p": 0.9}, {"min_p": 0.02, "top_k": 6, "top_p": 0.7},
                        {"repetition_penalty": 1.3}, {"repetition_penalty": 0.8, "top_k": 4},
                        {"repetition_penalty": 1.8, "min_p": 0.05, "top_k": 9, "top_p": 0.9}):
            cases.append(case(generator, {"temperature": temperature, **filters}))
    cases.append(case(generator, {"temperature": 1.0, "top_p": 0.9, "spread": 0.05}))
    cases.append(case(generator, {"temperature": 1.0, "top_p": 0.9, "spread": 30.0}))
    print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")


main()
