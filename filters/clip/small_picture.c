/* The network behind the features has more weights than each picture has work for them: pictures' features wait until many go
 * through it together. */
#include "filters/clip/small.h"

#include "filters/clip/block_kernels.h"
#include "filters/clip/conv_kernels.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/small_parts.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { TOGETHER = 32 }; /* pictures */

struct small_picture {
    struct convnet *net;
    const struct matmul *matmul;
    enum matmul_type edge; /* of the products behind the features: F32 or BF16 */
    size_t features, hidden, classes, embed, picture; /* numbers; bytes of a picture */
    struct linear *linear, *hide, *output, *classifier, *vectors;
    float scale;           /* of the classifier's logits */
};

struct small_picture_work {
    struct convnet_work *net;
    float *features;       /* [TOGETHER, features] */
    void *narrow;          /* the same as products take them, then the probabilities */
    void *hidden;          /* [TOGETHER, hidden] of the products' type */
    float *logits;         /* [TOGETHER, classes] */
    float *embedding;      /* [TOGETHER, embed] */
    struct matmul_room products;
};

/* ---- opening */

struct reading {
    const struct clip_config *config;
    const struct weights *weights;
};

static float *read_numbers(const struct reading *r, enum small_part part)
{
    float *numbers = matmul_memory(small_size(r->config, part) * sizeof *numbers);
    if (numbers && small_read(r->config, r->weights, part, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

/* bias SMALL_PARTS: none. */
static struct linear *read_linear(const struct small_picture *p, const struct reading *r, enum small_part weight, enum small_part bias,
                                  struct linear_spec spec)
{
    float *w = read_numbers(r, weight), *b = w && bias != SMALL_PARTS ? read_numbers(r, bias) : NULL;
    struct linear *l = NULL;
    if (w && (b || bias == SMALL_PARTS)) {
        spec.weights = w;
        spec.bias = b;
        spec.type = p->edge;
        l = linear_new(p->matmul, &spec);
    }
    free(w);
    free(b);
    return l;
}

/* The file has a vector a class; products want the classes' numbers of each place. */
static struct linear *read_vectors(const struct small_picture *p, const struct reading *r)
{
    float *from = read_numbers(r, SMALL_CLASS_VECTORS), *turned = from ? matmul_memory(p->classes * p->embed * sizeof *turned) : NULL;
    for (size_t c = 0; turned && c < p->classes; c++)
        for (size_t e = 0; e < p->embed; e++) turned[e * p->classes + c] = from[c * p->embed + e];
    const struct linear_spec spec = {.n = p->embed, .k = p->classes, .weights = turned, .type = p->edge, .after = LINEAR_ADD};
    struct linear *l = turned ? linear_new(p->matmul, &spec) : NULL;
    free(from);
    free(turned);
    return l;
}

static int open_parts(struct small_picture *p, const struct reading *r, enum matmul_type type)
{
    const struct small_source source = {&r->config->small.net, SMALL_PICTURE, r->weights};
    const struct linear_spec linear = {.n = p->embed, .k = p->features}, output = {.n = p->embed, .k = p->hidden, .after = LINEAR_ADD};
    const struct linear_spec hide = {.n = p->hidden, .k = p->features, .out = p->edge, .after = LINEAR_GELU};
    const struct linear_spec classifier = {.n = p->classes, .k = p->features};
    if (small_read(r->config, r->weights, SMALL_CLASS_SCALE, &p->scale) < 0) return -1;
    p->net = convnet_open(&r->config->small.net, &(struct convnet_source){small_read_convolution, &source}, type, p->matmul);
    if (!p->net) return -1;
    if (!(p->linear = read_linear(p, r, SMALL_LINEAR_WEIGHT, SMALL_LINEAR_BIAS, linear))) return -1;
    if (!(p->hide = read_linear(p, r, SMALL_HIDDEN_WEIGHT, SMALL_HIDDEN_BIAS, hide))) return -1;
    if (!(p->output = read_linear(p, r, SMALL_OUTPUT_WEIGHT, SMALL_PARTS, output))) return -1;
    if (!(p->classifier = read_linear(p, r, SMALL_CLASSIFIER_WEIGHT, SMALL_CLASSIFIER_BIAS, classifier))) return -1;
    return (p->vectors = read_vectors(p, r)) ? 0 : -1;
}

struct small_picture *small_picture_open(const struct clip_config *config, const struct weights *weights, enum matmul_type type,
                                         const struct matmul *matmul)
{
    struct small_picture *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    *p = (struct small_picture){.matmul = matmul, .edge = type == MATMUL_F32 ? MATMUL_F32 : MATMUL_BF16,
                                .features = config->image.width, .hidden = config->small.hidden, .classes = config->small.classes,
                                .embed = config->embed, .picture = clip_pixels_bytes(config->image_size)};
    if (open_parts(p, &(struct reading){config, weights}, type) == 0) return p;
    small_picture_close(p);
    return NULL;
}

void small_picture_close(struct small_picture *p)
{
    if (!p) return;
    struct linear *const all[] = {p->linear, p->hide, p->output, p->classifier, p->vectors};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) linear_free(all[i]);
    convnet_close(p->net);
    free(p);
}

size_t small_picture_bytes(const struct small_picture *p)
{
    struct linear *const all[] = {p->linear, p->hide, p->output, p->classifier, p->vectors};
    size_t bytes = convnet_bytes(p->net);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) bytes += linear_bytes(all[i]);
    return bytes;
}

/* ---- one thread's memory */

struct small_picture_work *small_picture_work_new(const struct small_picture *p)
{
    struct small_picture_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    size_t rows = matmul_rows(p->matmul, TOGETHER), widest = p->features > p->classes ? p->features : p->classes;
    w->net = convnet_work_new(p->net);
    w->features = matmul_memory(rows * p->features * sizeof *w->features);
    w->narrow = matmul_memory(rows * widest * sizeof(float));
    w->hidden = matmul_memory(rows * p->hidden * sizeof(float));
    w->logits = matmul_memory(rows * p->classes * sizeof *w->logits);
    w->embedding = matmul_memory(rows * p->embed * sizeof *w->embedding);
    if (w->net && w->features && w->narrow && w->hidden && w->logits && w->embedding) return w;
    small_picture_work_free(w);
    return NULL;
}

void small_picture_work_free(struct small_picture_work *w)
{
    if (!w) return;
    void *const all[] = {w->features, w->narrow, w->hidden, w->logits, w->embedding};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    convnet_work_free(w->net);
    matmul_room_free(&w->products);
    free(w);
}

/* ---- running */

/* w->embedding[count, embed] of w->features. */
static int embed(const struct small_picture *p, struct small_picture_work *w, size_t count)
{
    const struct block_kernels *kernels = matmul_kernels(p->matmul);
    const struct conv_kernels *conv = conv_kernels_of(matmul_class_of(p->matmul));
    size_t rows = matmul_rows(p->matmul, count);
    const void *f = w->features, *probabilities = w->logits;
    memset(w->features + count * p->features, 0, (rows - count) * p->features * sizeof *w->features);
    if (p->edge == MATMUL_BF16) kernels->to_bf16(w->features, rows * p->features, w->narrow), f = w->narrow;
    if (linear_run(p->linear, &w->products, rows, f, NULL, w->embedding, NULL) < 0) return -1;
    if (linear_run(p->hide, &w->products, rows, f, NULL, w->hidden, NULL) < 0) return -1;
    if (linear_run(p->output, &w->products, rows, w->hidden, NULL, w->embedding, NULL) < 0) return -1;
    if (linear_run(p->classifier, &w->products, rows, f, NULL, w->logits, NULL) < 0) return -1;
    for (size_t i = 0; i < rows; i++) conv->softmax(w->logits + i * p->classes, p->classes, p->scale);
    if (p->edge == MATMUL_BF16) kernels->to_bf16(w->logits, rows * p->classes, w->narrow), probabilities = w->narrow;
    return linear_run(p->vectors, &w->products, rows, probabilities, NULL, w->embedding, NULL);
}

int small_pictures(const struct small_picture *p, struct small_picture_work *w, const uint8_t *pixels, size_t n, float *pooled,
                   float *embedding)
{
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < TOGETHER ? n - i : TOGETHER;
        if (convnet_run(p->net, w->net, pixels + i * p->picture, count, w->features) < 0) return -1;
        if (pooled) memcpy(pooled + i * p->features, w->features, count * p->features * sizeof *pooled);
        if (!embedding) continue;
        if (embed(p, w, count) < 0) return -1;
        memcpy(embedding + i * p->embed, w->embedding, count * p->embed * sizeof *embedding);
    }
    return 0;
}
