/* The sum of rows with AVX2: a block of columns stays in two registers while all rows pass. */
#include "filters/language/linear.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static void add_block(const struct linear *model, const uint32_t *features, size_t count, unsigned block,
                                                      linear_sum *sum)
{
    __m256i low = _mm256_load_si256((const __m256i *)sum), high = _mm256_load_si256((const __m256i *)sum + 1);
    for (size_t i = 0; i < count; i++) {
        const __m128i *row = (const __m128i *)(linear_row_at(model, features[i]) + block);
        if (block == 0 && i + LINEAR_AHEAD < count) __builtin_prefetch(linear_row_at(model, features[i + LINEAR_AHEAD]));
        low = _mm256_add_epi16(low, _mm256_cvtepi8_epi16(_mm_load_si128(row)));
        high = _mm256_add_epi16(high, _mm256_cvtepi8_epi16(_mm_load_si128(row + 1)));
    }
    _mm256_store_si256((__m256i *)sum, low);
    _mm256_store_si256((__m256i *)sum + 1, high);
}

__attribute__((target("avx2"))) static void add_two_blocks(const struct linear *model, const uint32_t *features, size_t count, linear_sum *sums)
{
    __m256i a = _mm256_load_si256((const __m256i *)sums), b = _mm256_load_si256((const __m256i *)sums + 1);
    __m256i c = _mm256_load_si256((const __m256i *)sums + 2), d = _mm256_load_si256((const __m256i *)sums + 3);
    for (size_t i = 0; i < count; i++) {
        const __m128i *row = (const __m128i *)linear_row_at(model, features[i]);
        if (i + LINEAR_AHEAD < count) __builtin_prefetch(linear_row_at(model, features[i + LINEAR_AHEAD]));
        a = _mm256_add_epi16(a, _mm256_cvtepi8_epi16(_mm_load_si128(row)));
        b = _mm256_add_epi16(b, _mm256_cvtepi8_epi16(_mm_load_si128(row + 1)));
        c = _mm256_add_epi16(c, _mm256_cvtepi8_epi16(_mm_load_si128(row + 2)));
        d = _mm256_add_epi16(d, _mm256_cvtepi8_epi16(_mm_load_si128(row + 3)));
    }
    _mm256_store_si256((__m256i *)sums, a);
    _mm256_store_si256((__m256i *)sums + 1, b);
    _mm256_store_si256((__m256i *)sums + 2, c);
    _mm256_store_si256((__m256i *)sums + 3, d);
}

void linear_add_avx2(const struct linear *model, const uint32_t *features, size_t count, linear_sum *sums)
{
    if (model->blocks == 2) {
        add_two_blocks(model, features, count, sums);
        return;
    }
    for (unsigned b = 0; b < model->blocks; b++) add_block(model, features, count, b, &sums[b]);
}
#else
void linear_add_avx2(const struct linear *model, const uint32_t *features, size_t count, linear_sum *sums)
{
    linear_add_portable(model, features, count, sums); /* never chosen: other processors have no such feature */
}
#endif
