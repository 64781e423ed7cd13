// RUN: mixserve-opt %s -split-input-file -verify-diagnostics
// One case per labelled constraint of the attributes.

// expected-error @below {{(C1) axis names must be distinct and not empty, got "node"}}
module attributes {mesh_c1 = #plan.mesh<["node"=2, "node"=2]>} {}

// -----
// expected-error @below {{(C2) axis "node" has size 0, expected at least 1}}
module attributes {mesh_c2 = #plan.mesh<["node"=0]>} {}

// -----
// expected-error @below {{(C1) sub-axis of "device" needs pre >= 1 and size >= 2, got (0)2}}
module attributes {axis_c1 = #plan.axis<"device":(0)2>} {}

// -----
// expected-error @below {{(C1) axis "device" appears twice}}
module attributes {axes_c1 = #plan.axes<{"device", "device":(1)2}>} {}

// -----
// expected-error @below {{(C1) axis "node" splits two dimensions}}
module attributes {sharding_c1_twice = #plan.sharding<[{"node"}, {"node"}]>} {}

// -----
// expected-error @below {{(C1) axis "node" both splits and is partial}}
module attributes {sharding_c1_partial = #plan.sharding<[{"node"}], partial = {"node"}>} {}

// -----
// expected-error @below {{(C1) every degree must be at least 1}}
module attributes {layout_c1 = #plan.layout<attn_tp = 0, attn_dp = 1, moe_tp = 1, moe_ep = 1, pp = 1>} {}

// -----
// expected-error @below {{(C2) attn_tp * attn_dp = 4 differs from moe_tp * moe_ep = 2}}
module attributes {layout_c2 = #plan.layout<attn_tp = 2, attn_dp = 2, moe_tp = 2, moe_ep = 1, pp = 1>} {}

// -----
// expected-error @below {{(C1) max_tokens and chunks must be at least 1, got 64 and 0}}
module attributes {entry_c1 = #plan.entry<max_tokens = 64, method = hybrid, chunks = 0>} {}

// -----
// expected-error @below {{(C1) tokens and chunks must be at least 1, got 0 and 1}}
module attributes {times_c1 = #plan.times<tokens = 0, method = hybrid, chunks = 1>} {}

// -----
// expected-error @below {{(C1) times must be at least 0, got -1}}
module attributes {times_c1 = #plan.times<tokens = 1, method = hybrid, chunks = 1, combine = -1>} {}

// -----
// expected-error @below {{(C2) micro_batches must be 1 or 2, got 3}}
module attributes {entry_c2 = #plan.entry<max_tokens = 64, method = hybrid, chunks = 1, micro_batches = 3>} {}
