//===- HostAbi.cpp - The host side of the C ABI ----------------------------------------------===//
#include "core/Status.h"

const char *mxs_last_error(void) { return mxs::publishedText().c_str(); }
