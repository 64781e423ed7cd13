//===- Batch.cpp ----------------------------------------------------------------------------===//
#include "core/Batch.h"

#include "core/Sampling.h"

#include <algorithm>
#include <utility>

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

static size_t slotCount(const Manifest &m) {
  return static_cast<size_t>(m.attnDp) * static_cast<size_t>(m.maxSeqs);
}

/// Sequences of the largest step: each has a slot of its own and a token.
static size_t largestSequences(const Manifest &m) {
  return std::min(slotCount(m), static_cast<size_t>(m.maxBatchTokens));
}

void Batch::reserve(const Manifest &m) {
  sequences.reserve(largestSequences(m));
  sampling.reserve(largestSequences(m));
  prompts.reserve(largestSequences(m));
  tokens.reserve(static_cast<size_t>(m.maxBatchTokens));
  taken.reserve(slotCount(m));
}

size_t Batch::largestBytes(const Manifest &m) {
  const size_t fixed = sizeof variant + sizeof chunks + sizeof wantLogits + sizeof wantRouting;
  const size_t perSequence = sizeof(mxs_sequence_t) + sizeof(mxs_sampling_t) + sizeof(int32_t);
  return fixed + 4 * sizeof(uint64_t) + largestSequences(m) * perSequence +
         static_cast<size_t>(m.maxBatchTokens) * sizeof(int32_t);
}

Status Batch::check(const Manifest &m) {
  if (sequences.empty())
    return invalidArgument("the batch has no sequence");
  if (totalTokens() > m.maxBatchTokens)
    return resourceExhausted("the batch has " + number(totalTokens()) +
                             " tokens, the artifact was compiled for at most " +
                             number(m.maxBatchTokens) +
                             "; split it or compile with a larger --max-batch-tokens");
  taken.assign(slotCount(m), 0);
  int64_t count = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const mxs_sequence_t &s = sequences[i];
    const auto where = [&] { return "sequence " + std::to_string(i); };
    MXS_TRY_IN(where(), checkSequence(s, m));
    if (i > 0 && sequences[i - 1].group > s.group)
      return invalidArgument(where() + ": sequences must be in ascending group, group " +
                             number(s.group) + " follows " + number(sequences[i - 1].group));
    if (std::exchange(taken[static_cast<size_t>(s.group * m.maxSeqs + s.slot)], 1))
      return invalidArgument(where() + ": slot " + number(s.slot) + " of group " + number(s.group) +
                             " occurs twice");
    MXS_TRY_IN(where(), checkSampling(samplingOf(i)));
    if (promptOf(i) < 0)
      return invalidArgument(where() + ": its prompt of " + number(promptOf(i)) +
                             " tokens is negative");
    count += s.num_tokens;
  }
  if (count != totalTokens())
    return invalidArgument("the sequences have " + number(count) + " tokens, num_tokens is " +
                           number(totalTokens()));
  return checkTokens(m);
}

Status Batch::checkTokens(const Manifest &m) const {
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= m.vocab)
      return invalidArgument("token " + std::to_string(i) + " of the batch has id " +
                             number(tokens[i]) + ", the vocabulary has ids 0 to " +
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
  if (static_cast<size_t>(batch.num_sequences) > slotCount(manifest))
    return resourceExhausted("the batch has " + number(batch.num_sequences) +
                             " sequences, the artifact has " + std::to_string(slotCount(manifest)) +
                             " cache slots; compile with a larger --max-seqs");
  out.sequences.assign(batch.sequences, batch.sequences + batch.num_sequences);
  out.tokens.assign(batch.tokens, batch.tokens + batch.num_tokens);
  out.sampling.assign(batch.sampling,
                      batch.sampling ? batch.sampling + batch.num_sequences : batch.sampling);
  out.prompts.assign(batch.prompts,
                     batch.prompts ? batch.prompts + batch.num_sequences : batch.prompts);
  return out.check(manifest);
}

void Batch::write(ByteWriter &out) const {
  out.put(variant);
  out.put(chunks);
  out.put(wantLogits);
  out.put(wantRouting);
  out.putArray(sequences);
  out.putArray(tokens);
  out.putArray(sampling);
  out.putArray(prompts);
}

Status Batch::read(ByteReader &in, const Manifest &manifest, Batch &out) {
  in.get(out.variant);
  in.get(out.chunks);
  in.get(out.wantLogits);
  in.get(out.wantRouting);
  in.getArray(out.sequences);
  in.getArray(out.tokens);
  in.getArray(out.sampling);
  in.getArray(out.prompts);
  const size_t count = out.sequences.size();
  const bool fits = (out.sampling.empty() || out.sampling.size() == count) &&
                    (out.prompts.empty() || out.prompts.size() == count);
  if (!in.finished() || !fits || out.variant < 0 ||
      out.variant >= static_cast<int>(manifest.variants.size()) || out.chunks < 1)
    return internalError("malformed batch descriptor from node 0");
  MXS_TRY_IN("batch descriptor from node 0", out.check(manifest));
  return okStatus();
}

int64_t Batch::askedRows(const mxs_sequence_t &s) {
  return s.logits == MXS_LOGITS_ALL ? s.num_tokens : s.logits == MXS_LOGITS_LAST ? 1 : 0;
}
