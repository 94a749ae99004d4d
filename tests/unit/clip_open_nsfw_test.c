/* Yahoo's open_nsfw from an ONNX file: a network with numbers of the test's own, written as the published file is, against plain loops;
 * and files that must be refused. (The published file: tests/interop/open_nsfw_interop.py.) */
#include "filters/clip/onnx.h"
#include "filters/clip/open_nsfw.h"
#include "filters/clip/open_nsfw_graph.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ONNX_LAYERS = 53, ONNX_FOLLOWS = 4 };

struct onnx_layer {
    uint32_t in, out, kernel, stride;
    float *weights;               /* [out, in, kernel, kernel] */
    float *follows[ONNX_FOLLOWS]; /* [out]: added, subtracted, multiplied by, added */
    bool narrow, turn;
};

struct onnx_network {
    struct onnx_layer layers[ONNX_LAYERS]; /* the stem; of a block three, and where a stage begins the one of what comes in */
    float classes[2 * 1024], class_bias[2];
};

enum onnx_wrong {
    ONNX_RIGHT, ONNX_STRIDE, ONNX_BORDER, ONNX_GROUP, ONNX_SHAPE, ONNX_RELU, ONNX_HALF, ONNX_NAN, ONNX_CONSTANT, ONNX_SUBTRACT,
    ONNX_SHORT_WAY, ONNX_POOL, ONNX_CLASSES, ONNX_TWICE, ONNX_RANK_MORE, ONNX_WRONGS
};

static const uint32_t stages[4][3] = {{3, 32, 128}, {4, 64, 256}, {6, 128, 512}, {3, 256, 1024}};
enum { CHANGED = 6 }; /* the layer at which something is wrong: a middle one */

/* ---- numbers */

static float next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 40) / (1 << 24) * 2 - 1);
}

static float *numbers(size_t count, double size, double around, uint64_t *state)
{
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; x && i < count; i++) x[i] = (float)(around + size * (double)next(state));
    return x;
}

static void fill(struct onnx_layer *l, uint64_t *state)
{
    size_t depth = (size_t)l->in * l->kernel * l->kernel;
    l->weights = numbers(l->out * depth, sqrt(3.0 / (double)depth), 0, state);
    for (size_t i = 0; i < ONNX_FOLLOWS; i++) l->follows[i] = numbers(l->out, 0.2, i == 2 ? 1 : 0, state);
}

static void onnx_network_make(struct onnx_network *n)
{
    uint64_t state = 17;
    uint32_t in = 64;
    struct onnx_layer *l = n->layers;
    *l++ = (struct onnx_layer){.in = 3, .out = in, .kernel = 7, .stride = 2};
    for (size_t s = 0; s < 4; s++)
        for (uint32_t b = 0; b < stages[s][0]; b++) {
            uint32_t narrow = stages[s][1], wide = stages[s][2], stride = s && !b ? 2 : 1;
            *l++ = (struct onnx_layer){.in = in, .out = narrow, .kernel = 1, .stride = stride, .narrow = true};
            *l++ = (struct onnx_layer){.in = narrow, .out = narrow, .kernel = 3, .stride = 1};
            *l++ = (struct onnx_layer){.in = narrow, .out = wide, .kernel = 1, .stride = 1};
            if (!b) *l++ = (struct onnx_layer){.in = in, .out = wide, .kernel = 1, .stride = stride, .turn = true};
            in = wide;
        }
    for (size_t i = 0; i < ONNX_LAYERS; i++) fill(&n->layers[i], &state);
    for (size_t i = 0; i < ONNX_LAYERS; i++) /* bytes come in; sums of blocks stay small */
        for (uint32_t o = 0; o < n->layers[i].out; o++)
            n->layers[i].follows[2][o] *= i == 0 ? 0.01f : n->layers[i].out > 2 * n->layers[i].in ? 0.4f : 1;
    for (size_t i = 0; i < 2 * 1024; i++) n->classes[i] = 0.02f * next(&state);
    n->class_bias[0] = 0.1f, n->class_bias[1] = -0.1f;
}

static void onnx_network_free(struct onnx_network *n)
{
    for (size_t i = 0; i < ONNX_LAYERS; i++) {
        free(n->layers[i].weights);
        for (size_t k = 0; k < ONNX_FOLLOWS; k++) free(n->layers[i].follows[k]);
    }
}

/* ---- the file */

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) buf_byte(b, (char)(v | 0x80));
    buf_byte(b, (char)v);
}

static void put_number(struct buf *b, unsigned field, uint64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, v);
}

static void put_bytes(struct buf *b, unsigned field, struct str bytes)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, bytes.n);
    buf_add(b, bytes);
}

static void put_tensor(struct buf *graph, const char *name, size_t rank, const uint64_t *dims, const float *x, size_t count, unsigned type)
{
    struct buf t, packed;
    buf_init(&t, 64 << 20);
    buf_init(&packed, 1 << 10);
    for (size_t i = 0; i < rank; i++) put_varint(&packed, dims[i]);
    put_bytes(&t, 1, buf_str(&packed));
    put_number(&t, 2, type);
    put_bytes(&t, 8, str_from(name));
    put_bytes(&t, 9, str_of((const char *)x, count * sizeof *x));
    put_bytes(graph, 5, buf_str(&t));
    buf_free(&packed);
    buf_free(&t);
}

static void put_ints(struct buf *node, const char *name, size_t count, int64_t value)
{
    struct buf a;
    buf_init(&a, 1 << 10);
    put_bytes(&a, 1, str_from(name));
    for (size_t i = 0; i < count; i++) put_number(&a, 8, (uint64_t)value);
    put_bytes(node, 5, buf_str(&a));
    buf_free(&a);
}

/* A node of up to two inputs; `of` adds its attributes. */
static void put_node(struct buf *graph, const char *type, const char *a, const char *b, const char *out, const struct buf *attributes)
{
    struct buf n;
    buf_init(&n, 1 << 12);
    put_bytes(&n, 1, str_from(a));
    if (b) put_bytes(&n, 1, str_from(b));
    put_bytes(&n, 2, str_from(out));
    put_bytes(&n, 4, str_from(type));
    if (attributes) buf_add(&n, buf_str(attributes));
    put_bytes(graph, 1, buf_str(&n));
    buf_free(&n);
}

static void put_conv(struct buf *graph, const struct onnx_network *n, size_t i, const char *in, const char *out, enum onnx_wrong wrong)
{
    const struct onnx_layer *l = &n->layers[i];
    bool changed = i == CHANGED;
    uint64_t dims[7] = {l->out, l->in, l->kernel, l->kernel, 1, 1, 1}, row[4] = {1, 1, 1, l->out};
    size_t count = (size_t)l->out * l->in * l->kernel * l->kernel;
    char name[16], follow[ONNX_FOLLOWS][16], value[ONNX_FOLLOWS + 1][16];
    struct buf a;
    buf_init(&a, 1 << 10);
    snprintf(name, sizeof name, "w%zu", i);
    if (changed && wrong == ONNX_SHAPE) dims[0] /= 2, count /= 2;
    float spoilt = l->weights[0];
    if (changed && wrong == ONNX_NAN) l->weights[0] = NAN;
    put_tensor(graph, name, changed && wrong == ONNX_RANK_MORE ? 7 : 4, dims, l->weights, count, changed && wrong == ONNX_HALF ? 10 : 1);
    if (changed && wrong == ONNX_TWICE) put_tensor(graph, name, 4, dims, l->weights, count, 1);
    l->weights[0] = spoilt;
    put_ints(&a, "strides", 2, changed && wrong == ONNX_STRIDE ? 2 : l->stride);
    put_ints(&a, "pads", 4, i == 0 ? 0 : changed && wrong == ONNX_BORDER ? 0 : l->kernel / 2);
    put_ints(&a, "kernel_shape", 2, l->kernel);
    if (changed && wrong == ONNX_GROUP) { /* a single number is field 3 */
        struct buf g;
        buf_init(&g, 64);
        put_bytes(&g, 1, STR("group"));
        put_number(&g, 3, 2);
        put_bytes(&a, 5, buf_str(&g));
        buf_free(&g);
    }
    snprintf(value[0], sizeof value[0], "c%zu", i);
    put_node(graph, "Conv", in, name, value[0], &a);
    for (size_t k = 0; k < ONNX_FOLLOWS; k++) {
        static const char *const types[ONNX_FOLLOWS] = {"Add", "Sub", "Mul", "Add"};
        bool last = k + 1 == ONNX_FOLLOWS, swapped = k == 2 || (k == 1 && changed && wrong == ONNX_SUBTRACT);
        snprintf(follow[k], sizeof follow[k], "f%zu.%zu", i, k);
        snprintf(value[k + 1], sizeof value[k + 1], "v%zu.%zu", i, k);
        put_tensor(graph, follow[k], 4, row, l->follows[k], changed && wrong == ONNX_CONSTANT ? l->out - 1 : l->out, 1);
        put_node(graph, types[k], swapped ? follow[k] : value[k], swapped ? value[k] : follow[k], last ? out : value[k + 1], NULL);
    }
    buf_free(&a);
}

/* A block; its input and output are called b<first layer> and b<next>. Returns the next layer. */
static size_t put_block(struct buf *graph, const struct onnx_network *n, size_t i, enum onnx_wrong wrong)
{
    bool turn = i + 3 < ONNX_LAYERS && n->layers[i + 3].turn;
    size_t next = i + 3 + turn;
    char in[16], out[16], names[6][16];
    static const char *const parts[] = {"n%zu", "m%zu", "wide%zu", "t%zu", "rn%zu", "rm%zu"};
    for (size_t k = 0; k < 6; k++) {
        char *name = names[k];
        int length = snprintf(name, sizeof names[k], "%.*s", (int)strcspn(parts[k], "%"), parts[k]);
        snprintf(name + length, sizeof names[k] - (size_t)length, "%zu", i);
    }
    snprintf(in, sizeof in, "b%zu", i);
    snprintf(out, sizeof out, "b%zu", next);
    put_conv(graph, n, i, in, names[0], wrong);
    put_node(graph, "Relu", names[0], NULL, names[4], NULL);
    put_conv(graph, n, i + 1, names[4], names[1], wrong);
    put_node(graph, wrong == ONNX_RELU && i + 1 == CHANGED ? "Tanh" : "Relu", names[1], NULL, names[5], NULL);
    put_conv(graph, n, i + 2, names[5], names[2], wrong);
    if (turn) put_conv(graph, n, i + 3, in, names[3], wrong);
    char sum[16];
    snprintf(sum, sizeof sum, "s%zu", i);
    const char *other = turn ? names[3] : wrong == ONNX_SHORT_WAY && i > 8 ? "b1" : in;
    put_node(graph, "Add", i % 2 ? names[2] : other, i % 2 ? other : names[2], sum, NULL);
    put_node(graph, "Relu", sum, NULL, out, NULL);
    return next;
}

static void put_stem(struct buf *graph, const struct onnx_network *n, enum onnx_wrong wrong)
{
    struct buf a;
    buf_init(&a, 1 << 10);
    put_node(graph, "Pad", "picture", "where", "padded", NULL);
    put_node(graph, "Transpose", "padded", NULL, "planes", NULL);
    put_node(graph, "Cast", "planes", NULL, "floats", NULL);
    put_conv(graph, n, 0, "floats", "stem", wrong);
    put_node(graph, "Relu", "stem", NULL, "stem.relu", NULL);
    put_node(graph, "Pad", "stem.relu", "where", "stem.padded", NULL);
    put_ints(&a, "kernel_shape", 2, 3);
    put_ints(&a, "strides", 2, wrong == ONNX_POOL ? 1 : 2);
    put_node(graph, "MaxPool", "stem.padded", NULL, "b1", &a);
    buf_free(&a);
}

static void onnx_file_write(const struct onnx_network *n, enum onnx_wrong wrong, struct buf *out)
{
    struct buf graph, output;
    uint64_t dims[2] = {1024, 2};
    char last[16];
    buf_init(&graph, 64 << 20);
    buf_init(&output, 1 << 10);
    put_stem(&graph, n, wrong);
    size_t layer = 1;
    while (layer < ONNX_LAYERS) layer = put_block(&graph, n, layer, wrong);
    snprintf(last, sizeof last, "b%zu", layer);
    put_node(&graph, "ReduceMean", last, NULL, "mean", NULL);
    put_tensor(&graph, "classes", 2, dims, n->classes, wrong == ONNX_CLASSES ? 1024 : 2048, 1);
    put_tensor(&graph, "bias", 1, &dims[1], n->class_bias, 2, 1);
    put_node(&graph, "MatMul", "mean", "classes", "product", NULL);
    put_node(&graph, "Add", "product", "bias", "logits", NULL);
    put_node(&graph, "Softmax", "logits", NULL, "answer", NULL);
    put_bytes(&output, 1, STR("answer"));
    put_bytes(&graph, 12, buf_str(&output));
    put_number(out, 1, 8);
    put_bytes(out, 2, STR("test"));
    put_bytes(out, 7, buf_str(&graph));
    buf_free(&output);
    buf_free(&graph);
}

/* ---- the second class's probability of BGR floats [224, 224, 3], by plain loops in double; inside planes [channels, side, side] */

static double *convolve(const struct onnx_layer *l, const double *x, size_t side, bool relu)
{
    size_t to = side / l->stride, places = to * to;
    ptrdiff_t before = l->kernel / 2;
    double *y = calloc(l->out * places, sizeof *y);
    for (size_t o = 0; o < l->out; o++) {
        double *out = y + o * places;
        for (size_t i = 0; i < l->in; i++)
            for (size_t tap = 0; tap < (size_t)l->kernel * l->kernel; tap++) {
                double w = (double)l->weights[(o * l->in + i) * l->kernel * l->kernel + tap];
                for (size_t r = 0; r < to; r++) {
                    ptrdiff_t row = (ptrdiff_t)(r * l->stride + tap / l->kernel) - before, left = (ptrdiff_t)(tap % l->kernel) - before;
                    if (row < 0 || row >= (ptrdiff_t)side) continue;
                    const double *in = x + (i * side + (size_t)row) * side;
                    for (size_t c = 0; c < to; c++) {
                        ptrdiff_t column = (ptrdiff_t)(c * l->stride) + left;
                        if (column >= 0 && column < (ptrdiff_t)side) out[r * to + c] += w * in[column];
                    }
                }
            }
        for (size_t p = 0; p < places; p++) {
            out[p] = ((out[p] + (double)l->follows[0][o]) - (double)l->follows[1][o]) * (double)l->follows[2][o] + (double)l->follows[3][o];
            if (relu) out[p] = fmax(out[p], 0);
        }
    }
    return y;
}

static double *largest(const double *x, size_t channels, size_t side)
{
    size_t to = side / 2;
    double *y = malloc(channels * to * to * sizeof *y);
    for (size_t i = 0; i < channels * to * to; i++) {
        size_t c = i / (to * to), top = i / to % to * 2, left = i % to * 2;
        double most = -INFINITY;
        for (size_t r = top; r < top + 3 && r < side; r++)
            for (size_t k = left; k < left + 3 && k < side; k++) most = fmax(most, x[(c * side + r) * side + k]);
        y[i] = most;
    }
    return y;
}

static double *block(const struct onnx_layer *l, bool turn, double *x, size_t *side)
{
    size_t to = *side / l->stride, count = l[2].out * to * to;
    double *a = convolve(&l[0], x, *side, true), *b = convolve(&l[1], a, to, true), *y = convolve(&l[2], b, to, false);
    double *in = turn ? convolve(&l[3], x, *side, false) : x;
    for (size_t i = 0; i < count; i++) y[i] = fmax(y[i] + in[i], 0);
    if (turn) free(in);
    free(a), free(b), free(x);
    *side = to;
    return y;
}

static double onnx_network_answer(const struct onnx_network *n, const float *picture)
{
    size_t side = 56;
    double *planes = malloc(3 * 224 * 224 * sizeof *planes), logits[2] = {(double)n->class_bias[0], (double)n->class_bias[1]};
    for (size_t i = 0; i < 3 * 224 * 224; i++) planes[i % 3 * 224 * 224 + i / 3] = (double)picture[i];
    double *stem = convolve(&n->layers[0], planes, 224, true), *x = largest(stem, 64, 112);
    for (size_t i = 1; i < ONNX_LAYERS;) {
        bool turn = i + 3 < ONNX_LAYERS && n->layers[i + 3].turn;
        x = block(&n->layers[i], turn, x, &side);
        i += 3 + turn;
    }
    for (size_t c = 0; c < 1024; c++) {
        double sum = 0;
        for (size_t i = 0; i < side * side; i++) sum += x[c * side * side + i];
        for (size_t k = 0; k < 2; k++) logits[k] += sum / (double)(side * side) * (double)n->classes[2 * c + k];
    }
    free(planes), free(stem), free(x);
    return 1 / (1 + exp(logits[0] - logits[1]));
}

/* ---- tests */

struct fixture {
    struct onnx_network network;
    struct buf file;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    buf_init(&f->file, 64 << 20);
    onnx_network_make(&f->network);
    onnx_file_write(&f->network, ONNX_RIGHT, &f->file);
    *state = f;
    return f->file.n > 20 << 20 ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    onnx_network_free(&f->network);
    buf_free(&f->file);
    free(f);
    return 0;
}

static void test_a_picture_gets_what_plain_loops_give(void **state)
{
    struct fixture *f = *state;
    const struct matmul *matmul = matmul_open(NULL);
    struct open_nsfw *net = matmul ? open_nsfw_parse("test.onnx", buf_str(&f->file), matmul) : NULL;
    if (!net) fail_msg("%s", fail_message());
    struct open_nsfw_work *work = open_nsfw_work_new(net);
    uint8_t *pixels = malloc(2 * OPEN_NSFW_PIXELS);
    float *picture = malloc(OPEN_NSFW_PIXELS * sizeof *picture), answers[2];
    static const float means[3] = {104, 117, 123};
    uint64_t random = 5;
    for (size_t i = 0; i < 2 * OPEN_NSFW_PIXELS; i++) pixels[i] = (uint8_t)(128 + 127 * next(&random) * ((i / 3) % 224 > 112 ? 1.0f : 0.2f));
    for (size_t i = 0; i < OPEN_NSFW_PIXELS; i++) picture[i] = (float)pixels[i / 3 * 3 + 2 - i % 3] - means[i % 3];
    assert_int_equal(open_nsfw_run(net, work, pixels, 2, answers), 0);
    double expected = onnx_network_answer(&f->network, picture);
    assert_true(expected > 0.02 && expected < 0.98); /* a softmax at its end says nothing */
    if (!(fabs((double)answers[0] - expected) < 1e-5)) fail_msg("%.7f, expected %.7f", (double)answers[0], expected);
    assert_true(answers[1] != answers[0]);
    float alone;
    assert_int_equal(open_nsfw_run(net, work, pixels + OPEN_NSFW_PIXELS, 1, &alone), 0);
    assert_true(alone == answers[1]); /* no picture hangs on another */
    free(pixels), free(picture);
    open_nsfw_work_free(work);
    open_nsfw_close(net);
}

static void assert_refused(struct str bytes, const char *sentence)
{
    struct open_nsfw_conv convs[OPEN_NSFW_CONVS];
    float classes[2 * OPEN_NSFW_FEATURES], bias[2];
    if (open_nsfw_graph_read("test.onnx", bytes, convs, classes, bias) == 0) fail_msg("taken, expected: %s", sentence);
    if (!strstr(fail_message(), sentence)) fail_msg("'%s', expected '%s'", fail_message(), sentence);
    assert_true(strncmp(fail_message(), "test.onnx: ", 11) == 0);
    open_nsfw_graph_free(convs);
}

static void test_other_graphs_are_refused_by_what_is_wrong(void **state)
{
    const struct fixture *f = *state;
    static const char *const sentences[ONNX_WRONGS] = {
        [ONNX_STRIDE] = "expected a convolution of 3 x 3, 32 channels to 32, each 1 places",
        [ONNX_BORDER] = "expected a convolution of 3 x 3",
        [ONNX_GROUP] = "expected a convolution of 3 x 3",
        [ONNX_SHAPE] = "expected a convolution of 3 x 3",
        [ONNX_RELU] = "expected ",
        [ONNX_HALF] = "its weights in single precision in the file",
        [ONNX_NAN] = "numbers of a convolution are out of range",
        [ONNX_CONSTANT] = "a constant that is not 32 numbers of single precision",
        [ONNX_SUBTRACT] = "expected ", /* a constant less the value is no fold */
        [ONNX_SHORT_WAY] = "expected what came into a block to be added",
        [ONNX_POOL] = "expected the largest of 3 x 3 at every second place",
        [ONNX_CLASSES] = "expected two classes of 1,024 features",
        [ONNX_TWICE] = "two tensors of one name",
        [ONNX_RANK_MORE] = "a tensor of 7 dimensions; up to 6 are read",
    };
    struct buf file;
    buf_init(&file, 64 << 20);
    for (enum onnx_wrong wrong = ONNX_RIGHT + 1; wrong < ONNX_WRONGS; wrong++) {
        buf_clear(&file);
        onnx_file_write(&f->network, wrong, &file);
        assert_refused(buf_str(&file), sentences[wrong]);
    }
    buf_free(&file);
}

static void test_damage_is_told(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        const char *bytes, *sentence;
    } cases[] = {
        {"", "no ONNX model: expected a graph"},
        {"\x08\x08", "no ONNX model"},
        {"\x3a\x05\x0a", "field 7 passes the end"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "field 7 passes the end"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "field 7 passes the end"}, /* more than 64 bits */
        {"\x3b\x01", "of a kind that is not known"},                                  /* a group */
        {"\x3a\x02\x0a\x09", "field 1 passes the end"},
        {"\x02", "a field without a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_refused(str_from(cases[i].bytes), cases[i].sentence);
    for (size_t n = 1; n < f->file.n; n += 1 + f->file.n / 40) assert_refused(str_of(f->file.p, n), "");
}

static void test_numbers_may_come_one_by_one_or_packed(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        struct buf tensor, graph, file;
        buf_init(&tensor, 1 << 10), buf_init(&graph, 1 << 10), buf_init(&file, 1 << 10);
        if (packed) put_bytes(&tensor, 1, STR("\x02\x01"));
        else put_number(&tensor, 1, 2), put_number(&tensor, 1, 1);
        put_number(&tensor, 2, 1);
        put_bytes(&tensor, 8, STR("t"));
        put_bytes(&tensor, 9, str_of("\0\0\x80\x3f\0\0\0\x40", 8));
        put_bytes(&graph, 5, buf_str(&tensor));
        put_bytes(&file, 7, buf_str(&graph));
        struct onnx *onnx = onnx_parse("t", buf_str(&file));
        const struct onnx_tensor *t = onnx ? onnx_constant(onnx, STR("t")) : NULL;
        assert_true(t && t->rank == 2 && t->dims[0] == 2 && t->dims[1] == 1 && t->numbers.n == 8);
        assert_null(onnx_maker(onnx, STR("t")));
        onnx_free(onnx);
        buf_free(&tensor), buf_free(&graph), buf_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture_gets_what_plain_loops_give),
        cmocka_unit_test(test_other_graphs_are_refused_by_what_is_wrong),
        cmocka_unit_test(test_damage_is_told),
        cmocka_unit_test(test_numbers_may_come_one_by_one_or_packed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
