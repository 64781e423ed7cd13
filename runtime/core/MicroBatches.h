//===- MicroBatches.h - A step in two halves -----------------------------------*- C++ -*-===//
//
// While one half of a step's rows is on its way between nodes, the ranks compute the other half
// (two-batch overlap). Every prompt of the step is cut: the early half has its first tokens, the
// late one the rest, so that all tokens that are asked for, and all sequences that generate, are in
// the late half. In every layer a rank's late half attends after its early half has written keys
// and values.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_MICROBATCHES_H
#define MIXSERVE_RUNTIME_CORE_MICROBATCHES_H

#include "core/Batch.h"

namespace mxs {

/// The streams (World) of the halves. Steps in one piece run in that of the late half.
inline constexpr int kLateStream = 0, kEarlyStream = 1;

/// Cuts `whole`, which was checked, so that of each attention group's rows half are in `early`, or
/// as many as its prompts have to give. False, and the halves are unspecified: less than a quarter
/// of the rows would be early (steps of sequences that generate, most of all), which hides little
/// and reads the weights twice; or a sequence asks logits of several rows, or routing is recorded,
/// which come from one piece. Allocates nothing if both were reserved.
bool splitBatch(const Batch &whole, Batch &early, Batch &late);

/// What node 0 tells every node: one or two descriptors. `early` may be null.
void writeHalves(const Batch &late, const Batch *early, ByteWriter &out);
/// Reads what writeHalves() wrote; failures are those of Batch::read.
Status readHalves(ByteReader &in, const Manifest &manifest, Batch &late, Batch &early,
                  bool &hasEarly);
/// Bytes that writeHalves() makes at most.
size_t largestHalvesBytes(const Manifest &manifest);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_MICROBATCHES_H
