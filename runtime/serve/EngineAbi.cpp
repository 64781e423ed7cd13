//===- EngineAbi.cpp - The engine side of the C ABI -----------------------------------------===//
#include "core/HostAbi.h"
#include "serve/Engine.h"

using namespace mxs;

struct mxs_engine {
  mxs_model *model = nullptr;
  std::unique_ptr<Engine> engine;
};

static Status openEngine(mxs_model_t *model, const mxs_engine_options_t &given,
                         mxs_engine_t **out) {
  const ServeLimits limits = ServeLimits::of(model->model->manifest());
  EngineOptions options;
  MXS_TRY(EngineOptions::create(given, limits, options));
  auto opened = std::make_unique<mxs_engine>();
  opened->model = model;
  opened->engine = std::make_unique<Engine>(
      limits, options, [model](const mxs_batch_t &batch, mxs_step_output_t &output) {
        std::lock_guard<std::mutex> lock(model->mutex);
        return model->model->step(batch, output);
      });
  if (model->engine.exchange(true))
    return invalidArgument("mxs_engine_open: this model has an engine already");
  *out = opened.release();
  return okStatus();
}

mxs_status_t mxs_engine_open(mxs_model_t *model, const mxs_engine_options_t *options,
                             mxs_engine_t **out) {
  return hostCall([&]() -> Status {
    if (!model || !options || !out)
      return invalidArgument("mxs_engine_open: model, options and out must not be null");
    *out = nullptr;
    return openEngine(model, *options, out);
  });
}

mxs_status_t mxs_engine_submit(mxs_engine_t *engine, const mxs_request_t *request, uint64_t *id) {
  return hostCall([&]() -> Status {
    if (!engine || !request || !id)
      return invalidArgument("mxs_engine_submit: engine, request and id must not be null");
    return engine->engine->submit(*request, *id);
  });
}

static mxs_status_t hold(mxs_engine_t *engine, bool paused, const char *function) {
  return hostCall([&]() -> Status {
    if (!engine)
      return invalidArgument(std::string(function) + ": engine must not be null");
    engine->engine->pause(paused);
    return okStatus();
  });
}

mxs_status_t mxs_engine_pause(mxs_engine_t *engine) {
  return hold(engine, true, "mxs_engine_pause");
}

mxs_status_t mxs_engine_resume(mxs_engine_t *engine) {
  return hold(engine, false, "mxs_engine_resume");
}

mxs_status_t mxs_engine_cancel(mxs_engine_t *engine, uint64_t id) {
  return hostCall([&]() -> Status {
    if (!engine)
      return invalidArgument("mxs_engine_cancel: engine must not be null");
    engine->engine->cancel(id);
    return okStatus();
  });
}

mxs_status_t mxs_engine_wait(mxs_engine_t *engine, uint64_t timeout_ns) {
  return hostCall([&]() -> Status {
    if (!engine || engine->engine->onOwnThread())
      return invalidArgument("mxs_engine_wait: engine must not be null, and on_event cannot wait "
                             "for what comes after it");
    return engine->engine->waitIdle(timeout_ns);
  });
}

const char *mxs_engine_stats(mxs_engine_t *engine) {
  if (!isGiven(engine, "mxs_engine_stats: engine"))
    return "{}";
  static thread_local std::string text;
  const mxs_status_t status = hostCall([&] {
    text = engine->engine->stats();
    return okStatus();
  });
  return status == MXS_OK ? text.c_str() : "{}";
}

mxs_status_t mxs_engine_close(mxs_engine_t *engine) {
  return hostCall([&]() -> Status {
    if (!engine)
      return okStatus();
    if (engine->engine->onOwnThread())
      return invalidArgument("mxs_engine_close: on_event cannot close its engine");
    mxs_model *model = engine->model;
    delete engine;
    model->engine = false;
    return okStatus();
  });
}
