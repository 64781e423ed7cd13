//===- AttentionAvx512.cpp - Attention kernels for AVX-512
#define MXS_VECTOR 16
#define MXS_TILE_ROWS 6
#define MXS_TILE_VECTORS 4
#define MXS_KERNELS kAttentionAvx512
#include "kernels/cpu/AttentionKernels.inc"
