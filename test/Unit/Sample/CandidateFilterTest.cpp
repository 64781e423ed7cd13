//===- CandidateFilterTest.cpp - Filters against transformers and a plain sort -----------------===//
#include "core/MappedFile.h"
#include "sample/CandidateFilter.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

using namespace mxs;
using nlohmann::json;

namespace {

mxs_sampling_t fromJson(const json &settings) {
  mxs_sampling_t s{};
  s.temperature = settings.value("temperature", 1.0f);
  s.top_k = settings.value("top_k", 0);
  s.top_p = settings.value("top_p", 0.0f);
  s.min_p = settings.value("min_p", 0.0f);
  s.repetition_penalty = settings.value("repetition_penalty", 0.0f);
  return s;
}

/// All candidates of a row, sorted.
std::vector<Candidate> sorted(const std::vector<float> &row, int32_t first = 0) {
  std::vector<Candidate> all;
  for (size_t i = 0; i < row.size(); ++i)
    all.push_back({row[i], first + int32_t(i)});
  std::sort(all.begin(), all.end(),
            [](const Candidate &a, const Candidate &b) { return a.before(b); });
  return all;
}

RowMass massOf(const std::vector<float> &row) {
  RowMass mass{*std::max_element(row.begin(), row.end()), 0};
  for (float value : row)
    mass.mass += std::exp(double(value) - double(mass.max));
  return mass;
}

std::vector<int32_t> keptTokens(const CandidateFilter &filter) {
  std::vector<int32_t> tokens;
  for (const Candidate &candidate : filter.kept())
    tokens.push_back(candidate.token);
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

// What transformers' processors keep, on logits that are processed by the test in plain words.
TEST(CandidateFilter, KeepsWhatTransformersKeeps) {
  std::string text;
  const std::string path =
      std::string(std::getenv("MIXSERVE_SOURCE_DIR")) + "/test/Unit/Sample/warpers.json";
  ASSERT_TRUE(readFile(path, 1 << 22, text).ok()) << path;
  CandidateFilter filter;
  filter.create(64, 1);
  int compared = 0;
  for (const json &item : json::parse(text)) {
    const mxs_sampling_t sampling = fromJson(item["settings"]);
    std::vector<float> row = item["logits"];
    std::vector<bool> met(row.size());
    for (size_t token : item["history"].get<std::vector<size_t>>())
      met[token] = true;
    for (size_t i = 0; i < row.size(); ++i) {
      if (met[i] && sampling.repetition_penalty > 0)
        row[i] = row[i] > 0 ? row[i] / sampling.repetition_penalty
                            : row[i] * sampling.repetition_penalty;
      row[i] /= sampling.temperature;
    }
    if (!isFiltered(sampling))
      continue;
    const std::vector<Candidate> all = sorted(row);
    const std::vector<CandidateList> lists = {{all.data(), int64_t(all.size()), true}};
    ASSERT_GE(filter.draw(sampling, lists, massOf(row), 0.0), 0);
    EXPECT_EQ(keptTokens(filter), item["kept"].get<std::vector<int32_t>>()) << item["settings"];
    ++compared;
  }
  EXPECT_GE(compared, 30);
}

/// The filters as a sentence each, on the whole sorted row, in float64.
std::vector<std::pair<int32_t, double>> reference(const mxs_sampling_t &s,
                                                  const std::vector<float> &row) {
  const std::vector<Candidate> all = sorted(row);
  std::vector<std::pair<int32_t, double>> kept;
  for (const Candidate &candidate : all)
    kept.emplace_back(candidate.token, std::exp(double(candidate.logit) - double(all[0].logit)));
  kept.erase(std::remove_if(kept.begin(), kept.end(),
                            [&](const auto &item) { return item.second < double(s.min_p); }),
             kept.end());
  if (s.top_k > 0 && kept.size() > size_t(s.top_k))
    kept.resize(size_t(s.top_k));
  if (limitsMass(s)) {
    double total = 0, before = 0;
    for (const auto &item : kept)
      total += item.second;
    size_t count = 0;
    while (count < kept.size() && (count == 0 || before < double(s.top_p) * total))
      before += kept[count++].second;
    kept.resize(count);
  }
  return kept;
}

TEST(CandidateFilter, RandomRowsInParts) {
  std::mt19937 engine(17);
  auto pick = [&](std::vector<double> choices) { return choices[engine() % choices.size()]; };
  CandidateFilter filter;
  filter.create(300, 4);
  int tooShort = 0;
  for (int round = 0; round < 3000; ++round) {
    const int parts = int(pick({1, 2, 3, 4})), local = int(pick({1, 5, 64}));
    mxs_sampling_t s{};
    s.temperature = 1;
    s.top_k = int32_t(pick({0, 0, 1, 3, 50, 1000}));
    s.top_p = float(pick({0, 0, 0.01, 0.5, 0.9, 0.999, 1}));
    s.min_p = float(pick({0, 0, 0.001, 0.1, 1}));
    if (!isFiltered(s))
      continue;
    std::normal_distribution<float> normal(0.0f, float(pick({0.01, 1, 8})));
    std::vector<float> row(size_t(parts * local));
    for (float &value : row)
      value = round % 3 ? normal(engine) : std::round(normal(engine)); // ties too
    // Each part names only its first few.
    const int64_t named = 1 + int64_t(engine() % size_t(local));
    std::vector<std::vector<Candidate>> items;
    std::vector<CandidateList> lists;
    for (int part = 0; part < parts; ++part) {
      const auto begin = row.begin() + part * local;
      items.push_back(sorted({begin, begin + local}, part * local));
    }
    for (const auto &list : items)
      lists.push_back({list.data(), named, named == local});
    const double uniform = double(engine()) / 4294967296.0;
    const int32_t token = filter.draw(s, lists, massOf(row), uniform);
    if (token < 0) {
      ++tooShort;
      ASSERT_LT(named, local) << "whole lists always suffice";
      continue;
    }
    const auto expected = reference(s, row);
    ASSERT_EQ(filter.kept().size(), expected.size()) << round;
    double total = 0, sum = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(filter.kept()[i].token, expected[i].first);
      total += expected[i].second;
    }
    size_t at = 0;
    while (at + 1 < expected.size() && (sum += expected[at].second) <= uniform * total)
      ++at;
    ASSERT_EQ(token, expected[at].first);
  }
  EXPECT_GT(tooShort, 100) << "the rounds must meet lists that are too short";
}

TEST(Sampling, Ranges) {
  mxs_sampling_t good{};
  EXPECT_TRUE(checkSampling(good).ok());
  good = {0.7f, 40, 0.9f, 0.05f, 1.1f, 1, 7};
  EXPECT_TRUE(checkSampling(good).ok());
  const auto refused = [](auto change, const char *field) {
    mxs_sampling_t s{};
    change(s);
    const Status status = checkSampling(s);
    EXPECT_EQ(status.code(), MXS_INVALID_ARGUMENT) << field;
    EXPECT_NE(status.message().find(field), std::string::npos) << status.message();
  };
  for (float bad : {-1.0f, NAN, INFINITY}) {
    refused([&](auto &s) { s.temperature = bad; }, "temperature");
    refused([&](auto &s) { s.top_p = bad; }, "top_p");
    refused([&](auto &s) { s.min_p = bad; }, "min_p");
    refused([&](auto &s) { s.repetition_penalty = bad; }, "repetition_penalty");
  }
  refused([](auto &s) { s.top_p = 1.5f; }, "top_p");
  refused([](auto &s) { s.min_p = 1.5f; }, "min_p");
  refused([](auto &s) { s.top_k = -1; }, "top_k");
  // Finite, but logits that they multiply or divide are not.
  for (float bad : {1e-38f, 1e-3f, 101.0f, 3e38f})
    refused([&](auto &s) { s.repetition_penalty = bad; }, "repetition_penalty");
  refused([](auto &s) { s.repetition_penalty = 1e-38f; },
          "is 1e-38, expected [0.01, 100], or 0 (off)");
  for (float fine : {0.0f, 0.01f, 1.0f, 100.0f}) {
    good.repetition_penalty = fine;
    EXPECT_TRUE(checkSampling(good).ok()) << fine;
  }
}

} // namespace
