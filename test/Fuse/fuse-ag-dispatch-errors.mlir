// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-fuse-ag-dispatch

// expected-error @below {{has no 'plan.mesh'; run the phases plan and shard first}}
module {}
