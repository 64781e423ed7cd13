//===- Batch.cpp ----------------------------------------------------------------------------===//
#include "core/Batch.h"

#include "core/Sampling.h"

#include <set>

using namespace mxs;

static std::string number(int64_t value) { return std::to_string(value); }

static Status checkSequence(const mxs_sequence_t &s, const Manifest &m) {
  if (s.group < 0 || s.group >= m.attnDp)
    return invalidArgument("group " + number(s.group) + " is outside [0, " + number(m.attnDp) +
                           "), the attention groups of the artifact");
  if (s.slot < 0)
    return invalidArgument("slot " + number(s.slot) + " is negative");
  if (s.slot >= m.maxSeqs)
    return resourceExhausted("slot " + number(s.slot) + " is beyond the artifact's " +
                             number(m.maxSeqs) +
                             " cache slots per group; compile with a larger --max-seqs");
  if (s.num_tokens <= 0)
    return invalidArgument("num_tokens must be positive, got " + number(s.num_tokens));
  if (s.position < 0)
    return invalidArgument("position " + number(s.position) + " is negative");
  if (s.position > m.maxContext - s.num_tokens)
    return resourceExhausted(number(s.num_tokens) + " tokens from position " + number(s.position) +
                             " exceed the artifact's context of " + number(m.maxContext) +
                             " tokens; compile with a larger --max-context");
  if (s.logits < MXS_LOGITS_NONE || s.logits > MXS_LOGITS_ALL)
    return invalidArgument("logits must be MXS_LOGITS_NONE, _LAST or _ALL, got " +
                           number(s.logits));
  return okStatus();
}

static Status check(const Batch &batch, const Manifest &m) {
  if (batch.sequences.empty())
    return invalidArgument("the batch has no sequence");
  if (batch.totalTokens() > m.maxBatchTokens)
    return resourceExhausted("the batch has " + number(batch.totalTokens()) +
                             " tokens, the artifact was compiled for at most " +
                             number(m.maxBatchTokens) +
                             "; split it or compile with a larger --max-batch-tokens");
  std::set<std::pair<int32_t, int32_t>> slots;
  int64_t tokens = 0;
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    const mxs_sequence_t &s = batch.sequences[i];
    const std::string where = "sequence " + std::to_string(i);
    MXS_TRY_IN(where, checkSequence(s, m));
    if (i > 0 && batch.sequences[i - 1].group > s.group)
      return invalidArgument(where + ": sequences must be in ascending group, group " +
                             number(s.group) + " follows " + number(batch.sequences[i - 1].group));
    if (!slots.insert({s.group, s.slot}).second)
      return invalidArgument(where + ": slot " + number(s.slot) + " of group " + number(s.group) +
                             " occurs twice");
    MXS_TRY_IN(where, checkSampling(batch.samplingOf(i)));
    tokens += s.num_tokens;
  }
  if (tokens != batch.totalTokens())
    return invalidArgument("the sequences have " + number(tokens) + " tokens, num_tokens is " +
                           number(batch.totalTokens()));
  for (size_t i = 0; i < batch.tokens.size(); ++i)
    if (batch.tokens[i] < 0 || batch.tokens[i] >= m.vocab)
      return invalidArgument("token " + std::to_string(i) + " of the batch has id " +
                             number(batch.tokens[i]) + ", the vocabulary has ids 0 to " +
                             number(m.vocab - 1));
  return okStatus();
}

Status Batch::create(const mxs_batch_t &batch, const Manifest &manifest, Batch &out) {
  if (batch.size != sizeof(mxs_batch_t))
    return invalidArgument("mxs_batch_t::size is " + number(batch.size) + ", expected " +
                           std::to_string(sizeof(mxs_batch_t)));
  if (batch.num_sequences < 0 || (batch.num_sequences > 0 && !batch.sequences))
    return invalidArgument("num_sequences and sequences do not fit");
  if (batch.num_tokens < 0 || (batch.num_tokens > 0 && !batch.tokens))
    return invalidArgument("num_tokens and tokens do not fit");
  if (batch.num_tokens > manifest.maxBatchTokens)
    return resourceExhausted("the batch has " + number(batch.num_tokens) +
                             " tokens, the artifact was compiled for at most " +
                             number(manifest.maxBatchTokens) +
                             "; split it or compile with a larger --max-batch-tokens");
  Batch copy;
  copy.sequences.assign(batch.sequences, batch.sequences + batch.num_sequences);
  copy.tokens.assign(batch.tokens, batch.tokens + batch.num_tokens);
  if (batch.sampling)
    copy.sampling.assign(batch.sampling, batch.sampling + batch.num_sequences);
  MXS_TRY(check(copy, manifest));
  out = std::move(copy);
  return okStatus();
}

void Batch::write(ByteWriter &out) const {
  out.put(variant);
  out.put(chunks);
  out.put(wantLogits);
  out.put(wantRouting);
  out.putArray(sequences);
  out.putArray(tokens);
  out.putArray(sampling);
}

Status Batch::read(ByteReader &in, const Manifest &manifest, Batch &out) {
  Batch batch;
  in.get(batch.variant);
  in.get(batch.chunks);
  in.get(batch.wantLogits);
  in.get(batch.wantRouting);
  in.getArray(batch.sequences);
  in.getArray(batch.tokens);
  in.getArray(batch.sampling);
  const bool sampled = batch.sampling.empty() || batch.sampling.size() == batch.sequences.size();
  if (!in.finished() || !sampled || batch.variant < 0 || batch.variant >= int(manifest.variants.size()) ||
      batch.chunks < 1)
    return internalError("malformed batch descriptor from node 0");
  MXS_TRY_IN("batch descriptor from node 0", check(batch, manifest));
  out = std::move(batch);
  return okStatus();
}

int64_t Batch::askedRows(const mxs_sequence_t &s) {
  return s.logits == MXS_LOGITS_ALL ? s.num_tokens : s.logits == MXS_LOGITS_LAST ? 1 : 0;
}
