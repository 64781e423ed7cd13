//===- ArtifactTexts.h - plan.json, cluster.json, manifest.json ---*- C++ -*-===//
#ifndef MIXSERVE_LIB_EMIT_ARTIFACTTEXTS_H
#define MIXSERVE_LIB_EMIT_ARTIFACTTEXTS_H

#include "ArtifactFile.h"
#include "ModelFacts.h"
#include "ParamTable.h"
#include "Target.h"
#include "Variants.h"
#include "llvm/Support/JSON.h"

namespace mixserve {

/// What an artifact was planned for, without code or weights (mixserve.plan/v1): mesh, layout, table,
/// limits, workload, predicted costs, sharding, local shape and packing of every parameter, and the
/// collectives of every layer with their bytes.
std::string planText(mlir::ModuleOp fused, llvm::ArrayRef<ParamEntry> params, llvm::ArrayRef<Variant> variants);

/// How a parameter lies in its file: "pack", "type" and, where there are scales, "group".
void writePacking(llvm::json::OStream &json, const ParamEntry &entry);

/// The cluster that the plan was made for (mixserve.cluster/v1, as JSON with numbers in the units
/// that the keys name); only the mesh if the module has no `plan.hardware`.
std::string clusterText(mlir::ModuleOp fused);

/// The manifest (mixserve.artifact/v1). Keys in a fixed order; the runtime reads it.
struct ManifestInput {
  mlir::ModuleOp fused;
  const Target &target;
  const ModelFacts &facts;
  llvm::ArrayRef<ParamEntry> params;
  llvm::ArrayRef<Variant> variants;
  int64_t arenaBytes;
  std::string planHash;
  llvm::ArrayRef<FileRecord> files;
};
std::string manifestText(const ManifestInput &input);

/// Fails if the plan of the module lacks what an artifact needs: a mesh of nodes and devices, a layout,
/// limits, and a table whose last entry reaches `max_batch_tokens`.
llvm::LogicalResult checkPlan(mlir::ModuleOp fused);

} // namespace mixserve

#endif // MIXSERVE_LIB_EMIT_ARTIFACTTEXTS_H
