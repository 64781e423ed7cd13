//===- Context.h - what all rules of interpretation share -------------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_CONTEXT_H
#define MIXSERVE_LIB_RAISE_CONTEXT_H

#include "Probe.h"
#include "RotaryTables.h"
#include "Terms.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Twine.h"

#include <deque>
#include <map>
#include <memory>

namespace mixserve::raise {

/// What one ONNX value means, and where its elements lie. Without a term it is data: computed from
/// sizes, positions, masks and constants alone; whoever needs it evaluates it.
struct Meaning {
  mlir::Value value;
  const Term *term = nullptr;
  Layout layout;

  bool isData() const { return !term; }
  /// Weights are data too.
  bool isComputable() const { return !term || llvm::isa<Param>(term); }
};

/// The term as a T, or null.
template <typename T> const T *as(const Meaning &meaning) {
  return llvm::dyn_cast_if_present<T>(meaning.term);
}

/// What a rule says: nothing (the node is not of its form), or the meaning of the result; a Broken
/// one where the node is of its form but says something that cannot be raised.
using Result = std::optional<Meaning>;

/// Owns the terms and answers what rules ask about data.
class Context {
public:
  explicit Context(Probe &probe) : probe(probe) {}

  template <typename T> T *make(mlir::Operation *op) {
    auto term = std::make_unique<T>(op->getLoc());
    T *raw = term.get();
    terms.push_back(std::move(term));
    return raw;
  }
  const Router *makeRouter(const Linear *logits, int64_t topK) {
    return &routers.emplace_back(Router{logits, topK});
  }

  Meaning refuse(mlir::Operation *op, const llvm::Twine &reason);

  /// The only element of a data value, if it is the same for all sizes.
  std::optional<double> number(const Meaning &meaning);
  /// The integers of a data value at nearSizes(); for shapes and axes.
  std::optional<llvm::SmallVector<int64_t>> integers(mlir::Value value);

  Sizes near() const { return probe.nearSizes(); }

  Probe &probe;
  /// Answers that many nodes ask for: one per (cos, sin) pair and per mask.
  std::vector<RotaryAnswer> rotaries;
  std::map<std::pair<const void *, bool>, std::string> maskAnswers;

private:
  std::deque<std::unique_ptr<Term>> terms;
  std::deque<Router> routers;
};

/// What a value is, in words, for messages.
std::string describe(const Meaning &meaning);

/// True if `small` broadcasts to `big` and has size 1 where `axis` of `big` (negative: from the
/// end) is.
bool lacksAxis(const Layout &small, const Layout &big, int64_t axis);

/// True if both, padded to one rank, are the same.
bool sameLayout(const Layout &a, const Layout &b);

/// True if `axis`, an attribute of a node on `in`, is its last one.
inline bool isLastAxis(int64_t axis, const Meaning &in) {
  return axis == -1 || axis == in.layout.rank() - 1;
}

/// The layout with more axes.
const Layout &longer(const Layout &a, const Layout &b);

/// True if the leading axes are all rows in order and the last one is all `width` columns.
bool isPlain(const Layout &layout, int64_t width, Sizes sizes);

/// The last axis counts `from` columns of every head: the layout of rows with heads of `to`
/// columns.
Layout withHeadSize(Layout layout, int64_t from, int64_t to);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_CONTEXT_H
