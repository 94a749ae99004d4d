/* The kernels for processors with AVX2. */
#include "filters/clip/preprocess_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define KERNEL __attribute__((target("avx2")))
#define KERNELS preprocess_kernels_avx2

KERNEL static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

#include "filters/clip/preprocess_kernels_body.h"

#else
typedef int preprocess_kernels_avx2_is_for_x86; /* ISO C wants a declaration */
#endif
