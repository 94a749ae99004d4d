/* The kernels for processors with AVX2: a block is two registers. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "crawl/html/kernels.h"

#define KERNEL __attribute__((target("avx2,bmi,bmi2")))
#define BLOCK 64
#define KERNELS html_kernels_avx2
#define KERNELS_NAME "avx2"

typedef struct {
    __m256i low, high;
} block;

static inline KERNEL block block_load(const char *p)
{
    return (block){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}

static inline KERNEL uint64_t bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

static inline KERNEL uint64_t block_is(block b, char c)
{
    const __m256i all = _mm256_set1_epi8(c);
    return bits_of(_mm256_cmpeq_epi8(b.low, all), _mm256_cmpeq_epi8(b.high, all));
}

static inline KERNEL __m256i quotes_of(__m256i b)
{
    return _mm256_or_si256(_mm256_cmpeq_epi8(b, _mm256_set1_epi8('"')), _mm256_cmpeq_epi8(b, _mm256_set1_epi8('\'')));
}
static inline KERNEL uint64_t block_quotes(block b) { return bits_of(quotes_of(b.low), quotes_of(b.high)); }

static inline KERNEL __m256i spaces_of(__m256i b) { return _mm256_cmpeq_epi8(_mm256_min_epu8(b, _mm256_set1_epi8(' ')), b); }
static inline KERNEL uint64_t block_spaces(block b) { return bits_of(spaces_of(b.low), spaces_of(b.high)); }

static inline KERNEL __m256i parts_of(__m256i b)
{
    return _mm256_or_si256(spaces_of(b), _mm256_cmpeq_epi8(b, _mm256_set1_epi8('/')));
}
static inline KERNEL uint64_t block_parts(block b) { return bits_of(parts_of(b.low), parts_of(b.high)); }

#include "crawl/html/kernels_body.h"
#endif
