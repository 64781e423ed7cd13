//===- Mutation.cpp -----------------------------------------------------------------------------===//

#include "core/Mutation.h"

#ifdef MXS_MUTATIONS
#include <atomic>

namespace mxs {

static std::atomic<Mutation> planted{Mutation::None};

void setMutation(Mutation mutation) { planted = mutation; }
bool mutated(Mutation mutation) { return planted == mutation; }

} // namespace mxs
#endif
