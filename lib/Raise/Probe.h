//===- Probe.h - runs parts of an ONNX graph on chosen batches --------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_PROBE_H
#define MIXSERVE_LIB_RAISE_PROBE_H

#include "Layout.h"
#include "mixserve/Import/Evaluator.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mixserve::raise {

/// What an input of the graph is; B batch, S new tokens, P tokens in the cache.
enum class InputRole {
  Unused,
  Tokens,        ///< [B, S] ids
  Positions,     ///< [B, S]
  AttentionMask, ///< [B, P + S], 0 = padding
  Cache          ///< [B, G, P, D]
};

/// A batch to run. Sequence b starts with `pads[b]` tokens of padding (none if `pads` is empty).
struct Scenario {
  Sizes sizes;
  llvm::SmallVector<int64_t> pads;
  /// Positions of the rows, batch * length; empty: those that the padding gives, P + s - pads[b].
  llvm::SmallVector<int64_t> positions;

  int64_t pad(int64_t sequence) const { return pads.empty() ? 0 : pads[sequence]; }
  /// The position of token s of a sequence; negative for padding.
  int64_t position(int64_t sequence, int64_t s) const {
    return positions.empty() ? sizes.past + s - pad(sequence)
                             : positions[sequence * sizes.length + s];
  }
};

/// Knows what the inputs are (found by what uses them, never by name) and evaluates values that
/// depend on sizes, positions and the mask only. Token ids and cache contents are never bound
/// outside `near`, so no evaluation can wander into the model itself.
class Probe {
public:
  /// Emits an error if an input is nothing of InputRole or if there are no token ids.
  static llvm::FailureOr<Probe> create(mlir::func::FuncOp main);

  InputRole role(unsigned argument) const { return roles[argument]; }
  bool has(InputRole role) const { return llvm::is_contained(roles, role); }
  /// True if `value` is, or depends on, an input of that role.
  bool dependsOn(mlir::Value value, InputRole role) const;
  /// The batch if the graph fixes it, else `wanted`.
  int64_t batch(int64_t wanted) const { return fixedBatch > 0 ? fixedBatch : wanted; }

  /// The sizes at which layouts are tracked: primes, so that no size is taken for another.
  Sizes nearSizes() const { return {batch(2), 11, 13}; }
  /// The sizes of cache input `argument` at nearSizes(); -1 where the graph leaves more than B and
  /// P open.
  llvm::SmallVector<int64_t> cacheSizes(unsigned argument, Sizes sizes) const;

  /// `value` at nearSizes(), where token t of the batch has id t and position t. Null: see error().
  const HostTensor *near(mlir::Value value);
  /// `value` in a scenario of its own.
  std::optional<HostTensor> evaluate(const Scenario &scenario, mlir::Value value);
  const std::string &error() const { return message; }

  /// Tells what Shape of a raised value is, so that evaluation stops there.
  void bindShape(mlir::Value shape, const Layout &data, int64_t start, int64_t count);

private:
  struct KnownShape {
    mlir::Value shape;
    Layout data;
    int64_t start, count;
  };
  Probe() = default;
  void bindInputs(Evaluator &evaluator, const Scenario &scenario) const;
  Scenario nearScenario() const;

  mutable mlir::func::FuncOp main;
  llvm::SmallVector<InputRole> roles;
  int64_t fixedBatch = 0;
  llvm::SmallVector<KnownShape> shapes;
  std::unique_ptr<Evaluator> nearEvaluator;
  std::string message;
};

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_PROBE_H
