//===- Site.h - What a byte, a wait or an event is attributed to ---------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_COMM_SITE_H
#define MIXSERVE_RUNTIME_COMM_SITE_H

#include "mixserve_rt.h"

#include <cstdint>
#include <string>

namespace mxs {

/// A collective of the model: its layer (-1 outside layers) and its place in the layer.
struct Site {
  int32_t layer = -1;
  mxs_site_t op = MXS_SITE_EMBED_RS;
};

constexpr int kSiteCount = MXS_SITE_SAMPLE + 1;

/// "embed_rs", "attn_ag", ... as in the counters.
const char *siteName(mxs_site_t op);
/// "layer 3 dispatch", for messages.
std::string describe(Site site);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_COMM_SITE_H
