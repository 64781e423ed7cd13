//===- LargeModel.h - a model with gigabytes of weights that cost no disk ---------------------===//

#ifndef MIXSERVE_TEST_UNIT_IMPORT_LARGEMODEL_H
#define MIXSERVE_TEST_UNIT_IMPORT_LARGEMODEL_H

#include <cstdint>
#include <string>

namespace mixserve::test {

enum class WeightPlace { External, Inline };

/// Writes FOLDER/model.onnx (and model.onnx.data): the tiny Qwen3-MoE at `tinyModel` (an .onnx file
/// of mobius) with experts of F = `ffn` instead of 48. Expert weights are holes of a sparse file,
/// so they read as zeros; everything else keeps its bytes. Returns the bytes of all weights: 12288
/// * F and the rest. Throws std::runtime_error.
uint64_t writeLargeModel(const std::string &tinyModel, const std::string &folder, WeightPlace place,
                         int64_t ffn);

} // namespace mixserve::test

#endif // MIXSERVE_TEST_UNIT_IMPORT_LARGEMODEL_H
