/* The kernels for any processor, and which class has which. */
#include "filters/clip/block_kernels.h"

#define KERNEL
#define LANES 4
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
#define TILE_ROWS 4
#define KERNELS block_kernels_portable

static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf vf_max(vf a, vf b)
{
    vi more = a > b;
    return (vf)(((vi)a & more) | ((vi)b & ~more));
}
static inline vf vf_min(vf a, vf b)
{
    vi less = a < b;
    return (vf)(((vi)a & less) | ((vi)b & ~less));
}

/* Low and high halves of 32-bit numbers, sign and all. */
static inline vi vi_pairs(vi a, vi b) { return (a >> 16) * (b >> 16) + (a << 16 >> 16) * (b << 16 >> 16); }

#include "filters/clip/block_kernels_body.h"

const struct block_kernels *block_kernels_of(enum matmul_class c)
{
#if defined(__x86_64__)
    if (c == CLASS_CPU_AVX2) return &block_kernels_avx2;
    if (c != CLASS_CPU_PORTABLE) return &block_kernels_avx512;
#endif
    (void)c;
    return &block_kernels_portable;
}
