//===- StopTokens.h - the tokens that end a generation ------------*- C++ -*-===//

#ifndef MIXSERVE_IMPORT_STOPTOKENS_H
#define MIXSERVE_IMPORT_STOPTOKENS_H

#include "mlir/IR/BuiltinOps.h"

namespace mixserve {

/// Reads the end-of-sequence ids of an imported model from beside its weights (`nn.source_folder`)
/// into the module attribute `nn.eos`, ascending. The first file that is there and has the key
/// counts:
///
///   genai_config.json        model.eos_token_id   onnxruntime-genai, beside ONNX files
///   generation_config.json   eos_token_id         transformers: what generate() goes by
///   config.json              eos_token_id
///
/// A number or a list; null is no key. Without any there is no attribute. Fails, and says which
/// file and why, on text that is no JSON object and on ids that are no token ids.
llvm::LogicalResult readStopTokens(mlir::ModuleOp module);

} // namespace mixserve

#endif // MIXSERVE_IMPORT_STOPTOKENS_H
