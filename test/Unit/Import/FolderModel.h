//===- FolderModel.h - a Hugging Face folder that tests change ----*- C++ -*-===//

#ifndef MIXSERVE_TEST_UNIT_IMPORT_FOLDERMODEL_H
#define MIXSERVE_TEST_UNIT_IMPORT_FOLDERMODEL_H

#include "Models.h"

#include "mixserve/Import/ImportHuggingFace.h"
#include "test/Generate/CheckpointWriter.h"

#include <map>
#include <nlohmann/json.hpp>

namespace mixserve::test {

/// A Qwen3-MoE of 2 layers, 3 experts, H = 8 in memory. Every element of every tensor is a whole
/// number from 0 to 127 that depends on the tensor's name, so all element types hold it exactly.
struct FolderModel {
  nlohmann::json config; ///< as transformers 5 writes it, float32
  std::map<std::string, generate::CheckpointTensor> tensors;

  FolderModel();
  void add(const std::string &name, std::vector<int64_t> shape);
  /// All tensors, and config.json, in F32, BF16 or F16.
  void convert(const std::string &dtype);
  /// Expert weights of every layer as gate_up_proj and down_proj.
  void fuseExperts();
  /// Writes config.json and the tensors.
  void write(const std::string &folder, const generate::CheckpointForm &form = {}) const;
};

/// Like importFile, of a folder.
Imported importFolder(const std::string &path, mlir::MLIRContext &context,
                      FolderWeights weights = FolderWeights::Located);
/// The errors of a folder that must be refused; each names the folder.
std::string folderErrors(const std::string &path);
/// Every parameter's elements, row-major, read through its boxes.
std::map<std::string, std::vector<float>> readParams(mlir::ModuleOp module);
/// The module as text, without boxes and folder.
std::string textWithoutSources(mlir::ModuleOp module);

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_IMPORT_FOLDERMODEL_H
