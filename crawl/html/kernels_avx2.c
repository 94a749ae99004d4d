/* The kernels for processors with AVX2: a block is two registers. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "crawl/html/kernels.h"

#define KERNEL __attribute__((target("avx2,bmi,bmi2,pclmul")))
#define BLOCK 64
/* A compiler that knows these values makes each of them anew in three instructions at every use; as operands in memory they
 * cost none. */
#define HIDE(p) __asm__("" : "+r"(p))
#define ONES (~0ull / 255)
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

typedef __m256i splat;
#define SPLAT(c) {ONES * (c), ONES * (c), ONES * (c), ONES * (c)}

static inline KERNEL splat splat_of(char c) { return _mm256_set1_epi8(c); }

static inline KERNEL uint64_t block_is(block b, splat c)
{
    return bits_of(_mm256_cmpeq_epi8(b.low, c), _mm256_cmpeq_epi8(b.high, c));
}

static inline KERNEL __m256i either(__m256i b, splat c, splat d)
{
    return _mm256_or_si256(_mm256_cmpeq_epi8(b, c), _mm256_cmpeq_epi8(b, d));
}
static inline KERNEL uint64_t block_either(block b, splat c, splat d) { return bits_of(either(b.low, c, d), either(b.high, c, d)); }

static inline KERNEL __m256i parts_of(__m256i b, splat space, splat slash)
{
    return _mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(b, space), b), _mm256_cmpeq_epi8(b, slash));
}
static inline KERNEL uint64_t block_parts(block b, splat space, splat slash)
{
    return bits_of(parts_of(b.low, space, slash), parts_of(b.high, space, slash));
}

static inline KERNEL uint64_t parity(uint64_t bits) /* the product with all ones, without carries */
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "crawl/html/kernels_body.h"
#endif
