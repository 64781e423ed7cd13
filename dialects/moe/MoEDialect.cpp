//===- MoEDialect.cpp - Registration ----------------------------------------===//
#include "dialects/moe/MoEDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixserve::moe;

#include "dialects/moe/MoEDialect.cpp.inc"
#include "dialects/moe/MoEEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/moe/MoEAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/moe/MoEOps.cpp.inc"

void MoEDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/moe/MoEAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/moe/MoEOps.cpp.inc"
      >();
}
