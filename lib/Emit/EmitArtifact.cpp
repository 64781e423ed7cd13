//===- EmitArtifact.cpp - From fused local IR to an artifact folder ---------===//
#include "mixserve/Emit/EmitArtifact.h"
#include "ArtifactFolder.h"
#include "ArtifactTexts.h"
#include "CompileObject.h"
#include "PackWeights.h"
#include "mixserve/Emit/Passes.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixserve;

/// Everything about the module that is known before anything is written.
namespace {
struct Subject {
  ModuleOp fused;
  Target target;
  SmallVector<ParamEntry> params;
  SmallVector<Variant> variants;
  ModelFacts facts;
};
} // namespace

static FailureOr<Subject> examine(ModuleOp fused, const EmitOptions &options) {
  if (failed(checkPlan(fused)))
    return failure();
  FailureOr<Target> target = resolveTarget(options.targetCpu, fused.getLoc());
  FailureOr<SmallVector<ParamEntry>> params = collectParams(fused);
  FailureOr<SmallVector<Variant>> variants = collectVariants(fused);
  FailureOr<ModelFacts> facts = collectFacts(fused);
  if (failed(target) || failed(params) || failed(variants) || failed(facts))
    return failure();
  return Subject{fused, std::move(*target), std::move(*params), std::move(*variants), std::move(*facts)};
}

/// code/model.so, and the bytes of the arena that it needs.
static FailureOr<FileRecord> writeCode(Subject &subject, const EmitOptions &options, StringRef folder,
                                       int64_t &arenaBytes, TimingScope &timing) {
  OwningOpRef<ModuleOp> module = cast<ModuleOp>(subject.fused->clone());
  PassManager passes(module->getContext());
  buildEmitPipeline(passes);
  TimingScope lowering = timing.nest("lower");
  if (timing)
    passes.enableTiming(lowering);
  if (failed(passes.run(*module)))
    return failure();
  lowering.stop();
  arenaBytes = (*module)->getAttrOfType<IntegerAttr>(kArenaBytesAttr).getInt();
  const std::string object = (folder + "/code/model.o").str();
  TimingScope generating = timing.nest("generate code");
  if (failed(compileObject(*module, subject.target, object)))
    return failure();
  generating.stop();
  TimingScope linking = timing.nest("link");
  if (failed(linkLibrary(object, (folder + "/code/model.so").str(), options.linker, subject.fused.getLoc())))
    return failure();
  llvm::sys::fs::remove(object);
  return recordFile(folder, "code/model.so", subject.fused.getLoc());
}

/// The fused module without what depends on where it was compiled.
static std::string irText(ModuleOp fused) {
  OwningOpRef<ModuleOp> module = cast<ModuleOp>(fused->clone());
  (*module)->removeAttr(nn::kSourceFolderAttr);
  if (auto hardware = (*module)->getAttrOfType<plan::HardwareAttr>(plan::kHardwareAttr))
    (*module)->setAttr(plan::kHardwareAttr,
                       plan::HardwareAttr::get(module->getContext(), hardware.getLevels(), hardware.getMemory(),
                                               hardware.getMemoryBwGbS(), hardware.getFlops(),
                                               llvm::sys::path::filename(hardware.getSource())));
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return text + "\n";
}

static LogicalResult writeText(StringRef folder, StringRef path, StringRef text, Location loc,
                               std::vector<FileRecord> &records) {
  ArtifactFile file(folder, path, /*hasBlocks=*/false);
  file.write(text);
  FailureOr<FileRecord> record = file.finish(loc);
  if (succeeded(record))
    records.push_back(std::move(*record));
  return record;
}

static LogicalResult writeAll(Subject &subject, const EmitOptions &options, StringRef folder, TimingScope &timing) {
  ModuleOp fused = subject.fused;
  const Location loc = fused.getLoc();
  std::string source = options.sourceFolder;
  if (auto attr = fused->getAttrOfType<StringAttr>(nn::kSourceFolderAttr); attr && source.empty())
    source = attr.str();
  BoxReader reader(source.empty() ? "." : source);

  int64_t arenaBytes = 0;
  FailureOr<FileRecord> code = writeCode(subject, options, folder, arenaBytes, timing);
  if (failed(code))
    return failure();
  TimingScope packing = timing.nest("pack weights");
  FailureOr<std::vector<FileRecord>> weights = packWeights(
      subject.params, fused->getAttrOfType<plan::MeshAttr>(plan::kMeshAttr), reader, folder, loc);
  if (failed(weights))
    return failure();
  packing.stop();
  TimingScope writing = timing.nest("write texts");
  std::vector<FileRecord> records;
  const std::string plan = planText(fused, subject.params, subject.variants);
  if (failed(writeText(folder, "plan.json", plan, loc, records)) ||
      failed(writeText(folder, "cluster.json", clusterText(fused), loc, records)) ||
      failed(writeText(folder, "ir.mlir", irText(fused), loc, records)))
    return failure();
  records.push_back(std::move(*code));
  records.insert(records.end(), weights->begin(), weights->end());
  const std::string manifest = manifestText({fused, subject.target, subject.facts, subject.params, subject.variants,
                                             arenaBytes, sha256Hex(plan), records});
  // The line that sha256sum writes and checks.
  const std::string checksum = sha256Hex(manifest) + "  manifest.json\n";
  return failure(failed(writeText(folder, "manifest.json", manifest, loc, records)) ||
                 failed(writeText(folder, "manifest.sha256", checksum, loc, records)));
}

LogicalResult mixserve::emitArtifact(ModuleOp fused, const EmitOptions &options, TimingScope &timing) {
  FailureOr<Subject> subject = examine(fused, options);
  if (failed(subject))
    return failure();
  ArtifactFolder folder;
  if (failed(folder.create(options.outputFolder, options.force, fused.getLoc())) ||
      failed(writeAll(*subject, options, folder.path(), timing)))
    return failure();
  TimingScope committing = timing.nest("sync and rename");
  return folder.commit(fused.getLoc());
}
