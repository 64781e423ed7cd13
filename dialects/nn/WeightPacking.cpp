//===- WeightPacking.cpp - How a parameter lies in the artifact -------------===//
#include "dialects/nn/WeightPacking.h"

using namespace mlir;
using namespace mixserve;
using namespace mixserve::nn;

StringRef nn::stringifyWeightType(WeightType type) {
  switch (type) {
  case WeightType::F32:
    return "f32";
  case WeightType::BF16:
    return "bf16";
  case WeightType::Int8:
    return "int8";
  case WeightType::Int4:
    return "int4";
  }
  llvm_unreachable("unknown weight type");
}

std::optional<WeightType> nn::parseWeightType(StringRef name) {
  for (int type = 0; type < kWeightTypes; ++type)
    if (stringifyWeightType(static_cast<WeightType>(type)) == name)
      return static_cast<WeightType>(type);
  return std::nullopt;
}

std::string Packing::str() const {
  const std::string text = (stringifyPack(layout) + " " + stringifyWeightType(element)).str();
  return group ? text + "/" + std::to_string(group) : text;
}

std::optional<Packing> nn::packingOf(ParamOp param) {
  if (!param.getPack())
    return std::nullopt;
  Packing packing{*param.getPack()};
  if (auto element = param->getAttrOfType<StringAttr>(kElementAttr))
    packing.element = parseWeightType(element).value_or(WeightType::F32);
  if (auto group = param->getAttrOfType<IntegerAttr>(kGroupAttr))
    packing.group = group.getInt();
  return packing;
}

bool nn::isBf16InModel(ParamOp param) {
  return llvm::all_of(param.getBoxes().getAsRange<BoxAttr>(),
                      [](BoxAttr box) { return box.getType().isBF16(); });
}

void nn::setPacking(ParamOp param, const Packing &packing) {
  Builder builder(param.getContext());
  param.setPack(packing.layout);
  param->setAttr(kElementAttr, builder.getStringAttr(stringifyWeightType(packing.element)));
  if (packing.group)
    param->setAttr(kGroupAttr, builder.getI64IntegerAttr(packing.group));
  else
    param->removeAttr(kGroupAttr);
}

LogicalResult nn::verifyPacking(ParamOp param) {
  Attribute element = param->getAttr(kElementAttr), group = param->getAttr(kGroupAttr);
  auto name = dyn_cast_if_present<StringAttr>(element);
  if (element && (!name || !parseWeightType(name)))
    return param.emitOpError("(C5) '")
           << kElementAttr << "' must be \"f32\", \"bf16\", \"int8\" or \"int4\", got " << element;
  if ((element || group) && !param.getPack())
    return param.emitOpError("(C5) '")
           << (element ? kElementAttr : kGroupAttr) << "' needs a pack beside it";
  const WeightType type = name ? *parseWeightType(name) : WeightType::F32;
  if (hasScales(type) && param.getPack() == Pack::Plain)
    return param.emitOpError("(C5) plain cannot hold ") << stringifyWeightType(type);
  auto size = dyn_cast_if_present<IntegerAttr>(group);
  if (hasScales(type) && (!size || (size.getInt() != 32 && size.getInt() != 128)))
    return param.emitOpError("(C6) ") << stringifyWeightType(type) << " needs '" << kGroupAttr
                                      << "' of 32 or 128 values per scale";
  if (!hasScales(type) && group)
    return param.emitOpError("(C6) ") << stringifyWeightType(type) << " has no scales to group";
  const int64_t rank = param.getTensorType().getRank();
  if (param.getPack() == Pack::N64 && rank != 2 && rank != 3)
    return param.emitOpError("(C7) ") << param.getTensorType() << " cannot be packed n64";
  return success();
}
