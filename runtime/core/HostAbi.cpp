//===- HostAbi.cpp - The host side of the C ABI ----------------------------------------------===//
//
// Exceptions and failures end here as a status code; the text is kept for mxs_last_error().
//
//===----------------------------------------------------------------------===//
#include "core/HostAbi.h"

using namespace mxs;

const char *mxs_last_error(void) { return publishedText().c_str(); }

mxs_status_t mxs_model_open(const char *folder, const mxs_options_t *options, mxs_model_t **out) {
  return hostCall([&]() -> Status {
    if (!folder || !out)
      return invalidArgument("mxs_model_open: folder and out must not be null");
    *out = nullptr;
    ModelOptions parsed;
    MXS_TRY(ModelOptions::create(options, parsed));
    auto opened = std::make_unique<mxs_model>();
    MXS_TRY(Model::open(folder, parsed, opened->model));
    *out = opened.release();
    return okStatus();
  });
}

int32_t mxs_model_node(const mxs_model_t *model) {
  return isGiven(model, "mxs_model_node: model") ? model->model->node() : -1;
}

mxs_status_t mxs_model_follow(mxs_model_t *model) {
  return hostCall([&]() -> Status {
    if (!model)
      return invalidArgument("mxs_model_follow: model must not be null");
    return model->model->follow();
  });
}

mxs_status_t mxs_model_step(mxs_model_t *model, const mxs_batch_t *batch,
                            mxs_step_output_t *output) {
  return hostCall([&]() -> Status {
    if (!model || !batch || !output)
      return invalidArgument("mxs_model_step: model, batch and output must not be null");
    if (output->size != sizeof(mxs_step_output_t))
      return invalidArgument("mxs_step_output_t::size is " + std::to_string(output->size) +
                             ", expected " + std::to_string(sizeof(mxs_step_output_t)));
    std::lock_guard<std::mutex> lock(model->mutex);
    if (model->engine)
      return invalidArgument("mxs_model_step: an engine steps this model; close it first");
    return model->model->step(*batch, *output);
  });
}

const char *mxs_model_manifest(const mxs_model_t *model) {
  return isGiven(model, "mxs_model_manifest: model") ? model->model->manifestText().c_str() : "{}";
}

const char *mxs_model_stats(mxs_model_t *model) {
  if (!isGiven(model, "mxs_model_stats: model"))
    return "{}";
  const mxs_status_t status = hostCall([&] {
    std::lock_guard<std::mutex> lock(model->mutex);
    model->stats = model->model->stats();
    return okStatus();
  });
  return status == MXS_OK ? model->stats.c_str() : "{}";
}

mxs_status_t mxs_model_close(mxs_model_t *model) {
  return hostCall([&]() -> Status {
    if (!model)
      return okStatus();
    if (model->engine)
      return invalidArgument("mxs_model_close: an engine is open on this model; close it first");
    const std::unique_ptr<mxs_model> owned(model);
    return owned->model->close();
  });
}
