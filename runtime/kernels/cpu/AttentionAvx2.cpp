//===- AttentionAvx2.cpp - Attention kernels for AVX2 and FMA
#define MXS_VECTOR 8
#define MXS_TILE_ROWS 6
#define MXS_TILE_VECTORS 2
#define MXS_KERNELS kAttentionAvx2
#include "kernels/cpu/AttentionKernels.inc"
