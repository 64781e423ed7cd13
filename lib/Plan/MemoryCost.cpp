//===- MemoryCost.cpp - What one rank must hold ---------------------------===//
#include "mixserve/Plan/MemoryCost.h"

#include <algorithm>

namespace mixserve::planner {

Memory memoryPerRank(const ModelShape &model, const Layout &layout, const Limits &limits) {
  const double hidden = model.hidden, headDim = model.headDim, rows = limits.maxBatchTokens;
  const double heads = double(model.heads) / layout.attnTp,
               kvHeads = model.localKvHeads(layout.attnTp);
  const double vocab = double(model.vocab) / layout.attnTp, ffn = double(model.ffn) / layout.moeTp;
  const double experts = (model.experts + layout.moeEp - 1) / layout.moeEp;

  double layer = 2 * hidden * headDim * heads + 2 * hidden * headDim * kvHeads; // q, o; k, v
  layer += hidden * model.experts + 2 * hidden + (model.qkNorm ? 2 * headDim : 0);
  layer += 3 * experts * hidden * ffn;

  Memory memory;
  memory.weights = model.dtypeBytes * (2 * vocab * hidden + hidden + model.layers * layer);
  memory.cache = double(model.dtypeBytes) * model.layers * limits.maxSeqs * limits.maxContext * 2 *
                 kvHeads * headDim;
  memory.buffers = 4 * rows * 2 * (hidden + 2 * model.topK + 1);
  memory.workspace = 4 * rows *
                     (2 * hidden + headDim * (heads + 2 * kvHeads) +
                      std::min<double>(model.topK, experts) * (2 * hidden + 2 * ffn) + vocab);
  return memory;
}

} // namespace mixserve::planner
