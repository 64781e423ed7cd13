//===- CacheWiring.cpp - cache inputs and outputs belong to their attention -------------------===//

#include "CacheWiring.h"
#include "InputRoles.h"

using namespace mlir;

namespace mixserve::raise {

namespace {
/// Keys or values of one layer.
struct Entry {
  const Joined *joined;
  const Attention *attention;
  size_t layer;
  bool isKey;
  std::optional<unsigned> output;

  std::string name() const {
    return (isKey ? "keys" : "values") + (" of layer " + std::to_string(layer));
  }
  /// True if an output with this meaning stores the entry.
  bool isStoredBy(const Meaning &meaning) const {
    if (auto *stored = as<Joined>(meaning))
      return stored->cache == joined->cache && stored->rows == joined->rows;
    return !joined->cache && meaning.term == joined->rows;
  }
};
} // namespace

/// All keys and values, in layers' order.
static SmallVector<Entry> entriesOf(const Decoder &decoder) {
  SmallVector<Entry> entries;
  for (auto [number, layer] : llvm::enumerate(decoder.layers)) {
    const Attention *attention = layer.attention.attention;
    entries.push_back({attention->keys, attention, number, true, {}});
    entries.push_back({attention->values, attention, number, false, {}});
  }
  return entries;
}

/// Every cache input is read by one entry, and by all or none of the layers.
static LogicalResult checkInputs(func::FuncOp main, const Probe &probe, ArrayRef<Entry> entries) {
  SmallVector<const Entry *> readers(main.getNumArguments(), nullptr);
  for (const Entry &entry : entries) {
    if (!entry.joined->cache) {
      if (probe.has(InputRole::Cache))
        return emitError(entry.attention->loc, "the ")
               << entry.name() << " have no cache input, though the graph has some";
      continue;
    }
    unsigned argument = entry.joined->cache->argument;
    if (readers[argument])
      return emitError(entry.attention->loc, "cache input '")
             << inputName(main, argument) << "' is read for the " << readers[argument]->name()
             << " and again for the " << entry.name();
    readers[argument] = &entry;
  }
  for (unsigned argument = 0; argument < main.getNumArguments(); ++argument)
    if (probe.role(argument) == InputRole::Cache && !readers[argument])
      return main.emitError("cache input '")
             << inputName(main, argument) << "' is read by no attention";
  return success();
}

LogicalResult checkCacheWiring(func::FuncOp main, const Probe &probe, const Decoder &decoder,
                               ArrayRef<std::pair<unsigned, Meaning>> outputs) {
  SmallVector<Entry> entries = entriesOf(decoder);
  if (failed(checkInputs(main, probe, entries)))
    return failure();
  // What is stored, by the rows that are new in it: entries have different ones.
  DenseMap<const Rows *, SmallVector<Entry *, 1>> byRows;
  for (Entry &entry : entries)
    byRows[entry.joined->rows].push_back(&entry);
  for (const auto &[number, meaning] : outputs) {
    auto *joined = as<Joined>(meaning);
    auto *rows = joined ? joined->rows : as<Rows>(meaning);
    auto found = byRows.find(rows);
    Entry *stored = nullptr;
    for (Entry *entry : found == byRows.end() ? SmallVector<Entry *, 1>() : found->second)
      if (entry->isStoredBy(meaning))
        stored = entry;
    if (!stored) {
      auto error = main.emitError("wrong cache wiring: output '")
                   << outputName(main, number) << "' stores " << describe(meaning);
      if (found != byRows.end() && joined && joined->cache)
        error << ": the " << found->second.front()->name() << " behind cache input '"
              << inputName(main, joined->cache->argument)
              << "', which this attention does not read";
      else
        error << " that no attention reads";
      return error;
    }
    if (stored->output)
      return main.emitError("wrong cache wiring: the ")
             << stored->name() << " are stored in output '" << outputName(main, *stored->output)
             << "' and again in '" << outputName(main, number) << "'";
    stored->output = number;
  }
  // Inputs and outputs pair up by place: the n-th output is next step's n-th cache input.
  SmallVector<Entry *> cached;
  for (Entry &entry : entries)
    if (entry.joined->cache)
      cached.push_back(&entry);
  for (Entry *entry : cached)
    if (!entry->output)
      return emitError(entry->attention->loc, "wrong cache wiring: the ")
             << entry->name() << " continue cache input '"
             << inputName(main, entry->joined->cache->argument) << "', but no output stores them";
  llvm::sort(cached, [](Entry *a, Entry *b) {
    return a->joined->cache->argument < b->joined->cache->argument;
  });
  for (size_t i = 1; i < cached.size(); ++i)
    if (*cached[i]->output < *cached[i - 1]->output)
      return main.emitError("wrong cache wiring: output '")
             << outputName(main, *cached[i]->output) << "' continues cache input '"
             << inputName(main, cached[i]->joined->cache->argument)
             << "', which stands at another place among the cache inputs";
  return success();
}

} // namespace mixserve::raise
