//===- Sampler.cpp --------------------------------------------------------------------------===//
#include "sample/Sampler.h"

#include "sample/Philox.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mxs;

/// Candidates that a rank names at once when top-k does not say how many are needed: an ordinary
/// top-p or min-p keeps fewer.
static constexpr int64_t kListed = 128;
/// And at most, so that records stay small; beyond, whole parts travel.
static constexpr int64_t kMostListed = 1024;

/// What the group learns of one row from each part.
struct Sampler::Summary {
  float max = 0;       ///< of the processed logits
  int32_t argmax = 0;  ///< its token
  double mass = 0;     ///< sum of exp(processed - max); 0 if it is not needed
  double rawMass = 0;  ///< sum of exp(raw - rawMax); 0 if no logprob is asked
  float rawMax = 0;
  int32_t finite = 0;
};

int64_t Sampler::largestExchange(const Shape &shape) {
  const int64_t listed = std::min(shape.vocabLocal, kMostListed);
  const int64_t record =
      shape.maxRows * int64_t(sizeof(Summary) + size_t(listed) * sizeof(Candidate));
  return std::max(record, shape.vocabLocal * int64_t(sizeof(float)));
}

Status Sampler::create(const Shape &given) {
  shape = given;
  firstToken = static_cast<int32_t>(shape.part * shape.vocabLocal);
  MXS_TRY(past.create(shape.slots, shape.capacity));
  const size_t local = static_cast<size_t>(shape.vocabLocal);
  const size_t parts = static_cast<size_t>(shape.parts);
  top.create(shape.vocabLocal * shape.parts);
  filter.create(shape.vocabLocal * shape.parts, shape.parts);
  lists.reserve(parts);
  seen.assign(local, 0);
  const size_t record = static_cast<size_t>(largestExchange(shape));
  // Plain arrays: pages of the worst case that no step needs are never touched.
  scratch.reset(new float[local]);
  whole.reset(new float[local * parts]);
  sorted.reset(new Candidate[local * parts]);
  own.reset(new uint8_t[record]);
  all.reset(new uint8_t[record * parts]);
  return okStatus();
}

//===----------------------------------------------------------------------===//
// One part of one row
//===----------------------------------------------------------------------===//

void Sampler::penalize(const SampledRow &row, float *logits) {
  const int32_t *tokens = past.tokens(row.slot);
  const float penalty = row.sampling.repetition_penalty;
  if (++epoch == 0) { // after 2^32 rows: marks of the first ones must not come alive
    std::fill(seen.begin(), seen.end(), 0);
    epoch = 1;
  }
  for (int64_t i = 0; i < row.length; ++i) {
    const int64_t local = int64_t(tokens[i]) - firstToken;
    if (local < 0 || local >= shape.vocabLocal || seen[static_cast<size_t>(local)] == epoch)
      continue;
    seen[static_cast<size_t>(local)] = epoch;
    logits[local] = logits[local] > 0 ? logits[local] / penalty : logits[local] * penalty;
  }
}

/// This part's logits with penalty and temperature; valid until the next call.
const float *Sampler::processed(const SampledRow &row) {
  const bool scaled = !isGreedy(row.sampling) && row.sampling.temperature != 1.0f;
  if (!scaled && !hasPenalty(row.sampling))
    return row.logits;
  std::copy_n(row.logits, shape.vocabLocal, scratch.get());
  if (hasPenalty(row.sampling))
    penalize(row, scratch.get());
  if (scaled)
    for (int64_t i = 0; i < shape.vocabLocal; ++i)
      scratch[i] /= row.sampling.temperature;
  return scratch.get();
}

int64_t Sampler::listedOf(const mxs_sampling_t &sampling) const {
  if (!isFiltered(sampling))
    return 0;
  const int64_t wanted = sampling.top_k > 0 ? std::min<int64_t>(sampling.top_k, kMostListed) : kListed;
  return std::min(wanted, shape.vocabLocal);
}

Sampler::Summary Sampler::summarize(const SampledRow &row, Candidate *listed) {
  Summary summary;
  const float *logits = processed(row);
  RowPeak peak = findPeak(logits, shape.vocabLocal);
  summary.finite = peak.finite;
  if (!peak.finite)
    return summary;
  summary.max = peak.max;
  summary.argmax = firstToken + static_cast<int32_t>(peak.index);
  if (!isGreedy(row.sampling))
    summary.mass = sumOfExp(logits, shape.vocabLocal, peak.max);
  if (row.sampling.logprob) {
    if (logits != row.logits)
      peak = findPeak(row.logits, shape.vocabLocal);
    summary.rawMax = peak.max;
    summary.rawMass = sumOfExp(row.logits, shape.vocabLocal, peak.max);
  }
  top.find(logits, shape.vocabLocal, firstToken, listedOf(row.sampling), listed);
  return summary;
}

//===----------------------------------------------------------------------===//
// All parts
//===----------------------------------------------------------------------===//

static bool needsGroup(const mxs_sampling_t &sampling) {
  return !isGreedy(sampling) || sampling.logprob;
}

/// The float64 number of `values` with each part's exponent brought to the common maximum.
static double rescaled(double mass, float from, float to) {
  return mass * std::exp(double(from) - double(to));
}

Status Sampler::pick(const std::vector<SampledRow> &rows, const Exchange &exchange,
                     std::vector<Pick> &picks) {
  picks.assign(rows.size(), Pick());
  const bool together = std::any_of(rows.begin(), rows.end(), [](const SampledRow &row) {
    return needsGroup(row.sampling);
  });
  const int64_t listsAt = int64_t(rows.size() * sizeof(Summary));
  int64_t recordBytes = listsAt;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Summary summary =
        summarize(rows[i], reinterpret_cast<Candidate *>(own.get() + recordBytes));
    std::memcpy(own.get() + i * sizeof summary, &summary, sizeof summary);
    recordBytes += listedOf(rows[i].sampling) * int64_t(sizeof(Candidate));
    if (!together)
      picks[i] = {summary.finite ? summary.argmax : Pick::kNotFinite, summary.max, NAN};
  }
  if (!together)
    return okStatus();
  MXS_TRY(exchange(own.get(), all.get(), recordBytes));
  int64_t listAt = listsAt;
  for (size_t i = 0; i < rows.size(); ++i) {
    MXS_TRY(decide(rows[i], exchange, i, listAt, recordBytes, picks[i]));
    listAt += listedOf(rows[i].sampling) * int64_t(sizeof(Candidate));
  }
  return okStatus();
}

Sampler::Summary Sampler::summaryOf(int part, size_t index, int64_t recordBytes) const {
  Summary summary;
  std::memcpy(&summary, all.get() + part * recordBytes + index * sizeof summary, sizeof summary);
  return summary;
}

Status Sampler::decide(const SampledRow &row, const Exchange &exchange, size_t index,
                       int64_t listAt, int64_t recordBytes, Pick &pick) {
  pick = {Pick::kElsewhere, -INFINITY, NAN};
  Summary best = summaryOf(0, index, recordBytes);
  bool finite = best.finite;
  float rawMax = best.rawMax;
  for (int part = 1; part < shape.parts; ++part) {
    const Summary summary = summaryOf(part, index, recordBytes);
    finite = finite && summary.finite;
    rawMax = std::max(rawMax, summary.rawMax);
    if (summary.max > best.max) // of equal ones the lower id: it is in the lower part
      best = summary;
  }
  if (!finite) {
    pick.token = Pick::kNotFinite;
    return okStatus();
  }
  RowMass mass{best.max, 0};
  double rawMass = 0;
  for (int part = 0; part < shape.parts; ++part) {
    const Summary summary = summaryOf(part, index, recordBytes);
    mass.mass += rescaled(summary.mass, summary.max, mass.max);
    rawMass += rescaled(summary.rawMass, summary.rawMax, rawMax);
  }
  const double uniform =
      uniformAt(row.sampling.seed, static_cast<uint64_t>(row.length));
  int32_t token = best.argmax;
  if (isFiltered(row.sampling))
    MXS_TRY(drawFiltered(row, exchange, mass, uniform, listAt, recordBytes, token));
  else if (!isGreedy(row.sampling))
    token = drawPlain(row, mass, uniform, index, recordBytes);
  if (token < firstToken || token >= firstToken + shape.vocabLocal)
    return okStatus();
  pick.token = token;
  pick.value = 0; // no other rank has a token
  if (row.sampling.logprob)
    pick.logprob =
        static_cast<float>(double(row.logits[token - firstToken]) - rawMax - std::log(rawMass));
  return okStatus();
}

int32_t Sampler::drawPlain(const SampledRow &row, const RowMass &mass, double uniform, size_t index,
                           int64_t recordBytes) {
  double target = uniform * mass.mass;
  for (int part = 0; part < shape.parts; ++part) {
    const Summary summary = summaryOf(part, index, recordBytes);
    const double share = rescaled(summary.mass, summary.max, mass.max);
    // The sum was built in this order, so the last part with a share is reached at the latest.
    if (target >= share && part + 1 < shape.parts) {
      target -= share;
      continue;
    }
    if (part != shape.part)
      return Pick::kElsewhere;
    const double own = rescaled(target, mass.max, summary.max);
    return firstToken + static_cast<int32_t>(
                            findMass(processed(row), shape.vocabLocal, summary.max, own));
  }
  return Pick::kElsewhere;
}

Status Sampler::drawFiltered(const SampledRow &row, const Exchange &exchange, const RowMass &mass,
                             double uniform, int64_t listAt, int64_t recordBytes, int32_t &token) {
  const int64_t listed = listedOf(row.sampling);
  lists.clear();
  for (int part = 0; part < shape.parts; ++part)
    lists.push_back({reinterpret_cast<const Candidate *>(all.get() + part * recordBytes + listAt),
                     listed, listed == shape.vocabLocal});
  token = filter.draw(row.sampling, lists, mass, uniform);
  return token >= 0 ? okStatus() : drawFromAll(row, exchange, mass, uniform, token);
}

Status Sampler::drawFromAll(const SampledRow &row, const Exchange &exchange, const RowMass &mass,
                            double uniform, int32_t &token) {
  MXS_TRY(exchange(processed(row), whole.get(), shape.vocabLocal * int64_t(sizeof(float))));
  const int64_t vocab = shape.vocabLocal * shape.parts;
  for (int64_t count = std::min(vocab, 4 * kListed);; count = std::min(vocab, 4 * count)) {
    top.find(whole.get(), vocab, 0, count, sorted.get());
    lists.assign(1, {sorted.get(), count, count == vocab});
    token = filter.draw(row.sampling, lists, mass, uniform);
    if (token >= 0)
      return okStatus();
    if (count == vocab)
      return internalError("no token is left by the filters of a sequence");
  }
}
