//===- CollDialect.cpp - Registration ---------------------------------------===//
#include "dialects/coll/CollDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixserve::coll;

#include "dialects/coll/CollDialect.cpp.inc"
#include "dialects/coll/CollEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/coll/CollAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/coll/CollOps.cpp.inc"

void CollDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/coll/CollAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/coll/CollOps.cpp.inc"
      >();
}
