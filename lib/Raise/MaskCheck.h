//===- MaskCheck.h - what an attention mask computes ------------------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_MASKCHECK_H
#define MIXSERVE_LIB_RAISE_MASKCHECK_H

#include "Probe.h"

namespace mixserve::raise {

/// Runs `mask` (null: none; [.., S, P + S], bool or added to scores), together with ONNX's causal
/// rule if `isCausal`, on batches with and without cache, padding and long pasts, and compares what
/// a row may see with the closed form: all tokens of its sequence up to itself, without padding.
/// Returns "" if they agree, else what it is instead: "bidirectional attention", "a sliding window
/// of 4 tokens", ..
std::string whyNotCausal(Probe &probe, mlir::Value mask, bool isCausal);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_MASKCHECK_H
