//===- TinyModel.h - A Qwen3-MoE shape of toy size -----------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_PLAN_TINYMODEL_H
#define MIXSERVE_TEST_UNIT_PLAN_TINYMODEL_H

#include "mixserve/Plan/ModelShape.h"

namespace mixserve::planner {

inline ModelShape tinyModel() {
  ModelShape model;
  model.vocab = 320;
  model.hidden = 64;
  model.layers = 2;
  model.heads = 4;
  model.kvHeads = 2;
  model.headDim = 16;
  model.experts = 8;
  model.topK = 2;
  model.ffn = 32;
  model.qkNorm = true;
  return model;
}

} // namespace mixserve::planner

#endif // MIXSERVE_TEST_UNIT_PLAN_TINYMODEL_H
