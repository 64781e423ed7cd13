//===- StepWork.cpp - What a step must read and compute at least ------------===//
#include "tools/mixserve-bench/StepWork.h"

#include <set>

using namespace mixserve::tools;

/// Bytes of one [n, k] matrix, without padding.
static double matrixBytes(const mxs::ParamEntry &param) {
  const double bits = param.type == MXS_WEIGHT_F32    ? 32
                      : param.type == MXS_WEIGHT_BF16 ? 16
                      : param.type == MXS_WEIGHT_I8   ? 8
                                                      : 4;
  const double scaleBits = param.group > 0 ? 16.0 / double(param.group) : 0;
  return double(param.n) * double(param.k) * (bits + scaleBits) / 8;
}

StepWork mixserve::tools::workOf(const mxs::Manifest &m, int64_t heads, const StepShape &shape,
                                 double expertsTouched) {
  StepWork work;
  const double tokens = double(shape.tokens());
  for (const mxs::ParamEntry &param : m.params) {
    if (param.n == 0)
      continue; // norms and other short vectors
    const double bytes = matrixBytes(param), products = 2.0 * double(param.n) * double(param.k);
    // Logits are asked of a sequence's last token.
    const bool head = param.n == m.vocabLocal;
    const double rows = head ? double(shape.sequences) : tokens;
    if (param.layout == mxs::WeightLayout::Rows) {
      work.weightBytes += tokens * bytes / double(param.n);
    } else if (param.hasExperts) { // the ranks of a MoE TP group hold a slice each
      work.weightBytes += expertsTouched * m.moeTp * bytes;
      work.flops[param.type] += products * m.moeTp * tokens * m.topK;
    } else if (param.shared) { // the same on all ranks, which compute different rows
      work.weightBytes += bytes;
      work.flops[param.type] += products * rows;
    } else { // sharded in the attention group; each group reads it for its rows
      const double groups = std::min<double>(m.attnDp, double(shape.sequences));
      work.weightBytes += bytes * m.attnTp * groups;
      work.flops[param.type] += products * m.attnTp * rows;
    }
  }
  // Token i of a sequence attends to cached + i + 1 positions.
  const double each = double(shape.tokensEach);
  const double attended = each * (double(shape.cached) + (each + 1) / 2);
  const double sequences = double(shape.sequences), cached = double(shape.cached);
  for (const mxs::CacheEntry &cache : m.caches) {
    work.cacheBytes +=
        sequences * cached * double(cache.width()) * (cache.isBf16 ? 2 : 4) * m.attnTp;
    double perPair = 4.0 * cache.headDim, perCached = 0; // of a head
    if (cache.isLatent()) {
      // A prompt's rows are expanded, others absorbed (LatentAttention.h); W_uk and W_uv, which are
      // among the parameters, are also applied to what earlier steps cached.
      const bool expanded = shape.tokensEach > 1;
      const double made = cache.nopeDim + cache.valueDim;
      perPair = 2.0 * (cache.ropeDim + (expanded ? made : 2.0 * cache.latentDim));
      perCached = expanded ? 2.0 * cache.latentDim * made : 0;
    }
    work.flops[MXS_WEIGHT_F32] +=
        sequences * double(heads) * (attended * perPair + cached * perCached);
  }
  return work;
}

std::vector<double> mixserve::tools::expertsTouched(const nlohmann::json &trace) {
  std::vector<double> means;
  for (const auto &step : trace.at("steps")) {
    double sum = 0;
    for (const auto &layer : step.at("ids")) {
      const auto ids = layer.get<std::vector<int32_t>>();
      sum += double(std::set<int32_t>(ids.begin(), ids.end()).size());
    }
    means.push_back(step.at("ids").empty() ? 0 : sum / double(step.at("ids").size()));
  }
  return means;
}
