//===- Artifact.cpp -------------------------------------------------------------------------===//
#include "core/Artifact.h"

#include "core/Checksum.h"
#include "core/Target.h"
#include "machine/ControlGroup.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace mxs;

/// manifest.json lists a checksum per weight block: 1 GiB of manifest would be an 80 TB model.
static constexpr size_t kMaxManifest = size_t(1) << 30;

/// A copy that is whole but may not be read wants other rights, not another copy.
static std::string adviceOn(int error) {
  if (error == EACCES || error == EPERM)
    return "; give this user the right to read the artifact and to enter its folders "
           "(chmod -R a+rX), and those above it";
  return "; copy the artifact anew or compile again";
}

/// `error` is what kept the system from telling anything about `what`.
static Status unreadable(const std::string &what, int error) {
  return badArtifact("cannot read " + what + ": " + std::strerror(error) + adviceOn(error));
}

static bool mayNotRead(const std::string &path) {
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

static Status readText(const std::string &path, size_t limit, std::string &text) {
  const Status status = readFile(path, limit, text);
  if (status.ok())
    return status;
  return badArtifact(status.message() + (mayNotRead(path)
                                             ? adviceOn(EACCES)
                                             : "; this is no artifact, or it is incomplete"));
}

static Status readManifest(const std::string &folder, std::string &text) {
  struct stat info;
  const int error = ::stat(folder.c_str(), &info) == 0 ? 0 : errno;
  if (error != 0 && error != ENOENT && error != ENOTDIR)
    return unreadable("the folder", error);
  if (error != 0 || !S_ISDIR(info.st_mode))
    return badArtifact("there is no such folder; give the one that mixserve-compile -o wrote");
  std::string expected;
  MXS_TRY(readText(folder + "/manifest.json", kMaxManifest, text));
  MXS_TRY(readText(folder + "/manifest.sha256", 4096, expected));
  // The line that sha256sum writes.
  if (expected != sha256Hex(text.data(), text.size()) + "  manifest.json\n")
    return badArtifact(
        "manifest.json does not match manifest.sha256: one of them was changed after "
        "it was compiled; copy the artifact anew or compile again");
  return okStatus();
}

static Status checkSize(const std::string &folder, const FileEntry &entry) {
  struct stat info;
  const int error = ::stat((folder + "/" + entry.path).c_str(), &info) == 0 ? 0 : errno;
  if (error == ENOENT)
    return badArtifact("file '" + entry.path +
                       "' is missing; copy the artifact anew or compile again");
  if (error != 0)
    return unreadable("file '" + entry.path + "'", error);
  if (!S_ISREG(info.st_mode))
    return badArtifact("'" + entry.path +
                       "' is not a regular file; copy the artifact anew or compile again");
  if (mayNotRead(folder + "/" + entry.path))
    return unreadable("file '" + entry.path + "'", EACCES);
  if (info.st_size != entry.bytes)
    return badArtifact("file '" + entry.path + "' has " + std::to_string(info.st_size) +
                       " bytes, the manifest says " + std::to_string(entry.bytes) +
                       "; copy the artifact anew or compile again");
  return okStatus();
}

/// Code or weights that the manifest does not list come from another artifact (of more ranks, say)
/// that was copied into the same folder. Hidden files belong to the file system.
static Status checkNothingElse(const std::string &folder, const Manifest &m) {
  for (const char *part : {"code", "weights"}) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder + "/" + part, error), end;
         !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const std::string path = std::string(part) + "/" + name;
      if (name[0] != '.' && !m.file(path))
        return badArtifact("file '" + path +
                           "' is not listed in the manifest: files of two artifacts seem to be "
                           "mixed; copy the artifact into an empty folder or compile again");
    }
    if (error)
      return badArtifact("cannot list folder '" + std::string(part) + "': " + error.message() +
                         adviceOn(error.value()));
  }
  return okStatus();
}

static Status checkSha256(const std::string &folder, const FileEntry &entry) {
  MappedFile file;
  if (Status status = MappedFile::open(folder + "/" + entry.path, file); !status.ok())
    return badArtifact(status.message());
  if (sha256Hex(file.data(), file.size()) != entry.sha256)
    return badArtifact("file '" + entry.path +
                       "' does not match its sha256 in the manifest: it was changed after it was "
                       "compiled; copy the artifact anew or compile again");
  return okStatus();
}

/// What the ranks allocate must fit this machine; weights are mapped and may be paged.
static Status checkMemory(const Manifest &m, int ranks) {
  double need = double(m.arenaBytes);
  for (const CacheEntry &cache : m.caches)
    need += (cache.isBf16 ? 2.0 : 4.0) * double(cache.width()) * double(m.maxSeqs) *
            double(m.maxContext);
  need *= ranks;
  const UsableMemory have = UsableMemory::read();
  if (need > have.bytes)
    return mismatch("its " + std::to_string(ranks) + " ranks need " +
                    std::to_string(int64_t(need / (1 << 20))) + " MiB for activations and cache, " +
                    have.owner() + " has " + std::to_string(int64_t(have.bytes / (1 << 20))) +
                    " MiB; compile with a smaller --max-seqs, --max-context or --max-batch-tokens" +
                    (have.ofGroup ? ", or grant more (docker --memory, srun --mem)" : ""));
  return okStatus();
}

Status Artifact::open(const std::string &folder, Artifact &out, int nodesHere) {
  Artifact opened;
  opened.root = folder;
  int abi = 0;
  const std::string where = "artifact '" + folder + "'";
  MXS_TRY_IN(where, readManifest(folder, opened.text));
  MXS_TRY_IN(where + ": manifest.json", Manifest::parse(opened.text, opened.facts, abi));
  const Manifest &m = opened.facts;
  for (const FileEntry &entry : m.files)
    MXS_TRY_IN(where, checkSize(folder, entry));
  MXS_TRY_IN(where, checkNothingElse(folder, m));
  for (const FileEntry &entry : m.files)
    if (entry.blockBytes == 0)
      MXS_TRY_IN(where, checkSha256(folder, entry));
  MXS_TRY_IN(where, checkTarget(m.triple, m.features));
  MXS_TRY_IN(where, checkMemory(m, (nodesHere ? nodesHere : m.nodes) * m.devices));
  if (abi != MXS_ABI_VERSION)
    return mismatch(where + ": compiled for runtime ABI " + std::to_string(abi) +
                    ", this runtime has " + std::to_string(MXS_ABI_VERSION) +
                    "; compile the model again");
  if (m.planHash != m.file(kPlanFile)->sha256)
    return badArtifact(where + ": plan_hash is not the sha256 of plan.json; compile again");
  out = std::move(opened);
  return okStatus();
}

Status Artifact::openWeights(int rank, bool verify, bool verifyShared,
                             const WeightFile::Progress &progress, RankWeights &out) const {
  RankWeights weights;
  const std::string where = "artifact '" + root + "'";
  MXS_TRY_IN(where, WeightFile::open(root, *facts.file(kSharedWeights), verifyShared, progress,
                                     weights.shared));
  MXS_TRY_IN(where, WeightFile::open(root, *facts.file(rankWeightsFile(rank)), verify, progress,
                                     weights.own));
  for (const ParamEntry &param : facts.params)
    MXS_TRY_IN(where, (param.shared ? weights.shared : weights.own)
                          .weight(param, weights.weights.emplace_back()));
  out = std::move(weights);
  return okStatus();
}

Status Artifact::checkWeightFiles() const {
  for (const FileEntry &entry : facts.files)
    if (entry.blockBytes != 0)
      MXS_TRY_IN("artifact '" + root + "'", checkSha256(root, entry));
  return okStatus();
}
