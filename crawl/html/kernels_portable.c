/* The kernels in plain C: a block is eight words, and a test of eight bytes at once leaves its answer in their high bits. */
#include "crawl/html/kernels.h"

#define KERNEL
#define BLOCK 64
#define KERNELS html_kernels_portable
#define KERNELS_NAME "portable"

#define ONES (~(uint64_t)0 / 255)
#define LOW (ONES * 0x7f)

typedef struct {
    uint64_t word[8];
} block;

static inline block block_load(const char *p)
{
    block b;
    for (int i = 0; i < 8; i++) b.word[i] = html_load8(p + 8 * i);
    return b;
}

/* High bits set in the bytes that are zero, or at most a space. */
static inline uint64_t zeros(uint64_t word) { return ~(((word & LOW) + LOW) | word | LOW); }
static inline uint64_t equal(uint64_t word, char c) { return zeros(word ^ ONES * (unsigned char)c); }
static inline uint64_t spaces_of(uint64_t word) { return ~(((word & LOW) + ONES * (0x7f - ' ')) | word) & ~LOW; }
static inline uint64_t quotes_of(uint64_t word) { return equal(word, '"') | equal(word, '\''); }
static inline uint64_t parts_of(uint64_t word) { return spaces_of(word) | equal(word, '/'); }

/* The eight high bits, the first byte's lowest. */
static inline uint64_t gather(uint64_t high) { return (high >> 7) * 0x0102040810204080u >> 56; }

#define BITS_OF(function, ...) \
    uint64_t bits = 0; \
    for (int i = 0; i < 8; i++) bits |= gather(function(b.word[i] __VA_ARGS__)) << 8 * i; \
    return bits

static inline uint64_t block_is(block b, char c) { BITS_OF(equal, , c); }
static inline uint64_t block_quotes(block b) { BITS_OF(quotes_of); }
static inline uint64_t block_spaces(block b) { BITS_OF(spaces_of); }
static inline uint64_t block_parts(block b) { BITS_OF(parts_of); }

#include "crawl/html/kernels_body.h"
