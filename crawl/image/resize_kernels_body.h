/* The text of resize_kernels.h for vectors of 32 bytes. The file that includes this has defined
 *
 *     KERNEL    attributes of every function
 *     KERNELS   name of the table
 *     add_pairs(sum, a, b)   sum and, in each 32 bits, the exact sum of two products of 16 bits
 */
#include <string.h>

/* 16 samples of both rows a turn: pairs (a, b) of 16 bits times (a_weight, b_weight). Unpacking works within halves of 128
 * bits, so the low half of a step holds samples 0-3 and 8-11. */
KERNEL static inline void add_rows(uint32_t *sums, const uint8_t *a, const uint8_t *b, uint32_t a_weight, uint32_t b_weight,
                                 size_t samples, bool begins)
{
    const __m256i weights = _mm256_set1_epi32((int)(b_weight << 16 | a_weight)), none = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= samples; i += 16) {
        __m128i of_a = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
        __m128i of_b = _mm_loadu_si128((const __m128i *)(const void *)(b + i));
        __m256i low = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(of_a, of_b)); /* samples 0-7 as pairs */
        __m256i high = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(of_a, of_b));
        __m256i *to = (__m256i *)(void *)(sums + i);
        _mm256_storeu_si256(to, add_pairs(begins ? none : _mm256_loadu_si256(to), low, weights));
        _mm256_storeu_si256(to + 1, add_pairs(begins ? none : _mm256_loadu_si256(to + 1), high, weights));
    }
    for (; i < samples; i++) sums[i] = (begins ? 0 : sums[i]) + a[i] * a_weight + b[i] * b_weight;
}

KERNEL static void area_rows(uint32_t *sums, const uint8_t *a, const uint8_t *b, uint32_t a_weight, uint32_t b_weight,
                           size_t samples, bool begins)
{
    if (begins) add_rows(sums, a, b, a_weight, b_weight, samples, true);
    else add_rows(sums, a, b, a_weight, b_weight, samples, false);
}

KERNEL static inline __m128i pixel_sums(const uint32_t *sums, uint32_t pixel) /* its three sums, and the next pixel's first */
{
    return _mm_loadu_si128((const __m128i *)(const void *)(sums + 3 * (size_t)pixel));
}

/* Unsigned 32-bit numbers to double: shifted down by 2^31, converted as signed, shifted back. */
KERNEL static inline __m128i quotients(__m128i sums, __m256d offset, __m256d inverse)
{
    __m256d shifted = _mm256_cvtepi32_pd(_mm_xor_si128(sums, _mm_set1_epi32(INT32_MIN)));
    return _mm256_cvttpd_epi32(_mm256_mul_pd(_mm256_add_pd(shifted, offset), inverse));
}

KERNEL static void area_columns(const uint32_t *sums, const struct area_span *spans, size_t count, uint32_t inner, uint32_t half,
                              double inverse, uint8_t *rgb)
{
    const __m256d offset = _mm256_set1_pd(2147483648.0 + half + 0.5), factor = _mm256_set1_pd(inverse);
    const __m128i of_inner = _mm_set1_epi32((int)inner);
    const __m128i bytes = _mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 8, 4, 0);
    for (size_t x = 0; x < count; x++, rgb += 3) {
        const struct area_span *s = &spans[x];
        __m128i sum = _mm_mullo_epi32(pixel_sums(sums, s->first), _mm_set1_epi32((int)s->first_weight));
        if (s->last_weight)
            sum = _mm_add_epi32(sum, _mm_mullo_epi32(pixel_sums(sums, s->last), _mm_set1_epi32((int)s->last_weight)));
        __m128i between = _mm_setzero_si128();
        for (uint32_t i = s->first + 1; i < s->last; i++) between = _mm_add_epi32(between, pixel_sums(sums, i));
        sum = _mm_add_epi32(sum, _mm_mullo_epi32(between, of_inner));
        uint32_t pixel = (uint32_t)_mm_cvtsi128_si32(_mm_shuffle_epi8(quotients(sum, offset, factor), bytes));
        memcpy(rgb, &pixel, 3);
    }
}

KERNEL static inline __m256i both(const uint32_t *a, const uint32_t *b)
{
    __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)a));
    return _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)(const void *)b), 1);
}

struct quotient {
    __m256d offset, inverse;
};

/* Two result pixels, one in each half, as six bytes and two of nothing. */
KERNEL static inline __m128i two_means(const uint32_t *sums, const struct area_taps taps[2], const struct quotient *q)
{
    const __m128i bytes = _mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 12, 10, 8, 4, 2, 0);
    const uint32_t *a = sums + 3 * (size_t)taps[0].first, *b = sums + 3 * (size_t)taps[1].first;
    __m256i weights = both(taps[0].weight, taps[1].weight);
    __m256i sum = _mm256_add_epi32(_mm256_mullo_epi32(both(a, b), _mm256_shuffle_epi32(weights, 0x00)),
                                   _mm256_mullo_epi32(both(a + 3, b + 3), _mm256_shuffle_epi32(weights, 0x55)));
    sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(both(a + 6, b + 6), _mm256_shuffle_epi32(weights, 0xAA)));
    sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(both(a + 9, b + 9), _mm256_shuffle_epi32(weights, 0xFF)));
    __m128i of_a = quotients(_mm256_castsi256_si128(sum), q->offset, q->inverse);
    __m128i of_b = quotients(_mm256_extracti128_si256(sum, 1), q->offset, q->inverse);
    return _mm_shuffle_epi8(_mm_packs_epi32(of_a, of_b), bytes);
}

/* Six bytes are stored as eight, save at the end: the next pixels overwrite what is too much. */
KERNEL static void area_columns_short(const uint32_t *sums, const struct area_taps *taps, size_t count, uint32_t half,
                                    double inverse, uint8_t *rgb)
{
    const struct quotient q = {_mm256_set1_pd(2147483648.0 + half + 0.5), _mm256_set1_pd(inverse)};
    if (count < 2) {
        resize_kernels_portable.area_columns_short(sums, taps, count, half, inverse, rgb);
        return;
    }
    for (size_t x = 0; x + 3 <= count; x += 2)
        _mm_storel_epi64((__m128i *)(void *)(rgb + 3 * x), two_means(sums, taps + x, &q));
    __m128i last = two_means(sums, taps + count - 2, &q);
    memcpy(rgb + 3 * (count - 2), &last, 6);
}

/* Eight pixels are 24 bytes. Two loads give four of them each; a shuffle makes pairs of taps by channel, (R0 R1 G0 G1 B0 B1
 * - -) and the same of taps 2 and 3, which widen to 16 bits and multiply with their pair of weights. */
KERNEL static void lanczos_row(const uint8_t *row, const struct lanczos_taps *taps, size_t count, int16_t *out)
{
    const __m128i pairs = _mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 6, 9, 7, 10, 8, 11, -1, -1);
    const __m256i pick_low = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), pick_high = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    const __m128i half = _mm_set1_epi32(128);
    for (size_t x = 0; x < count; x++, out += 3) {
        const uint8_t *pixels = row + 3 * (size_t)taps[x].first;
        __m256i weights = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)taps[x].weight));
        __m128i first = _mm_loadu_si128((const __m128i *)(const void *)pixels);
        __m128i second = _mm_loadu_si128((const __m128i *)(const void *)(pixels + 12));
        __m256i both = add_pairs(_mm256_setzero_si256(), _mm256_cvtepu8_epi16(_mm_shuffle_epi8(first, pairs)),
                                 _mm256_permutevar8x32_epi32(weights, pick_low));
        both = add_pairs(both, _mm256_cvtepu8_epi16(_mm_shuffle_epi8(second, pairs)), _mm256_permutevar8x32_epi32(weights, pick_high));
        __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, half), 8);
        _mm_storel_epi64((__m128i *)(void *)out, _mm_packs_epi32(sum, sum)); /* the fourth is overwritten by the next pixel */
    }
}

KERNEL static inline __m256i column_16(const int16_t *const rows[LANCZOS_TAPS], const __m256i weights[LANCZOS_TAPS / 2], size_t i)
{
    __m256i low = _mm256_set1_epi32(1 << 19), high = low;
    for (unsigned k = 0; k < LANCZOS_TAPS / 2; k++) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(rows[2 * k] + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(rows[2 * k + 1] + i));
        low = add_pairs(low, _mm256_unpacklo_epi16(a, b), weights[k]);
        high = add_pairs(high, _mm256_unpackhi_epi16(a, b), weights[k]);
    }
    return _mm256_packs_epi32(_mm256_srai_epi32(low, 20), _mm256_srai_epi32(high, 20));
}

KERNEL static void lanczos_column(const int16_t *const rows[LANCZOS_TAPS], const int16_t weight[LANCZOS_TAPS], size_t samples,
                                uint8_t *out)
{
    __m256i weights[LANCZOS_TAPS / 2];
    for (unsigned k = 0; k < LANCZOS_TAPS / 2; k++)
        weights[k] = _mm256_set1_epi32((int)((uint32_t)(uint16_t)weight[2 * k + 1] << 16 | (uint16_t)weight[2 * k]));
    size_t i = 0;
    for (; i + 32 <= samples; i += 32) {
        __m256i bytes = _mm256_packus_epi16(column_16(rows, weights, i), column_16(rows, weights, i + 16));
        _mm256_storeu_si256((__m256i *)(void *)(out + i), _mm256_permute4x64_epi64(bytes, 0xD8));
    }
    if (i == samples) return;
    const int16_t *rest[LANCZOS_TAPS];
    for (unsigned k = 0; k < LANCZOS_TAPS; k++) rest[k] = rows[k] + i;
    resize_kernels_portable.lanczos_column(rest, weight, samples - i, out + i);
}

const struct resize_kernels KERNELS = {area_rows, area_columns, area_columns_short, lanczos_row, lanczos_column};
