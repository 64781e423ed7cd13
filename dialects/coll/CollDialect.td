//===- CollDialect.td - What the op groups share ----------*- tablegen -*-===//
#ifndef MIXSERVE_COLL_DIALECT
#define MIXSERVE_COLL_DIALECT

include "dialects/coll/CollEnums.td"
include "dialects/plan/PlanAttrs.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Coll_Op<string mnemonic, list<Trait> traits = []> : Op<Coll_Dialect, mnemonic, traits>;

def Coll_Rows : RankedTensorOf<[AnyFloat, I32]>;
#endif
