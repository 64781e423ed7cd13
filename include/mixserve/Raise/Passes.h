//===- Passes.h - the raise phase: onnx to nn and moe -----------------------------------------===//

#ifndef MIXSERVE_RAISE_PASSES_H
#define MIXSERVE_RAISE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mixserve {

#define GEN_PASS_DECL
#include "mixserve/Raise/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "mixserve/Raise/Passes.h.inc"

/// Adds the whole phase: a module as importOnnx gives it becomes nn and moe ops, verified.
void buildRaisePipeline(mlir::OpPassManager &pm);

} // namespace mixserve

#endif // MIXSERVE_RAISE_PASSES_H
