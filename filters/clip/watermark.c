#include "filters/clip/watermark.h"

#include "filters/clip/convnet.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/preprocess.h"
#include "filters/clip/small_parts.h"
#include "filters/clip/weights.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

enum { FEATURES = 8, POOLED = 2 * FEATURES, TOGETHER = 8 };

static const struct convnet_shape network = {
    .side = WATERMARK_SIDE, .stem_kernel = 3, .stem_stride = 2, .stem_out = 32, .features = FEATURES, .maximum = true,
    .mean = {.5f, .5f, .5f}, .deviation = {.5f, .5f, .5f},
    .block_count = 9,
    .blocks = {{.kernel = 3, .stride = 1, .in = 32, .hidden = 32, .out = 16},
               {.kernel = 3, .stride = 2, .in = 16, .hidden = 96, .out = 24, .expand = true},
               {.kernel = 3, .stride = 1, .in = 24, .hidden = 144, .out = 24, .expand = true, .residual = true},
               {.kernel = 5, .stride = 2, .in = 24, .hidden = 144, .out = 40, .expand = true},
               {.kernel = 5, .stride = 1, .in = 40, .hidden = 240, .out = 40, .expand = true, .residual = true},
               {.kernel = 3, .stride = 2, .in = 40, .hidden = 240, .out = 80, .expand = true},
               {.kernel = 3, .stride = 1, .in = 80, .hidden = 480, .out = 80, .expand = true, .residual = true},
               {.kernel = 3, .stride = 1, .in = 80, .hidden = 480, .out = 80, .expand = true, .residual = true},
               {.kernel = 3, .stride = 1, .in = 80, .hidden = 128, .out = 1, .expand = true}},
};

struct watermark {
    struct convnet *net;
    float weights[POOLED], bias;
    struct hash128 digest;
};

struct watermark_work {
    struct convnet_work *net;
    struct preprocess_work *preprocess;
    float pooled[TOGETHER][POOLED];
};

/* ---- reading */

static int read_floats(const struct weights *w, const char *name, unsigned rank, uint64_t rows, uint64_t columns, float *out)
{
    const struct tensor *t = weights_find(w, str_from(name));
    if (!t || !tensor_shape_is(t, rank, rows, columns))
        return fail("%s: tensor %s: missing, or not of one class of %d features", weights_name(w), name, POOLED);
    return tensor_to_f32(t, out);
}

struct watermark *watermark_open(const char *path, const struct matmul *matmul)
{
    struct watermark *m = calloc(1, sizeof *m);
    if (!m) return fail_memory(), NULL;
    struct weights *w = weights_open(path);
    const struct small_source parts = {&network, "", w};
    const struct convnet_source source = {small_read_convolution, &parts};
    bool well = w && weights_digest(w, &m->digest) == 0 && convnet_check(&network, path) == 0 &&
                read_floats(w, "out.weight", 2, 1, POOLED, m->weights) == 0 && read_floats(w, "out.bias", 1, 1, 0, &m->bias) == 0 &&
                (m->net = convnet_open(&network, &source, MATMUL_F32, matmul));
    weights_close(w);
    if (well) return m;
    watermark_close(m);
    return NULL;
}

void watermark_close(struct watermark *m)
{
    if (!m) return;
    convnet_close(m->net);
    free(m);
}

struct hash128 watermark_digest(const struct watermark *m) { return m->digest; }

/* ---- one thread's memory */

struct watermark_work *watermark_work_new(const struct watermark *m)
{
    struct watermark_work *w = matmul_memory(sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->net = convnet_work_new(m->net);
    w->preprocess = w->net ? preprocess_work_new() : NULL;
    if (w->preprocess) return w;
    watermark_work_free(w);
    return NULL;
}

void watermark_work_free(struct watermark_work *w)
{
    if (!w) return;
    convnet_work_free(w->net);
    preprocess_work_free(w->preprocess);
    free(w);
}

/* ---- running */

int watermark_pixels(struct watermark_work *w, const struct image *image, uint8_t *pixels)
{
    static const struct preprocess whole = {.mode = PREPROCESS_SQUASH, .filter = PREPROCESS_BICUBIC, .size = WATERMARK_SIDE,
                                            .crop = WATERMARK_SIDE, .deviation = {1, 1, 1}};
    return preprocess_pixels(&whole, w->preprocess, image, pixels);
}

static float probability(const struct watermark *m, const float *pooled)
{
    double logit = m->bias;
    for (size_t i = 0; i < POOLED; i++) logit += (double)m->weights[i] * pooled[i];
    return (float)(1 / (1 + exp(-logit)));
}

int watermark_run(const struct watermark *m, struct watermark_work *w, const uint8_t *pixels, size_t count, float *probabilities)
{
    for (size_t i = 0, part; i < count; i += part) {
        part = count - i < TOGETHER ? count - i : TOGETHER;
        if (convnet_run(m->net, w->net, pixels + i * WATERMARK_PIXELS, part, w->pooled[0]) < 0) return -1;
        for (size_t k = 0; k < part; k++) probabilities[i + k] = probability(m, w->pooled[k]);
    }
    return 0;
}
