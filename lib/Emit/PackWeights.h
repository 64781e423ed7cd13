//===- PackWeights.h - Weight files of an artifact ----------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_PACKWEIGHTS_H
#define MIXSERVE_LIB_EMIT_PACKWEIGHTS_H

#include "ArtifactFile.h"
#include "BoxReader.h"

namespace mixserve {

/// Writes weights/shared.safetensors (parameters that every rank holds whole) and
/// weights/rank-%04d.safetensors (a rank's parts of all others) into `folder`, which has
/// `weights/`. Tensors are in the order of `params`, at multiples of 64 bytes: plain parameters and
/// rows in their local shape, n64 ones as mixserve_weights.h says, per expert if there are experts;
/// NAME.scale follows NAME where there are scales. Works on all cores; a few column blocks per core
/// are in memory at once (scales wait in a temporary file). The bytes do not depend on the number
/// of cores. Gives the files' records, shared first. Fails, naming the parameter, if what is to be
/// quantised is not finite.
llvm::FailureOr<std::vector<FileRecord>> packWeights(llvm::ArrayRef<ParamEntry> params,
                                                     plan::MeshAttr mesh, BoxReader &reader,
                                                     llvm::StringRef folder, mlir::Location loc);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_PACKWEIGHTS_H
