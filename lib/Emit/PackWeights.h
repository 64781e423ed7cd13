//===- PackWeights.h - Weight files of an artifact ----------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_PACKWEIGHTS_H
#define MIXSERVE_LIB_EMIT_PACKWEIGHTS_H

#include "ArtifactFile.h"
#include "BoxReader.h"

namespace mixserve {

/// Writes weights/shared.safetensors (parameters that every rank holds whole) and
/// weights/rank-%04d.safetensors (a rank's parts of all others) into `folder`, which has `weights/`.
/// Tensors are f32, in the order of `params`, at multiples of 64 bytes: plain ones in their local
/// shape, n64 ones as [ceil(N/64), K, 64], per expert if there are experts, zero padded. At most
/// a few MiB are in memory at once. Gives the files' records, shared first.
llvm::FailureOr<std::vector<FileRecord>> packWeights(llvm::ArrayRef<ParamEntry> params, plan::MeshAttr mesh,
                                                     BoxReader &reader, llvm::StringRef folder,
                                                     mlir::Location loc);

/// `out`[K][64] = rows [0, `rows`) of the row-major `in`[rows, K], transposed; the other columns are 0.
void packBlock(const float *in, int64_t rows, int64_t k, float *out);

/// Shape in the artifact of a part of a parameter.
llvm::SmallVector<int64_t> packedShape(nn::Pack pack, llvm::ArrayRef<int64_t> local);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_PACKWEIGHTS_H
