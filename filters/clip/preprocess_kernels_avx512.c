/* The kernels for processors with AVX-512 and VNNI, whose one instruction multiplies, adds the pairs and adds them to the sum.
 * Vectors stay at 32 bytes: a group of taps fills one, and wider ones lower the clock of many processors. */
#include "filters/clip/preprocess_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define KERNEL __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define KERNELS preprocess_kernels_avx512

KERNEL static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_dpwssd_epi32(sum, a, b);
}

#include "filters/clip/preprocess_kernels_body.h"

#else
typedef int preprocess_kernels_avx512_is_for_x86; /* ISO C wants a declaration */
#endif
