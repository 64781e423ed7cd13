//===- MpiSegments.cpp ------------------------------------------------------------------------===//
#include "comm/MpiSegments.h"

#include <fstream>
#include <string>
#include <unistd.h>

namespace mxs {

void removeMpiSegments() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t path = line.find('/');
    const size_t name = line.rfind('/');
    // A removed one is listed as "... (deleted)".
    if (path != std::string::npos && line.compare(name, 15, "/vader_segment.") == 0 &&
        line.back() != ')')
      (void)::unlink(line.c_str() + path);
  }
}

} // namespace mxs
