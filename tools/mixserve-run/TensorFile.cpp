//===- TensorFile.cpp - Verification files (safetensors) --------------------===//
#include "tools/mixserve-run/TensorFile.h"

#include "core/MappedFile.h"
#include "core/Safetensors.h"

using namespace mixserve::tools;
using mxs::Status;

static Status readIds(const mxs::Safetensors &file, const std::string &name,
                      std::vector<int32_t> &ids) {
  std::vector<int64_t> values, shape;
  MXS_TRY(file.read(name, values, shape));
  if (shape.size() != 1)
    return mxs::badArtifact("tensor '" + name + "' must have rank 1, got rank " +
                            std::to_string(shape.size()));
  for (int64_t value : values) {
    if (value < 0 || value > INT32_MAX)
      return mxs::badArtifact("tensor '" + name + "' holds " + std::to_string(value) +
                              ", which is no token id");
    ids.push_back(static_cast<int32_t>(value));
  }
  return mxs::okStatus();
}

static Status readPrompt(const mxs::Safetensors &file, const std::string &n, int64_t vocab,
                         VerificationPrompt &out) {
  std::vector<int64_t> shape;
  MXS_TRY(readIds(file, "prompt" + n, out.prompt));
  MXS_TRY(readIds(file, "greedy" + n, out.greedy));
  MXS_TRY(file.read("logits" + n, out.logits, shape));
  const std::vector<int64_t> expected = {static_cast<int64_t>(out.prompt.size()), vocab};
  if (shape == expected)
    return mxs::okStatus();
  std::string got;
  for (int64_t extent : shape)
    got += (got.empty() ? "" : ", ") + std::to_string(extent);
  return mxs::badArtifact("tensor 'logits" + n + "' is [" + got + "], expected [" +
                          std::to_string(expected[0]) + ", " + std::to_string(vocab) +
                          "] for this prompt and this model");
}

std::vector<VerificationPrompt>
mixserve::tools::readVerification(const std::string &path, int64_t vocab, std::string &error) {
  std::vector<VerificationPrompt> prompts;
  auto read = [&]() -> Status {
    mxs::MappedFile bytes;
    mxs::Safetensors file;
    MXS_TRY(mxs::MappedFile::open(path, bytes));
    MXS_TRY(mxs::Safetensors::parse(bytes.data(), bytes.size(), file));
    for (int p = 0; p == 0 || file.find("prompt" + std::to_string(p)); ++p)
      MXS_TRY(readPrompt(file, std::to_string(p), vocab, prompts.emplace_back()));
    return mxs::okStatus();
  };
  if (const Status status = read(); !status.ok()) {
    error = "verification file '" + path + "': " + status.message();
    return {};
  }
  return prompts;
}

std::string mixserve::tools::writeVerification(const std::string &path,
                                               const std::vector<VerificationPrompt> &prompts,
                                               int64_t vocab) {
  mxs::SafetensorsWriter file;
  auto ids = [&](const std::string &name, const std::vector<int32_t> &values) {
    file.add(name, {static_cast<int64_t>(values.size())},
             std::vector<int64_t>(values.begin(), values.end()));
  };
  for (size_t p = 0; p < prompts.size(); ++p) {
    const std::string n = std::to_string(p);
    ids("prompt" + n, prompts[p].prompt);
    ids("greedy" + n, prompts[p].greedy);
    file.add("logits" + n, {static_cast<int64_t>(prompts[p].prompt.size()), vocab},
             prompts[p].logits);
  }
  return file.write(path).message();
}
