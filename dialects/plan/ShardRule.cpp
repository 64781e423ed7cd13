//===- ShardRule.cpp - The interface of ops that the partitioner splits -----===//
#include "dialects/plan/PlanDialect.h"

#include "dialects/plan/ShardRule.cpp.inc"
