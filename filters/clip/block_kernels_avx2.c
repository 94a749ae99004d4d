/* The kernels for processors with AVX2 and FMA. */
#include "filters/clip/block_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define KERNEL __attribute__((target("avx2,fma")))
#define LANES 8
typedef float vf __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));
#define TILE_ROWS 6
#define KERNELS block_kernels_avx2

KERNEL static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
KERNEL static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
KERNEL static inline vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
KERNEL static inline vi vi_pairs(vi a, vi b) { return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }

#include "filters/clip/block_kernels_body.h"

#endif
