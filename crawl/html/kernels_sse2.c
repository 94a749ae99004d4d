/* The kernels for every x86-64: a block is four registers. */
#if defined(__x86_64__)
#include <emmintrin.h>

#include "crawl/html/kernels.h"

#define KERNEL
#define BLOCK 64
#define KERNELS html_kernels_sse2
#define KERNELS_NAME "sse2"

typedef struct {
    __m128i quarter[4];
} block;

static inline block block_load(const char *p)
{
    block b;
    for (int i = 0; i < 4; i++) b.quarter[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
    return b;
}

static inline __m128i equal(__m128i b, char c) { return _mm_cmpeq_epi8(b, _mm_set1_epi8(c)); }
static inline __m128i quotes_of(__m128i b) { return _mm_or_si128(equal(b, '"'), equal(b, '\'')); }
static inline __m128i spaces_of(__m128i b) { return _mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(' ')), b); }
static inline __m128i parts_of(__m128i b) { return _mm_or_si128(spaces_of(b), equal(b, '/')); }

#define BITS_OF(function, ...) \
    uint64_t bits = 0; \
    for (int i = 0; i < 4; i++) bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(function(b.quarter[i] __VA_ARGS__)) << 16 * i; \
    return bits

static inline uint64_t block_is(block b, char c) { BITS_OF(equal, , c); }
static inline uint64_t block_quotes(block b) { BITS_OF(quotes_of); }
static inline uint64_t block_spaces(block b) { BITS_OF(spaces_of); }
static inline uint64_t block_parts(block b) { BITS_OF(parts_of); }

#include "crawl/html/kernels_body.h"
#endif
