//===- mixserve_rt.h - The C ABI between compiled models, hosts and the runtime -----*- C -*-===//
//
// Two sides use this header:
//  * a *host* (mixserve-run, a server) opens an artifact and either serves requests with it,
//    `mxs_engine_*`, or schedules by itself and steps it, `mxs_model_*`;
//  * the *generated code* of an artifact calls compute and collectives: `mxs_*` on a rank context.
//
// Letters: T tokens of the step, H hidden, F ffn, E experts, K top-k, V vocabulary, P ranks. All
// activations are row-major float32. Rows are counted by row set (`mxs_row_set_t`), never passed as
// a shape of the model: one compiled function serves prefill, decode and mixed batches.
//
// Errors. Host calls return a status; the text is `mxs_last_error()` of the calling thread. A null
// pointer where none is allowed is MXS_INVALID_ARGUMENT. Calls of the generated code are sticky:
// the first failure poisons the rank context (and, through the world, all ranks), every later call
// returns at once, `mxs_rows` gives 0, and the model's entry function returns the status. So
// generated code needs no test after each call. They are handed their context, and do not look
// whether it is null.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_RT_H
#define MIXSERVE_RT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MXS_ABI_VERSION 4
#define MXS_EXPORT __attribute__((visibility("default")))

/// What the caller should do is part of each code.
typedef enum mxs_status {
  MXS_OK = 0,
  MXS_INVALID_ARGUMENT = 1,   ///< the call is wrong: fix the arguments
  MXS_BAD_ARTIFACT = 2,       ///< the artifact is damaged or of another version: compile again
  MXS_MISMATCH = 3,           ///< artifact and run do not fit (ranks, target, memory, plan hash)
  MXS_RESOURCE_EXHAUSTED = 4, ///< batch over the artifact's limits, or no cache slot: ask for less
  MXS_TIMEOUT = 5,            ///< a peer missed its deadline: the text names rank, operation, peer
  MXS_ABORTED = 6,            ///< another rank failed first: its text is in the message
  MXS_INTERNAL = 7            ///< a bug of mixserve: report it
} mxs_status_t;

/// Text of the calling thread's last failed host call; valid until its next host call.
MXS_EXPORT const char *mxs_last_error(void);

//===----------------------------------------------------------------------===//
// Host side
//===----------------------------------------------------------------------===//

typedef struct mxs_model mxs_model_t;

/// Options of `mxs_model_open`. Zero-initialise, set `size`, then what differs from the default.
typedef struct mxs_options {
  uint32_t size;               ///< sizeof(mxs_options_t)
  uint64_t deadline_ns;        ///< bound on every wait [ns], at most 10^15; 0 = MXS_DEADLINE_MS, else 30 s
  const char *variant;         ///< force this dispatch method of the artifact; NULL = by the table
  int32_t chunks; ///< force this chunk count of hybrid-fused or hier-ep; 0 = by the table
  uint64_t inter_ns_per_mib;   ///< pace links between nodes, per rank lane [ns/MiB]; 0 = off
  uint64_t intra_ns_per_mib;   ///< pace links inside a node, per rank [ns/MiB]; 0 = off
  uint64_t inter_latency_ns;   ///< added delay of a message between nodes [ns]
  const char *trace_file;      ///< write a Chrome trace here on close; NULL = off
  const char *routing_file;    ///< write the routing trace (mixserve.routing/v1) here on close
  int32_t skip_checksums;      ///< 1: do not check weight blocks (tests that plant NaN files)
  int32_t launched;            ///< 1: mpirun or srun started one process per node of the artifact, and this is one of
                               ///< them; 0: all nodes live in this process
  int32_t micro_batches;       ///< 1: every step in one piece; 2: in two halves, of which one computes while the other
                               ///< one's rows move; 0 = by the table. In one piece all the same: steps with little to cut, or
                               ///< that give several rows of a sequence logits; all where a routing_file is written
} mxs_options_t;

/// One sequence's share of a step.
typedef struct mxs_sequence {
  int32_t group;      ///< attention group, [0, attn_dp); the same for the sequence's whole life
  int32_t slot;       ///< cache slot inside the group, [0, max_seqs)
  int64_t position;   ///< position of its first token in this step = tokens already cached
  int32_t num_tokens; ///< > 0
  int32_t logits;     ///< MXS_LOGITS_*: which of its rows get logits
} mxs_sequence_t;

enum { MXS_LOGITS_NONE = 0, MXS_LOGITS_LAST = 1, MXS_LOGITS_ALL = 2 };

/// How a sequence's next token is chosen. All zero: greedily. The filters act in the order of vLLM:
/// repetition penalty, temperature, min-p, top-k, top-p (runtime/sample/README.md).
typedef struct mxs_sampling {
  float temperature;        ///< below 1e-5: the largest logit, of equal ones the lowest id
  int32_t top_k;            ///< the k largest logits; 0 = off
  float top_p;              ///< the shortest prefix with this share of the mass; 0 or 1 = off
  float min_p;              ///< at least this share of the largest probability; 0 = off
  float repetition_penalty; ///< over prompt and output; in [0.01, 1) asks for repetition, in (1,
                            ///< 100] discourages it; 0 or 1 = off
  int32_t logprob;          ///< 1: also report the token's log-probability under the raw logits
  uint64_t seed;            ///< same seed, same tokens, whatever shares the batch
} mxs_sampling_t;

/// The batch descriptor of one step: any mix of prompts and decoding sequences.
typedef struct mxs_batch {
  uint32_t size;                   ///< sizeof(mxs_batch_t)
  int32_t num_sequences;           ///< sequences, in ascending `group`
  const mxs_sequence_t *sequences; ///< owned by the caller
  const int32_t *tokens;           ///< ids of all sequences, concatenated in their order
  int64_t num_tokens;              ///< sum of `num_tokens`
  const mxs_sampling_t *sampling;  ///< [num_sequences] owned by the caller; NULL: all greedily
  const int32_t *prompts;          ///< [num_sequences] tokens of each sequence's prompt, the same in all its steps (0: not
                                   ///< known), owned by the caller; NULL: none known. Latent attention (MLA) computes
                                   ///< a prompt faster where it knows it; logits differ by rounding
} mxs_batch_t;

/// Where a step's results go. Rows are the asked rows, in batch order.
typedef struct mxs_step_output {
  uint32_t size;        ///< sizeof(mxs_step_output_t)
  int32_t *next_tokens; ///< [num_sequences] choice from each sequence's last asked row, -1 if none; may be NULL
  float *logits;        ///< [asked rows, V]; may be NULL
  int64_t logits_rows;  ///< in: capacity of `logits` in rows; out: asked rows
  float *logprobs;      ///< [num_sequences] of `next_tokens`, NaN where not asked; may be NULL
  int32_t *statuses;    ///< [num_sequences] MXS_OK, or MXS_INTERNAL where a logit of the sampled row is NaN or
                        ///< infinite (no token then); may be NULL: the step fails with the first of them
} mxs_step_output_t;

/// Opens an artifact folder with all ranks of its mesh in this process (rank = thread), or with those of
/// one node (`launched`). Checks, in order: schema, sizes and checksums, target, ABI; then all processes
/// compare what they opened (MXS_MISMATCH names the nodes that differ), and every rank the plan hash.
/// MPI is started with the first `launched` model of a process and ended when the process exits.
/// A process computes with one pool of threads for all its models, started with the first: as many as
/// the environment variable MXS_THREADS says, or else its share of the CPUs. MXS_ISA names the CPU
/// kernels. Wrong values are MXS_INVALID_ARGUMENT.
MXS_EXPORT mxs_status_t mxs_model_open(const char *folder, const mxs_options_t *options, mxs_model_t **out);

/// The node that this process runs, 0 if it runs all. A null pointer: -1, mxs_last_error says so.
MXS_EXPORT int32_t mxs_model_node(const mxs_model_t *model);

/// On every node but 0: takes part in node 0's steps until node 0 closes the model. No other call but
/// mxs_model_close follows it. MXS_TIMEOUT, MXS_ABORTED, MXS_INTERNAL: why the run ended early.
MXS_EXPORT mxs_status_t mxs_model_follow(mxs_model_t *model);

/// Runs one step on all ranks and returns when node 0 holds the results.
/// MXS_INVALID_ARGUMENT: unsorted groups, token id outside [0, V), position beyond the cache,
/// or a field of `sampling` out of its range; the model stays usable.
/// MXS_RESOURCE_EXHAUSTED: more tokens, sequences or context than the artifact's limits; likewise.
/// MXS_INTERNAL with the text "... are not numbers": see `statuses`; the model stays usable.
/// MXS_TIMEOUT, MXS_ABORTED, other MXS_INTERNAL: a rank failed; every later step gives MXS_ABORTED.
/// One call at a time; any thread.
MXS_EXPORT mxs_status_t mxs_model_step(mxs_model_t *model, const mxs_batch_t *batch, mxs_step_output_t *output);

/// Static facts of an open model as JSON (manifest.json's text); valid until close. A null pointer:
/// "{}", and mxs_last_error says so.
MXS_EXPORT const char *mxs_model_manifest(const mxs_model_t *model);

/// Counters since open as JSON (mixserve.stats/v1); valid until the next call on this model. A null
/// pointer, or counters that cannot be gathered: "{}", and mxs_last_error says why.
MXS_EXPORT const char *mxs_model_stats(mxs_model_t *model);

/// Ends the ranks (on node 0 those of all nodes), writes trace and routing files, frees everything.
/// Returns the first write error. A null pointer is nothing to close: MXS_OK.
/// MXS_INVALID_ARGUMENT: an engine is open on it; the model stays open.
MXS_EXPORT mxs_status_t mxs_model_close(mxs_model_t *model);

//===----------------------------------------------------------------------===//
// Host side: serving requests
//===----------------------------------------------------------------------===//
//
// An engine turns requests into steps: it admits a request when an attention group has a free cache
// slot (the request stays in that group), cuts prompts into chunks that fit a step, lets decoding
// sequences go first, samples, and tells every token by a callback. It runs on a thread of its own.

typedef struct mxs_engine mxs_engine_t;

/// Why a request ended.
typedef enum mxs_finish {
  MXS_FINISH_NONE = 0,      ///< it goes on
  MXS_FINISH_STOP = 1,      ///< a stop id, a stop sequence, or the model's end-of-sequence id
  MXS_FINISH_LENGTH = 2,    ///< max_new_tokens, or the artifact's context is full
  MXS_FINISH_CANCELLED = 3, ///< mxs_engine_cancel or mxs_engine_close
  MXS_FINISH_ERROR = 4      ///< see `status` and `error` of the event
} mxs_finish_t;

/// What happened to a request: a token, its end, or both. Events of a request come in order, each
/// token once; the one with `finish` != NONE is the last.
typedef struct mxs_event {
  uint32_t size;      ///< sizeof(mxs_event_t)
  int32_t token;      ///< the new token, -1 if none; a token that ends the request is told too
  uint64_t request;   ///< id that mxs_engine_submit gave
  int64_t index;      ///< of the token among the generated ones, from 0; without a token: how many there are
  int64_t position;   ///< of the token in the sequence: prompt length + index
  float logprob;      ///< of the token under the raw logits; NaN unless sampling.logprob
  int32_t finish;     ///< mxs_finish_t
  int32_t status;     ///< mxs_status_t; not MXS_OK exactly for MXS_FINISH_ERROR: MXS_TIMEOUT the request's
                      ///< deadline, MXS_INTERNAL its logits are no numbers; else the step failed, for all
  const char *error;  ///< text for `status`, valid during the call; else NULL
  uint64_t queued_ns; ///< from submit until the first step that computes its prompt began [ns]; 0 if none did
} mxs_event_t;

/// Called on the engine's thread, one event at a time. It may call mxs_engine_submit, _cancel and
/// _stats; it must not throw, and steps wait while it runs.
typedef void (*mxs_event_fn_t)(void *user, const mxs_event_t *event);

/// Zero-initialise, set `size` and `on_event`, then what differs from the default (0).
typedef struct mxs_engine_options {
  uint32_t size;             ///< sizeof(mxs_engine_options_t)
  int32_t max_queued;        ///< requests that may wait for a slot (1024)
  int32_t max_running;       ///< sequences at a time over all groups (all cache slots)
  int32_t max_batch_tokens;  ///< tokens of a step over all groups (the artifact's limit)
  int32_t max_prefill_chunk; ///< tokens of one prompt in a step (max_batch_tokens)
  mxs_event_fn_t on_event;
  void *user;                ///< handed to on_event
} mxs_engine_options_t;

/// Zero-initialise, set `size`, prompt and max_new_tokens, then what differs. Copied by submit, but
/// for `prompt_logits`.
typedef struct mxs_request {
  uint32_t size;                 ///< sizeof(mxs_request_t)
  int32_t num_tokens;            ///< prompt length, in [1, max_context]
  const int32_t *tokens;         ///< prompt ids, each in [0, V)
  int64_t max_new_tokens;        ///< 0: only the prompt is computed
  mxs_sampling_t sampling;       ///< all zero: greedy. Seeds are used as they are
  const int32_t *stop_ids;       ///< [num_stop_ids] end the request when generated
  int32_t num_stop_ids;
  int32_t num_stop_sequences;    ///< end it when the generated tokens end with one of them
  const int32_t *stop_sequences; ///< all of them, concatenated
  const int32_t *stop_lengths;   ///< [num_stop_sequences] each > 0
  int32_t ignore_eos;            ///< 1: the model's own end-of-sequence ids do not end it
  uint64_t deadline_ns;          ///< from submit to the last token [ns]; looked at between steps; 0 = none
  float *prompt_logits;          ///< [num_tokens, V] receives the prompt's logits, must live until the last event; or NULL
} mxs_request_t;

/// Starts an engine. The model must stay open and must not be stepped by others until the engine is closed.
/// MXS_INVALID_ARGUMENT: a null pointer, wrong size, a number out of its range, or a second engine.
MXS_EXPORT mxs_status_t mxs_engine_open(mxs_model_t *model, const mxs_engine_options_t *options, mxs_engine_t **out);

/// Queues a request; its events may come before this returns. Any thread.
/// MXS_INVALID_ARGUMENT: it can never be served; the text says why.
/// MXS_RESOURCE_EXHAUSTED: the queue is full: try again later.
/// MXS_ABORTED: a step has failed; open model and engine again.
MXS_EXPORT mxs_status_t mxs_engine_submit(mxs_engine_t *engine, const mxs_request_t *request, uint64_t *id);

/// After the step that runs, no other begins until mxs_engine_resume: requests submitted meanwhile begin
/// together, in one step where they fit. Cancellations and deadlines wait as well; mxs_engine_close does not. Any
/// thread. MXS_INVALID_ARGUMENT: a null pointer.
MXS_EXPORT mxs_status_t mxs_engine_pause(mxs_engine_t *engine);
MXS_EXPORT mxs_status_t mxs_engine_resume(mxs_engine_t *engine);

/// Asks for a request's end: it gets its last event, CANCELLED, after at most one more token, and its cache
/// slot is free then. An id that is unknown or finished is no error. Any thread.
MXS_EXPORT mxs_status_t mxs_engine_cancel(mxs_engine_t *engine, uint64_t id);

/// Waits until every request has had its last event. MXS_TIMEOUT: not within `timeout_ns` (0 = no
/// bound; steps have their own deadlines). MXS_INVALID_ARGUMENT: called from on_event.
MXS_EXPORT mxs_status_t mxs_engine_wait(mxs_engine_t *engine, uint64_t timeout_ns);

/// Counters since open as JSON (mixserve.engine/v1); valid until this thread's next call of it. Any
/// thread. A null pointer: "{}", and mxs_last_error says so.
MXS_EXPORT const char *mxs_engine_stats(mxs_engine_t *engine);

/// Ends what is left with CANCELLED events and frees the engine; a null pointer is nothing to
/// close: MXS_OK. MXS_INVALID_ARGUMENT: called from on_event.
MXS_EXPORT mxs_status_t mxs_engine_close(mxs_engine_t *engine);

//===----------------------------------------------------------------------===//
// Generated code: entry point, contexts, rows, buffers
//===----------------------------------------------------------------------===//

/// One rank's view of the step that runs.
typedef struct mxs_ctx mxs_ctx_t;

/// A weight of one rank as its file holds it: data, scales, element type, sizes (mixserve_weights.h).
/// Which kernel reads it is the runtime's business.
typedef struct mxs_weight mxs_weight_t;

/// The one symbol that code/model.so exports. Runs `variant` (index into the manifest's list).
typedef int32_t (*mxs_model_main_t)(mxs_ctx_t *ctx, int32_t variant);
#define MXS_MODEL_MAIN "mxs_model_main"

/// Row sets; the same numbers as `plan::RowSet` in the IR.
typedef enum mxs_row_set {
  MXS_ROWS_OWNED = 0,       ///< rows whose home this rank is
  MXS_ROWS_GROUP = 1,       ///< all rows of this rank's attention group
  MXS_ROWS_LANE = 2,        ///< owned rows of the ranks with this device index, by node
  MXS_ROWS_RECEIVED = 3,    ///< all rows of the step, in rank order of their homes
  MXS_ROWS_ASKED_OWNED = 4, ///< owned rows whose logits are asked
  MXS_ROWS_ASKED = 5        ///< the group's rows whose logits are asked
} mxs_row_set_t;

/// What a byte counter or a trace event is attributed to, inside a layer.
typedef enum mxs_site {
  MXS_SITE_EMBED_RS = 0,
  MXS_SITE_ATTN_AG = 1,
  MXS_SITE_ATTN_RS = 2,
  MXS_SITE_DISPATCH = 3,
  MXS_SITE_DISPATCH_AG = 4,
  MXS_SITE_COMBINE_RS = 5,
  MXS_SITE_COMBINE = 6,
  MXS_SITE_LM_HEAD_AG = 7,
  MXS_SITE_SAMPLE = 8 ///< the runtime's own: sampling, after the generated code
} mxs_site_t;

/// Dispatch methods that are calls of `mxs_dispatch` / `mxs_combine`.
typedef enum mxs_method { MXS_FLAT_EP = 1, MXS_HIER_EP = 2, MXS_HYBRID = 3 } mxs_method_t;

MXS_EXPORT int32_t mxs_ctx_status(const mxs_ctx_t *ctx);
/// Rows of `row_set` in this step. 0 after a failure.
MXS_EXPORT int64_t mxs_rows(mxs_ctx_t *ctx, int32_t row_set);
/// The rank's activation arena, `arena_bytes` of the manifest, 64-byte aligned. Owned by the context.
MXS_EXPORT uint8_t *mxs_arena(mxs_ctx_t *ctx);
/// float32 values of the manifest's plain parameter `index`, 64-byte aligned, read-only.
MXS_EXPORT const void *mxs_param(mxs_ctx_t *ctx, int32_t index);
/// The manifest's parameter `index` as a handle; valid for the model's life.
MXS_EXPORT const mxs_weight_t *mxs_weight(mxs_ctx_t *ctx, int32_t index);
/// Token ids [rows(GROUP)] and positions [rows(GROUP)] of the group's rows.
MXS_EXPORT const int32_t *mxs_row_tokens(mxs_ctx_t *ctx);
MXS_EXPORT const int32_t *mxs_row_positions(mxs_ctx_t *ctx);

/// A row function of the generated code: computes rows [first, first + count) of what it makes. `frame`
/// is what the generated code passed in. It may run on several threads at once, and on any thread.
typedef void (*mxs_row_fn_t)(mxs_ctx_t *ctx, void *frame, int64_t first, int64_t count);
/// Calls `fn` on ranges that make up [0, rows), on the threads of the process's pool.
MXS_EXPORT void mxs_for_rows(mxs_ctx_t *ctx, mxs_row_fn_t fn, void *frame, int64_t rows);

//===----------------------------------------------------------------------===//
// Generated code: compute
//===----------------------------------------------------------------------===//

/// out[t,:] = table[tokens[t] - first,:] where first = attention coordinate * vocab_local, zero
/// where the id is outside this rank's part. GROUP rows. table: rows [vocab_local, H].
MXS_EXPORT void mxs_embedding(mxs_ctx_t *ctx, const mxs_weight_t *table, float *out);

/// y[rows,N] = x[rows,K] * W^T, W packed n64; N and K are the handle's. A row's result does not
/// depend on the other rows.
MXS_EXPORT void mxs_linear(mxs_ctx_t *ctx, const float *x, const mxs_weight_t *w, float *y, int64_t rows);

/// Appends k, v [rows(GROUP), kv_heads*head_dim] of every sequence to its slot of `cache` and
/// attends causally: out [rows(GROUP), heads*head_dim] = softmax(scale * q k^T) v.
/// Head h reads kv head h / (heads / kv_heads). Heads are this rank's local ones.
MXS_EXPORT void mxs_attention(mxs_ctx_t *ctx, int32_t cache, const float *q, const float *k, const float *v, float *out,
                              int32_t heads, int32_t kv_heads, int32_t head_dim, float scale);

/// The same over a compressed cache (MLA). With A = heads, L = latent and
/// R = rope size of the cache: appends latent [rows(GROUP), L] and rope [rows(GROUP), R] of every
/// sequence to its slot and attends causally with all heads: scores scale * (q_nope . W_uk c +
/// q_rope . r), values W_uv c. A prompt's rows may make every head's keys and values, others work on
/// c (the absorbed formula): which, follows from the prompt's length and the artifact's max_batch_tokens alone.
/// q_nope [rows(GROUP), A*D], q_rope [rows(GROUP), A*R], out
/// [rows(GROUP), A*V]. w_uk [A*L, D] (row a*L + l is W_uk of head a, [., l]) and w_uv [A*V, L],
/// packed n64, f32 or bf16. Heads are this rank's local ones.
MXS_EXPORT void mxs_latent_attention(mxs_ctx_t *ctx, int32_t cache, const float *q_nope, const float *q_rope,
                                     const float *latent, const float *rope, const mxs_weight_t *w_uk,
                                     const mxs_weight_t *w_uv, float *out, int32_t heads, float scale);

/// Routing scores to the K best experts of each row: weights [rows,K] f32, ids [rows,K] i32,
/// descending score, ties to the lower id. `score`: 0 softmax, 1 sigmoid. `normalize`: 1 divides the
/// K weights by their sum. The weights are then multiplied by `scale`.
MXS_EXPORT void mxs_route(mxs_ctx_t *ctx, const float *logits, float *weights, int32_t *ids, int64_t rows,
                          int64_t experts, int64_t top_k, int32_t score, int32_t normalize, float scale);

/// out[rows,H] = sum over the row's local experts e, ascending id, of weight * down_e(act(gate_e x)
/// * up_e x); zero without one. weights and ids [rows,K]; gate, up, down: this rank's experts, packed
/// n64, F and H are the handles'. `activation`: 0 silu. A row's result does not depend on the other
/// rows. `layer` is that of the routing trace.
MXS_EXPORT void mxs_expert_ffn(mxs_ctx_t *ctx, int32_t layer, const float *x, const float *weights, const int32_t *ids,
                               const mxs_weight_t *gate, const mxs_weight_t *up, const mxs_weight_t *down,
                               int32_t activation, float *out, int64_t rows, int64_t top_k);

/// out[ASKED_OWNED, width] = the asked ones of x[OWNED, width].
MXS_EXPORT void mxs_select_rows(mxs_ctx_t *ctx, const float *x, float *out, int64_t width);
/// Hands logits [rows(ASKED), vocab_local] to the runtime; the pointer stays valid until the step ends.
MXS_EXPORT void mxs_logits(mxs_ctx_t *ctx, const float *logits, int64_t vocab_local);

//===----------------------------------------------------------------------===//
// Generated code: collectives. `layer` is -1 outside layers; `site` is an mxs_site_t.
//===----------------------------------------------------------------------===//

/// Pairs of row sets: OWNED->GROUP, ASKED_OWNED->ASKED (attention group). `width` floats per row.
MXS_EXPORT void mxs_all_gather(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *in, float *out, int64_t width,
                               int32_t from, int32_t to);
/// Gathers rows with their routing: OWNED->RECEIVED (all ranks) or LANE->RECEIVED (node; only rows
/// with some id >= 0 move, ids of all others become -1). x [.,H], weights and ids [.,K].
MXS_EXPORT void mxs_all_gather_routed(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *x, const float *weights,
                                      const int32_t *ids, float *out_x, float *out_weights, int32_t *out_ids,
                                      int64_t hidden, int64_t top_k, int32_t from, int32_t to);
/// Pairs: GROUP->OWNED (attention group), RECEIVED->OWNED (all ranks), RECEIVED->LANE (node; rows
/// that the lane dispatched). Sums ascend over devices, then over nodes.
MXS_EXPORT void mxs_reduce_scatter(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *in, float *out,
                                   int64_t width, int32_t from, int32_t to);
/// in and out: GROUP rows, summed over the attention group (reduce_scatter then all_gather).
MXS_EXPORT void mxs_all_reduce(mxs_ctx_t *ctx, int32_t layer, int32_t site, const float *in, float *out, int64_t width);

/// Sends owned rows to where their experts are: FLAT_EP and HIER_EP fill RECEIVED, HYBRID fills LANE.
/// Rows that did not arrive here have ids -1 in `out_ids`. The route is kept in the context for
/// `mxs_combine`, and recorded in the routing trace.
MXS_EXPORT void mxs_dispatch(mxs_ctx_t *ctx, int32_t layer, int32_t site, int32_t method, const float *x,
                             const float *weights, const int32_t *ids, float *out_x, float *out_weights,
                             int32_t *out_ids, int64_t hidden, int64_t top_k);
/// Brings partial rows home and adds them: FLAT_EP, HIER_EP from RECEIVED, HYBRID from LANE, to OWNED.
MXS_EXPORT void mxs_combine(mxs_ctx_t *ctx, int32_t layer, int32_t site, int32_t method, const float *partial,
                            float *out, int64_t hidden);

/// [reduce_scatter ->] region -> lane-wise dispatch -> all_gather in the node, chunked and overlapped.
typedef struct mxs_ag_dispatch {
  const float *partial;   ///< [GROUP, H] attention's partial sums, or NULL: nothing to reduce
  float *reduced;         ///< [OWNED, H] receives the sums before the region runs; NULL with `partial`
  mxs_row_fn_t region;    ///< fills x, weights, ids of the rows it is given
  void *frame;            ///< for `region`
  const float *x;         ///< [OWNED, H] filled by the region
  const float *weights;   ///< [OWNED, K]
  const int32_t *ids;     ///< [OWNED, K]; in the model's last layer the runtime makes -1 of those of rows that no
                          ///< logits are asked of
  float *out_x;           ///< [RECEIVED, H]
  float *out_weights;     ///< [RECEIVED, K]
  int32_t *out_ids;       ///< [RECEIVED, K], -1 where no row came
  int64_t hidden;
  int64_t top_k;
} mxs_ag_dispatch_t;

/// Counts under ATTN_RS, DISPATCH and DISPATCH_AG. With MoE TP over all ranks of a node bitwise equal to
/// the three calls in sequence; else only ranks that hold one of a row's experts receive it.
MXS_EXPORT void mxs_ag_dispatch(mxs_ctx_t *ctx, int32_t layer, const mxs_ag_dispatch_t *args);
/// RECEIVED -> OWNED: reduce_scatter to the lane and combine home, chunked and overlapped. Counts
/// under COMBINE_RS and COMBINE; equal to the two calls in sequence, bitwise but for the sign of a zero.
MXS_EXPORT void mxs_rs_combine(mxs_ctx_t *ctx, int32_t layer, const float *partial, float *out, int64_t hidden);

typedef struct mxs_rs_combine_ag {
  const float *partial; ///< [RECEIVED, H] as for mxs_rs_combine
  float *out;           ///< [OWNED, H] receives the sums before the region runs
  mxs_row_fn_t region;  ///< fills x of the rows it is given
  void *frame;          ///< for `region`
  const float *x;       ///< [OWNED, width] filled by the region
  float *gathered;      ///< [GROUP, width]
  int64_t hidden;
  int64_t width;
} mxs_rs_combine_ag_t;

/// mxs_rs_combine, the region on all owned rows, and the all_gather of what it computed in the attention group, which
/// must lie inside a node: chunked and overlapped. The gather counts under ATTN_AG of layer + 1; bitwise equal to the
/// calls in sequence.
MXS_EXPORT void mxs_rs_combine_ag(mxs_ctx_t *ctx, int32_t layer, const mxs_rs_combine_ag_t *args);

#ifdef __cplusplus
}
#endif
#endif // MIXSERVE_RT_H
