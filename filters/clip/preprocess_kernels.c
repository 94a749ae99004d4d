/* The portable kernels, and the choice. */
#include "filters/clip/preprocess_kernels.h"

#include "pipeline/base/cpu.h"

static inline int32_t weight(const struct tap_group *groups, uint32_t i)
{
    const struct tap_group *g = &groups[i / TAPS_GROUP];
    return g->high[i % TAPS_GROUP] * (1 << WEIGHT_LOW_BITS) + g->low[i % TAPS_GROUP];
}

static inline uint8_t rounded(int32_t sum) /* which began at one half */
{
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void across(const uint8_t *const rows[KERNEL_ROWS], const struct tap_span *spans, const struct tap_group *groups,
                   size_t count, uint8_t *const out[KERNEL_ROWS])
{
    for (size_t x = 0; x < count; x++) {
        int32_t sums[KERNEL_ROWS][3];
        for (unsigned r = 0; r < KERNEL_ROWS; r++) sums[r][0] = sums[r][1] = sums[r][2] = 1 << (WEIGHT_BITS - 1);
        for (uint32_t i = 0; i < spans[x].n; i++) {
            int32_t w = weight(groups + spans[x].groups, i);
            size_t at = 3 * ((size_t)spans[x].first + i);
            for (unsigned r = 0; r < KERNEL_ROWS; r++) {
                sums[r][0] += rows[r][at] * w;
                sums[r][1] += rows[r][at + 1] * w;
                sums[r][2] += rows[r][at + 2] * w;
            }
        }
        for (unsigned r = 0; r < KERNEL_ROWS; r++)
            for (unsigned c = 0; c < 3; c++) out[r][3 * x + c] = rounded(sums[r][c]);
    }
}

static void down(const uint8_t *rows, size_t stride, const struct tap_span *span, const struct tap_group *groups,
                 size_t samples, uint8_t *out)
{
    for (size_t at = 0; at < samples; at += KERNEL_STRIDE) {
        int32_t sums[KERNEL_STRIDE];
        for (unsigned j = 0; j < KERNEL_STRIDE; j++) sums[j] = 1 << (WEIGHT_BITS - 1);
        for (uint32_t i = 0; i < span->n; i++) {
            int32_t w = weight(groups + span->groups, i);
            const uint8_t *v = rows + i * stride + at;
            for (unsigned j = 0; j < KERNEL_STRIDE; j++) sums[j] += v[j] * w;
        }
        for (unsigned j = 0; j < KERNEL_STRIDE; j++) out[at + j] = rounded(sums[j]);
    }
}

const struct preprocess_kernels preprocess_kernels_portable = {across, down};

const struct preprocess_kernels *preprocess_kernels(void)
{
#if defined(__x86_64__)
    if (cpu_features() & CPU_AVX512_VNNI) return &preprocess_kernels_avx512;
    if (cpu_features() & CPU_AVX2) return &preprocess_kernels_avx2;
#endif
    return &preprocess_kernels_portable;
}
