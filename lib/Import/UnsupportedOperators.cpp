//===- UnsupportedOperators.cpp - all operators that import cannot read, in one error ---------===//

#include "UnsupportedOperators.h"
#include "Diagnose.h"
#include "OperatorTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

#include <map>

using namespace mlir;

namespace mixserve::import {

/// Nodes named per operator; the rest is counted.
static constexpr size_t kNamedNodes = 8;

LogicalResult refuseUnsupportedOperators(const OnnxModel &model, int64_t opset,
                                         MLIRContext *context) {
  // In the order of domain and name, so the message does not depend on the order of nodes.
  std::map<std::pair<std::string, std::string>, std::vector<const ::onnx::NodeProto *>> unsupported;
  for (const auto &node : model.graph.node()) {
    const bool isDefault = isDefaultDomain(node.domain());
    const OperatorRow *row = isDefault ? findOperator(node.op_type()) : nullptr;
    if (!row || opset < row->since)
      unsupported[{isDefault ? "ai.onnx" : node.domain(), node.op_type()}].push_back(&node);
  }
  if (unsupported.empty())
    return success();

  llvm::StringMap<int64_t> opsets;
  for (const auto &import : model.header.opset_import())
    opsets[isDefaultDomain(import.domain()) ? "ai.onnx" : import.domain()] = import.version();
  std::string text;
  for (const auto &[key, nodes] : unsupported) {
    const auto &[domain, name] = key;
    auto version = opsets.find(domain);
    text += "\n  " + domain + "." + name + " (" +
            (version == opsets.end() ? "opset not imported"
                                     : "opset " + std::to_string(version->second)) +
            "): " + std::to_string(nodes.size()) + (nodes.size() == 1 ? " node: " : " nodes: ");
    const OperatorRow *row = domain == "ai.onnx" ? findOperator(name) : nullptr;
    for (size_t i = 0; i < std::min(nodes.size(), kNamedNodes); ++i) {
      const ::onnx::NodeProto &node = *nodes[i];
      StringRef shown =
          node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
      text += (i ? ", '" : "'") + shown.str() + "'";
    }
    if (nodes.size() > kNamedNodes)
      text += " and " + std::to_string(nodes.size() - kNamedNodes) + " more";
    if (row)
      text += " (known from opset " + std::to_string(row->since) + ")";
    if (llvm::is_contained(model.functions, domain + "::" + name))
      text += " (a function of the model; inline its functions)";
  }
  return errorIn(context, model.path)
         << "uses " << unsupported.size() << (unsupported.size() == 1 ? " operator" : " operators")
         << " that this build does not support; export the model without:" << text;
}

} // namespace mixserve::import
