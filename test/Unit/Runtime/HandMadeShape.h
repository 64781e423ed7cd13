/* Sizes of the hand-made test model, for its C source and for the tests. */
#ifndef MIXSERVE_TEST_HANDMADESHAPE_H
#define MIXSERVE_TEST_HANDMADESHAPE_H

#define HM_VOCAB 32
#define HM_HIDDEN 16
#define HM_FFN 24
#define HM_HEADS 4
#define HM_KV_HEADS 2
#define HM_HEAD_DIM 16
#define HM_EXPERTS 8
#define HM_TOP_K 2
#define HM_SCALE 0.25f
#define HM_MAX_TOKENS 32
#define HM_MAX_SEQS 4
#define HM_MAX_CONTEXT 24

#endif
