//===- Engine.h - Which kernels a process multiplies with ---------------------------*- C++ -*-===//
#ifndef MIXSERVE_RUNTIME_KERNELS_CPU_ENGINE_H
#define MIXSERVE_RUNTIME_KERNELS_CPU_ENGINE_H

#include "core/Status.h"
#include "kernels/Weight.h"
#include "kernels/cpu/CpuFeatures.h"
#include "kernels/cpu/Rows.h"

namespace mxs::cpu {

/// How linears outside the experts read rows for bfloat16 weights, in a set that multiplies
/// bfloat16 pairs (avx512_bf16): as they are, or rounded, which is twice as fast.
enum class LinearRows { F32, Bf16 };

/// One instruction set's kernels.
class Engine {
public:
  /// MXS_MISMATCH: this processor lacks the instructions.
  static Status create(Isa isa, Engine &out, LinearRows rows = LinearRows::F32);

  /// The engine of this process: the best this processor has, or what MXS_ISA and MXS_LINEAR_ROWS
  /// say.
  static const Engine &process();
  /// Whether the environment asks for an engine that can be had. MXS_INVALID_ARGUMENT: a name that
  /// is not known. MXS_MISMATCH: this processor lacks it.
  static Status checkEnvironment();

  Isa isa() const { return set; }
  const KernelSet &kernels() const { return *functions; }

  /// How `multiply` reads the rows of `w`.
  RowLayout rowLayout(const mxs_weight_t &w) const;

  /// y[rows][64] = rows times column block `block` of a matrix of `w`. The rows lie as
  /// rowLayout(w) says. `next`: the block that is likely to be read next.
  void multiply(const RowView &x, int64_t rows, const mxs_weight_t &w, int64_t matrix,
                int64_t block, float *y, const BlockStart &next = {}) const;

private:
  /// Unless asked for, only experts read rows rounded to bfloat16. What the other linears give
  /// decides where a row is routed: rounded rows tip a choice between two experts that are nearly
  /// alike, and the row's result is another one then. (A single expert is not told from a linear.)
  const KernelSet &setFor(const mxs_weight_t &w) const;

  Isa set = Isa::Reference;
  LinearRows linearRows = LinearRows::F32;
  const KernelSet *functions = &kReferenceKernels;
};

/// Data of a column block of a matrix.
inline const uint8_t *blockData(const mxs_weight_t &w, int64_t matrix, int64_t block) {
  return w.matrixData(matrix) + block * mxs_weight_block_bytes(w.type, w.k);
}

inline BlockStart blockStart(const mxs_weight_t &w, int64_t matrix, int64_t block) {
  const uint16_t *scales = nullptr;
  if (mxs_weight_has_scales(w.type))
    scales = w.matrixScales(matrix) +
             block * mxs_weight_groups(w.type, w.k, w.group) * MXS_WEIGHT_COLUMNS;
  return {blockData(w, matrix, block), scales};
}

} // namespace mxs::cpu

#endif // MIXSERVE_RUNTIME_KERNELS_CPU_ENGINE_H
