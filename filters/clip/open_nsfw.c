#include "filters/clip/open_nsfw.h"

#include "crawl/image/encode.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/open_nsfw_graph.h"
#include "filters/clip/preprocess.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MOST = 256 << 20,
    JPEG_SIDE = 256, JPEG_QUALITY = 75, JPEG_MOST = 1 << 20,
    STEM_SIDE = OPEN_NSFW_SIDE / 2,     /* behind the stem */
    BLOCK_SIDE = STEM_SIDE / 2,         /* behind the largest */
    STREAM = STEM_SIDE * STEM_SIDE * 64, /* floats: of a picture's rows between layers at most */
    WINDOW_FLOATS = 1 << 17,            /* of windows that are multiplied at a time */
};
static const float means[3] = {104, 117, 123}; /* blue, green, red */

struct open_nsfw {
    struct linear *layers[OPEN_NSFW_CONVS];
    struct open_nsfw_conv convs[OPEN_NSFW_CONVS]; /* their shapes */
    float classes[2 * OPEN_NSFW_FEATURES], class_bias[2];
    const struct matmul *matmul;
    struct hash128 digest;
};

struct open_nsfw_work {
    struct preprocess_work *preprocess;
    struct matmul_room products;
    struct image small, back;
    struct buf jpeg;
    float *x, *y, *narrow[2]; /* [STREAM]: a block's input and output, what lies between */
    float *windows;           /* [WINDOW_FLOATS + a row's], as products take them */
};

/* ---- opening */

static struct linear *new_layer(const struct matmul *m, const struct open_nsfw_conv *c, bool adds)
{
    return linear_new(m, &(struct linear_spec){.n = c->out, .k = (size_t)c->kernel * c->kernel * c->in, .weights = c->weights,
                                               .bias = c->bias, .type = MATMUL_F32, .out = MATMUL_F32, .after = adds ? LINEAR_ADD : LINEAR_PLAIN});
}

struct open_nsfw *open_nsfw_parse(const char *name, struct str bytes, const struct matmul *matmul)
{
    struct open_nsfw *net = calloc(1, sizeof *net);
    if (!net) return fail_memory(), NULL;
    net->matmul = matmul;
    net->digest = hash_xxh3_128(bytes, 0);
    int result = open_nsfw_graph_read(name, bytes, net->convs, net->classes, net->class_bias);
    for (size_t i = 0; i < OPEN_NSFW_CONVS && result == 0; i++)
        if (!(net->layers[i] = new_layer(matmul, &net->convs[i], net->convs[i].part == OPEN_NSFW_WIDEN))) result = -1;
    open_nsfw_graph_free(net->convs); /* the layers have copies */
    if (result == 0) return net;
    open_nsfw_close(net);
    return NULL;
}

struct open_nsfw *open_nsfw_open(const char *path, const struct matmul *matmul)
{
    struct buf bytes;
    struct open_nsfw *net = NULL;
    buf_init(&bytes, FILE_MOST);
    if (buf_read_file(&bytes, path) == 0) net = open_nsfw_parse(path, buf_str(&bytes), matmul);
    buf_free(&bytes);
    return net;
}

void open_nsfw_close(struct open_nsfw *net)
{
    if (!net) return;
    for (size_t i = 0; i < OPEN_NSFW_CONVS; i++) linear_free(net->layers[i]);
    free(net);
}

struct hash128 open_nsfw_digest(const struct open_nsfw *net) { return net->digest; }

struct open_nsfw_work *open_nsfw_work_new(const struct open_nsfw *net)
{
    struct open_nsfw_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    size_t most = matmul_rows(net->matmul, STEM_SIDE * STEM_SIDE) * 64;
    buf_init(&w->jpeg, JPEG_MOST);
    float **all[] = {&w->x, &w->y, &w->narrow[0], &w->narrow[1]};
    bool well = (w->preprocess = preprocess_work_new()) && (w->windows = matmul_memory((2 * WINDOW_FLOATS) * sizeof(float)));
    for (size_t i = 0; i < sizeof all / sizeof *all && well; i++) well = (*all[i] = matmul_memory(most * sizeof(float)));
    if (well) return w;
    open_nsfw_work_free(w);
    return NULL;
}

void open_nsfw_work_free(struct open_nsfw_work *w)
{
    if (!w) return;
    preprocess_work_free(w->preprocess);
    matmul_room_free(&w->products);
    image_free(&w->small);
    image_free(&w->back);
    buf_free(&w->jpeg);
    free(w->x), free(w->y), free(w->narrow[0]), free(w->narrow[1]), free(w->windows);
    free(w);
}

/* ---- pixels */

int open_nsfw_pixels(struct open_nsfw_work *w, const struct image *image, uint8_t *pixels)
{
    enum { BORDER = (JPEG_SIDE - OPEN_NSFW_SIDE) / 2 };
    enum image_status status = IMAGE_OK;
    int result = preprocess_resize(w->preprocess, PREPROCESS_BILINEAR, image, JPEG_SIDE, JPEG_SIDE, &w->small);
    buf_clear(&w->jpeg);
    if (result == 0) result = encode_image(&w->small, IMAGE_JPEG, JPEG_QUALITY, &w->jpeg);
    if (result == 0) result = image_decode(buf_str(&w->jpeg), &image_limits_default, IMAGE_OVER_WHITE, &w->back, &status);
    if (result == 0 && status != IMAGE_OK) result = fail("open_nsfw: a JPEG that was just written does not read");
    for (size_t y = 0; y < OPEN_NSFW_SIDE && result == 0; y++)
        memcpy(pixels + y * OPEN_NSFW_SIDE * 3, w->back.rgb + ((y + BORDER) * JPEG_SIDE + BORDER) * 3, OPEN_NSFW_SIDE * 3);
    return result;
}

/* ---- running */

static void relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

/* The windows of `count` places of output from place `at` on, [count, kernel, kernel, in]; outside the picture are zeros. */
static void gather(const struct open_nsfw_conv *c, const float *x, size_t side, size_t at, size_t count, float *windows)
{
    size_t out_side = side / c->stride, row = c->kernel * c->in;
    ptrdiff_t before = c->kernel / 2;
    for (size_t i = at; i < at + count; i++)
        for (size_t ky = 0; ky < c->kernel; ky++, windows += row) {
            ptrdiff_t y = (ptrdiff_t)(i / out_side * c->stride + ky) - before;
            for (size_t kx = 0; kx < c->kernel; kx++) {
                ptrdiff_t column = (ptrdiff_t)(i % out_side * c->stride + kx) - before;
                bool inside = y >= 0 && y < (ptrdiff_t)side && column >= 0 && column < (ptrdiff_t)side;
                if (inside) memcpy(windows + kx * c->in, x + ((size_t)y * side + (size_t)column) * c->in, c->in * sizeof *x);
                else memset(windows + kx * c->in, 0, c->in * sizeof *x);
            }
        }
}

/* One convolution, x [side, side, in] to y [side / stride, side / stride, out]. */
static int convolve(const struct open_nsfw *net, struct open_nsfw_work *w, size_t layer, const float *x, size_t side, float *y)
{
    const struct open_nsfw_conv *c = &net->convs[layer];
    size_t out_side = side / c->stride, places = out_side * out_side, depth = (size_t)c->kernel * c->kernel * c->in;
    if (depth == c->in && c->stride == 1) return linear_run(net->layers[layer], &w->products, places, x, NULL, y, NULL);
    for (size_t at = 0, part = WINDOW_FLOATS / depth; at < places; at += part) {
        size_t count = places - at < part ? places - at : part;
        gather(c, x, side, at, count, w->windows);
        if (linear_run(net->layers[layer], &w->products, count, w->windows, NULL, y + at * c->out, NULL) < 0) return -1;
    }
    return 0;
}

/* The largest of 3 x 3 at every second place; windows begin there and end at the border. */
static void largest(const float *x, size_t side, size_t channels, float *y)
{
    size_t out_side = side / 2;
    for (size_t i = 0; i < out_side * out_side; i++) {
        size_t top = i / out_side * 2, left = i % out_side * 2;
        float *out = y + i * channels;
        memcpy(out, x + (top * side + left) * channels, channels * sizeof *out);
        for (size_t k = 1; k < 9; k++) {
            if (top + k / 3 >= side || left + k % 3 >= side) continue;
            const float *in = x + ((top + k / 3) * side + left + k % 3) * channels;
            for (size_t c = 0; c < channels; c++) out[c] = in[c] > out[c] ? in[c] : out[c];
        }
    }
}

/* Whether what comes into the block from `layer` on goes through a convolution of its own. */
static bool is_turned(const struct open_nsfw *net, size_t layer)
{
    return layer + 3 < OPEN_NSFW_CONVS && net->convs[layer + 3].part == OPEN_NSFW_TURN;
}

/* x [side, side, in] becomes x [side, side, out]. */
static int run_block(const struct open_nsfw *net, struct open_nsfw_work *w, size_t layer, size_t *side)
{
    const struct open_nsfw_conv *narrow = &net->convs[layer], *widen = &net->convs[layer + 2];
    size_t out_side = *side / narrow->stride, places = out_side * out_side;
    if (convolve(net, w, layer, w->x, *side, w->narrow[0]) < 0) return -1;
    relu(w->narrow[0], places * narrow->out);
    if (convolve(net, w, layer + 1, w->narrow[0], out_side, w->narrow[1]) < 0) return -1;
    relu(w->narrow[1], places * narrow->out);
    if (is_turned(net, layer)) {
        if (convolve(net, w, layer + 3, w->x, *side, w->y) < 0) return -1;
        float *swap = w->x;
        w->x = w->y;
        w->y = swap;
    }
    if (convolve(net, w, layer + 2, w->narrow[1], out_side, w->x) < 0) return -1; /* adds to what came in */
    relu(w->x, places * widen->out);
    *side = out_side;
    return 0;
}

/* Of the mean over all places: the second class. */
static float classify(const struct open_nsfw *net, const float *x, size_t places)
{
    double logits[2] = {net->class_bias[0], net->class_bias[1]};
    for (size_t c = 0; c < OPEN_NSFW_FEATURES; c++) {
        double sum = 0;
        for (size_t i = 0; i < places; i++) sum += x[i * OPEN_NSFW_FEATURES + c];
        for (size_t k = 0; k < 2; k++) logits[k] += sum / (double)places * net->classes[2 * c + k];
    }
    return (float)(1 / (1 + exp(logits[0] - logits[1])));
}

static int run_picture(const struct open_nsfw *net, struct open_nsfw_work *w, const uint8_t *pixels, float *probability)
{
    size_t side = BLOCK_SIDE;
    for (size_t i = 0; i < OPEN_NSFW_PIXELS; i++) w->x[i] = (float)pixels[i - i % 3 + 2 - i % 3] - means[i % 3];
    if (convolve(net, w, 0, w->x, OPEN_NSFW_SIDE, w->y) < 0) return -1;
    relu(w->y, STREAM);
    largest(w->y, STEM_SIDE, 64, w->x);
    for (size_t layer = 1; layer < OPEN_NSFW_CONVS; layer += is_turned(net, layer) ? 4 : 3)
        if (run_block(net, w, layer, &side) < 0) return -1;
    *probability = classify(net, w->x, side * side);
    return 0;
}

int open_nsfw_run(const struct open_nsfw *net, struct open_nsfw_work *w, const uint8_t *pixels, size_t n, float *probabilities)
{
    for (size_t i = 0; i < n; i++)
        if (run_picture(net, w, pixels + i * OPEN_NSFW_PIXELS, &probabilities[i]) < 0) return -1;
    return 0;
}
