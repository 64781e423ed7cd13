//===- UnitsTest.cpp - Numbers with a unit --------------------------------===//
#include "mixserve/Plan/Units.h"

#include <gtest/gtest.h>

using namespace mixserve::planner;

namespace {

double read(const std::string &text, Quantity quantity) {
  std::string error;
  const auto value = parseQuantity(text, quantity, error);
  EXPECT_TRUE(value) << error;
  return value.value_or(-1);
}

TEST(Units, EveryFamilyIsReadIntoTheBaseUnit) {
  EXPECT_DOUBLE_EQ(read("50GB/s", Quantity::Bandwidth), 50);
  EXPECT_DOUBLE_EQ(read("1GiB/s", Quantity::Bandwidth), 1.073741824);
  EXPECT_DOUBLE_EQ(read("400 Gbit/s", Quantity::Bandwidth), 50);
  EXPECT_DOUBLE_EQ(read("3.35TB/s", Quantity::Bandwidth), 3350);
  EXPECT_DOUBLE_EQ(read("5us", Quantity::Time), 5000);
  EXPECT_DOUBLE_EQ(read("0ns", Quantity::Time), 0);
  EXPECT_DOUBLE_EQ(read("80GiB", Quantity::Size), 85899345920.);
  EXPECT_DOUBLE_EQ(read("989TFLOP/s", Quantity::Compute), 989000);
  EXPECT_DOUBLE_EQ(read("1e3 ms", Quantity::Time), 1e9);
}

TEST(Units, EverythingElseIsRefused) {
  std::string error;
  EXPECT_FALSE(parseQuantity("50", Quantity::Bandwidth, error));
  EXPECT_EQ(error.rfind("'50' has no unit; add one of MB/s, GB/s", 0), 0u) << error;
  EXPECT_FALSE(parseQuantity("50Gb/s", Quantity::Bandwidth, error));
  EXPECT_EQ(error.rfind("'50Gb/s': unit 'Gb/s' is not known here; use one of", 0), 0u) << error;
  for (const char *text :
       {"", "GB/s", "-5us", "+5us", "inf us", "nanus", "0x10us", "1e999us", " 5us", "5us us"})
    EXPECT_FALSE(parseQuantity(text, Quantity::Time, error)) << text;
}

TEST(Units, TimesAndSizesArePrintedWithThreeDigits) {
  EXPECT_EQ(formatTime(12.34), "12.3 ns");
  EXPECT_EQ(formatTime(123456), "123 us");
  EXPECT_EQ(formatTime(1.5e9), "1.50 s");
  EXPECT_EQ(formatSize(512), "512 B");
  EXPECT_EQ(formatSize(85899345920.), "80.0 GiB");
}

TEST(Units, EditDistance) {
  EXPECT_EQ(editDistance("latency", "latancy"), 1);
  EXPECT_EQ(editDistance("", "abc"), 3);
  EXPECT_EQ(editDistance("same", "same"), 0);
}

} // namespace
