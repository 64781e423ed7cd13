//===- Mutation.h - Faults that the tests plant to prove that they would notice -*- C++ -*-===//
//
// Only a library built with MXS_MUTATIONS has them; elsewhere `mutated` is constant false.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_CORE_MUTATION_H
#define MIXSERVE_RUNTIME_CORE_MUTATION_H

namespace mxs {

enum class Mutation {
  None,
  NodeDedupOff, ///< a row is sent to a node once per expert there
  WeightTwice,  ///< the first routing weight of a message is applied twice
  ArrivalOrder, ///< node sums are added in the order in which they arrive
  OwnRowsExact, ///< all_gather: a rank's own rows are not rounded to the wire type
  EarlyFlag     ///< a chunk's flag is set before its rows have arrived
};

#ifdef MXS_MUTATIONS
/// Plants one fault in the whole process; not while ranks run.
void setMutation(Mutation mutation);
bool mutated(Mutation mutation);
#else
constexpr bool mutated(Mutation) { return false; }
#endif

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_MUTATION_H
