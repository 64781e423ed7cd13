//===- NNDialect.cpp - Registration -----------------------------------------===//
#include "dialects/nn/NNDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixserve::nn;

#include "dialects/nn/NNDialect.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/nn/NNTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NNOps.cpp.inc"

void NNDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/nn/NNTypes.cpp.inc"
      >();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NNOps.cpp.inc"
      >();
}
