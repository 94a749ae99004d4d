/* Convolutional towers: kernels and whole networks against plain loops in double, in every class; one picture in every place
 * gives the same bytes. */
#include "filters/clip/convnet.h"

#include "filters/clip/conv_kernels.h"
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

static float *numbers(size_t n, uint64_t seed, float scale)
{
    float *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = dice(&seed) * scale;
    return x;
}

/* ---- depthwise */

enum { ROWS = 3 }; /* of results */

static double depthwise_at(const struct depthwise *d, size_t row, size_t out, size_t channel)
{
    double sum = d->bias[channel];
    for (unsigned y = 0; y < d->kernel; y++)
        for (unsigned x = 0; x < d->kernel; x++) {
            size_t at = out * d->stride + x;
            if (at < d->before || at - d->before >= d->width) continue;
            sum += (double)d->rows[row * d->stride + y][(at - d->before) * d->channels + channel] * d->weights[(y * d->kernel + x) * d->channels + channel];
        }
    return fmin(fmax(sum, 0), 6);
}

static bool depthwise_is_right(const struct conv_kernels *k, unsigned kernel, unsigned stride, size_t width, size_t channels)
{
    size_t in_rows = (ROWS - 1) * stride + kernel;
    const float *rows[(ROWS - 1) * 2 + CONV_KERNEL_MOST];
    float *in = numbers(in_rows * width * channels, 3, 2), *weights = numbers(kernel * kernel * channels, 5, 1), *bias = numbers(channels, 7, 1);
    struct depthwise d = {.rows = rows, .weights = weights, .bias = bias, .channels = channels, .width = width, .kernel = kernel,
                          .stride = stride, .out_rows = ROWS, .out_width = convnet_out((uint32_t)width, stride), .before = convnet_before((uint32_t)width, kernel, stride)};
    float *out = malloc(ROWS * d.out_width * channels * sizeof *out);
    for (size_t y = 0; y < in_rows; y++) rows[y] = in + y * width * channels;
    d.out = out;
    k->depthwise(&d);
    double most = 0;
    for (size_t o = 0; o < ROWS * d.out_width; o++)
        for (size_t c = 0; c < channels; c++)
            most = fmax(most, fabs(out[o * channels + c] - depthwise_at(&d, o / d.out_width, o % d.out_width, c)));
    free(in);
    free(weights);
    free(bias);
    free(out);
    if (most <= 2e-5) return true;
    fprintf(stderr, "kernel %u, stride %u, width %zu, channels %zu: error %g\n", kernel, stride, width, channels, most);
    return false;
}

static bool kernels_are_right(const struct matmul *m)
{
    static const size_t channels[] = {1, 7, 16, 24, 48};
    const struct conv_kernels *k = conv_kernels_of(matmul_class_of(m));
    bool well = true;
    for (unsigned kernel = 1; kernel <= CONV_KERNEL_MOST; kernel++)
        for (unsigned stride = 1; stride <= 2 && stride <= kernel; stride++)
            for (size_t width = 1; width <= 22; width++)
                for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) well &= depthwise_is_right(k, kernel, stride, width, channels[c]);
    return well;
}

static void test_depthwise_convolutions_equal_plain_loops_at_every_size_and_border(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(kernels_are_right), 0);
}

#if defined(__x86_64__)
static void test_avx2_and_avx512_give_equal_bytes(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq")) skip();
    enum { WIDTH = 13, CHANNELS = 48, KERNEL = 5 };
    float *in = numbers(KERNEL * WIDTH * CHANNELS, 3, 2), *weights = numbers(KERNEL * KERNEL * CHANNELS, 5, 1), *bias = numbers(CHANNELS, 7, 1);
    float out[2][WIDTH * CHANNELS];
    const float *rows[KERNEL];
    struct depthwise d = {.rows = rows, .out_rows = 1, .weights = weights, .bias = bias, .channels = CHANNELS, .width = WIDTH, .kernel = KERNEL, .stride = 1,
                          .out_width = WIDTH, .before = 2};
    for (unsigned y = 0; y < KERNEL; y++) rows[y] = in + y * WIDTH * CHANNELS;
    d.out = out[0];
    conv_kernels_avx2.depthwise(&d);
    d.out = out[1];
    conv_kernels_avx512.depthwise(&d);
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    free(in);
    free(weights);
    free(bias);
}
#endif

/* ---- networks of random numbers */

static int read_random(const void *context, enum convnet_part part, uint32_t block, bool bias, float *out)
{
    const struct convnet_shape *shape = context;
    size_t n = convnet_part_size(shape, part, block, bias), rows = convnet_part_size(shape, part, block, true);
    float *x = numbers(n, 1000 * (uint64_t)part + 10 * block + bias, bias ? 0.5f : 3 / sqrtf((float)n / (float)rows));
    memcpy(out, x, n * sizeof *x);
    free(x);
    return 0;
}

/* All that networks have: a block that does not expand and adds, sizes and channels that fill nothing evenly, every kernel. */
static const struct convnet_shape odd = {
    .side = 45, .stem_kernel = 3, .stem_stride = 2, .stem_out = 12, .block_count = 6, .features = 37,
    .blocks = {{3, 1, 12, 12, 12, false, true}, {3, 2, 12, 40, 10, true, false}, {5, 1, 10, 33, 10, true, true},
               {7, 2, 10, 20, 17, true, false}, {5, 2, 17, 51, 17, true, false}, {3, 1, 17, 34, 17, true, true}},
    .mean = {0.5f, 0.4f, 0.3f}, .deviation = {0.5f, 0.25f, 0.3f}, .maximum = true,
};
/* So wide that it goes in stripes. */
static const struct convnet_shape wide = {
    .side = 120, .stem_kernel = 3, .stem_stride = 2, .stem_out = 16, .block_count = 3, .features = 24,
    .blocks = {{5, 1, 16, 96, 16, true, true}, {5, 2, 16, 96, 24, true, false}, {3, 1, 24, 144, 24, true, true}},
    .mean = {0.5f, 0.5f, 0.5f}, .deviation = {0.5f, 0.5f, 0.5f},
};

struct place {
    uint32_t side, channels;
    double *x; /* [channels, side, side] */
};

static struct place convolve(struct place in, const float *w, const float *b, uint32_t out, uint32_t kernel, uint32_t stride, bool depthwise, bool relu6)
{
    struct place to = {convnet_out(in.side, stride), out, NULL};
    uint32_t before = convnet_before(in.side, kernel, stride), each = depthwise ? 1 : in.channels, taps = kernel * kernel;
    to.x = calloc((size_t)to.side * to.side * out, sizeof *to.x);
    for (uint32_t o = 0; o < out; o++)
        for (uint32_t y = 0; y < to.side; y++)
            for (uint32_t x = 0; x < to.side; x++) {
                double sum = b[o];
                for (uint32_t i = 0; i < each * taps; i++) {
                    uint32_t row = y * stride + i % taps / kernel - before, column = x * stride + i % kernel - before;
                    if (row >= in.side || column >= in.side) continue;
                    sum += in.x[((depthwise ? o : i / taps) * (size_t)in.side + row) * in.side + column] * w[o * each * taps + i];
                }
                to.x[((size_t)o * to.side + y) * to.side + x] = relu6 ? fmin(fmax(sum, 0), 6) : sum;
            }
    return to;
}

static struct place step(struct place in, const struct convnet_shape *s, enum convnet_part part, uint32_t block)
{
    const struct convnet_source source = {read_random, s};
    const struct convnet_block *b = &s->blocks[block];
    float *w = convnet_read(s, &source, part, block, false), *bias = convnet_read(s, &source, part, block, true);
    uint32_t kernel = part == CONVNET_STEM ? s->stem_kernel : part == CONVNET_DEPTHWISE ? b->kernel : 1;
    uint32_t stride = part == CONVNET_STEM ? s->stem_stride : part == CONVNET_DEPTHWISE ? b->stride : 1;
    struct place out = convolve(in, w, bias, (uint32_t)convnet_part_size(s, part, block, true), kernel, stride, part == CONVNET_DEPTHWISE,
                                part != CONVNET_PROJECT);
    free(w);
    free(bias);
    return out;
}

static void run_plainly(const struct convnet_shape *s, const uint8_t *pixels, double *pooled)
{
    struct place in = {s->side, 3, calloc(3 * (size_t)s->side * s->side, sizeof *in.x)};
    for (size_t i = 0; i < (size_t)s->side * s->side; i++)
        for (size_t c = 0; c < 3; c++) in.x[c * s->side * s->side + i] = (pixels[3 * i + c] / 255.0 - s->mean[c]) / s->deviation[c];
    struct place x = step(in, s, CONVNET_STEM, 0);
    free(in.x);
    for (uint32_t b = 0; b < s->block_count; b++) {
        struct place hidden = s->blocks[b].expand ? step(x, s, CONVNET_EXPAND, b) : (struct place){x.side, x.channels, NULL};
        struct place convolved = step(s->blocks[b].expand ? hidden : x, s, CONVNET_DEPTHWISE, b), out = step(convolved, s, CONVNET_PROJECT, b);
        for (size_t i = 0; s->blocks[b].residual && i < (size_t)out.side * out.side * out.channels; i++) out.x[i] += x.x[i];
        free(hidden.x);
        free(convolved.x);
        free(x.x);
        x = out;
    }
    struct place last = step(x, s, CONVNET_FEATURES, 0);
    for (uint32_t f = 0; f < s->features; f++) {
        pooled[f] = 0;
        double most = 0;
        for (uint32_t i = 0; i < last.side * last.side; i++) {
            double value = last.x[f * last.side * last.side + i];
            pooled[f] += value / (last.side * last.side);
            most = fmax(most, value);
        }
        if (s->maximum) pooled[s->features + f] = most;
    }
    free(x.x);
    free(last.x);
}

enum { PICTURES = 11 }; /* more than go together */

static uint8_t *random_pixels(const struct convnet_shape *s)
{
    size_t n = 3 * (size_t)s->side * s->side;
    uint8_t *pixels = malloc(PICTURES * n);
    uint64_t state = 9;
    for (size_t i = 0; i < PICTURES * n; i++) pixels[i] = (uint8_t)(127.5f * (1 + dice(&state)));
    return pixels;
}

/* Largest error of the first pictures in [from, from + features) of their rows, over the largest number there. */
static double error_of(const struct convnet_shape *s, const uint8_t *pixels, const float *pooled, uint32_t from)
{
    double *plain = malloc(convnet_pooled(s) * sizeof *plain), most = 0, largest = 0;
    for (size_t i = 0; i < 2; i++) {
        run_plainly(s, pixels + i * 3 * s->side * s->side, plain);
        for (uint32_t f = from; f < from + s->features; f++) {
            largest = fmax(largest, fabs(plain[f]));
            most = fmax(most, fabs(plain[f] - pooled[i * convnet_pooled(s) + f]));
        }
    }
    free(plain);
    return largest > 0.01 ? most / largest : HUGE_VAL;
}

static bool net_is_right(const struct matmul *m, const struct convnet_shape *s, enum matmul_type type)
{
    static const double allowed[] = {[MATMUL_F32] = 2e-5, [MATMUL_BF16] = 0.03, [MATMUL_S8] = 0.1};
    static const double of_maxima = 4; /* a single place's errors do not cancel out */
    const struct convnet_source source = {read_random, s};
    struct convnet *net = convnet_check(s, "test") == 0 ? convnet_open(s, &source, type, m) : NULL;
    struct convnet_work *w = net ? convnet_work_new(net) : NULL;
    uint8_t *pixels = random_pixels(s);
    float *together = malloc(PICTURES * convnet_pooled(s) * sizeof *together), *alone = malloc(convnet_pooled(s) * sizeof *alone);
    bool well = w && convnet_run(net, w, pixels, PICTURES, together) == 0;
    if (!well) fprintf(stderr, "%s\n", fail_message());
    double error = well ? error_of(s, pixels, together, 0) : HUGE_VAL;
    if (well && s->maximum) error = fmax(error, error_of(s, pixels, together, s->features) / (type == MATMUL_F32 ? 1 : of_maxima));
    if (error > allowed[type]) fprintf(stderr, "side %u, type %d: error %g\n", s->side, type, error), well = false;
    for (size_t i = 0; well && i < PICTURES; i++) {
        well = convnet_run(net, w, pixels + i * 3 * s->side * s->side, 1, alone) == 0 &&
               memcmp(alone, together + i * convnet_pooled(s), convnet_pooled(s) * sizeof *alone) == 0;
        if (!well) fprintf(stderr, "side %u, type %d: picture %zu alone gives other bytes\n", s->side, type, i);
    }
    convnet_work_free(w);
    convnet_close(net);
    free(pixels);
    free(together);
    free(alone);
    return well;
}

static bool nets_are_right(const struct matmul *m)
{
    bool well = true;
    for (int type = MATMUL_F32; type <= MATMUL_S8; type++) {
        well &= net_is_right(m, &odd, (enum matmul_type)type);
        well &= net_is_right(m, &wide, (enum matmul_type)type);
    }
    return well;
}

static void test_networks_equal_plain_loops_and_a_picture_depends_on_no_companion(void **state)
{
    (void)state;
    assert_int_equal(failing_classes(nets_are_right), 0);
}

static void test_a_shape_that_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    struct convnet_shape s = odd;
    assert_int_equal(convnet_check(&s, "f"), 0);
    s.blocks[1].in = 13;
    assert_int_equal(convnet_check(&s, "f"), -1);
    assert_string_equal(fail_message(), "f: block 1 takes 13 channels, 12 come");
    s = odd;
    s.blocks[1].residual = true;
    assert_int_equal(convnet_check(&s, "f"), -1);
    s = odd;
    s.blocks[0].hidden = 24;
    assert_int_equal(convnet_check(&s, "f"), -1);
    s = odd;
    s.blocks[3].kernel = CONV_KERNEL_MOST + 1;
    assert_int_equal(convnet_check(&s, "f"), -1);
    s = odd;
    s.features = CONVNET_CHANNELS_MOST + 1;
    assert_int_equal(convnet_check(&s, "f"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depthwise_convolutions_equal_plain_loops_at_every_size_and_border),
#if defined(__x86_64__)
        cmocka_unit_test(test_avx2_and_avx512_give_equal_bytes),
#endif
        cmocka_unit_test(test_networks_equal_plain_loops_and_a_picture_depends_on_no_companion),
        cmocka_unit_test(test_a_shape_that_does_not_fit_together_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
