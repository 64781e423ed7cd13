// RUN: mixserve-opt %s -split-input-file -verify-diagnostics -mixserve-verify-emitted

// Every op that is left is named.
llvm.func @other_dialects(%x: f32) -> f32 {
  // expected-error @below {{'arith.negf' op was not lowered to machine code}}
  %y = arith.negf %x : f32
  // expected-error @below {{'math.exp' op was not lowered to machine code}}
  %z = math.exp %y : f32
  llvm.return %z : f32
}

// -----
llvm.func @left_cast(%p: !llvm.ptr) {
  // expected-error @below {{'builtin.unrealized_conversion_cast' op was not lowered to machine code}}
  %m = builtin.unrealized_conversion_cast %p : !llvm.ptr to i64
  llvm.return
}

// -----
// expected-error @below {{'llvm.func' op 'mxs_teleport' is called, but the runtime has no such function}}
llvm.func @mxs_teleport(!llvm.ptr)
