/* The kernels for every x86-64: a block is four registers. */
#if defined(__x86_64__)
#include <emmintrin.h>

#include "crawl/html/kernels.h"

#define KERNEL
#define BLOCK 64
#define HIDE(p) (void)(p)
#define ONES (~0ull / 255)
#define KERNELS html_kernels_sse2
#define KERNELS_NAME "sse2"

typedef struct {
    __m128i a, b, c, d;
} block;

static inline __m128i load(const char *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline block block_load(const char *p) { return (block){load(p), load(p + 16), load(p + 32), load(p + 48)}; }

static inline uint64_t bits(__m128i part) { return (uint32_t)_mm_movemask_epi8(part); }
static inline uint64_t bits_of(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return (bits(a) | bits(b) << 16) | (bits(c) | bits(d) << 16) << 32;
}

typedef __m128i splat;
#define SPLAT(c) {ONES * (c), ONES * (c)}

static inline splat splat_of(char c) { return _mm_set1_epi8(c); }
static inline __m128i is(__m128i part, splat c) { return _mm_cmpeq_epi8(part, c); }
static inline __m128i either(__m128i part, splat c, splat d) { return _mm_or_si128(is(part, c), is(part, d)); }
static inline __m128i parts(__m128i part, splat space, splat slash)
{
    return _mm_or_si128(is(_mm_min_epu8(part, space), part), is(part, slash));
}

static inline uint64_t block_is(block b, splat c) { return bits_of(is(b.a, c), is(b.b, c), is(b.c, c), is(b.d, c)); }
static inline uint64_t block_either(block b, splat c, splat d)
{
    return bits_of(either(b.a, c, d), either(b.b, c, d), either(b.c, c, d), either(b.d, c, d));
}
static inline uint64_t block_parts(block b, splat space, splat slash)
{
    return bits_of(parts(b.a, space, slash), parts(b.b, space, slash), parts(b.c, space, slash), parts(b.d, space, slash));
}

static inline uint64_t parity(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

#include "crawl/html/kernels_body.h"
#endif
