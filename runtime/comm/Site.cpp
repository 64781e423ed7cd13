//===- Site.cpp ---------------------------------------------------------------------------------===//

#include "comm/Site.h"

namespace mxs {

const char *siteName(mxs_site_t op) {
  switch (op) {
  case MXS_SITE_EMBED_RS:
    return "embed_rs";
  case MXS_SITE_ATTN_AG:
    return "attn_ag";
  case MXS_SITE_ATTN_RS:
    return "attn_rs";
  case MXS_SITE_DISPATCH:
    return "dispatch";
  case MXS_SITE_DISPATCH_AG:
    return "dispatch_ag";
  case MXS_SITE_COMBINE_RS:
    return "combine_rs";
  case MXS_SITE_COMBINE:
    return "combine";
  case MXS_SITE_LM_HEAD_AG:
    return "lm_head_ag";
  case MXS_SITE_SAMPLE:
    return "sample";
  }
  return "unknown";
}

std::string describe(Site site) {
  return (site.layer < 0 ? std::string() : "layer " + std::to_string(site.layer) + " ") +
         siteName(site.op);
}

} // namespace mxs
