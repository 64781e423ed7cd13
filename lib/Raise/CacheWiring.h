//===- CacheWiring.h - cache inputs and outputs belong to their attention ---------------------===//

#ifndef MIXSERVE_LIB_RAISE_CACHEWIRING_H
#define MIXSERVE_LIB_RAISE_CACHEWIRING_H

#include "Context.h"
#include "Decoder.h"

namespace mixserve::raise {

/// Checks that every attention continues the cache inputs that it reads: each cache input is read
/// by one attention, what is stored in the output at its place is that attention's keys or values
/// behind it, and nothing else is stored. After that the cache can belong to nn.attention.
/// `outputs` are the outputs of the graph but the logits, with their numbers. Graphs without cache
/// pass. Emits an error otherwise.
llvm::LogicalResult checkCacheWiring(mlir::func::FuncOp main, const Probe &probe,
                                     const Decoder &decoder,
                                     llvm::ArrayRef<std::pair<unsigned, Meaning>> outputs);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_CACHEWIRING_H
