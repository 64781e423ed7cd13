//===- mixserve-opt.cpp - The pass pipeline, with MLIR's own options --------===//
#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mixserve/Emit/Passes.h"
#include "mixserve/Fuse/Passes.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Raise/Passes.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mixserve::plan::PlanDialect, mixserve::nn::NNDialect, mixserve::moe::MoEDialect,
                  mixserve::coll::CollDialect, mixserve::onnx::OnnxDialect,
                  mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  mixserve::registerEmitDialects(registry);
  mlir::registerTransformsPasses();
  mixserve::registerPlanPasses();
  mixserve::registerEmitPasses();
  mixserve::registerEmitPipeline();
  mixserve::registerRaisePasses();
  mixserve::registerShardPasses();
  mixserve::registerShardPipeline();
  mixserve::registerFusePasses();
  mixserve::registerFusePipeline();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "mixserve optimiser driver\n", registry));
}
