/* The AVX-512 text of block_kernels.h, sixteen lanes in plain C (clip_wide.h), beside the portable kernels. */
#include "filters/clip/block_kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which take minutes to compile it */

#include "tests/unit/clip_wide.h"
#define block_kernels_avx512 block_kernels_wide
extern const struct block_kernels block_kernels_wide;
#include "filters/clip/block_kernels_avx512.c"

static const struct block_kernels *const wide = &block_kernels_wide, *const plain = &block_kernels_portable;

static const size_t odd_sizes[] = {1, 3, 15, 16, 17, 31, 32, 33, 48, 50, 64, 100, 129};
enum { SIZES = sizeof odd_sizes / sizeof *odd_sizes, MOST = 200, ROWS = 40 };

static float dice(uint64_t *state) /* between -1 and 1 */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 33) / (1u << 30) - 1);
}

static float *numbers(size_t n, uint64_t seed)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 64) / 64 * 64);
    for (size_t i = 0; i < n; i++) x[i] = dice(&seed);
    return x;
}

static void assert_near(const float *a, const float *b, size_t n, double allowed, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= allowed)) fail_msg("%s: number %zu of %zu is %g, expected %g", what, i, n, a[i], b[i]);
}

static void assert_halves_near(const uint16_t *a, const uint16_t *b, size_t n, const char *what)
{
    float *x = numbers(n, 1), *y = numbers(n, 1);
    plain->from_bf16(a, n, x);
    plain->from_bf16(b, n, y);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(x[i] - y[i]) <= 1e-4f + fabsf(y[i]) / 128)) fail_msg("%s: number %zu of %zu is %g, expected %g", what, i, n, x[i], y[i]);
    free(x);
    free(y);
}

static void test_norms_are_those_of_the_portable_kernels(void **state)
{
    (void)state;
    float *weight = numbers(MOST, 2), *bias = numbers(MOST, 3), *x = numbers(3 * MOST, 4);
    float of_wide[3 * MOST], of_plain[3 * MOST];
    uint16_t halves_wide[3 * MOST], halves_plain[3 * MOST];
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = odd_sizes[s];
        wide->norm(x, weight, bias, 1e-5f, 3, n, MATMUL_F32, of_wide);
        plain->norm(x, weight, bias, 1e-5f, 3, n, MATMUL_F32, of_plain);
        assert_near(of_wide, of_plain, 3 * n, 2e-5, "norm");
        wide->norm(x, weight, bias, 1e-5f, 3, n, MATMUL_BF16, halves_wide);
        plain->norm(x, weight, bias, 1e-5f, 3, n, MATMUL_BF16, halves_plain);
        assert_halves_near(halves_wide, halves_plain, 3 * n, "norm in bf16");
    }
    free(weight);
    free(bias);
    free(x);
}

static void compare_attention(size_t keys, size_t width, bool causal, enum matmul_type type)
{
    enum { HEADS = 2 };
    size_t stride = 3 * HEADS * width, n = keys * HEADS * width;
    float *all = numbers(keys * stride, keys + width), *of_wide = numbers(n, 1), *of_plain = numbers(n, 2);
    struct attention a = {.q = all, .k = all + HEADS * width, .v = all + 2 * HEADS * width, .q_stride = stride, .kv_stride = stride,
                          .queries = keys, .keys = keys, .heads = HEADS, .head_width = width, .causal = causal, .type = type};
    a.room = numbers(wide->attention_room(keys, width), 1);
    a.out = of_wide;
    wide->attend(&a);
    free(a.room);
    a.room = numbers(plain->attention_room(keys, width), 1);
    a.out = of_plain;
    plain->attend(&a);
    if (type == MATMUL_F32) assert_near(of_wide, of_plain, n, 1e-5, "attention");
    else assert_halves_near((const uint16_t *)(const void *)of_wide, (const uint16_t *)(const void *)of_plain, n, "attention in bf16");
    free(a.room);
    free(all);
    free(of_wide);
    free(of_plain);
}

static void test_attention_is_that_of_the_portable_kernels(void **state)
{
    (void)state;
    static const size_t widths[] = {8, 16, 32, 64, 80};
    for (size_t s = 0; s < SIZES; s++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
            for (unsigned kind = 0; kind < 4; kind++) compare_attention(odd_sizes[s], widths[w], kind & 1, kind & 2 ? MATMUL_BF16 : MATMUL_F32);
}

static void test_rounding_to_bf16_and_back_is_exact(void **state)
{
    (void)state;
    float *x = numbers(MOST, 5), back[2][MOST];
    uint16_t halves[2][MOST];
    for (size_t n = 0; n <= 70; n++) {
        memset(halves, 0, sizeof halves);
        memset(back, 0, sizeof back);
        wide->to_bf16(x, n, halves[0]);
        plain->to_bf16(x, n, halves[1]);
        assert_memory_equal(halves[0], halves[1], sizeof halves[0]);
        wide->from_bf16(halves[0], n, back[0]);
        plain->from_bf16(halves[0], n, back[1]);
        assert_memory_equal(back[0], back[1], sizeof back[0]);
    }
    free(x);
}

static void test_whole_numbers_and_their_scales_agree(void **state)
{
    (void)state;
    float *x = numbers(3 * MOST, 6), *columns = numbers(MOST, 7), *bias = numbers(MOST, 8), room[MOST], of_wide[3 * MOST], of_plain[3 * MOST];
    float scales[2][3];
    int8_t whole[2][3 * MOST];
    int32_t sums_of[3 * MOST];
    for (size_t i = 0; i < 3 * MOST; i++) sums_of[i] = (int32_t)(x[i] * 100);
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = odd_sizes[s];
        wide->quantise(x, 3, n, whole[0], scales[0]);
        plain->quantise(x, 3, n, whole[1], scales[1]);
        assert_near(scales[0], scales[1], 3, 1e-8, "scales");
        for (size_t i = 0; i < 3 * n; i++) assert_true(abs(whole[0][i] - whole[1][i]) <= 1);
        for (int after = LINEAR_PLAIN; after <= LINEAR_RELU6; after++) {
            memcpy(of_wide, x, sizeof of_wide);
            memcpy(of_plain, x, sizeof of_plain);
            wide->dequantise(sums_of, scales[0], columns, bias, 3, n, (enum linear_after)after, of_wide);
            plain->dequantise(sums_of, scales[0], columns, bias, 3, n, (enum linear_after)after, of_plain);
            assert_near(of_wide, of_plain, 3 * n, 1e-5, "dequantise");
            if (after == LINEAR_ADD) continue;
            wide->requantise(sums_of, scales[0], columns, bias, 3, n, (enum linear_after)after, room, whole[0], scales[1]);
            plain->requantise(sums_of, scales[0], columns, bias, 3, n, (enum linear_after)after, room, whole[1], of_plain);
            assert_near(scales[1], of_plain, 3, 1e-6, "scales of requantise");
            for (size_t i = 0; i < 3 * n; i++) assert_true(abs(whole[0][i] - whole[1][i]) <= 1);
        }
    }
    free(x);
    free(columns);
    free(bias);
}

/* One product of so many rows by kernels `k`, behind what y holds. */
static void multiply(const struct block_kernels *k, const float *weights, const float *bias, size_t n, size_t depth, enum linear_after after,
                     size_t rows, const float *x, float *y)
{
    float *packed = numbers(k->pack_size(n, depth), 1), *room = numbers(k->product_room(rows, depth) / sizeof(float) + 1, 1);
    k->pack(weights, n, depth, packed);
    k->product(packed, bias, n, depth, after, rows, x, y, room);
    free(packed);
    free(room);
}

static void compare_products(size_t n, size_t depth, enum linear_after after)
{
    static const size_t rows[] = {1, 2, 5, 9, 10, 11, 12, 13, 23, 24, 25, ROWS};
    float *weights = numbers(n * depth, n), *bias = numbers(n, depth), *x = numbers(ROWS * depth, 9), *y = numbers(ROWS * n, 10);
    float *of_wide = numbers(ROWS * n, 1), *of_plain = numbers(ROWS * n, 1), *first = numbers(n, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(of_wide, y, rows[i] * n * sizeof *y);
        memcpy(of_plain, y, rows[i] * n * sizeof *y);
        multiply(wide, weights, i % 2 ? bias : NULL, n, depth, after, rows[i], x, of_wide);
        multiply(plain, weights, i % 2 ? bias : NULL, n, depth, after, rows[i], x, of_plain);
        assert_near(of_wide, of_plain, rows[i] * n, 2e-6 * sqrt((double)depth) + 1e-6, "product");
        multiply(wide, weights, NULL, n, depth, LINEAR_PLAIN, rows[i], x, of_wide);
        if (i == 0) memcpy(first, of_wide, n * sizeof *first);
        assert_memory_equal(of_wide, first, n * sizeof *first); /* companions do not matter */
    }
    free(weights);
    free(bias);
    free(x);
    free(y);
    free(of_wide);
    free(of_plain);
    free(first);
}

static const size_t shapes[][2] = {{1, 1}, {7, 3}, {16, 16}, {17, 40}, {32, 64}, {33, 100}, {48, 31}, {64, 700}, {80, 513}, {96, 24}, {100, 9}, {176, 60}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void test_products_are_those_of_the_portable_kernels_and_rows_are_alike(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int after = LINEAR_PLAIN; after <= LINEAR_RELU6; after++) compare_products(shapes[s][0], shapes[s][1], (enum linear_after)after);
}

static void multiply_whole(const struct block_kernels *k, const int8_t *weights, size_t n, size_t depth, size_t rows, const int8_t *x, int32_t *y)
{
    int16_t *packed = aligned_alloc(64, (k->pack_s8_size(n, depth) * sizeof *packed + 63) / 64 * 64);
    float *room = numbers(k->product_room(rows, depth) / sizeof(float) + 1, 1);
    assert_true(k->pack_s8(weights, n, depth, packed));
    k->product_s8(packed, n, depth, rows, x, y, room);
    free(packed);
    free(room);
}

static void test_products_of_whole_numbers_are_exact(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t n = shapes[s][0], depth = shapes[s][1];
        int8_t *weights = malloc(n * depth), *x = malloc(ROWS * depth);
        int32_t *of_wide = malloc(ROWS * n * sizeof *of_wide), *of_plain = malloc(ROWS * n * sizeof *of_plain);
        for (size_t i = 0; i < n * depth; i++) weights[i] = (int8_t)(dice(&random) * 127.9f);
        for (size_t i = 0; i < ROWS * depth; i++) x[i] = (int8_t)(dice(&random) * 127.9f);
        for (size_t rows = 1; rows <= ROWS; rows += 1 + rows / 4) {
            multiply_whole(wide, weights, n, depth, rows, x, of_wide);
            multiply_whole(plain, weights, n, depth, rows, x, of_plain);
            assert_memory_equal(of_wide, of_plain, rows * n * sizeof *of_wide);
        }
        free(weights);
        free(x);
        free(of_wide);
        free(of_plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms_are_those_of_the_portable_kernels),
        cmocka_unit_test(test_attention_is_that_of_the_portable_kernels),
        cmocka_unit_test(test_rounding_to_bf16_and_back_is_exact),
        cmocka_unit_test(test_whole_numbers_and_their_scales_agree),
        cmocka_unit_test(test_products_are_those_of_the_portable_kernels_and_rows_are_alike),
        cmocka_unit_test(test_products_of_whole_numbers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_not_on_this_processor_or_under_sanitizers(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_not_on_this_processor_or_under_sanitizers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
