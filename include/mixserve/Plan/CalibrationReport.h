//===- CalibrationReport.h - Predicted layers beside measured ones -*- C++ -*-===//
#ifndef MIXSERVE_PLAN_CALIBRATIONREPORT_H
#define MIXSERVE_PLAN_CALIBRATIONREPORT_H

#include "mixserve/Plan/Calibration.h"

#include <string>

namespace mixserve::planner {

/// What predicted layers: a calibration of another time, or the rest of their own (predictHeldOut,
/// predictSizes).
enum class PredictedBy { AnotherTime, OtherFifths, OtherSizes };

/// A table of all layers, a table of what would be picked at each size beside the fastest, and the
/// means.
std::string predictionsAsText(const std::vector<LayerPrediction> &predictions, PredictedBy by);

/// {"schema": "mixserve.calibration/v1", "held_out", "layers", "mean_error", "worst_error",
/// "choices", "mean_regret", "worst_regret", "predictions": [{"method", "layout", "chunks", "wire",
/// "tokens", "hidden", "experts", "top_k", "zipf", "measured_ns", "measured_error",
/// "predicted_ns"}], "picks": [{"tokens", "zipf", "picked": {"method", "layout", "chunks", "wire",
/// "measured_ns", "measured_error", "predicted_ns"}, "fastest": {the same}, "regret",
/// "regret_error"}], "chunk_picks": [the same, of each chunked method in one layout]}. Errors and
/// regrets are fractions; "measured_error" and "regret_error" are standard errors, 0 if not known;
/// "held_out" is false for a calibration of another time.
std::string predictionsAsJson(const std::vector<LayerPrediction> &predictions, PredictedBy by);

} // namespace mixserve::planner

#endif // MIXSERVE_PLAN_CALIBRATIONREPORT_H
