/* The two passes of Pillow's resampling for a part of the result, chosen once by processor. All versions give equal bytes.
 * Private to preprocessing.
 *
 * A weight is a whole number of 2^-22. It is kept as two halves, weight = high * 2048 + low with 0 <= low < 2048, so that
 * products of 16 bits give the exact 32-bit sum: (sum of high * v) * 2048 + sum of low * v. Weights come in groups of four, the
 * last of an output filled up with zeros.
 */
#ifndef WINNOW_CLIP_PREPROCESS_KERNELS_H
#define WINNOW_CLIP_PREPROCESS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    WEIGHT_BITS = 22,
    WEIGHT_LOW_BITS = 11,
    TAPS_GROUP = 4,      /* taps a group */
    KERNEL_ROWS = 4,     /* rows that the horizontal pass takes at once */
    KERNEL_SLACK = 32,   /* bytes that kernels may read behind an input row, and write behind an output row */
    KERNEL_STRIDE = 16   /* output rows have a multiple of this many bytes */
};

struct tap_group {
    int16_t high[TAPS_GROUP], low[TAPS_GROUP];
};

/* What one output pixel (or row) is made of. */
struct tap_span {
    uint32_t first;  /* first input pixel (or row) */
    uint32_t n;      /* taps */
    uint32_t groups; /* offset of its (n + 3) / 4 groups in the axis' list */
};

struct preprocess_kernels {
    /* `count` RGB pixels each of four rows. Input rows are readable for KERNEL_SLACK bytes behind the last tap. */
    void (*across)(const uint8_t *const rows[KERNEL_ROWS], const struct tap_span *spans, const struct tap_group *groups,
                   size_t count, uint8_t *const out[KERNEL_ROWS]);
    /* One row of `samples` (a multiple of KERNEL_STRIDE) from span->n rows of `stride` bytes, the first at `rows`; up to three
     * rows more are readable behind them. */
    void (*down)(const uint8_t *rows, size_t stride, const struct tap_span *span, const struct tap_group *groups,
                 size_t samples, uint8_t *out);
};

const struct preprocess_kernels *preprocess_kernels(void);

extern const struct preprocess_kernels preprocess_kernels_portable;
#if defined(__x86_64__)
extern const struct preprocess_kernels preprocess_kernels_avx2;
extern const struct preprocess_kernels preprocess_kernels_avx512; /* only where cpu_features() has CPU_AVX512_VNNI */
#endif

#endif
