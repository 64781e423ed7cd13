//===- ModelRanks.h - Everything that the rank threads of a process refer to ----*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_CORE_MODELRANKS_H
#define MIXSERVE_RUNTIME_CORE_MODELRANKS_H

#include "comm/MpiEngine.h"
#include "core/Model.h"

namespace mxs {

struct Model::Ranks {
  Artifact artifact;
  CodeLibrary code;
  MpiProcess *mpi = nullptr; ///< null: all nodes live in this process
  std::unique_ptr<World> world;
  std::vector<std::unique_ptr<ControlChannel>> channels; // of node 0: to every node; else its own
  std::vector<std::unique_ptr<NodeRunner>> runners;      // of the nodes in this process
};

} // namespace mxs

#endif // MIXSERVE_RUNTIME_CORE_MODELRANKS_H
