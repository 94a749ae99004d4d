/* The AVX-512 text of conv_kernels.h, sixteen lanes in plain C (clip_wide.h), beside the portable kernels. */
#include "filters/clip/conv_kernels.h"

#include "filters/clip/convnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which take minutes to compile it */

#include "tests/unit/clip_wide.h"
#define conv_kernels_avx512 conv_kernels_wide
extern const struct conv_kernels conv_kernels_wide;
#include "filters/clip/conv_kernels_avx512.c"

static float dice(uint64_t *state) /* between -1 and 1 */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 33) / (1u << 30) - 1);
}

static float *numbers(size_t n, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = dice(&seed) * 2;
    return x;
}

static void assert_near(const float *a, const float *b, size_t n, double allowed)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= allowed)) fail_msg("number %zu of %zu is %g, expected %g", i, n, a[i], b[i]);
}

static void compare_depthwise(unsigned kernel, unsigned stride, size_t width, size_t channels)
{
    enum { ROWS = 3 };
    const float *rows[(ROWS - 1) * 2 + CONV_KERNEL_MOST];
    size_t in_rows = (ROWS - 1) * stride + kernel;
    float *in = numbers(in_rows * width * channels, 3), *weights = numbers(kernel * kernel * channels, 5), *bias = numbers(channels, 7);
    struct depthwise d = {.rows = rows, .weights = weights, .bias = bias, .channels = channels, .width = width, .kernel = kernel,
                          .stride = stride, .out_rows = ROWS, .out_width = convnet_out((uint32_t)width, stride),
                          .before = convnet_before((uint32_t)width, kernel, stride)};
    size_t n = ROWS * d.out_width * channels;
    float *of_wide = numbers(n, 1), *of_plain = numbers(n, 2);
    for (size_t y = 0; y < in_rows; y++) rows[y] = in + y * width * channels;
    d.out = of_wide;
    conv_kernels_wide.depthwise(&d);
    d.out = of_plain;
    conv_kernels_portable.depthwise(&d);
    assert_near(of_wide, of_plain, n, 2e-5);
    free(in);
    free(weights);
    free(bias);
    free(of_wide);
    free(of_plain);
}

static void test_depthwise_convolutions_are_those_of_the_portable_kernels(void **state)
{
    (void)state;
    static const size_t channels[] = {1, 7, 16, 24, 48};
    for (unsigned kernel = 1; kernel <= CONV_KERNEL_MOST; kernel++)
        for (unsigned stride = 1; stride <= 2 && stride <= kernel; stride++)
            for (size_t width = 1; width <= 23; width++)
                for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) compare_depthwise(kernel, stride, width, channels[c]);
}

static void test_means_and_softmax_are_those_of_the_portable_kernels(void **state)
{
    (void)state;
    float *x = numbers(5 * 100, 9), of_wide[100], of_plain[100];
    for (size_t n = 1; n <= 100; n++) {
        conv_kernels_wide.mean(x, 5, n, of_wide);
        conv_kernels_portable.mean(x, 5, n, of_plain);
        assert_near(of_wide, of_plain, n, 1e-6);
        memcpy(of_wide, x, n * sizeof *x);
        memcpy(of_plain, x, n * sizeof *x);
        conv_kernels_wide.softmax(of_wide, n, 3);
        conv_kernels_portable.softmax(of_plain, n, 3);
        assert_near(of_wide, of_plain, n, 1e-6);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depthwise_convolutions_are_those_of_the_portable_kernels),
        cmocka_unit_test(test_means_and_softmax_are_those_of_the_portable_kernels),
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
