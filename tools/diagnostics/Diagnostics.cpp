//===- Diagnostics.cpp - Errors of the compiler as a user reads them --------===//
#include "tools/diagnostics/Diagnostics.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

/// Import names every op "Operator:node", or "initializer:name". Other names say what the message
/// says too.
static std::string nodeText(StringRef name) {
  const auto [kind, node] = name.split(':');
  if (node.empty())
    return "";
  if (kind == "initializer")
    return ("initialiser '" + node + "'").str();
  return ("node '" + node + "' (" + kind + ")").str();
}

/// Where a user finds it, or "".
static std::string placeText(Location location) {
  std::string place;
  location->walk([&](Location part) {
    if (auto file = dyn_cast<FileLineColLoc>(part))
      place = (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
               Twine(file.getColumn()))
                  .str();
    else if (auto name = dyn_cast<NameLoc>(part))
      place = nodeText(name.getName());
    return place.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return place;
}

static const char *kindText(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error: ";
  case DiagnosticSeverity::Warning:
    return "warning: ";
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    return "note: ";
  }
  return "";
}

static std::string lineText(Diagnostic &diagnostic) {
  const std::string what = diagnostic.str(), place = placeText(diagnostic.getLocation());
  const bool isSaid = place.empty() || StringRef(what).contains(place);
  return kindText(diagnostic.getSeverity()) + (isSaid ? what : place + ": " + what) + "\n";
}

void mixserve::tools::printDiagnostics(MLIRContext &context, const std::string &program) {
  context.printOpOnDiagnostic(false);
  context.getDiagEngine().registerHandler([program](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
      return success();
    llvm::errs() << program << ": " << lineText(diagnostic);
    for (Diagnostic &note : diagnostic.getNotes())
      llvm::errs() << "  " << lineText(note);
    return success();
  });
}
