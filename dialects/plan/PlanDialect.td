//===- PlanDialect.td - The plan as IR ---------------------*- tablegen -*-===//
#ifndef MIXSERVE_PLAN_DIALECT
#define MIXSERVE_PLAN_DIALECT

include "mlir/IR/DialectBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::mixserve::plan";
  let summary = "Where things are placed and what that costs: attributes only";
  let description = [{
    The plan is printable IR like everything else: the mesh, the hardware, the workload, the chosen
    layout, the table of dispatch methods and the costs are attributes of the module; shardings are
    attributes of parameters and encodings of activation types. There are no operations.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerAttributes();";
}
#endif
