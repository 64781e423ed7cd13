//===- BuildStep.h - a decoder as the function @step ------------------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_BUILDSTEP_H
#define MIXSERVE_LIB_RAISE_BUILDSTEP_H

#include "Decoder.h"

#include "mlir/IR/BuiltinOps.h"

namespace mixserve::raise {

/// Adds the parameters of `decoder`, under canonical names, and `@step(%batch : !nn.batch) ->
/// logits` to the end of `module`. The order of ops is fixed by the decoder, not by the graph that
/// it was read from.
void buildStep(mlir::ModuleOp module, const Decoder &decoder);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_BUILDSTEP_H
