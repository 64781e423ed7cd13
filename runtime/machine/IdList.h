//===- IdList.h - Lists of CPUs and NUMA nodes as Linux writes them -----------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_MACHINE_IDLIST_H
#define MIXSERVE_RUNTIME_MACHINE_IDLIST_H

#include <string>
#include <vector>

namespace mxs {

/// "0-3,8" -> {0, 1, 2, 3, 8}. What is no such list gives what precedes the fault; ids are below
/// 65536.
std::vector<int> parseIdList(const std::string &text);

} // namespace mxs

#endif // MIXSERVE_RUNTIME_MACHINE_IDLIST_H
