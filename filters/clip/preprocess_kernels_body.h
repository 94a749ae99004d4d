/* The text of the two passes for vectors of 32 bytes: 16 products of 16 bits an instruction, twice for a weight of 23 bits. The file
 * that includes this has defined
 *
 *     KERNEL    attributes of every function
 *     KERNELS   name of the table
 *     add_pairs(sum, a, b)   sum and, in each 32 bits, the exact sum of two products of 16 bits
 */
#include <string.h>

/* The four pixels of a group as words in pairs of taps by channel: R0 R1 G0 G1 B0 B1 - - in the low half, R2 R3 … in the high
 * one. One load fills both halves, one shuffle widens. */
KERNEL static inline __m256i pixels(const uint8_t *v)
{
    const __m256i words = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, /* the low half */
                                           6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)v)), words);
}

struct halves {
    __m256i high, low;
};

KERNEL static inline struct halves add_products(struct halves sum, __m256i values, __m256i high, __m256i low)
{
    return (struct halves){add_pairs(sum.high, values, high), add_pairs(sum.low, values, low)};
}

KERNEL static inline __m256i joined(struct halves sum)
{
    return _mm256_add_epi32(_mm256_slli_epi32(sum.high, WEIGHT_LOW_BITS), sum.low);
}

/* R G B - of one pixel, rounded, as 32 bits. */
KERNEL static inline __m128i pixel(struct halves sum)
{
    __m256i both = joined(sum);
    __m128i whole = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    return _mm_srai_epi32(_mm_add_epi32(whole, _mm_set1_epi32(1 << (WEIGHT_BITS - 1))), WEIGHT_BITS);
}

/* Four bytes a pixel are written; the fourth is the next pixel's first, or lies in the slack. */
KERNEL static inline void store_pixels(const struct halves sums[KERNEL_ROWS], uint8_t *const out[KERNEL_ROWS], size_t at)
{
    __m128i first = _mm_packs_epi32(pixel(sums[0]), pixel(sums[1])), last = _mm_packs_epi32(pixel(sums[2]), pixel(sums[3]));
    uint32_t bytes[KERNEL_ROWS];
    _mm_storeu_si128((__m128i *)(void *)bytes, _mm_packus_epi16(first, last));
    for (unsigned r = 0; r < KERNEL_ROWS; r++) memcpy(out[r] + at, &bytes[r], 4);
}

KERNEL static void across(const uint8_t *const rows[KERNEL_ROWS], const struct tap_span *spans, const struct tap_group *groups,
                        size_t count, uint8_t *const out[KERNEL_ROWS])
{
    const __m256i pick_high = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), pick_low = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
    const struct halves none = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (size_t x = 0; x < count; x++) {
        const struct tap_group *g = groups + spans[x].groups;
        size_t at = 3 * (size_t)spans[x].first;
        struct halves a = none, b = none, c = none, d = none;
        for (uint32_t left = spans[x].n;; left -= TAPS_GROUP, at += 3 * TAPS_GROUP, g++) {
            __m256i weights = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)g));
            __m256i high = _mm256_permutevar8x32_epi32(weights, pick_high);
            __m256i low = _mm256_permutevar8x32_epi32(weights, pick_low);
            a = add_products(a, pixels(rows[0] + at), high, low);
            b = add_products(b, pixels(rows[1] + at), high, low);
            c = add_products(c, pixels(rows[2] + at), high, low);
            d = add_products(d, pixels(rows[3] + at), high, low);
            if (left <= TAPS_GROUP) break;
        }
        const struct halves sums[KERNEL_ROWS] = {a, b, c, d};
        store_pixels(sums, out, 3 * x);
    }
}

/* Sixteen samples of two rows as two vectors of words in pairs. */
KERNEL static inline void add_rows(struct halves sums[2], const uint8_t *a, const uint8_t *b, __m256i high, __m256i low)
{
    __m128i of_a = _mm_loadu_si128((const __m128i *)(const void *)a), of_b = _mm_loadu_si128((const __m128i *)(const void *)b);
    sums[0] = add_products(sums[0], _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(of_a, of_b)), high, low);
    sums[1] = add_products(sums[1], _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(of_a, of_b)), high, low);
}

KERNEL static inline __m256i pair(const int16_t weights[2])
{
    int32_t both;
    memcpy(&both, weights, 4);
    return _mm256_set1_epi32(both);
}

KERNEL static void down(const uint8_t *rows, size_t stride, const struct tap_span *span, const struct tap_group *groups,
                      size_t samples, uint8_t *out)
{
    const __m256i half = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1));
    for (size_t at = 0; at < samples; at += KERNEL_STRIDE) {
        struct halves sums[2] = {{_mm256_setzero_si256(), _mm256_setzero_si256()},
                                 {_mm256_setzero_si256(), _mm256_setzero_si256()}};
        const struct tap_group *g = groups + span->groups;
        const uint8_t *v = rows + at;
        for (uint32_t i = 0; i < span->n; i += TAPS_GROUP, g++, v += TAPS_GROUP * stride) {
            add_rows(sums, v, v + stride, pair(g->high), pair(g->low));
            add_rows(sums, v + 2 * stride, v + 3 * stride, pair(g->high + 2), pair(g->low + 2));
        }
        __m256i first = _mm256_srai_epi32(_mm256_add_epi32(joined(sums[0]), half), WEIGHT_BITS);
        __m256i last = _mm256_srai_epi32(_mm256_add_epi32(joined(sums[1]), half), WEIGHT_BITS);
        __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, last), 0xD8);
        __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(void *)(out + at), bytes);
    }
}

const struct preprocess_kernels KERNELS = {across, down};
