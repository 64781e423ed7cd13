//===- Decoder.h - the layers of a decoder, read from terms -----------------------------------===//

#ifndef MIXSERVE_LIB_RAISE_DECODER_H
#define MIXSERVE_LIB_RAISE_DECODER_H

#include "Terms.h"

#include <vector>

namespace mixserve::raise {

/// What becomes one of queries, keys and values: linear, then a norm per head and rotary embedding
/// if not null.
struct HeadPath {
  const Linear *linear = nullptr;
  const Norm *norm = nullptr;
  const Rope *rope = nullptr;
};

struct AttentionBlock {
  const Norm *norm; // of the residual stream
  HeadPath queries, keys, values;
  const Attention *attention;
  const Linear *output;
};

/// Router and experts of one layer, weights stacked whatever form the graph had.
struct ExpertBlock {
  const Norm *norm; // of the residual stream
  const Router *router;
  bool normalize;
  ParamView gate, up, down; // [E,F,H], [E,F,H], [E,H,F]
  mlir::Location loc;
};

struct DecoderLayer {
  const Sum *afterAttention, *afterExperts;
  AttentionBlock attention;
  ExpertBlock experts;
};

/// embedding, layers, final norm, lm_head.
struct Decoder {
  const Embedding *embedding;
  std::vector<DecoderLayer> layers;
  const Norm *finalNorm;
  const Linear *logits;
};

/// Reads the residual stream backwards from the logits. Emits an error at the first term that is no
/// decoder.
llvm::FailureOr<Decoder> readDecoder(const Linear *logits);

/// Reads the experts that a residual sum adds: WeightedExpert terms, one per expert, or one
/// ExpertSum. Emits an error unless they are all experts of the router, each once, on the rows that
/// it routed.
llvm::FailureOr<ExpertBlock> readExperts(const Sum *sum, llvm::ArrayRef<const Term *> terms);

} // namespace mixserve::raise

#endif // MIXSERVE_LIB_RAISE_DECODER_H
