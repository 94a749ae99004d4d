#include "filters/clip/open_nsfw_graph.h"

#include "filters/clip/onnx.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PASSED_MOST = 64, FOLDED_MOST = 16, STAGES = 4 };

/* deploy.prototxt: of each stage its blocks and channels. */
static const struct stage {
    uint32_t blocks, narrow, wide;
} stages[STAGES] = {{3, 32, 128}, {4, 64, 256}, {6, 128, 512}, {3, 256, 1024}};

struct reading {
    const char *name;
    const struct onnx *onnx;
};

/* ---- values */

static bool is_type(const struct onnx_node *n, const char *type) { return n && str_eq(n->type, str_from(type)); }

/* Nodes that change no number: of casts all are to single precision, or the constants behind them would not be. */
static bool passes(const struct onnx_node *n, bool pads)
{
    return is_type(n, "Cast") || is_type(n, "Transpose") || is_type(n, "Identity") || (pads && is_type(n, "Pad"));
}

/* What makes a value; NULL: the graph's input, a constant, or nothing. */
static const struct onnx_node *maker(const struct reading *r, struct str value, bool pads)
{
    const struct onnx_node *n = onnx_maker(r->onnx, value);
    for (unsigned i = 0; i < PASSED_MOST && passes(n, pads); i++) n = onnx_maker(r->onnx, n->inputs[0]);
    return passes(n, pads) ? NULL : n;
}

/* The numbers of a constant of `count` numbers, however they are arranged; NULL, no sentence. */
static const char *constant(const struct reading *r, struct str value, size_t count)
{
    for (unsigned i = 0; i < PASSED_MOST; i++) {
        const struct onnx_tensor *t = onnx_constant(r->onnx, value);
        if (t) return t->numbers.p && t->numbers.n == count * sizeof(float) ? t->numbers.p : NULL;
        const struct onnx_node *n = onnx_maker(r->onnx, value);
        if (!passes(n, false)) return NULL;
        value = n->inputs[0];
    }
    return NULL;
}

static bool is_constant(const struct reading *r, struct str value)
{
    const struct onnx_node *n = onnx_maker(r->onnx, value);
    for (unsigned i = 0; i < PASSED_MOST && passes(n, false); i++) value = n->inputs[0], n = onnx_maker(r->onnx, value);
    return onnx_constant(r->onnx, value) != NULL;
}

static float number_at(const char *numbers, size_t i)
{
    float x;
    memcpy(&x, numbers + i * sizeof x, sizeof x);
    return x;
}

/* ---- convolutions */

/* What follows a convolution: y op constant, from the last back to the first. */
struct follow {
    char op; /* + - * */
    struct str constant;
};
struct chain {
    const struct onnx_node *conv;
    struct follow follows[FOLDED_MOST];
    size_t count;
};

/* The convolution that a value comes from by nothing but sums and products with constants. */
static bool find_chain(const struct reading *r, struct str value, struct chain *c)
{
    *c = (struct chain){.conv = NULL};
    for (;;) {
        const struct onnx_node *n = maker(r, value, false);
        if (is_type(n, "Conv")) return c->conv = n, true;
        char op = is_type(n, "Add") ? '+' : is_type(n, "Sub") ? '-' : is_type(n, "Mul") ? '*' : 0;
        if (!op || c->count == FOLDED_MOST) return false;
        size_t which = is_constant(r, n->inputs[1]) ? 1 : 0;
        if ((which == 0 && op == '-') || !is_constant(r, n->inputs[which])) return false;
        c->follows[c->count++] = (struct follow){op, n->inputs[which]};
        value = n->inputs[1 - which];
    }
}

/* y = scale x + shift, channel by channel, for all that follows. */
static int fold(const struct reading *r, const struct chain *c, size_t channels, double *scale, double *shift)
{
    for (size_t o = 0; o < channels; o++) scale[o] = 1, shift[o] = 0;
    for (size_t i = 0; i < c->count; i++) {
        const char *numbers = constant(r, c->follows[i].constant, channels);
        if (!numbers)
            return fail("%s: behind a convolution stands a constant that is not %zu numbers of single precision", r->name, channels);
        for (size_t o = 0; o < channels; o++) {
            double x = (double)number_at(numbers, o);
            if (c->follows[i].op == '*') scale[o] *= x;
            else shift[o] += c->follows[i].op == '+' ? scale[o] * x : -scale[o] * x;
        }
    }
    return 0;
}

static bool has_shape(const struct onnx_node *n, const struct onnx_tensor *w, const struct open_nsfw_conv *c, bool padded)
{
    int64_t border = padded ? 0 : c->kernel / 2;
    bool weights = w && w->numbers.p && w->rank == 4 && w->dims[0] == c->out && w->dims[1] == c->in && w->dims[2] == c->kernel &&
                   w->dims[3] == c->kernel;
    for (size_t i = 0; i < 4; i++) weights &= n->pads[i] == border;
    return weights && n->strides[0] == c->stride && n->strides[1] == c->stride && n->group == 1 && n->dilations[0] == 1 &&
           n->dilations[1] == 1 && (!n->auto_pad.n || str_eq(n->auto_pad, STR("NOTSET")));
}

/* Fills the weights of `c`, whose shape stands. */
static int read_conv(const struct reading *r, const struct chain *chain, struct open_nsfw_conv *c)
{
    const struct onnx_node *n = chain->conv;
    const struct onnx_tensor *w = onnx_constant(r->onnx, n->inputs[1]);
    bool padded = is_type(maker(r, n->inputs[0], false), "Pad");
    size_t taps = (size_t)c->kernel * c->kernel, each = taps * c->in;
    if (!has_shape(n, w, c, padded))
        return fail("%s: not open_nsfw: expected a convolution of %u x %u, %u channels to %u, each %u places, its weights in single "
                    "precision in the file", r->name, c->kernel, c->kernel, c->in, c->out, c->stride);
    const char *own = n->inputs[2].n ? constant(r, n->inputs[2], c->out) : NULL;
    if (n->inputs[2].n && !own) return fail("%s: a convolution's bias is not %u numbers of single precision", r->name, c->out);
    double *folded = malloc(2 * c->out * sizeof *folded);
    c->weights = malloc(c->out * each * sizeof *c->weights);
    c->bias = malloc(c->out * sizeof *c->bias);
    int result = folded && c->weights && c->bias ? fold(r, chain, c->out, folded, folded + c->out) : fail_memory();
    bool finite = true;
    for (size_t o = 0; o < c->out && result == 0; o++) {
        c->bias[o] = (float)(folded[c->out + o] + (own ? folded[o] * (double)number_at(own, o) : 0));
        finite &= isfinite(c->bias[o]);
        for (size_t i = 0; i < c->in; i++)
            for (size_t tap = 0; tap < taps; tap++) {
                float x = (float)(folded[o] * (double)number_at(w->numbers.p, o * each + i * taps + tap));
                c->weights[o * each + tap * c->in + i] = x;
                finite &= isfinite(x);
            }
    }
    free(folded);
    return result < 0 || finite ? result : fail("%s: numbers of a convolution are out of range", r->name);
}

/* ---- the network */

static int unexpected(const struct reading *r, const char *what) { return fail("%s: not open_nsfw: expected %s", r->name, what); }

/* A chain behind a Relu. */
static int find_activated(const struct reading *r, struct str value, struct chain *c, const char *what)
{
    const struct onnx_node *n = maker(r, value, true);
    return is_type(n, "Relu") && find_chain(r, n->inputs[0], c) ? 0 : unexpected(r, what);
}

/* Of the two values that a block's last sum adds, the one that comes by three convolutions. */
static bool is_long_way(const struct reading *r, struct str value, struct chain *c)
{
    if (!find_chain(r, value, c)) return false;
    const struct onnx_node *n = maker(r, c->conv->inputs[0], false);
    struct chain before;
    if (!is_type(n, "Relu") || !find_chain(r, n->inputs[0], &before)) return false;
    const struct onnx_tensor *w = onnx_constant(r->onnx, before.conv->inputs[1]);
    return w && w->rank == 4 && w->dims[2] == 3;
}

/* The block whose output is *value, into its convolutions; *value becomes what came in. */
static int read_block(const struct reading *r, struct str *value, struct open_nsfw_conv *c, bool turned)
{
    struct chain narrow, middle, widen, turn;
    const struct onnx_node *last = maker(r, *value, false), *sum = is_type(last, "Relu") ? maker(r, last->inputs[0], false) : NULL;
    if (!is_type(sum, "Add")) return unexpected(r, "a sum and a Relu at the end of a block");
    size_t way = is_long_way(r, sum->inputs[0], &widen) ? 0 : 1;
    if (way == 1 && !is_long_way(r, sum->inputs[1], &widen)) return unexpected(r, "three convolutions in a block");
    if (find_activated(r, widen.conv->inputs[0], &middle, "a second convolution and a Relu in a block") < 0 ||
        find_activated(r, middle.conv->inputs[0], &narrow, "a first convolution and a Relu in a block") < 0)
        return -1;
    struct str in = narrow.conv->inputs[0], other = sum->inputs[1 - way];
    if (turned && !find_chain(r, other, &turn)) return unexpected(r, "a convolution of what comes into a stage");
    if (maker(r, turned ? turn.conv->inputs[0] : other, false) != maker(r, in, false))
        return unexpected(r, "what came into a block to be added");
    *value = in;
    if (read_conv(r, &narrow, &c[0]) < 0 || read_conv(r, &middle, &c[1]) < 0 || read_conv(r, &widen, &c[2]) < 0) return -1;
    return turned ? read_conv(r, &turn, &c[3]) : 0;
}

static int read_stem(const struct reading *r, struct str value, struct open_nsfw_conv *c)
{
    struct chain stem;
    const struct onnx_node *pool = maker(r, value, false);
    bool pooled = is_type(pool, "MaxPool") && pool->kernel[0] == 3 && pool->kernel[1] == 3 && pool->strides[0] == 2 &&
                  pool->strides[1] == 2;
    if (!pooled) return unexpected(r, "the largest of 3 x 3 at every second place before the blocks");
    if (find_activated(r, pool->inputs[0], &stem, "a convolution and a Relu before the largest") < 0) return -1;
    if (maker(r, stem.conv->inputs[0], true)) return unexpected(r, "the picture before the first convolution");
    return read_conv(r, &stem, c);
}

/* Softmax of sum of product of mean: *value becomes what the mean is taken of. */
static int read_classes(const struct reading *r, struct str *value, float *classes, float *bias)
{
    const struct onnx_node *softmax = maker(r, r->onnx->output, false);
    const struct onnx_node *sum = is_type(softmax, "Softmax") ? maker(r, softmax->inputs[0], false) : NULL;
    const struct onnx_node *product = is_type(sum, "Add") ? maker(r, sum->inputs[0], false) : NULL;
    const struct onnx_node *mean = is_type(product, "MatMul") ? maker(r, product->inputs[0], false) : NULL;
    if (!is_type(mean, "ReduceMean")) return unexpected(r, "a mean, a product, a sum and a softmax at the end");
    const char *weights = constant(r, product->inputs[1], 2 * OPEN_NSFW_FEATURES), *add = constant(r, sum->inputs[1], 2);
    if (!weights || !add) return unexpected(r, "two classes of 1,024 features in single precision");
    bool finite = true;
    for (size_t i = 0; i < 2 * OPEN_NSFW_FEATURES; i++) finite &= isfinite(classes[i] = number_at(weights, i));
    for (size_t i = 0; i < 2; i++) finite &= isfinite(bias[i] = number_at(add, i));
    *value = mean->inputs[0];
    return finite ? 0 : fail("%s: numbers of the classes are out of range", r->name);
}

static void set_shapes(struct open_nsfw_conv *c)
{
    uint32_t in = 64;
    *c++ = (struct open_nsfw_conv){.part = OPEN_NSFW_STEM, .in = 3, .out = in, .kernel = 7, .stride = 2};
    for (size_t s = 0; s < STAGES; s++)
        for (uint32_t b = 0; b < stages[s].blocks; b++) {
            const struct stage *g = &stages[s];
            uint32_t stride = s > 0 && b == 0 ? 2 : 1;
            *c++ = (struct open_nsfw_conv){.part = OPEN_NSFW_NARROW, .in = in, .out = g->narrow, .kernel = 1, .stride = stride};
            *c++ = (struct open_nsfw_conv){.part = OPEN_NSFW_MIDDLE, .in = g->narrow, .out = g->narrow, .kernel = 3, .stride = 1};
            *c++ = (struct open_nsfw_conv){.part = OPEN_NSFW_WIDEN, .in = g->narrow, .out = g->wide, .kernel = 1, .stride = 1};
            if (b == 0) *c++ = (struct open_nsfw_conv){.part = OPEN_NSFW_TURN, .in = in, .out = g->wide, .kernel = 1, .stride = stride};
            in = g->wide;
        }
}

int open_nsfw_graph_read(const char *name, struct str bytes, struct open_nsfw_conv convs[OPEN_NSFW_CONVS],
                         float classes[2 * OPEN_NSFW_FEATURES], float class_bias[2])
{
    struct str value;
    size_t at = OPEN_NSFW_CONVS;
    set_shapes(convs);
    struct onnx *onnx = onnx_parse(name, bytes);
    const struct reading r = {name, onnx};
    int result = onnx ? read_classes(&r, &value, classes, class_bias) : -1;
    while (result == 0 && at > 1) {
        bool turned = convs[at - 1].part == OPEN_NSFW_TURN;
        at -= turned ? 4 : 3;
        result = read_block(&r, &value, &convs[at], turned);
    }
    if (result == 0) result = read_stem(&r, value, &convs[0]);
    onnx_free(onnx);
    return result;
}

void open_nsfw_graph_free(struct open_nsfw_conv convs[OPEN_NSFW_CONVS])
{
    for (size_t i = 0; i < OPEN_NSFW_CONVS; i++) {
        free(convs[i].weights);
        free(convs[i].bias);
        convs[i].weights = convs[i].bias = NULL;
    }
}
