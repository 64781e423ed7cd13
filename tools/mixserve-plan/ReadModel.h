//===- ReadModel.h - A model's shape from any form it comes in ---*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_PLAN_READMODEL_H
#define MIXSERVE_TOOLS_PLAN_READMODEL_H

#include "mixserve/Plan/ModelShape.h"

#include <optional>
#include <string>

namespace mixserve {

/// An .onnx file is imported and raised; of a Hugging Face folder, config.json is read; .mlir is
/// taken as raised; .yaml is a shape file. No weight byte is read. On failure: nothing, after errors on stderr.
std::optional<planner::ModelShape> readModel(const std::string &path);

} // namespace mixserve

#endif // MIXSERVE_TOOLS_PLAN_READMODEL_H
