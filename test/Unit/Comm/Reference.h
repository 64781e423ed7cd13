//===- Reference.h - What each collective must give, by scalar loops ------------------*- C++ -*-===//
#ifndef MIXSERVE_TEST_UNIT_COMM_REFERENCE_H
#define MIXSERVE_TEST_UNIT_COMM_REFERENCE_H

#include "Scenario.h"

namespace mxs::test {

/// Sum over `rank`'s attention group: ascending device, then ascending node.
float attentionSum(const Scenario &s, int rank, int64_t row, int64_t h);

enum class Method { AllGather, FlatEp, HierEp, Hybrid };
/// The row that comes home, in the method's order of sums.
float combined(const Scenario &s, Method method, int64_t row, int64_t h);
/// x of a row as `rank` has it after the method's dispatch (and gather).
float received(const Scenario &s, Method method, int rank, int64_t row, int64_t h);
/// How far the wire type may move `combined` from the sum in double.
double roundingOf(const Scenario &s, int64_t row, int64_t h);
/// The same sum in double.
double combinedExact(const Scenario &s, int64_t row, int64_t h);
/// Whether `rank` has the row after the method's dispatch (and gather).
bool arrives(const Scenario &s, Method method, int rank, int64_t row);

} // namespace mxs::test

#endif // MIXSERVE_TEST_UNIT_COMM_REFERENCE_H
