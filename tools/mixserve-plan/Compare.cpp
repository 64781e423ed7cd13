//===- Compare.cpp - Planned bytes beside counted ones ----------------------===//
#include "Compare.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <tuple>

using namespace mixserve;
using planner::ByteRow;

std::optional<std::vector<ByteRow>> mixserve::readCountedBytes(const std::string &path,
                                                               std::string &error) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    error = path + ": cannot read the stats file: " + buffer.getError().message();
    return std::nullopt;
  }
  auto json = llvm::json::parse((*buffer)->getBuffer());
  const llvm::json::Array *rows = nullptr;
  if (json)
    if (const auto *object = json->getAsObject())
      rows = object->getArray("bytes");
  llvm::consumeError(json.takeError());
  if (!rows) {
    error = path + ": no array 'bytes'; give the file that mixserve-run --stats=FILE wrote";
    return std::nullopt;
  }
  std::vector<ByteRow> counted;
  for (const llvm::json::Value &value : *rows) {
    const auto *row = value.getAsObject();
    const auto layer = row ? row->getInteger("layer") : std::nullopt,
               rank = row ? row->getInteger("rank") : std::nullopt,
               bytes = row ? row->getInteger("bytes") : std::nullopt;
    const auto op = row ? row->getString("op") : std::nullopt,
               link = row ? row->getString("link") : std::nullopt,
               dir = row ? row->getString("dir") : std::nullopt;
    if (!layer || !rank || !bytes || !op || !link || !dir) {
      error = path + ": row " + std::to_string(counted.size()) +
              " of 'bytes' is incomplete; give the file that mixserve-run --stats=FILE wrote";
      return std::nullopt;
    }
    counted.push_back({*layer, op->str(), link->str(), dir->str(), *rank, *bytes});
  }
  return counted;
}

using RowKey = std::tuple<int64_t, std::string, std::string, std::string, int64_t>;
using Pair = std::pair<int64_t, int64_t>; // planned, counted

bool mixserve::printComparison(const std::vector<ByteRow> &planned,
                               const std::vector<ByteRow> &counted) {
  std::map<RowKey, Pair> rows;
  std::map<std::pair<std::string, std::string>, Pair> sums;
  auto add = [&](const std::vector<ByteRow> &from, int64_t Pair::*side) {
    for (const ByteRow &row : from) {
      rows[{row.layer, row.op, row.link, row.dir, row.rank}].*side += row.bytes;
      if (row.dir == "out")
        sums[{row.op, row.link}].*side += row.bytes;
    }
  };
  add(planned, &Pair::first);
  add(counted, &Pair::second);
  llvm::outs() << "op           link        planned       counted\n";
  for (const auto &entry : sums)
    llvm::outs() << llvm::format("%-11s  %-5s  %12lld  %12lld%s\n", entry.first.first.c_str(),
                                 entry.first.second.c_str(), (long long)entry.second.first,
                                 (long long)entry.second.second,
                                 entry.second.first == entry.second.second ? "" : "  DIFFERENT");
  size_t different = 0;
  for (const auto &entry : rows) {
    if (entry.second.first == entry.second.second || different++ > 0)
      continue;
    const auto &[layer, op, link, dir, rank] = entry.first;
    llvm::outs() << "first difference: layer " << layer << ", " << op << ", " << link << " " << dir
                 << ", rank " << rank << ": planned " << entry.second.first << ", counted "
                 << entry.second.second << "\n";
  }
  if (different == 0)
    llvm::outs() << "equal: all " << rows.size()
                 << " counters (layer, op, link, direction, rank) are as planned\n";
  else
    llvm::outs() << different << " of " << rows.size() << " counters differ from the plan\n";
  return different == 0;
}
