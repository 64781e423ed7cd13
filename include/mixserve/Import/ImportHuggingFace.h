//===- ImportHuggingFace.h - a Hugging Face folder as nn and moe --*- C++ -*-===//

#ifndef MIXSERVE_IMPORT_IMPORTHUGGINGFACE_H
#define MIXSERVE_IMPORT_IMPORTHUGGINGFACE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mixserve {

/// What is to be known of the weights of a folder.
enum class FolderWeights {
  Located, ///< every parameter's boxes say where its bytes are
  Ignored  ///< no file but config.json is looked at; boxes name the file ""
};

/// Reads the Hugging Face folder at `path` (`config.json`; `model.safetensors`, or the files that
/// `model.safetensors.index.json` names) and returns a verified module in the form of phase raise,
/// the same as from an ONNX export of the model but for the boxes; or null after an error that says
/// what is wrong, in which file, why and what to do. Never aborts on bad bytes, reads no weight.
///
/// Families: Qwen3-MoE (`model_type` qwen3_moe). Expert weights may lie one by one
/// (`experts.N.gate_proj.weight`) or stacked (`experts.gate_up_proj` [E, 2F, H],
/// `experts.down_proj` [E, H, F]), in each layer as it likes. Element types: float32, bfloat16,
/// float16, one for all tensors and as config.json says. Rows and parameters are f32 in the IR,
/// whatever the boxes are: what is computed does not depend on how weights are kept. With
/// `tie_word_embeddings` the boxes of `lm_head` are those of `embed`.
///
/// Errors go to the context's diagnostic handlers. Loads the dialects nn, moe, arith and func.
mlir::OwningOpRef<mlir::ModuleOp> importHuggingFace(llvm::StringRef path,
                                                    mlir::MLIRContext &context,
                                                    FolderWeights weights = FolderWeights::Located);

} // namespace mixserve

#endif // MIXSERVE_IMPORT_IMPORTHUGGINGFACE_H
