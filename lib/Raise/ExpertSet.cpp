//===- ExpertSet.cpp - all experts of a layer, whatever form they have ------------------------===//

#include "Decoder.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace mixserve::raise {

namespace {
/// A linear (or the same slice of the output of one): its input and the weight [F, H] or [E, F, H].
struct Projection {
  const Rows *input;
  ParamView weight;
  const Router *router; // whose ids gathered the weight; null for a Linear
};
} // namespace

/// Reads `rows` as a Linear or ExpertLinear of which an outer Slice keeps some columns.
static std::optional<Projection> readProjection(const Rows *rows) {
  if (auto *slice = dyn_cast<Slice>(rows)) {
    std::optional<Projection> whole = readProjection(slice->input);
    if (!whole || slice->headDim != slice->input->width)
      return std::nullopt;
    return Projection{whole->input,
                      whole->weight.sliced(whole->weight.rank() - 2, slice->start, slice->width),
                      whole->router};
  }
  if (auto *linear = dyn_cast<Linear>(rows))
    return Projection{linear->input, linear->weight, nullptr};
  if (auto *linear = dyn_cast<ExpertLinear>(rows))
    return Projection{linear->input, linear->stack, linear->router};
  return std::nullopt;
}

namespace {
/// gate, up and down of one expert, or of all of them.
struct Ffn {
  const Rows *input;
  ParamView gate, up, down;
};
} // namespace

static FailureOr<Ffn> readFfn(const Rows *output) {
  std::optional<Projection> down = readProjection(output);
  auto *swiglu = down ? dyn_cast<Swiglu>(down->input) : nullptr;
  std::optional<Projection> gate = swiglu ? readProjection(swiglu->gate) : std::nullopt;
  std::optional<Projection> up = swiglu ? readProjection(swiglu->up) : std::nullopt;
  if (!gate || !up || gate->input != up->input || gate->weight.shape() != up->weight.shape())
    return emitError(output->loc,
                     "expected an expert down(silu(gate x) * (up x)) with gate and up of one "
                     "width and the same x"),
           failure();
  if (gate->router != down->router || up->router != down->router)
    return emitError(output->loc,
                     "expected gate, up and down of an expert gathered by the ids of one router"),
           failure();
  return Ffn{gate->input, gate->weight, up->weight, down->weight};
}

/// The rows that experts see must be those that the router saw.
static FailureOr<ExpertBlock> finish(const Sum *sum, const Router *router, bool normalize,
                                     const Rows *input, ParamView gate, ParamView up,
                                     ParamView down) {
  auto *norm = dyn_cast<Norm>(input);
  if (router->logits->input != input || !norm)
    return emitError(sum->loc, "expected router and experts on the same normed rows"), failure();
  return ExpertBlock{norm,          router,          normalize, std::move(gate),
                     std::move(up), std::move(down), sum->loc};
}

/// Tracing drops experts silently: their ids must be all there.
static LogicalResult checkComplete(const Sum *sum, ArrayRef<const WeightedExpert *> byId) {
  SmallVector<std::string> missing;
  for (auto [id, expert] : llvm::enumerate(byId))
    if (!expert)
      missing.push_back(std::to_string(id));
  if (!missing.empty())
    return emitError(sum->loc, "expert set incomplete: missing ")
           << llvm::join(missing, ", ") << " of the router's " << byId.size()
           << " experts; the exporter dropped those that its example input did not use, export "
              "with all";
  return success();
}

/// One WeightedExpert per expert.
static FailureOr<ExpertBlock> readLoop(const Sum *sum, ArrayRef<const Term *> terms) {
  const TopWeights *weights = cast<WeightedExpert>(terms.front())->weight->weights;
  SmallVector<const WeightedExpert *> byId(weights->router->logits->width, nullptr);
  for (const Term *term : terms) {
    auto *expert = dyn_cast<WeightedExpert>(term);
    if (!expert || expert->weight->weights != weights)
      return emitError(term->loc, "expected experts of one router in this sum"), failure();
    int64_t id = expert->weight->expert;
    if (id < 0 || id >= static_cast<int64_t>(byId.size()))
      return emitError(term->loc, "expert ") << id << " is none of the router's " << byId.size(),
             failure();
    if (byId[id])
      return emitError(term->loc, "expert ") << id << " is added twice", failure();
    byId[id] = expert;
  }
  if (failed(checkComplete(sum, byId)))
    return failure();
  SmallVector<ParamView> gate, up, down;
  const Rows *input = nullptr;
  for (const WeightedExpert *expert : byId) {
    FailureOr<Ffn> ffn = readFfn(expert->output);
    if (failed(ffn))
      return failure();
    if ((input && ffn->input != input) || (!gate.empty() && gate[0].shape() != ffn->gate.shape()))
      return emitError(expert->loc, "expected all experts on the same rows and of one shape"),
             failure();
    input = ffn->input;
    gate.push_back(ffn->gate), up.push_back(ffn->up), down.push_back(ffn->down);
  }
  return finish(sum, weights->router, weights->normalize, input, ParamView::stacked(gate),
                ParamView::stacked(up), ParamView::stacked(down));
}

FailureOr<ExpertBlock> readExperts(const Sum *sum, ArrayRef<const Term *> terms) {
  auto *gathered = dyn_cast<ExpertSum>(terms.front());
  if (!gathered)
    return readLoop(sum, terms);
  if (terms.size() != 1)
    return emitError(sum->loc, "expected one set of experts in this sum"), failure();
  const WeightedSlots *slots = gathered->slots;
  FailureOr<Ffn> ffn = readFfn(slots->output);
  if (failed(ffn))
    return failure();
  return finish(sum, slots->weights->router, slots->weights->normalize, ffn->input, ffn->gate,
                ffn->up, ffn->down);
}

} // namespace mixserve::raise
