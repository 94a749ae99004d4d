/* The kernels in blocks of 16 bytes, for every x86-64. */
#if defined(__x86_64__)
#include <emmintrin.h>

#include "crawl/html/kernels.h"

#define KERNEL
#define BLOCK 16
#define KERNELS html_kernels_sse2
#define KERNELS_NAME "sse2"

typedef __m128i block;

static inline block block_load(const char *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline uint32_t block_is(block b, char c) { return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8(c))); }
static inline uint32_t block_at_most(block b, char c)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(c)), b));
}

#include "crawl/html/kernels_body.h"
#endif
