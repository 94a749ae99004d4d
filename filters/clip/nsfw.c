#include "filters/clip/nsfw.h"

#include "filters/clip/convnet.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/preprocess.h"
#include "filters/clip/weights.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const nsfw_classes[NSFW_CLASSES] = {"drawing", "hentai", "neutral", "porn", "sexy"};

enum { FEATURES = 1280, DENSE = 3, DENSE_MOST = 256, TOGETHER = 32, NAME_ROOM = 96 };
static const uint32_t dense_sizes[DENSE + 1] = {FEATURES, DENSE_MOST, 128, NSFW_CLASSES};

struct nsfw {
    struct convnet *net;
    float *weights[DENSE], *bias[DENSE]; /* [in, out], [out] */
    struct hash128 digest;
};

struct nsfw_work {
    struct convnet_work *net;
    struct preprocess_work *preprocess;
    float features[TOGETHER][FEATURES];
};

/* ---- the network's shape */

/* MobileNetV2, table 2: of each stage its expansion, channels, blocks and first stride. */
static const struct stage {
    uint32_t expansion, out, count, stride;
} stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

static struct convnet_shape shape_of_mobilenet(void)
{
    struct convnet_shape s = {.side = NSFW_SIDE, .stem_kernel = 3, .stem_stride = 2, .stem_out = 32, .features = FEATURES,
                              .deviation = {1, 1, 1}};
    uint32_t in = s.stem_out;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        for (uint32_t k = 0; k < stages[i].count; k++) {
            const struct stage *g = &stages[i];
            uint32_t stride = k ? 1 : g->stride;
            s.blocks[s.block_count++] = (struct convnet_block){
                .kernel = 3, .stride = stride, .in = in, .hidden = in * g->expansion, .out = g->out, .expand = g->expansion > 1,
                .residual = stride == 1 && in == g->out};
            in = g->out;
        }
    return s;
}

/* ---- reading */

/* A tensor of 8 bits, `count` numbers of it. */
static int read_bytes(const struct weights *w, const char *name, size_t count, float *out)
{
    char range_name[NAME_ROOM + 8];
    double range[2]; /* scale, minimum */
    snprintf(range_name, sizeof range_name, "%s.range", name);
    const struct tensor *t = weights_find(w, str_from(name)), *r = weights_find(w, str_from(range_name));
    if (!t || t->type != TENSOR_U8 || t->count != count)
        return fail("%s: tensor %s: missing, or not %zu numbers of 8 bits", weights_name(w), name, count);
    if (!r || r->type != TENSOR_F64 || !tensor_shape_is(r, 1, 2, 0))
        return fail("%s: tensor %s: missing, or not two doubles", weights_name(w), range_name);
    if (tensor_to_f64(r, range) < 0 || tensor_to_f32(t, out) < 0) return -1;
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)((double)out[i] * range[0] + range[1]);
        if (!isfinite(out[i])) return fail("%s: tensor %s: number %zu is out of range", weights_name(w), name, i);
    }
    return 0;
}

static float *read_numbers(const struct weights *w, const char *name, size_t count)
{
    float *numbers = malloc(count * sizeof *numbers);
    if (!numbers) return fail_memory(), NULL;
    if (read_bytes(w, name, count, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

/* What Keras calls a convolution's kernel and the batch norm behind it. */
struct names {
    char kernel[NAME_ROOM], norm[NAME_ROOM];
};

static struct names names_of(enum convnet_part part, uint32_t block)
{
    char of[32] = "expanded_conv";
    struct names n = {"Conv1/kernel", "bn_Conv1"};
    const char *what = part == CONVNET_EXPAND ? "expand" : part == CONVNET_DEPTHWISE ? "depthwise" : "project";
    if (part == CONVNET_STEM) return n;
    if (part == CONVNET_FEATURES) return (struct names){"Conv_1/kernel", "Conv_1_bn"};
    if (block) snprintf(of, sizeof of, "block_%u", block);
    snprintf(n.kernel, sizeof n.kernel, "%s_%s/%s", of, what, part == CONVNET_DEPTHWISE ? "depthwise_kernel" : "kernel");
    snprintf(n.norm, sizeof n.norm, "%s_%s_BN", of, what);
    return n;
}

/* Behind a convolution stands x * factor + offset, a batch norm: [2, channels], factors first. */
static float *read_norm(const struct weights *w, const char *norm, size_t channels)
{
    static const char *const parts[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    static const double epsilon = 0.001;
    float *n = malloc(4 * channels * sizeof *n);
    if (!n) return fail_memory(), NULL;
    for (size_t i = 0; i < 4; i++) {
        char name[NAME_ROOM + 24];
        snprintf(name, sizeof name, "%s/%s", norm, parts[i]);
        if (read_bytes(w, name, channels, n + i * channels) < 0) return free(n), NULL;
    }
    for (size_t c = 0; c < channels; c++) {
        double variance = fmax(n[3 * channels + c], 0), factor = n[c] / sqrt(variance + epsilon);
        n[c] = (float)factor;
        n[channels + c] = (float)(n[channels + c] - n[2 * channels + c] * factor);
    }
    return n;
}

struct reading {
    const struct weights *weights;
    const struct convnet_shape *shape;
};

/* Keras has [height, width, in, out], of depthwise ones [height, width, channels, 1]; the network wants `out` first. */
static int read_part(const void *context, enum convnet_part part, uint32_t block, bool bias, float *out)
{
    const struct reading *r = context;
    struct names names = names_of(part, block);
    size_t channels = convnet_part_size(r->shape, part, block, true), count = convnet_part_size(r->shape, part, block, false);
    size_t each = count / channels, taps = part == CONVNET_STEM ? 9 : 1, in = each / taps;
    float *norm = read_norm(r->weights, names.norm, channels), *kernel = NULL;
    if (!norm) return -1;
    if (bias) memcpy(out, norm + channels, channels * sizeof *out);
    else if ((kernel = read_numbers(r->weights, names.kernel, count)))
        for (size_t o = 0; o < channels; o++)
            for (size_t i = 0; i < in; i++)
                for (size_t tap = 0; tap < taps; tap++)
                    out[o * each + i * taps + tap] = kernel[(tap * in + i) * channels + o] * norm[o];
    free(norm);
    free(kernel);
    return bias || kernel ? 0 : -1;
}

static int read_dense(struct nsfw *n, const struct weights *w)
{
    for (unsigned i = 0; i < DENSE; i++) {
        char name[NAME_ROOM];
        snprintf(name, sizeof name, "dense_%u/kernel", i + 1);
        if (!(n->weights[i] = read_numbers(w, name, (size_t)dense_sizes[i] * dense_sizes[i + 1]))) return -1;
        snprintf(name, sizeof name, "dense_%u/bias", i + 1);
        if (!(n->bias[i] = read_numbers(w, name, dense_sizes[i + 1]))) return -1;
    }
    return 0;
}

struct nsfw *nsfw_open(const char *path, const struct matmul *matmul)
{
    const struct convnet_shape shape = shape_of_mobilenet();
    struct nsfw *n = calloc(1, sizeof *n);
    if (!n) return fail_memory(), NULL;
    struct weights *w = weights_open(path);
    const struct convnet_source source = {read_part, &(struct reading){w, &shape}};
    bool well = w && weights_digest(w, &n->digest) == 0 && convnet_check(&shape, path) == 0 && read_dense(n, w) == 0 &&
                (n->net = convnet_open(&shape, &source, MATMUL_F32, matmul));
    weights_close(w);
    if (well) return n;
    nsfw_close(n);
    return NULL;
}

void nsfw_close(struct nsfw *n)
{
    if (!n) return;
    for (unsigned i = 0; i < DENSE; i++) free(n->weights[i]), free(n->bias[i]);
    convnet_close(n->net);
    free(n);
}

struct hash128 nsfw_digest(const struct nsfw *n) { return n->digest; }

/* ---- one thread's memory */

struct nsfw_work *nsfw_work_new(const struct nsfw *n)
{
    struct nsfw_work *w = matmul_memory(sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->net = convnet_work_new(n->net);
    w->preprocess = w->net ? preprocess_work_new() : NULL;
    if (w->preprocess) return w;
    nsfw_work_free(w);
    return NULL;
}

void nsfw_work_free(struct nsfw_work *w)
{
    if (!w) return;
    convnet_work_free(w->net);
    preprocess_work_free(w->preprocess);
    free(w);
}

/* ---- running */

int nsfw_pixels(struct nsfw_work *w, const struct image *image, uint8_t *pixels)
{
    static const struct preprocess whole = {.mode = PREPROCESS_SQUASH, .filter = PREPROCESS_BICUBIC, .size = NSFW_SIDE,
                                            .crop = NSFW_SIDE, .deviation = {1, 1, 1}};
    return preprocess_pixels(&whole, w->preprocess, image, pixels);
}

static void dense(const float *weights, const float *bias, size_t in, size_t out, const double *x, double *y)
{
    for (size_t o = 0; o < out; o++) y[o] = bias[o];
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; x[i] != 0 && o < out; o++) y[o] += x[i] * (double)weights[i * out + o];
}

static void softmax(const double *x, size_t n, float *out)
{
    double most = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - most);
    for (size_t i = 0; i < n; i++) out[i] = (float)(exp(x[i] - most) / sum);
}

static void classify(const struct nsfw *n, const float *features, float *probabilities)
{
    double x[FEATURES], y[DENSE_MOST];
    for (size_t i = 0; i < FEATURES; i++) x[i] = features[i];
    for (unsigned layer = 0; layer < DENSE; layer++) {
        size_t out = dense_sizes[layer + 1];
        dense(n->weights[layer], n->bias[layer], dense_sizes[layer], out, x, y);
        for (size_t i = 0; layer + 1 < DENSE && i < out; i++) x[i] = fmax(y[i], 0);
    }
    softmax(y, NSFW_CLASSES, probabilities);
}

int nsfw_run(const struct nsfw *n, struct nsfw_work *w, const uint8_t *pixels, size_t count, float *probabilities)
{
    for (size_t i = 0, part; i < count; i += part) {
        part = count - i < TOGETHER ? count - i : TOGETHER;
        if (convnet_run(n->net, w->net, pixels + i * NSFW_PIXELS, part, w->features[0]) < 0) return -1;
        for (size_t k = 0; k < part; k++) classify(n, w->features[k], probabilities + (i + k) * NSFW_CLASSES);
    }
    return 0;
}
