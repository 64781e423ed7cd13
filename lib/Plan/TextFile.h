//===- TextFile.h - Whole files ----------------------------------*- C++ -*-===//
#ifndef MIXSERVE_LIB_PLAN_TEXTFILE_H
#define MIXSERVE_LIB_PLAN_TEXTFILE_H

#include <optional>
#include <string>

namespace mixserve::planner {

/// The file's bytes. On failure: nothing, and `error` = "path: cannot read the <what>: <why>;
/// check the path".
std::optional<std::string> readTextFile(const std::string &path, const std::string &what,
                                        std::string &error);

} // namespace mixserve::planner

#endif // MIXSERVE_LIB_PLAN_TEXTFILE_H
