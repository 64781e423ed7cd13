//===- TensorBook.h - parameters from the tensors of a folder -----*- C++ -*-===//

#ifndef MIXSERVE_LIB_IMPORT_TENSORBOOK_H
#define MIXSERVE_LIB_IMPORT_TENSORBOOK_H

#include "SafetensorsHeader.h"
#include "mixserve/Import/DecoderStep.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringSet.h"

namespace mixserve::import {

/// Hands out the tensors of a checkpoint as parameters and notes which were asked for. What is
/// wrong with a tensor is noted too and told by `problems`, so that one error lists all.
class TensorBook {
public:
  /// `tensors` null: no checkpoint is there, every tensor is as asked for, in no file. `dtype`:
  /// what all tensors must have; empty: what the first has.
  TensorBook(mlir::MLIRContext *context, const StoredTensors *tensors, std::string dtype)
      : context(context), tensors(tensors), dtype(std::move(dtype)) {}

  bool has(const std::string &name) const { return tensors && tensors->count(name) != 0; }

  StepWeight whole(const std::string &name, llvm::ArrayRef<int64_t> shape);
  /// Rows `first` .. first + shape[1] - 1 of every matrix of a stack [E, rows, K]; shape [E, N, K].
  StepWeight rowsOfStack(const std::string &name, llvm::ArrayRef<int64_t> shape, int64_t rows,
                         int64_t first);
  /// [E, N, K] of E tensors [N, K]; `nameOf` names them.
  StepWeight stack(llvm::StringRef origin, llvm::ArrayRef<int64_t> shape,
                   llvm::function_ref<std::string(int64_t)> nameOf);

  mlir::Location locationOf(llvm::StringRef name) const;

  /// Empty, or what is wrong with the tensors asked for, and which were not asked for.
  std::string problems() const;

private:
  bool isHopeless() const;
  /// The tensor, which has `shape`; null after a note why not.
  const StoredTensor *take(const std::string &name, llvm::ArrayRef<int64_t> shape);
  mlir::Attribute box(const StoredTensor *tensor, int64_t skip, llvm::ArrayRef<int64_t> at,
                      llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides) const;
  StepWeight weight(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                    llvm::ArrayRef<mlir::Attribute> boxes) const;

  mlir::MLIRContext *context;
  const StoredTensors *tensors;
  std::string dtype, dtypeOf; ///< dtypeOf: the tensor that it was taken from, if any
  llvm::StringSet<> taken;
  std::vector<std::string> missing, wrong;
};

} // namespace mixserve::import

#endif // MIXSERVE_LIB_IMPORT_TENSORBOOK_H
