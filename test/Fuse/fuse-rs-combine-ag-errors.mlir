// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-fuse-rs-combine-ag

// expected-error @below {{has no 'plan.mesh'; run the phases plan and shard first}}
module {}
