/* The portable kernels, which the others must equal, and the choice. */
#include "crawl/image/resize_kernels.h"

#include "pipeline/base/cpu.h"

#include <string.h>

static void area_rows(uint32_t *sums, const uint8_t *a, const uint8_t *b, uint32_t a_weight, uint32_t b_weight, size_t samples,
                      bool begins)
{
    if (begins) memset(sums, 0, samples * sizeof *sums);
    for (size_t i = 0; i < samples; i++) sums[i] += a[i] * a_weight + b[i] * b_weight;
}

static void area_columns(const uint32_t *sums, const struct area_span *spans, size_t count, uint32_t inner, uint32_t half,
                         double inverse, uint8_t *rgb)
{
    for (size_t x = 0; x < count; x++, rgb += 3) {
        const struct area_span *s = &spans[x];
        for (unsigned c = 0; c < 3; c++) {
            uint32_t between = 0;
            for (uint32_t i = s->first + 1; i < s->last; i++) between += sums[3 * (size_t)i + c];
            uint32_t sum = sums[3 * (size_t)s->first + c] * s->first_weight + between * inner +
                           sums[3 * (size_t)s->last + c] * s->last_weight;
            rgb[c] = area_quotient((double)sum + half, inverse);
        }
    }
}

static void area_columns_short(const uint32_t *sums, const struct area_taps *taps, size_t count, uint32_t half, double inverse,
                               uint8_t *rgb)
{
    for (size_t x = 0; x < count; x++, rgb += 3) {
        const uint32_t *pixel = sums + 3 * (size_t)taps[x].first;
        for (unsigned c = 0; c < 3; c++) {
            uint32_t sum = 0;
            for (unsigned k = 0; k < AREA_TAPS; k++) sum += pixel[3 * k + c] * taps[x].weight[k];
            rgb[c] = area_quotient((double)sum + half, inverse);
        }
    }
}

static void lanczos_row(const uint8_t *row, const struct lanczos_taps *taps, size_t count, int16_t *out)
{
    for (size_t x = 0; x < count; x++, out += 3) {
        const uint8_t *pixels = row + 3 * (size_t)taps[x].first;
        for (unsigned c = 0; c < 3; c++) {
            int32_t sum = 128;
            for (unsigned k = 0; k < LANCZOS_TAPS; k++) sum += pixels[3 * k + c] * taps[x].weight[k];
            out[c] = (int16_t)(sum >> 8); /* 1/16384 to 1/64; at most 1.6 * 255 * 64 in size */
        }
    }
}

static void lanczos_column(const int16_t *const rows[LANCZOS_TAPS], const int16_t weight[LANCZOS_TAPS], size_t samples,
                           uint8_t *out)
{
    for (size_t i = 0; i < samples; i++) {
        int32_t sum = 1 << 19;
        for (unsigned k = 0; k < LANCZOS_TAPS; k++) sum += rows[k][i] * weight[k];
        sum >>= 20; /* 1/64 and 1/16384 */
        out[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

const struct resize_kernels resize_kernels_portable = {area_rows, area_columns, area_columns_short, lanczos_row, lanczos_column};

const struct resize_kernels *resize_kernels(void)
{
#if defined(__x86_64__)
    if (cpu_features() & CPU_AVX512_VNNI) return &resize_kernels_avx512;
    if (cpu_features() & CPU_AVX2) return &resize_kernels_avx2;
#endif
    return &resize_kernels_portable;
}
