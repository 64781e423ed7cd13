//===- Libraries.cpp ------------------------------------------------------------------------===//
#include "bench/Libraries.h"

#ifdef MXS_BENCH_LIBXSMM
#include <libxsmm.h>
#endif
#ifdef MXS_BENCH_ONEDNN
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#endif

using namespace mxs;
using namespace mxs::cpu;

[[maybe_unused]] static const void *blockOf(const mxs_weight_t &w, int64_t matrix, int64_t block) {
  return w.matrixData(matrix) + block * mxs_weight_block_bytes(w.type, w.k);
}

#ifdef MXS_BENCH_LIBXSMM
/// Column-major C [64, rows] = A [64, K] B [K, rows].
static void addLibxsmm(const mxs_weight_t &w, RowForm form, const RowView &x, int64_t rows,
                       std::vector<bench::Competitor> &out) {
  const int outputs = kBlockColumns, k = static_cast<int>(w.k), n = static_cast<int>(rows);
  const int stride = static_cast<int>(x.stride / (form == RowForm::F32 ? 4 : 2));
  const float one = 1, zero = 0;
  if (w.type == MXS_WEIGHT_F32 && form == RowForm::F32) {
    if (auto kernel = libxsmm_smmdispatch(outputs, n, k, &outputs, &stride, &outputs, &one, &zero,
                                          nullptr, nullptr))
      out.push_back({"libxsmm", [=, &w](int64_t matrix, int64_t block, float *y) {
                       kernel(static_cast<const float *>(blockOf(w, matrix, block)),
                              reinterpret_cast<const float *>(x.data), y);
                     }});
  } else if (w.type == MXS_WEIGHT_BF16 && form == RowForm::Bf16) {
    if (auto kernel = libxsmm_bsmmdispatch(outputs, n, k, &outputs, &stride, &outputs, &one, &zero,
                                           nullptr, nullptr))
      out.push_back({"libxsmm", [=, &w](int64_t matrix, int64_t block, float *y) {
                       kernel(static_cast<const libxsmm_bfloat16 *>(blockOf(w, matrix, block)),
                              reinterpret_cast<const libxsmm_bfloat16 *>(x.data), y);
                     }});
  }
}
#endif

#ifdef MXS_BENCH_ONEDNN
/// oneDNN is built with OpenMP, which we are not: whoever calls it works alone, as for the others.
/// OpenMP's number is each calling thread's own.
static void callAlone() {
  static const auto set =
      reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  thread_local bool alone = false;
  if (set && !alone)
    set(1);
  alone = true;
}

/// matmul on rows side by side: with a gap between rows, oneDNN 2.6 takes its plain loops. A block
/// of float32 weights is a plain matrix, too, for which alone it has AVX2 code.
static void addOneDnn(const mxs_weight_t &w, RowForm form, const RowView &view, int64_t rows,
                      std::vector<bench::Competitor> &out) {
  using dnnl::memory;
  const bool bf16 = w.type == MXS_WEIGHT_BF16;
  if (!(bf16 ? form == RowForm::Bf16 : w.type == MXS_WEIGHT_F32) || w.k % 16 != 0)
    return;
  const auto type = bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const memory::desc xs({rows, w.k}, type, memory::format_tag::ab);
  const memory::desc ys({rows, kBlockColumns}, memory::data_type::f32, memory::format_tag::ab);
  memory::desc ws;
  const auto find = [&](memory::format_tag layout) {
    ws = memory::desc({w.k, kBlockColumns}, type, layout);
    return dnnl::matmul::primitive_desc(dnnl::matmul::desc(xs, ws, ys), engine);
  };
  const auto isPlain = [](const auto &found) {
    return std::strncmp(found.impl_info_str(), "ref", 3) == 0;
  };
  auto found = find(bf16 ? memory::format_tag::BA16a64b2a : memory::format_tag::BA16a64b);
  if (!bf16 && isPlain(found))
    found = find(memory::format_tag::ab);
  if (isPlain(found)) // its reference implementation is nobody's yardstick
    return;
  auto matmul = std::make_shared<dnnl::matmul>(found);
  auto stream = std::make_shared<dnnl::stream>(engine);
  auto x = std::make_shared<memory>(xs, engine),
       block = std::make_shared<memory>(ws, engine, nullptr),
       y = std::make_shared<memory>(ys, engine, nullptr);
  const size_t rowBytes = xs.get_size() / static_cast<size_t>(rows);
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(static_cast<uint8_t *>(x->get_data_handle()) + static_cast<size_t>(row) * rowBytes,
                view.data + row * view.stride, rowBytes);
  out.push_back({"oneDNN", [=, &w](int64_t matrix, int64_t number, float *result) {
                   callAlone();
                   block->set_data_handle(const_cast<void *>(blockOf(w, matrix, number)));
                   y->set_data_handle(result);
                   matmul->execute(
                       *stream,
                       {{DNNL_ARG_SRC, *x}, {DNNL_ARG_WEIGHTS, *block}, {DNNL_ARG_DST, *y}});
                 }});
}
#endif

std::vector<bench::Competitor> bench::libraries(const mxs_weight_t &w, RowForm form,
                                                const RowView &x, int64_t rows) {
  std::vector<Competitor> all;
#ifdef MXS_BENCH_LIBXSMM
  addLibxsmm(w, form, x, rows, all);
#endif
#ifdef MXS_BENCH_ONEDNN
  addOneDnn(w, form, x, rows, all);
#endif
  (void)w, (void)form, (void)x, (void)rows;
  return all;
}
