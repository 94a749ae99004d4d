/* The kernels in blocks of 32 bytes, for processors with AVX2. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "crawl/html/kernels.h"

#define KERNEL __attribute__((target("avx2,bmi,bmi2")))
#define BLOCK 32
#define KERNELS html_kernels_avx2
#define KERNELS_NAME "avx2"

typedef __m256i block;

static inline KERNEL block block_load(const char *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline KERNEL uint32_t block_is(block b, char c)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, _mm256_set1_epi8(c)));
}
static inline KERNEL uint32_t block_at_most(block b, char c)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(b, _mm256_set1_epi8(c)), b));
}

#include "crawl/html/kernels_body.h"
#endif
