//===- PlanDialect.cpp - Registration and method names ----------------------===//
#include "dialects/plan/PlanDialect.h"
#include <algorithm>

using namespace mlir;
using namespace mixserve::plan;

#include "dialects/plan/PlanDialect.cpp.inc"
#include "dialects/plan/PlanEnums.cpp.inc"

void PlanDialect::initialize() { registerAttributes(); }

std::string mixserve::plan::methodOption(Method method) {
  std::string text = stringifyMethod(method).str();
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::optional<Method> mixserve::plan::parseMethodOption(llvm::StringRef text) {
  // '_' is the spelling inside IR; accepting it here would give every method two option spellings.
  if (text.contains('_'))
    return std::nullopt;
  std::string symbol = text.str();
  std::replace(symbol.begin(), symbol.end(), '-', '_');
  return symbolizeMethod(symbol);
}

WireType mixserve::plan::wireOf(Operation *module) {
  auto wire = module->getAttrOfType<WireTypeAttr>(kWireAttr);
  return wire ? wire.getValue() : WireType::F32;
}
