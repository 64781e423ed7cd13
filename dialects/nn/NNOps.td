//===- NNOps.td - Parameters, linear, norm, rope, attention --*- tablegen -*-===//
#ifndef MIXSERVE_NN_OPS
#define MIXSERVE_NN_OPS

include "dialects/nn/NNDialect.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

def NN_ParamOp : NN_Op<"param", [Symbol]> {
  let summary = "A weight, by reference";
  let description = [{
    Names the bytes of a weight without holding them: boxes of files tile the (global) type. After
    shard, `sharding` says which part a rank keeps and `pack` how the artifact lays it out.
    - (C1) the type is a static tensor.
    - (C2) every box has the type's rank and lies inside it.
    - (C3) boxes hold as many elements as the type: they tile it without gap or overlap.
    - (C4) a sharding has one axis list per dimension and no partial sum.

    Lifespan: made by import (names of the file) and renamed by raise; emit packs it.

    Example: `nn.param @layers.0.q : tensor<64x64xf32> from [#nn.box<"w.data", offset = 0, type = f32, at = [0, 0], shape = [64, 64], strides = [1, 64]>]`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type,
                       TypedArrayAttrBase<NN_BoxAttr, "boxes of files">:$boxes,
                       OptionalAttr<AnyAttr>:$sharding, OptionalAttr<NN_PackAttr>:$pack);
  let assemblyFormat = "$sym_name `:` $type `from` $boxes attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
    ::mixserve::plan::ShardingAttr getShardingAttrOrNull() {
      return ::llvm::dyn_cast_if_present<::mixserve::plan::ShardingAttr>(getShardingAttr());
    }
  }];
}

def NN_ParamRefOp : NN_Op<"param_ref", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a parameter, on this rank";
  let description = [{
    Before shard the type is the parameter's; after it, the local part's (a dimension that splits
    unevenly is dynamic).
    - (C1) `param` names an nn.param of the module.
    - (C2) rank and element type are the parameter's, and no dimension is larger.

    Example: `%w = nn.param_ref @layers.0.q : tensor<32x64xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$param attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Rows in, rows out
//===----------------------------------------------------------------------===//

def NN_TokensOp : NN_Op<"tokens", [Pure, Plan_ShardRuleInterface]> {
  let summary = "Token ids of the step's rows";
  let description = [{
    Example: `%ids = nn.tokens %batch : tensor<?xi32>`
  }];
  let arguments = (ins NN_BatchType:$batch);
  let results = (outs 1DTensorOf<[I32]>:$ids);
  let assemblyFormat = "$batch attr-dict `:` type($ids)";
  let extraClassDeclaration = [{ std::string getShardRule() { return "->t"; } }];
}

def NN_EmbeddingOp : NN_Op<"embedding", [Pure, Plan_ShardRuleInterface]> {
  let summary = "Rows of a table: [T] ids, [V,H] table -> [T,H]";
  let description = [{
    After shard over V a rank gives zero for ids outside its part: the result is a partial sum.
    - (C1) result is [T, H] with the table's H and element type.

    Example: `%x = nn.embedding %ids, %table : tensor<?xi32>, tensor<320x64xf32> -> tensor<?x64xf32>`
  }];
  let arguments = (ins 1DTensorOf<[I32]>:$ids, 2DTensorOf<[AnyFloat]>:$table);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` type($ids) `,` type($table) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{ std::string getShardRule() { return "t,vH->tH"; } }];
}

def NN_LinearOp : NN_Op<"linear", [Pure, Plan_RowWise, Plan_ShardRuleInterface]> {
  let summary = "y = x W^T: [T,K], [N,K] -> [T,N]";
  let description = [{
    - (C1) x and weight agree in K.
    - (C2) result is [T, N].

    Example: `%y = nn.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$input, 2DTensorOf<[AnyFloat]>:$weight);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{ std::string getShardRule() { return "tk,nk->tn"; } }];
}

def NN_RmsNormOp : NN_Op<"rms_norm", [Pure, Plan_RowWise, Plan_ShardRuleInterface,
                                      AllTypesMatch<["input", "result"]>]> {
  let summary = "x / sqrt(mean(x^2) + eps) * weight over blocks of a row";
  let description = [{
    Each row [N] is cut into blocks of the weight's length D; each block is normalised alone. D = N is
    the norm of a layer, D = head size the norm of queries and keys.
    - (C1) D divides N.
    - (C2) eps is positive.

    Example: `%h = nn.rms_norm %x, %w eps 1.000000e-06 : tensor<?x64xf32>, tensor<16xf32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$input, 1DTensorOf<[AnyFloat]>:$weight, F64Attr:$eps);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = "$input `,` $weight `eps` $eps attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
  // Blocks are independent, but a single block (D = N) must stay whole. On one rank a row may be down to
  // its last head; that it was cut says that there were more.
  let extraClassDeclaration = [{
    bool isPerHead() {
      auto sharding = ::mixserve::plan::ShardingAttr::of(getInput());
      if (sharding && sharding.getDims().size() == 2 && !sharding.getDims()[1].empty())
        return true;
      return getWeight().getType().getDimSize(0) != getInput().getType().getDimSize(1);
    }
    std::string getShardRule() { return isPerHead() ? "ta,D->ta" : "tH,H->tH"; }
  }];
}

def NN_RopeOp : NN_Op<"rope", [Pure, Plan_RowWise, Plan_ShardRuleInterface,
                               AllTypesMatch<["input", "result"]>]> {
  let summary = "Rotary position embedding of every head of a row";
  let description = [{
    With p the row's position, D = head_dim and R = number of inverse frequencies, pair (i, i + R) of
    a head turns by p * inv_freq[i] and is multiplied by `scale` (halves, not interleaved); the
    last D - 2R elements of a head pass unchanged.
    - (C1) head_dim divides the row width.
    - (C2) there is at least one frequency, and 2R <= head_dim.

    Example: `%r = nn.rope %q, %batch {head_dim = 4 : i64, inv_freq = array<f64: 1.0, 0.1>, scale = 1.0 : f64} : tensor<?x64xf32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$input, NN_BatchType:$batch, I64Attr:$head_dim,
                       DenseF64ArrayAttr:$inv_freq, F64Attr:$scale);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = "$input `,` $batch attr-dict `:` type($input)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{ std::string getShardRule() { return "ta,->ta"; } }];
}

def NN_AttentionOp : NN_Op<"attention", [Plan_ShardRuleInterface, AllTypesMatch<["k", "v"]>]> {
  let summary = "Causal attention with its own cache (MHA and GQA)";
  let description = [{
    A = heads, G = kv_heads, D = head_dim. Appends k and v of every sequence to cache number `cache`
    (one per layer) and lets each row attend to all rows of its sequence up to itself:
    softmax(scale * q k^T) v. Head h reads kv head h / (A/G). Not Pure: it writes the cache.
    - (C1) q and result are [T, A*D], k and v are [T, G*D].
    - (C2) G divides A.

    Example: `%a = nn.attention %q, %k, %v, %batch {cache = 0 : i64, head_dim = 16 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 2.5e-01 : f64} : tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x64xf32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$q, 2DTensorOf<[AnyFloat]>:$k, 2DTensorOf<[AnyFloat]>:$v,
                       NN_BatchType:$batch, I64Attr:$heads, I64Attr:$kv_heads, I64Attr:$head_dim,
                       F64Attr:$scale, I64Attr:$cache);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $batch attr-dict `:` type($q) `,` type($k) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{ std::string getShardRule() { return "ta,tg,tg,->ta"; } }];
}

def NN_LatentAttentionOp : NN_Op<"latent_attention", [Plan_ShardRuleInterface]> {
  let summary = "Causal attention over a compressed cache of its own (MLA)";
  let description = [{
    A = heads, D = size of a head's query without position, R = size of the rotated part, L = size of
    the latent vector, V = size of a head's value. Appends `latent` and `rope` of every sequence to
    cache number `cache` (one per layer) and lets each row attend to all rows of its sequence up to
    itself: softmax(scale * (q_nope (W_uk c) + q_rope r)) (W_uv c) with c, r the rows of the cache,
    which all heads share. Row a*L + l of w_uk is W_uk[., l] of head a. Queries and keys are rotated
    before (nn.rope). Whether every head's W_uk c and W_uv c are made (expanded) or W_uk is applied
    to the query and W_uv to the result (absorbed) is the kernel's choice. Not Pure: it writes the cache.
    - (C1) q_nope is [T, A*D], q_rope [T, A*R], latent [T, L], rope [T, R].
    - (C2) w_uk is [A*L, D], w_uv [A*V, L], the result [T, A*V].
    - (C3) L and R are multiples of 16, D is even: the runtime reads them in whole vectors.

    Example: `%a = nn.latent_attention %qn, %qr, %c, %r, %uk, %uv, %batch {cache = 0 : i64, heads = 4 : i64, scale = 2.5e-01 : f64} : (tensor<?x32xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x16xf32>, tensor<128x8xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$q_nope, 2DTensorOf<[AnyFloat]>:$q_rope,
                       2DTensorOf<[AnyFloat]>:$latent, 2DTensorOf<[AnyFloat]>:$rope,
                       2DTensorOf<[AnyFloat]>:$w_uk, 2DTensorOf<[AnyFloat]>:$w_uv,
                       NN_BatchType:$batch, I64Attr:$heads, F64Attr:$scale, I64Attr:$cache);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $q_nope `,` $q_rope `,` $latent `,` $rope `,` $w_uk `,` $w_uv `,` $batch attr-dict `:`
    `(` type($q_nope) `,` type($q_rope) `,` type($latent) `,` type($rope) `,` type($w_uk) `,` type($w_uv) `)`
    `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getLatentDim() { return getLatent().getType().getDimSize(1); }
    int64_t getRopeDim() { return getRope().getType().getDimSize(1); }
    std::string getShardRule() { return "ta,ta,tL,tR,aD,aL,->ta"; }
  }];
}

def NN_SelectRowsOp : NN_Op<"select_rows", [Pure, Plan_ShardRuleInterface]> {
  let summary = "The rows whose logits are asked, in order: [T,N] -> [A,N]";
  let description = [{
    - (C1) input and result agree in N and element type.

    Example: `%s = nn.select_rows %x, %batch : tensor<?x64xf32> -> tensor<?x64xf32>`
  }];
  let arguments = (ins 2DTensorOf<[AnyFloat]>:$input, NN_BatchType:$batch);
  let results = (outs 2DTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = "$input `,` $batch attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{ std::string getShardRule() { return "tn,->sn"; } }];
}
#endif
