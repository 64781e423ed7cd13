//===- LogitsRow.h - Passes over one rank's part of a row of logits ------------------*- C++ -*-===//
//
// A vocabulary has 10^5 entries and a step many rows, so these loops are written for the
// vectoriser: independent lanes, no branches inside. Their results depend on the row alone.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_SAMPLE_LOGITSROW_H
#define MIXSERVE_RUNTIME_SAMPLE_LOGITSROW_H

#include <cstdint>
#include <vector>

namespace mxs {

struct RowPeak {
  float max = 0;
  int64_t index = 0;   ///< the first one that holds `max`
  bool finite = false; ///< whether every element is; `max` and `index` mean nothing otherwise
};
/// `n` > 0.
RowPeak findPeak(const float *row, int64_t n);

/// Sum of exp(row[i] - max), `max` being at least every element. Relative error below 1e-6.
double sumOfExp(const float *row, int64_t n, float max);

/// The first index whose cumulative sum of exp(row[i] - max) exceeds `target`, which lies in
/// [0, sumOfExp(row, n, max)); rounding never leads past the last index.
int64_t findMass(const float *row, int64_t n, float max, double target);

/// A token and its (processed) logit. Ordered by falling logit; of equal ones the lower id first.
struct Candidate {
  float logit;
  int32_t token;

  bool before(const Candidate &other) const {
    return logit > other.logit || (logit == other.logit && token < other.token);
  }
};

/// Finds the largest elements of rows of at most `capacity`, without allocating after create.
class TopCandidates {
public:
  void create(int64_t capacity);

  /// The `count` first candidates of row[0..n), whose element i is token firstToken + i, sorted
  /// into `out`. 0 <= count <= n.
  void find(const float *row, int64_t n, int32_t firstToken, int64_t count, Candidate *out);

private:
  float thresholdOf(int64_t count);

  std::vector<float> blockMax, ranked;
  std::vector<Candidate> pool;
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_SAMPLE_LOGITSROW_H
