/* The kernels in plain C: a block is eight words, and a test of eight bytes at once leaves its answer in their high bits. */
#include "crawl/html/kernels.h"

#define KERNEL
#define BLOCK 64
#define HIDE(p) (void)(p)
#define ONES (~0ull / 255)
#define KERNELS html_kernels_portable
#define KERNELS_NAME "portable"

#define LOW ((uint64_t)ONES * 0x7f)

typedef struct {
    uint64_t word[8];
} block;

static inline block block_load(const char *p)
{
    block b;
    for (int i = 0; i < 8; i++) b.word[i] = html_load8(p + 8 * i);
    return b;
}

typedef uint64_t splat;
#define SPLAT(c) (uint64_t)ONES * (c)

static inline splat splat_of(char c) { return (uint64_t)ONES * (unsigned char)c; }

/* High bits set in the bytes that are equal, or at most the ASCII character of the splat. */
static inline uint64_t equal(uint64_t word, splat c) { return ~((((word ^ c) & LOW) + LOW) | (word ^ c) | LOW); }
static inline uint64_t at_most(uint64_t word, splat c) { return ~(((word & LOW) + (LOW - c)) | word | LOW); }
static inline uint64_t either(uint64_t word, splat c, splat d) { return equal(word, c) | equal(word, d); }
static inline uint64_t parts_of(uint64_t word, splat space, splat slash) { return at_most(word, space) | equal(word, slash); }

/* The eight high bits, the first byte's lowest. */
static inline uint64_t gather(uint64_t high) { return (high >> 7) * 0x0102040810204080u >> 56; }

#define BITS(i, function, ...) gather(function(b.word[i], __VA_ARGS__)) << 8 * i
#define BITS_OF(...) \
    return BITS(0, __VA_ARGS__) | BITS(1, __VA_ARGS__) | BITS(2, __VA_ARGS__) | BITS(3, __VA_ARGS__) | BITS(4, __VA_ARGS__) | \
           BITS(5, __VA_ARGS__) | BITS(6, __VA_ARGS__) | BITS(7, __VA_ARGS__)

static inline uint64_t block_is(block b, splat c) { BITS_OF(equal, c); }
static inline uint64_t block_either(block b, splat c, splat d) { BITS_OF(either, c, d); }
static inline uint64_t block_parts(block b, splat space, splat slash) { BITS_OF(parts_of, space, slash); }

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
