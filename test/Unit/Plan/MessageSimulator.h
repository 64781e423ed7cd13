//===- MessageSimulator.h - Moves every row one by one -----------*- C++ -*-===//
//
// The test's own account of a step's bytes: no counts and no formulas, every message of every row
// is sent on its own. It shares nothing with lib/Plan but the plain structs.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TEST_UNIT_PLAN_MESSAGESIMULATOR_H
#define MIXSERVE_TEST_UNIT_PLAN_MESSAGESIMULATOR_H

#include "mixserve/Plan/Mesh.h"
#include "mixserve/Plan/ModelShape.h"
#include "mixserve/Plan/RoutingTrace.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace mixserve::planner {

class MessageSimulator {
public:
  using Key = std::tuple<int64_t, std::string, std::string, std::string,
                         int64_t>; ///< layer op link dir rank
  MessageSimulator(Mesh mesh, Layout layout, ModelShape model)
      : mesh(mesh), layout(layout), model(model) {}

  void run(const RoutingTrace &trace);
  const std::map<Key, int64_t> &counters() const { return bytes; }

private:
  /// A row and `routing` bytes beside it.
  void message(int64_t layer, const char *op, int64_t from, int64_t to, int64_t routing = 0);
  void gatherRow(int64_t layer, const char *op, int64_t owner, const std::vector<int64_t> &group,
                 int64_t routing = 0);
  void scatterRow(int64_t layer, const char *op, int64_t owner, const std::vector<int64_t> &group);
  void expertRow(int64_t layer, Method method, int64_t home, const std::vector<int32_t> &ids);
  std::vector<int64_t> groupOf(int64_t rank) const;
  std::vector<int64_t> everyone() const;
  std::set<int64_t> holders(const std::vector<int32_t> &ids) const;

  Mesh mesh;
  Layout layout;
  ModelShape model;
  std::map<Key, int64_t> bytes;
};

} // namespace mixserve::planner

#endif // MIXSERVE_TEST_UNIT_PLAN_MESSAGESIMULATOR_H
