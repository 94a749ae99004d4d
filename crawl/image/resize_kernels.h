/* The inner loops of resizing, chosen once by processor. All versions give equal bytes. Private to crawl/image. */
#ifndef WINNOW_RESIZE_KERNELS_H
#define WINNOW_RESIZE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The source pixels under one result pixel along one axis: the first and last with weights of their own, those between with
 * `inner`, the number of result pixels (area.c explains the unit). Where first == last, last_weight is 0. */
struct area_span {
    uint32_t first, last;
    uint32_t first_weight, last_weight;
};

/* The same of a span of at most AREA_TAPS pixels, written out: weights behind its last are 0. */
enum { AREA_TAPS = 4 };
struct area_taps {
    uint32_t first;
    uint32_t weight[AREA_TAPS];
};

enum { LANCZOS_TAPS = 8 };
/* Eight neighbouring pixels of a row and what they count, in 1/16384. */
struct lanczos_taps {
    uint32_t first; /* in the padded row */
    int16_t weight[LANCZOS_TAPS];
};

enum { RESIZE_ROW_SLACK = 32 }; /* samples behind every row that kernels may read and write */

struct resize_kernels {
    /* sums[i] += a[i] * a_weight + b[i] * b_weight; weights below 2^15. `begins`: sums[i] = that, whatever it was. */
    void (*area_rows)(uint32_t *sums, const uint8_t *a, const uint8_t *b, uint32_t a_weight, uint32_t b_weight, size_t samples,
                      bool begins);
    /* Three samples of rgb for each span from the sums of a row; all products stay below 2^32. `inverse`: 1 / weight of a
     * whole result pixel, `half`: half that weight. */
    void (*area_columns)(const uint32_t *sums, const struct area_span *spans, size_t count, uint32_t inner, uint32_t half,
                         double inverse, uint8_t *rgb);
    /* The same for short spans, without a branch for each. */
    void (*area_columns_short)(const uint32_t *sums, const struct area_taps *taps, size_t count, uint32_t half, double inverse,
                               uint8_t *rgb);
    /* A padded row of RGB pixels to `count` RGB pixels in 1/64. */
    void (*lanczos_row)(const uint8_t *row, const struct lanczos_taps *taps, size_t count, int16_t *out);
    /* Eight such rows to samples. */
    void (*lanczos_column)(const int16_t *const rows[LANCZOS_TAPS], const int16_t weight[LANCZOS_TAPS], size_t samples,
                           uint8_t *out);
};

const struct resize_kernels *resize_kernels(void);

extern const struct resize_kernels resize_kernels_portable;
#if defined(__x86_64__)
extern const struct resize_kernels resize_kernels_avx2;
extern const struct resize_kernels resize_kernels_avx512; /* only where cpu_features() has CPU_AVX512_VNNI */
#endif

/* (n + 0.5) / d is never nearer to a whole number than 0.5 / d, which is far more than what double loses: truncating gives
 * the exact quotient of whole numbers below 2^40. */
static inline uint8_t area_quotient(double sum_and_half, double inverse) { return (uint8_t)((sum_and_half + 0.5) * inverse); }

#endif
