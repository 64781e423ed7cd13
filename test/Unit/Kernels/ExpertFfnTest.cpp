//===- ExpertFfnTest.cpp - Experts and linears of every set against double precision ---------===//
#include "PackedWeights.h"

#include "kernels/cpu/ExpertFfn.h"
#include "kernels/cpu/PackedLinear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace mxs;
using namespace mxs::cpu;
using namespace mxs::test;

namespace {

/// Rows with their K choices of E experts.
struct Routed {
  int64_t rows, topK;
  std::vector<float> x, weights;
  std::vector<int32_t> ids;
};

/// Different experts per row; `hot` of them are the choice of all rows that can take them.
Routed route(int64_t rows, int64_t hidden, int64_t experts, int64_t topK, bool hot, unsigned seed) {
  Routed r{rows, topK, randomFloats(rows * hidden, seed), randomFloats(rows * topK, seed + 1), {}};
  std::mt19937 engine(seed);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<int32_t> all(experts);
    for (int64_t e = 0; e < experts; ++e)
      all[e] = static_cast<int32_t>(e);
    if (!hot)
      std::shuffle(all.begin(), all.end(), engine);
    r.ids.insert(r.ids.end(), all.begin(), all.begin() + topK);
  }
  return r;
}

struct Experts {
  Experts(mxs_weight_type_t type, int64_t experts, int64_t hidden, int64_t ffn, int64_t group)
      : gate(type, experts, ffn, hidden, group, 100), up(type, experts, ffn, hidden, group, 200),
        down(type, experts, hidden, ffn, group, 300) {}
  PackedWeights gate, up, down;
};

/// What `call` must give, and the size of the terms behind each output.
void reference(const Experts &w, const ExpertFfnCall &call, std::vector<double> &out,
               std::vector<double> &sizes) {
  const int64_t hidden = w.gate.handle().k, ffn = w.gate.handle().n;
  out.assign(call.rows * hidden, 0.0);
  sizes = out;
  for (int64_t row = 0; row < call.rows; ++row)
    for (int64_t k = 0; k < call.topK; ++k) {
      const int64_t e = call.ids[row * call.topK + k] - call.firstExpert;
      if (e < 0 || e >= w.gate.handle().matrices)
        continue;
      std::vector<double> mid(ffn);
      for (int64_t f = 0; f < ffn; ++f) {
        double g = 0, u = 0;
        for (int64_t h = 0; h < hidden; ++h) {
          g += double(call.x[row * hidden + h]) * w.gate.value(e, f, h);
          u += double(call.x[row * hidden + h]) * w.up.value(e, f, h);
        }
        mid[f] = g / (1 + std::exp(-g)) * u;
      }
      for (int64_t h = 0; h < hidden; ++h) {
        double y = 0, size = 0;
        for (int64_t f = 0; f < ffn; ++f) {
          y += mid[f] * w.down.value(e, h, f);
          size += std::fabs(mid[f] * w.down.value(e, h, f));
        }
        out[row * hidden + h] += call.weights[row * call.topK + k] * y;
        sizes[row * hidden + h] += std::fabs(call.weights[row * call.topK + k]) * size;
      }
    }
}

class Ffn : public testing::TestWithParam<std::tuple<Isa, mxs_weight_type_t>> {
protected:
  void SetUp() override {
    if (!isaSupported(std::get<0>(GetParam())))
      GTEST_SKIP() << "this processor has no " << isaName(std::get<0>(GetParam()));
    ASSERT_TRUE(Engine::create(std::get<0>(GetParam()), engine).ok());
  }

  std::vector<float> run(ThreadPool &pool, const Experts &w, const Routed &r, int32_t firstExpert) {
    const int64_t hidden = w.gate.handle().k;
    std::vector<float> out(r.rows * hidden, NAN);
    EXPECT_TRUE(expertFfn(engine, pool, space, call(w, r, firstExpert, out.data())).ok());
    return out;
  }

  static ExpertFfnCall call(const Experts &w, const Routed &r, int32_t firstExpert, float *out) {
    return {r.x.data(),  r.weights.data(), r.ids.data(),   r.rows,           r.topK,
            firstExpert, &w.gate.handle(), &w.up.handle(), &w.down.handle(), out};
  }

  Engine engine;
  Workspace space;
};

TEST_P(Ffn, MatchesDoublePrecision) {
  const mxs_weight_type_t type = std::get<1>(GetParam());
  struct Shape {
    int64_t rows, hidden, ffn, experts, topK;
    bool hot;
    int32_t firstExpert;
  };
  // Local experts are the 5 from `firstExpert` on; some have no row, one may have all.
  for (const Shape &s : {Shape{0, 64, 64, 5, 2, false, 0}, Shape{1, 64, 48, 8, 3, false, 2},
                         Shape{3, 100, 70, 5, 1, false, 0}, Shape{17, 33, 65, 9, 4, false, 4},
                         Shape{40, 200, 24, 6, 5, true, 1}, Shape{230, 72, 40, 8, 2, true, 0},
                         // The last column blocks of H are cut into ranges of rows.
                         Shape{110, 940, 24, 6, 2, false, 0},
                         // Column blocks enough that a task takes several.
                         Shape{3, 40, 1300, 5, 5, true, 0}, Shape{30, 40, 1300, 5, 5, true, 0}}) {
    SCOPED_TRACE(testing::Message() << s.rows << " rows, H " << s.hidden << ", F " << s.ffn);
    const Experts w(type, 5, s.hidden, s.ffn, 32);
    const Routed r = route(s.rows, s.hidden, s.experts, s.topK, s.hot, 5);
    ThreadPool pool(3);
    const std::vector<float> out = run(pool, w, r, s.firstExpert);
    std::vector<double> expected, sizes;
    reference(w, call(w, r, s.firstExpert, nullptr), expected, sizes);
    // Relative to the terms of a sum: float32 sums; rows rounded twice to 8 bits of mantissa, or to
    // int8 with the largest of 32 as scale.
    const RowForm form = engine.kernels().form[type];
    const double bound = form == RowForm::F32 ? 2e-5 : form == RowForm::Bf16 ? 2e-2 : 5e-2;
    double error = 0, total = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_FALSE(std::isnan(out[i]));
      if (form == RowForm::F32) {
        ASSERT_NEAR(out[i], expected[i], bound * sizes[i] + 1e-6) << i;
      }
      error += (out[i] - expected[i]) * (out[i] - expected[i]);
      total += expected[i] * expected[i];
    }
    EXPECT_LE(std::sqrt(error), bound * std::sqrt(total) + 1e-30);
  }
}

TEST_P(Ffn, SameBitsForAnyThreadsAndNeighbours) {
  const mxs_weight_type_t type = std::get<1>(GetParam());
  for (const int64_t hidden : {130, 1000}) {
    const int64_t rows = 210;
    const Experts w(type, 4, hidden, 96, 32);
    const Routed r = route(rows, hidden, 6, 3, false, 6);
    ThreadPool one(1), four(4);
    const std::vector<float> out = run(one, w, r, 1);
    EXPECT_EQ(std::memcmp(out.data(), run(four, w, r, 1).data(), out.size() * sizeof(float)), 0);
    for (int64_t row : {0, 1, 100, 209}) {
      Routed alone{1,
                   3,
                   {r.x.begin() + row * hidden, r.x.begin() + (row + 1) * hidden},
                   {r.weights.begin() + row * 3, r.weights.begin() + row * 3 + 3},
                   {r.ids.begin() + row * 3, r.ids.begin() + row * 3 + 3}};
      EXPECT_EQ(std::memcmp(out.data() + row * hidden, run(four, w, alone, 1).data(),
                            hidden * sizeof(float)),
                0)
          << row;
    }
  }
}

TEST_P(Ffn, RefusesAnExpertTwice) {
  const Experts w(std::get<1>(GetParam()), 2, 64, 64, 32);
  Routed r = route(4, 64, 2, 2, false, 8);
  r.topK = 3; // more choices than experts: one comes twice
  r.rows = 2;
  r.ids = {0, 1, 1, 1, 0, 0};
  std::vector<float> out(2 * 64);
  ThreadPool pool(1);
  EXPECT_EQ(expertFfn(engine, pool, space, call(w, r, 0, out.data())).code(), MXS_INTERNAL);
}

TEST_P(Ffn, LinearMatchesDoublePrecision) {
  const mxs_weight_type_t type = std::get<1>(GetParam());
  for (auto [rows, n, k] :
       {std::tuple{0, 8, 8}, {1, 130, 33}, {5, 64, 64}, {200, 70, 31}, {3, 4200, 20}}) {
    const PackedWeights w(type, 2, n, k, 128, 17);
    const std::vector<float> x = randomFloats(rows * k, 18);
    std::vector<float> y(rows * n + 1, NAN);
    ThreadPool pool(2);
    packedLinear(engine, pool, space, x.data(), w.handle(), 1, y.data(), rows);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t c = 0; c < n; ++c) {
        double expected = 0, sizes = 0;
        for (int64_t i = 0; i < k; ++i) {
          expected += double(x[row * k + i]) * w.value(1, c, i);
          sizes += std::fabs(double(x[row * k + i]) * w.value(1, c, i));
        }
        const RowForm form = engine.kernels().form[type];
        const double rounding = form == RowForm::F32    ? 0.0
                                : form == RowForm::Bf16 ? sizes / 512
                                                        : double(k) / 254;
        ASSERT_NEAR(y[row * n + c], expected, 6e-8 * sizes * double(k + 2) + rounding);
      }
    EXPECT_TRUE(std::isnan(y.back()));
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Ffn,
                         testing::Combine(testing::ValuesIn(kAllIsas),
                                          testing::Values(MXS_WEIGHT_F32, MXS_WEIGHT_BF16,
                                                          MXS_WEIGHT_I8, MXS_WEIGHT_I4)),
                         [](const auto &info) {
                           return std::string(isaName(std::get<0>(info.param))) + "_" +
                                  mxs_weight_type_name(std::get<1>(info.param));
                         });

} // namespace
