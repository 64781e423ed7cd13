//===- LogitsRow.cpp ------------------------------------------------------------------------===//
#include "sample/LogitsRow.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mxs;

static constexpr int kLanes = 16;
/// Elements whose exponentials are summed in float32 before the sum goes on in float64.
static constexpr int64_t kSumBlock = 256;
/// Elements of which TopCandidates looks at the largest first.
static constexpr int64_t kTopBlock = 64;

static float maxOf(const float *row, int64_t n) {
  float best[kLanes];
  std::fill_n(best, kLanes, -INFINITY);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int j = 0; j < kLanes; ++j)
      best[j] = row[i + j] > best[j] ? row[i + j] : best[j];
  for (; i < n; ++i)
    best[0] = std::max(best[0], row[i]);
  return *std::max_element(best, best + kLanes);
}

static bool allFinite(const float *row, int64_t n) {
  float zero[kLanes] = {}; // v - v is 0, or NaN where v is NaN or infinite; NaN stays in the sum
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int j = 0; j < kLanes; ++j)
      zero[j] += row[i + j] - row[i + j];
  for (; i < n; ++i)
    zero[0] += row[i] - row[i];
  return std::all_of(zero, zero + kLanes, [](float z) { return z == 0.0f; });
}

RowPeak mxs::findPeak(const float *row, int64_t n) {
  RowPeak peak;
  peak.finite = allFinite(row, n);
  if (!peak.finite)
    return peak;
  peak.max = maxOf(row, n);
  int64_t block = 0;
  for (; block + kLanes <= n; block += kLanes) {
    int hits = 0;
    for (int j = 0; j < kLanes; ++j)
      hits += row[block + j] == peak.max;
    if (hits)
      break;
  }
  peak.index = std::find(row + block, row + n, peak.max) - row;
  return peak;
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// exp(x) for x <= 0 as 2^n * p(r), x = n ln2 + r; p is the polynomial of Cephes' expf. Results
/// below 1e-37 are returned as about that.
static inline float expOfNegative(float x) {
  x = x < -86.0f ? -86.0f : x;
  const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f; // to the nearest whole number
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;   // ln2 in two parts
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) * (1 << 23);
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

static double blockSum(const float *row, int64_t n, float max) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int j = 0; j < kLanes; ++j)
      lanes[j] += expOfNegative(row[i + j] - max);
  for (; i < n; ++i)
    lanes[0] += expOfNegative(row[i] - max);
  double sum = 0;
  for (float lane : lanes)
    sum += lane;
  return sum;
}

double mxs::sumOfExp(const float *row, int64_t n, float max) {
  double sum = 0;
  for (int64_t i = 0; i < n; i += kSumBlock)
    sum += blockSum(row + i, std::min(kSumBlock, n - i), max);
  return sum;
}

int64_t mxs::findMass(const float *row, int64_t n, float max, double target) {
  double sum = 0;
  int64_t begin = 0;
  for (; begin + kSumBlock < n; begin += kSumBlock) {
    const double block = blockSum(row + begin, kSumBlock, max);
    if (sum + block > target)
      break;
    sum += block;
  }
  const int64_t end = std::min(n, begin + kSumBlock);
  for (int64_t i = begin; i < end; ++i) {
    sum += expOfNegative(row[i] - max);
    if (sum > target)
      return i;
  }
  return end - 1; // the block's sum was taken in another order and is larger by a rounding
}

//===----------------------------------------------------------------------===//
// Largest elements
//===----------------------------------------------------------------------===//

void TopCandidates::create(int64_t capacity) {
  blockMax.reserve(static_cast<size_t>((capacity + kTopBlock - 1) / kTopBlock));
  ranked.reserve(blockMax.capacity());
  pool.reserve(static_cast<size_t>(capacity));
}

/// A bound that at least `count` elements reach: the largest ones of `count` blocks do.
float TopCandidates::thresholdOf(int64_t count) {
  if (count > static_cast<int64_t>(blockMax.size()))
    return -INFINITY;
  ranked.assign(blockMax.begin(), blockMax.end());
  const auto nth = ranked.begin() + (count - 1);
  std::nth_element(ranked.begin(), nth, ranked.end(), [](float a, float b) { return a > b; });
  return *nth;
}

void TopCandidates::find(const float *row, int64_t n, int32_t firstToken, int64_t count,
                         Candidate *out) {
  if (count == 0)
    return;
  blockMax.clear();
  for (int64_t i = 0; i < n; i += kTopBlock)
    blockMax.push_back(maxOf(row + i, std::min(kTopBlock, n - i)));
  const float threshold = thresholdOf(count);
  pool.clear();
  for (size_t block = 0; block < blockMax.size(); ++block) {
    if (blockMax[block] < threshold)
      continue;
    const int64_t begin = static_cast<int64_t>(block) * kTopBlock;
    for (int64_t i = begin; i < std::min(n, begin + kTopBlock); ++i)
      if (row[i] >= threshold)
        pool.push_back({row[i], firstToken + static_cast<int32_t>(i)});
  }
  const auto before = [](const Candidate &a, const Candidate &b) { return a.before(b); };
  std::nth_element(pool.begin(), pool.begin() + (count - 1), pool.end(), before);
  std::sort(pool.begin(), pool.begin() + count, before);
  std::copy_n(pool.begin(), count, out);
}
