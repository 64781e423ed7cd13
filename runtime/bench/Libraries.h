//===- Libraries.h - GEMMs of libraries on our packed weights -----------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_BENCH_LIBRARIES_H
#define MIXSERVE_RUNTIME_BENCH_LIBRARIES_H

#include "kernels/Weight.h"
#include "kernels/cpu/Rows.h"

#include <functional>
#include <string>
#include <vector>

namespace mxs::bench {

/// Someone who can multiply the rows it was made for with a column block of a matrix: y [rows][64].
/// One call at a time, on any thread.
struct Competitor {
  std::string name;
  std::function<void(int64_t matrix, int64_t block, float *y)> multiply;
};

/// The libraries that this program was built with and that can do `type` on rows in `form`: `rows`
/// rows of `k` values at `x`. `w` and the rows must outlive them.
std::vector<Competitor> libraries(const mxs_weight_t &w, cpu::RowForm form, const cpu::RowView &x,
                                  int64_t rows);

} // namespace mxs::bench

#endif // MIXSERVE_RUNTIME_BENCH_LIBRARIES_H
