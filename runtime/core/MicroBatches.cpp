//===- MicroBatches.cpp ---------------------------------------------------------------------===//
#include "core/MicroBatches.h"

#include <algorithm>

using namespace mxs;

/// Rows that a sequence can give away: not its last, whose logits are asked.
static int64_t spareRows(const mxs_sequence_t &s) { return s.num_tokens - 1; }

static bool canSplit(const Batch &batch) {
  if (batch.wantRouting)
    return false;
  return std::all_of(batch.sequences.begin(), batch.sequences.end(),
                     [](const mxs_sequence_t &s) { return Batch::askedRows(s) <= 1; });
}

/// Rows and spare rows of the sequences [first, end).
struct GroupRows {
  int64_t all = 0, spare = 0;
};
static GroupRows countRows(const Batch &batch, size_t first, size_t end) {
  GroupRows rows;
  for (size_t i = first; i < end; ++i) {
    rows.all += batch.sequences[i].num_tokens;
    rows.spare += spareRows(batch.sequences[i]);
  }
  return rows;
}

static void appendPart(const Batch &whole, size_t index, int64_t firstToken, int64_t position,
                       int32_t tokens, Batch &part) {
  mxs_sequence_t s = whole.sequences[index];
  s.position = position;
  s.num_tokens = tokens;
  part.sequences.push_back(s);
  const auto begin = whole.tokens.begin() + firstToken;
  part.tokens.insert(part.tokens.end(), begin, begin + tokens);
  if (!whole.sampling.empty())
    part.sampling.push_back(whole.sampling[index]);
  if (!whole.prompts.empty())
    part.prompts.push_back(whole.prompts[index]);
}

static void empty(const Batch &whole, Batch &part) {
  part.wantLogits = whole.wantLogits;
  part.wantRouting = 0;
  part.sequences.clear();
  part.tokens.clear();
  part.sampling.clear();
  part.prompts.clear();
}

bool mxs::splitBatch(const Batch &whole, Batch &early, Batch &late) {
  if (!canSplit(whole))
    return false;
  empty(whole, early);
  empty(whole, late);
  const std::vector<mxs_sequence_t> &sequences = whole.sequences;
  int64_t token = 0;
  for (size_t first = 0, end = 0; first < sequences.size(); first = end) {
    while (end < sequences.size() && sequences[end].group == sequences[first].group)
      ++end;
    const GroupRows rows = countRows(whole, first, end);
    const int64_t wanted = std::min(rows.all / 2, rows.spare);
    int64_t spareSoFar = 0, given = 0;
    for (size_t i = first; i < end; ++i) {
      const mxs_sequence_t &s = sequences[i];
      spareSoFar += spareRows(s);
      // In proportion to what each can give; what rounding leaves goes to the next.
      const int64_t upTo = rows.spare > 0 ? wanted * spareSoFar / rows.spare : 0;
      const int32_t cut = static_cast<int32_t>(std::min(upTo - given, spareRows(s)));
      given += cut;
      if (cut > 0) {
        appendPart(whole, i, token, s.position, cut, early);
        early.sequences.back().logits = MXS_LOGITS_NONE;
      }
      appendPart(whole, i, token + cut, s.position + cut, s.num_tokens - cut, late);
      token += s.num_tokens;
    }
  }
  return 4 * early.totalTokens() >= whole.totalTokens();
}

void mxs::writeHalves(const Batch &late, const Batch *early, ByteWriter &out) {
  out.put<uint8_t>(early != nullptr);
  out.putPart([&](ByteWriter &part) { late.write(part); });
  if (early)
    out.putPart([&](ByteWriter &part) { early->write(part); });
}

Status mxs::readHalves(ByteReader &in, const Manifest &manifest, Batch &late, Batch &early,
                       bool &hasEarly) {
  uint8_t halves = 0;
  in.get(halves);
  if (halves > 1)
    return internalError("malformed batch descriptor from node 0");
  hasEarly = halves != 0;
  ByteReader part = in.getPart();
  MXS_TRY(Batch::read(part, manifest, late));
  if (hasEarly) {
    part = in.getPart();
    MXS_TRY(Batch::read(part, manifest, early));
  }
  return in.finished() ? okStatus() : internalError("malformed batch descriptor from node 0");
}

size_t mxs::largestHalvesBytes(const Manifest &manifest) {
  return sizeof(uint8_t) + 2 * (sizeof(uint64_t) + Batch::largestBytes(manifest));
}
