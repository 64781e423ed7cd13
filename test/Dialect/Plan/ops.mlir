// RUN: mixserve-opt %s -verify-roundtrip | FileCheck %s

// CHECK: plan.mesh = #plan.mesh<["node"=2, "device"=4]>
module attributes {plan.mesh = #plan.mesh<["node" = 2, "device" = 4]>} {
}
