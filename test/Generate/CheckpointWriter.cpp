//===- CheckpointWriter.cpp - safetensors files of any size on disk -------===//
#include "test/Generate/CheckpointWriter.h"
#include "test/Generate/OutFile.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace mixserve::generate {

using Json = nlohmann::ordered_json;

uint64_t CheckpointTensor::elements() const {
  uint64_t product = 1;
  for (int64_t size : shape)
    product *= uint64_t(size);
  return product;
}

uint64_t CheckpointTensor::elementBytes() const {
  if (dtype == "F32" || dtype == "I32")
    return 4;
  if (dtype == "BF16" || dtype == "F16")
    return 2;
  if (dtype == "F64" || dtype == "I64")
    return 8;
  return 1;
}

namespace {

/// Consecutive elements of a tensor that are computed and written together.
struct Block {
  const CheckpointTensor *tensor;
  uint64_t first, count, offset; ///< offset: in the file
};

/// Runs work(i) for i in [0, count) on that many threads; throws what the first failure threw.
template <class Work> void parallel(size_t count, unsigned threads, Work work) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  auto run = [&] {
    try {
      for (size_t i; (i = next++) < count;)
        work(i);
    } catch (...) {
      next = count;
      std::lock_guard<std::mutex> lock(failing);
      failure = failure ? failure : std::current_exception();
    }
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i)
    others.emplace_back(run);
  run();
  for (std::thread &thread : others)
    thread.join();
  if (failure)
    std::rethrow_exception(failure);
}

/// The header, and where each tensor begins behind it.
std::string headerOf(const std::vector<CheckpointTensor> &tensors, std::vector<uint64_t> &offsets) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t end = 0;
  for (const CheckpointTensor &tensor : tensors) {
    offsets.push_back(end);
    end += tensor.elements() * tensor.elementBytes();
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offsets.back(), end}}};
  }
  offsets.push_back(end);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[size_t(i)] = char(uint64_t(text.size()) >> (8 * i) & 255);
  return bytes + text;
}

void writeFile(const std::string &path, const std::vector<CheckpointTensor> &tensors,
               const CheckpointForm &form) {
  constexpr uint64_t kBlockElements = 1 << 20;
  std::vector<uint64_t> offsets;
  const std::string header = headerOf(tensors, offsets);
  OutFile file(path, OutFile::Refuse);
  file.append(header);
  std::vector<Block> blocks;
  for (size_t t = 0; t < tensors.size() && !form.sparse; ++t)
    for (uint64_t i = 0, n = tensors[t].elements(); i < n; i += kBlockElements)
      blocks.push_back({&tensors[t], i, std::min(kBlockElements, n - i),
                        header.size() + offsets[t] + i * tensors[t].elementBytes()});
  const unsigned threads =
      form.threads ? form.threads : std::max(1u, std::thread::hardware_concurrency());
  parallel(blocks.size(), threads, [&](size_t i) {
    const Block &block = blocks[i];
    std::vector<char> bytes(block.count * block.tensor->elementBytes());
    block.tensor->fill(block.first, block.count, bytes.data());
    file.writeAt(block.offset, bytes.data(), bytes.size());
  });
  file.finish(header.size() + offsets.back());
}

/// "model-00001-of-00004.safetensors"
std::string shardName(int number, int shards) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", number + 1, shards);
  return name;
}

} // namespace

void writeCheckpoint(const std::string &folder, std::vector<CheckpointTensor> tensors,
                     const CheckpointForm &form) {
  std::sort(tensors.begin(), tensors.end(),
            [](const auto &a, const auto &b) { return a.name < b.name; });
  if (form.shards <= 1)
    return writeFile(folder + "/model.safetensors", tensors, form);
  if (tensors.size() < size_t(form.shards))
    throw std::invalid_argument("there are only " + std::to_string(tensors.size()) +
                                " tensors for " + std::to_string(form.shards) + " files");
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  uint64_t total = 0;
  for (int s = 0; s < form.shards; ++s) {
    const size_t count = tensors.size(), shards = size_t(form.shards), shard = size_t(s);
    const std::vector<CheckpointTensor> part(tensors.begin() + ptrdiff_t(count * shard / shards),
                                             tensors.begin() +
                                                 ptrdiff_t(count * (shard + 1) / shards));
    for (const CheckpointTensor &tensor : part) {
      index["weight_map"][tensor.name] = shardName(s, form.shards);
      total += tensor.elements() * tensor.elementBytes();
    }
    writeFile(folder + "/" + shardName(s, form.shards), part, form);
  }
  index["metadata"]["total_size"] = total;
  const std::string text = index.dump(2) + "\n";
  OutFile file(folder + "/model.safetensors.index.json", OutFile::Refuse);
  file.append(text);
  file.finish();
}

} // namespace mixserve::generate
