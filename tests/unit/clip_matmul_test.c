/* Linear layers: every backend against plain loops in double, and one row in every place gives the same bytes. */
#include "filters/clip/matmul.h"

#include "filters/clip/block_kernels.h"
#include "tests/unit/clip_classes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float dice(uint64_t *state) /* between -1 and 1 */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 33) / (1u << 30) - 1);
}

static float *numbers(size_t n, uint64_t seed)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = dice(&seed);
    return x;
}

struct layer {
    struct linear_spec spec;
    float *weights, *bias;
    struct linear *linear;
};

static void make_layer(const struct matmul *m, struct linear_spec spec, struct layer *l)
{
    l->weights = numbers(spec.n * spec.k, spec.n + 7);
    l->bias = numbers(spec.n, spec.k + 3);
    spec.weights = l->weights;
    spec.bias = l->bias;
    l->spec = spec;
    l->linear = linear_new(m, &spec);
}

static void free_layer(struct layer *l)
{
    linear_free(l->linear);
    free(l->weights);
    free(l->bias);
}

/* Runs `rows` rows of floats through the layer, converted as it wants them. y[rows, n] */
static bool run_rows(const struct matmul *m, const struct layer *l, size_t rows, const float *x, float *y)
{
    const struct block_kernels *kernels = matmul_kernels(m);
    size_t k = l->spec.k, n = l->spec.n;
    struct matmul_room room = {{NULL, NULL}, {0, 0}};
    float *scales = malloc(rows * sizeof *scales);
    void *converted = malloc(rows * k * sizeof(float)), *result = malloc(rows * n * sizeof(float));
    if (l->spec.type == MATMUL_F32) memcpy(converted, x, rows * k * sizeof *x);
    else if (l->spec.type == MATMUL_BF16) kernels->to_bf16(x, rows * k, converted);
    else kernels->quantise(x, rows, k, converted, scales);
    memcpy(result, y, rows * n * (l->spec.out == MATMUL_F32 ? 4 : 0)); /* what LINEAR_ADD adds to */
    bool well = l->linear && linear_run(l->linear, &room, rows, converted, scales, result, NULL) == 0;
    if (!well) fprintf(stderr, "%s\n", fail_message());
    if (l->spec.out == MATMUL_F32) memcpy(y, result, rows * n * sizeof *y);
    else kernels->from_bf16(result, rows * n, y);
    matmul_room_free(&room);
    free(scales);
    free(converted);
    free(result);
    return well;
}

static double after(const struct linear_spec *spec, double sum, double before)
{
    switch (spec->after) {
    case LINEAR_ADD: return before + sum;
    case LINEAR_QUICKGELU: return sum / (1 + exp(-1.702 * sum));
    case LINEAR_GELU: return sum / 2 * (1 + erf(sum * M_SQRT1_2));
    case LINEAR_RELU6: return fmin(fmax(sum, 0), 6);
    default: return sum;
    }
}

/* Largest error over what the type may lose: sums of k products of numbers below 1. */
static double error_of(const struct matmul *m, const struct layer *l, size_t rows)
{
    size_t k = l->spec.k, n = l->spec.n;
    float *x = numbers(rows * k, 11), *y = numbers(rows * n, 5), *before = numbers(rows * n, 5);
    double most = 0;
    bool well = run_rows(m, l, rows, x, y);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < n; c++) {
            double sum = l->bias[c];
            for (size_t d = 0; d < k; d++) sum += (double)x[r * k + d] * l->weights[c * k + d];
            double error = fabs(y[r * n + c] - after(&l->spec, sum, before[r * n + c]));
            if (!(error <= most)) most = error;
        }
    free(x);
    free(y);
    free(before);
    double unit = l->spec.type == MATMUL_F32 ? 1e-6 : l->spec.type == MATMUL_BF16 ? 0x1p-8 : 1.0 / 127;
    if (l->spec.out == MATMUL_BF16) most = fmax(0, most - sqrt((double)k) * 0x1p-8);
    return well ? most / (unit * sqrt((double)k)) : HUGE_VAL;
}

static const struct linear_spec kinds[] = {
    {.type = MATMUL_F32, .out = MATMUL_F32, .after = LINEAR_PLAIN},
    {.type = MATMUL_F32, .out = MATMUL_F32, .after = LINEAR_ADD},
    {.type = MATMUL_F32, .out = MATMUL_F32, .after = LINEAR_QUICKGELU},
    {.type = MATMUL_F32, .out = MATMUL_F32, .after = LINEAR_GELU},
    {.type = MATMUL_BF16, .out = MATMUL_F32, .after = LINEAR_PLAIN},
    {.type = MATMUL_BF16, .out = MATMUL_F32, .after = LINEAR_ADD},
    {.type = MATMUL_BF16, .out = MATMUL_BF16, .after = LINEAR_QUICKGELU},
    {.type = MATMUL_BF16, .out = MATMUL_BF16, .after = LINEAR_GELU},
    {.type = MATMUL_S8, .out = MATMUL_F32, .after = LINEAR_PLAIN},
    {.type = MATMUL_S8, .out = MATMUL_F32, .after = LINEAR_ADD},
    {.type = MATMUL_S8, .out = MATMUL_F32, .after = LINEAR_QUICKGELU},
    {.type = MATMUL_S8, .out = MATMUL_F32, .after = LINEAR_GELU},
    {.type = MATMUL_F32, .out = MATMUL_F32, .after = LINEAR_RELU6},
    {.type = MATMUL_BF16, .out = MATMUL_F32, .after = LINEAR_RELU6},
    {.type = MATMUL_S8, .out = MATMUL_F32, .after = LINEAR_RELU6},
};
static const size_t shapes[][2] = {{64, 192}, {173, 64}, {24, 60}, {18, 96}, {39, 240}, {80, 480}, {768, 512}, {7, 1}, {300, 777}}; /* n, k */

static bool products_are_right(const struct matmul *m)
{
    bool well = true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            struct linear_spec spec = kinds[i];
            struct layer l;
            spec.n = shapes[s][0];
            spec.k = shapes[s][1];
            make_layer(m, spec, &l);
            double error = error_of(m, &l, matmul_rows(m, 9));
            free_layer(&l);
            if (error <= 2) continue;
            fprintf(stderr, "type %d, out %d, after %d, n %zu, k %zu: error %.2g of what is allowed\n", spec.type, spec.out,
                    spec.after, spec.n, spec.k, error);
            well = false;
        }
    return well;
}

static void test_every_backend_multiplies(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(products_are_right), 0);
}

/* The row stands at `place` among others that differ from run to run; y gets its result. */
static bool result_at(const struct matmul *m, const struct layer *l, const float *row, size_t place, size_t rows, float *y)
{
    size_t k = l->spec.k, n = l->spec.n;
    float *x = numbers(rows * k, 1000 + rows * 64 + place), *all = calloc(rows * n, sizeof *all);
    memcpy(x + place * k, row, k * sizeof *x);
    bool well = run_rows(m, l, rows, x, all);
    memcpy(y, all + place * n, n * sizeof *y);
    free(x);
    free(all);
    return well;
}

static bool rows_are_alike(const struct matmul *m)
{
    static const size_t of_rows[][2] = {{16, 16}, {40, 144}, {80, 480}, {173, 600}, {1024, 256}}; /* n, k */
#ifdef __SANITIZE_ADDRESS__
    enum { ROWS_MOST = 60 }; /* the rest takes half a minute */
#else
    enum { ROWS_MOST = 210 };
#endif
    bool well = true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i += i % 4 == 0 ? 3 : 1) /* plain and GELU of each type */
        for (size_t s = 0; s < sizeof of_rows / sizeof *of_rows; s++) {
            struct linear_spec spec = kinds[i];
            struct layer l;
            spec.n = of_rows[s][0];
            spec.k = of_rows[s][1];
            make_layer(m, spec, &l);
            float *row = numbers(spec.k, 99), *first = malloc(spec.n * sizeof *first), *y = malloc(spec.n * sizeof *y);
            size_t wrong = result_at(m, &l, row, 0, matmul_rows(m, 1), first) ? 0 : 1;
            /* all small numbers of rows, then some; all places of small ones, then some */
            for (size_t rows = matmul_rows(m, 1); rows <= ROWS_MOST; rows = matmul_rows(m, rows + 1 + rows / 13 * 7))
                for (size_t place = 0; place < rows; place += 1 + rows / 8) {
                    bool ran = result_at(m, &l, row, place, rows, y);
                    wrong += !ran || memcmp(first, y, spec.n * sizeof *y) != 0;
                }
            if (wrong) fprintf(stderr, "type %d, n %zu, k %zu: %zu places give other bytes\n", spec.type, spec.n, spec.k, wrong);
            well &= wrong == 0;
            free_layer(&l);
            free(row);
            free(first);
            free(y);
        }
    return well;
}

static void test_a_row_gives_the_same_bytes_in_every_place(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(rows_are_alike), 0);
}

static void test_a_class_that_is_not_served_is_refused(void **state)
{
    (void)state;
    assert_null(matmul_open("cpu-z80"));
    assert_int_equal(fail_code(), EXIT_USAGE);
    const struct matmul *best = matmul_open(NULL);
    assert_non_null(best);
    if (matmul_class_of(best) == CLASS_CPU_PORTABLE) skip();
    assert_null(matmul_open("cpu-portable")); /* a second class in one process */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_backend_multiplies),
        cmocka_unit_test(test_a_row_gives_the_same_bytes_in_every_place),
        cmocka_unit_test(test_a_class_that_is_not_served_is_refused), /* last: it opens a class in this process */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
