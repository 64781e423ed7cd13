//===- AttentionGeneric.cpp - Attention kernels for any processor
#define MXS_VECTOR 4
#define MXS_TILE_ROWS 4
#define MXS_TILE_VECTORS 2
#define MXS_KERNELS kAttentionGeneric
#include "kernels/cpu/AttentionKernels.inc"
