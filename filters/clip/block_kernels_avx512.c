/* The kernels for processors with AVX-512 (F, BW, DQ, VL). */
#include "filters/clip/block_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define KERNEL __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#define LANES 16
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
#define TILE_ROWS 12
#define KERNELS block_kernels_avx512

KERNEL static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
KERNEL static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
KERNEL static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
KERNEL static inline vi vi_pairs(vi a, vi b) { return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b); }

#include "filters/clip/block_kernels_body.h"

#endif
