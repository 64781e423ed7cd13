//===- Schedule.h - The fused collectives as data -------------------------------------*- C++ -*-===//
//
// A schedule is one list of steps per rank. A rank performs its steps in order; a step starts when
// the flag it waits for is set. Schedules are built from the topology, the row counts and the
// chunk count only, never from routing: every (chunk, node) message is sent, also an empty one.
// ScheduleChecker.h proves a schedule sound; FusedDispatch.cpp and FusedCombine.cpp perform it.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RUNTIME_COMM_SCHEDULE_H
#define MIXSERVE_RUNTIME_COMM_SCHEDULE_H

#include "comm/NodeShared.h"
#include "comm/RowMap.h"

#include <vector>

namespace mxs {

enum class StepKind {
  PostRecv, ///< post the receive of (chunk, node)
  Enter,    ///< show this rank's buffers, set flag Entered
  Await,    ///< wait for a flag of `device`, nothing else
  Reduce,   ///< dispatch: sum attention's partial rows of `chunk`;
            ///< combine: sum the node's partial rows of (chunk, node)
  Region,   ///< compute the owned rows of `chunk` (combine: from their sums)
  Send,     ///< send (chunk, node)'s message to this lane's rank of `node`
  Recv,     ///< wait for the message of (chunk, node)
  Publish,  ///< offer the rows of (chunk, nodes) to the node: sets a flag of the chunk
  Gather,   ///< copy the rows of (chunk, nodes) that the devices offer
  Add,      ///< add the node sums of the owned rows of `chunk`, in ascending node
  Leave,    ///< this rank reads no more from its peers: sets flag Left
  WaitSends ///< wait until all own messages have left
};

struct Step {
  StepKind kind;
  int chunk = -1;
  int node = -1;   ///< node of the home rank (dispatch, Reduce of combine) or of the peer
  int nodes = 1;   ///< Publish, Gather: from `node` on, and on from the first after the last
  int device = -1; ///< the first one whose flag is waited for and whose rows are read
  int devices = 1; ///< how many; all of their flags are one wait
  int waitFlag = -1;
  int setFlag = -1;
  int64_t first = 0; ///< first owned row of the chunk, at its home
  int64_t rows = 0;  ///< rows of the chunk at its home: the bound of its message
};
using StepList = std::vector<Step>;

enum class ScheduleKind { Dispatch, ReduceDispatch, Combine, CombineGather };

/// Of a chunk there is a flag for the rows of the rank's own node, and one for those of all other
/// nodes: they share links, so a flag of each would be more to wait for, and hardly earlier.
enum class ChunkRows { Own, Arrived };
/// Flag of `chunk` in NodeShared.
inline int chunkFlag(int chunk, ChunkRows rows) {
  return NodeShared::FirstChunkFlag + 2 * chunk + (rows == ChunkRows::Arrived);
}

/// Steps of `rank` for `chunks` >= 1 chunks. ReduceDispatch begins with the reduce_scatter of the
/// attention group, which must lie inside a node; CombineGather ends with a row-wise region and the
/// all_gather of what it computes in that group. In one chunk, which overlaps with nothing, a rank
/// waits no more often than in the collectives one after another. `memory`: a list that is not
/// needed any more; one of the same topology and chunk count has all that the new one needs.
StepList buildSteps(ScheduleKind kind, const Topology &topology, const RowMap &rows, int chunks,
                    int rank, StepList memory = {});

const char *stepName(StepKind kind);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_SCHEDULE_H
