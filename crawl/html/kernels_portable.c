/* The kernels in plain C: blocks of 16 bytes, which a compiler may turn into vectors of its own accord. */
#include "crawl/html/kernels.h"

#define KERNEL
#define BLOCK 16
#define KERNELS html_kernels_portable
#define KERNELS_NAME "portable"

typedef struct {
    unsigned char byte[BLOCK];
} block;

static inline block block_load(const char *p)
{
    block b;
    memcpy(b.byte, p, BLOCK);
    return b;
}

static inline uint32_t block_is(block b, char c)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < BLOCK; i++) bits |= (uint32_t)(b.byte[i] == (unsigned char)c) << i;
    return bits;
}

static inline uint32_t block_at_most(block b, char c)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < BLOCK; i++) bits |= (uint32_t)(b.byte[i] <= (unsigned char)c) << i;
    return bits;
}

#include "crawl/html/kernels_body.h"
