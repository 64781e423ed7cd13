//===- Register.cpp - All dialects and passes of the pipeline ---------------===//
#include "dialects/coll/CollDialect.h"
#include "dialects/moe/MoEDialect.h"
#include "dialects/nn/NNDialect.h"
#include "dialects/onnx/OnnxDialect.h"
#include "mixserve/Emit/Passes.h"
#include "mixserve/Fuse/Passes.h"
#include "mixserve/Pipeline/Compile.h"
#include "mixserve/Plan/Passes.h"
#include "mixserve/Raise/Passes.h"
#include "mixserve/Shard/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mixserve;

void mixserve::registerPipelineDialects(mlir::DialectRegistry &registry) {
  registry.insert<plan::PlanDialect, nn::NNDialect, moe::MoEDialect, coll::CollDialect, onnx::OnnxDialect,
                  mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  registerEmitDialects(registry);
}

void mixserve::registerPipelinePasses() {
  registerRaisePasses();
  registerPlanPasses();
  registerShardPasses();
  registerShardPipeline();
  registerFusePasses();
  registerFusePipeline();
  registerEmitPasses();
  registerEmitPipeline();
}
