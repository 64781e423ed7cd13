//===- CollOps.td - All op groups of the dialect -----------*- tablegen -*-===//
#ifndef MIXSERVE_COLL_OPS
#define MIXSERVE_COLL_OPS
include "dialects/coll/CollectiveOps.td"
include "dialects/coll/FusedOps.td"
include "dialects/coll/TokenOps.td"
#endif
