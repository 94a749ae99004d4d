/* A block's hidden channels are many times what goes in and comes out, so they are never there as a whole: a stripe of rows is
 * expanded, convolved and projected while it lies in the second-level cache, and the rows that the next stripe's window reaches
 * back to are kept. Late blocks are small, and their weights large: there several pictures make one stripe. */
#include "filters/clip/convnet.h"

#include "filters/clip/block_kernels.h"
#include "filters/clip/conv_kernels.h"
#include "filters/clip/matmul_ops.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <string.h>

enum {
    STRIPE_BYTES = 192 << 10, /* of hidden rows: with what is read and written, they fit a second-level cache of 512 KiB */
    GROUP = 8,                /* pictures that go through the late blocks together */
    LATE_PLACES = 128,        /* a block is late from so few pixels on */
    STEM_DEPTH = 16,          /* the stem's products are that much deep, or a multiple: zeros fill up */
};

struct conv_block {
    struct convnet_block shape;
    uint32_t side, out_side, before; /* of its input, of its output; zeros before the first row and column */
    struct linear *expand, *project;
    float *weights, *bias;           /* depthwise: [kernel, kernel, hidden], [hidden] */
    size_t stripe;                   /* rows of output */
    size_t pictures;                 /* whole ones in a stripe */
};

struct convnet {
    struct convnet_shape shape;
    enum matmul_type type, edge; /* of blocks; of the stem */
    const struct matmul *matmul;
    const struct block_kernels *rows;
    const struct conv_kernels *kernels;
    struct linear *stem, *features;
    size_t stem_depth, stem_rows;  /* numbers of a window; rows of output in a stripe */
    struct conv_block *blocks;
    uint32_t late;                 /* the first block through which pictures go together */
    size_t stream, hidden, narrow; /* floats: of a picture's rows between blocks at most, of a stripe */
    size_t most_rows;              /* of any product */
    float samples[3][256];         /* what a byte of each channel is */
};

struct convnet_work {
    const struct convnet *net;
    float *x, *y;        /* [GROUP, stream]: rows between blocks */
    float *hidden;       /* a stripe's, expanded; of the stem, its pixels */
    float *convolved;    /* a stripe's, behind the depthwise convolution, of type F32 or BF16 */
    void *narrow;        /* a stripe's rows as products take them */
    float *scales;       /* of S8 rows */
    float *zeros;        /* a row outside the picture */
    const float **rows;  /* of a stripe's windows: of a whole picture's at most */
    struct matmul_room products;
};

/* ---- shape */

static int check_block(const struct convnet_block *b, uint32_t in, const char *file, uint32_t number)
{
    bool sizes = b->kernel >= 1 && b->kernel <= CONV_KERNEL_MOST && b->stride >= 1 && b->stride <= b->kernel && b->hidden >= 1 &&
                 b->hidden <= CONVNET_CHANNELS_MOST && b->out >= 1 && b->out <= CONVNET_CHANNELS_MOST;
    if (!sizes) return fail("%s: block %u: sizes out of bounds", file, number);
    if (b->in != in) return fail("%s: block %u takes %u channels, %u come", file, number, b->in, in);
    if (!b->expand && b->hidden != b->in) return fail("%s: block %u: %u channels become %u by nothing", file, number, b->in, b->hidden);
    if (b->residual && (b->stride != 1 || b->in != b->out))
        return fail("%s: block %u: what comes in has not the shape of what goes out, and cannot be added", file, number);
    return 0;
}

int convnet_check(const struct convnet_shape *s, const char *file)
{
    bool sizes = s->side >= 1 && s->side <= CONVNET_SIDE_MOST && s->stem_kernel >= 1 && s->stem_kernel <= CONV_KERNEL_MOST &&
                 s->stem_stride >= 1 && s->stem_stride <= s->stem_kernel && s->stem_out >= 1 && s->stem_out <= CONVNET_CHANNELS_MOST &&
                 s->block_count >= 1 && s->block_count <= CONVNET_BLOCKS_MOST && s->features >= 1 && s->features <= CONVNET_CHANNELS_MOST;
    if (!sizes) return fail("%s: the network's sizes are out of bounds", file);
    uint32_t channels = s->stem_out;
    for (uint32_t i = 0; i < s->block_count; i++) {
        if (check_block(&s->blocks[i], channels, file, i) < 0) return -1;
        channels = s->blocks[i].out;
    }
    return 0;
}

size_t convnet_part_size(const struct convnet_shape *s, enum convnet_part part, uint32_t block, bool bias)
{
    const struct convnet_block *b = &s->blocks[block];
    switch (part) {
    case CONVNET_STEM: return (size_t)s->stem_out * (bias ? 1 : 3 * s->stem_kernel * s->stem_kernel);
    case CONVNET_EXPAND: return (size_t)b->hidden * (bias ? 1 : b->in);
    case CONVNET_DEPTHWISE: return (size_t)b->hidden * (bias ? 1 : b->kernel * b->kernel);
    case CONVNET_PROJECT: return (size_t)b->out * (bias ? 1 : b->hidden);
    case CONVNET_FEATURES: return (size_t)s->features * (bias ? 1 : s->blocks[s->block_count - 1].out);
    }
    return 0;
}

float *convnet_read(const struct convnet_shape *shape, const struct convnet_source *source, enum convnet_part part,
                    uint32_t block, bool bias)
{
    float *numbers = matmul_memory(convnet_part_size(shape, part, block, bias) * sizeof *numbers);
    if (numbers && source->read(source->context, part, block, bias, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

/* ---- opening */

struct reading {
    struct convnet *net;
    const struct convnet_source *source;
};

static struct linear *read_linear(const struct reading *r, enum convnet_part part, uint32_t block, struct linear_spec spec)
{
    float *weights = convnet_read(&r->net->shape, r->source, part, block, false);
    float *bias = weights ? convnet_read(&r->net->shape, r->source, part, block, true) : NULL;
    struct linear *l = NULL;
    if (bias) {
        spec.weights = weights;
        spec.bias = bias;
        spec.type = r->net->type;
        l = linear_new(r->net->matmul, &spec);
    }
    free(weights);
    free(bias);
    return l;
}

/* A window's numbers lie as row, column, channel: the file has channel, row, column. */
static int read_stem(const struct reading *r)
{
    struct convnet *net = r->net;
    const struct convnet_shape *s = &net->shape;
    size_t taps = (size_t)s->stem_kernel * s->stem_kernel, depth = net->stem_depth;
    float *from = convnet_read(s, r->source, CONVNET_STEM, 0, false);
    float *bias = from ? convnet_read(s, r->source, CONVNET_STEM, 0, true) : NULL;
    float *weights = bias ? matmul_memory(s->stem_out * depth * sizeof *weights) : NULL;
    if (weights) {
        memset(weights, 0, s->stem_out * depth * sizeof *weights);
        for (size_t o = 0; o < s->stem_out; o++)
            for (size_t channel = 0; channel < 3; channel++)
                for (size_t i = 0; i < taps; i++) weights[o * depth + 3 * i + channel] = from[(o * 3 + channel) * taps + i];
        net->stem = linear_new(net->matmul, &(struct linear_spec){.n = s->stem_out, .k = depth, .weights = weights, .bias = bias,
                                                                   .type = net->edge, .after = LINEAR_RELU6});
    }
    free(from);
    free(bias);
    free(weights);
    return net->stem ? 0 : -1;
}

static int read_depthwise(const struct reading *r, uint32_t block, struct conv_block *b)
{
    size_t taps = (size_t)b->shape.kernel * b->shape.kernel, channels = b->shape.hidden;
    float *from = convnet_read(&r->net->shape, r->source, CONVNET_DEPTHWISE, block, false);
    b->bias = from ? convnet_read(&r->net->shape, r->source, CONVNET_DEPTHWISE, block, true) : NULL;
    b->weights = b->bias ? matmul_memory(taps * channels * sizeof *b->weights) : NULL;
    for (size_t i = 0; b->weights && i < taps; i++)
        for (size_t c = 0; c < channels; c++) b->weights[i * channels + c] = from[c * taps + i];
    free(from);
    return b->weights ? 0 : -1;
}

static int read_block(const struct reading *r, uint32_t block, struct conv_block *b)
{
    const struct convnet_block *s = &b->shape;
    if (s->expand && !(b->expand = read_linear(r, CONVNET_EXPAND, block, (struct linear_spec){.n = s->hidden, .k = s->in, .after = LINEAR_RELU6})))
        return -1;
    if (read_depthwise(r, block, b) < 0) return -1;
    const struct linear_spec project = {.n = s->out, .k = s->hidden, .after = s->residual ? LINEAR_ADD : LINEAR_PLAIN};
    return (b->project = read_linear(r, CONVNET_PROJECT, block, project)) ? 0 : -1;
}

static size_t more(size_t a, size_t b) { return a > b ? a : b; }

/* How much of a block is done at once, and the room that this takes. */
static void plan_block(struct convnet *net, struct conv_block *b, size_t pictures_most)
{
    size_t row = (size_t)b->side * b->shape.hidden * sizeof(float);
    size_t rows = STRIPE_BYTES / row, stride = b->shape.stride, kernel = b->shape.kernel;
    b->stripe = rows > kernel ? (rows - kernel) / stride + 1 : 1;
    b->pictures = 1;
    if (b->stripe >= b->out_side) {
        b->stripe = b->out_side;
        b->pictures = STRIPE_BYTES / (row * b->side);
        if (b->pictures < 1) b->pictures = 1;
        if (b->pictures > pictures_most) b->pictures = pictures_most;
    }
    size_t in_rows = b->stripe == b->out_side ? b->side : b->stripe * stride + kernel;
    if (in_rows > b->side) in_rows = b->side;
    size_t in = b->pictures * in_rows * b->side, out = b->pictures * b->stripe * b->out_side;
    net->hidden = more(net->hidden, in * b->shape.hidden);
    net->narrow = more(net->narrow, more(in * b->shape.in, out * b->shape.hidden));
    net->most_rows = more(net->most_rows, more(in, out));
}

/* Input rows of the windows of `rows` rows of output, and numbers of such a row with all zeros around. */
static size_t stem_in_rows(const struct convnet_shape *s, size_t rows) { return (rows - 1) * s->stem_stride + s->stem_kernel; }
static size_t stem_width(const struct convnet_shape *s) { return 3 * ((size_t)s->side + 2 * s->stem_kernel); }

static void plan(struct convnet *net)
{
    const struct convnet_shape *s = &net->shape;
    uint32_t side = convnet_out(s->side, s->stem_stride);
    size_t width = side * more(net->stem_depth, s->stem_out) * sizeof(float);
    net->stem_rows = STRIPE_BYTES / width ? STRIPE_BYTES / width : 1;
    if (net->stem_rows > side) net->stem_rows = side;
    net->most_rows = net->stem_rows * side;
    net->narrow = net->most_rows * net->stem_depth;
    net->hidden = stem_in_rows(s, net->stem_rows) * stem_width(s);
    net->stream = (size_t)side * side * s->stem_out;
    net->late = s->block_count;
    for (uint32_t i = 0; i < s->block_count; i++) {
        struct conv_block *b = &net->blocks[i];
        b->shape = s->blocks[i];
        b->side = side;
        b->out_side = side = convnet_out(side, b->shape.stride);
        b->before = convnet_before(b->side, b->shape.kernel, b->shape.stride);
        if ((size_t)b->side * b->side <= LATE_PLACES && i < net->late) net->late = i;
        plan_block(net, b, i >= net->late ? GROUP : 1);
        net->stream = more(net->stream, (size_t)side * side * b->shape.out);
    }
    size_t places = GROUP * (size_t)side * side;
    net->hidden = more(net->hidden, places * s->features);
    net->narrow = more(net->narrow, places * s->blocks[s->block_count - 1].out);
    net->most_rows = more(net->most_rows, places);
}

/* Rows of products are pixels, without room between stripes for what would fill them up. */
static int check_rows(const struct matmul *m)
{
    for (size_t rows = 1; rows <= 64; rows++)
        if (matmul_rows(m, rows) != rows) return fail("convolutions are not made for products by %s", matmul_version(m));
    return 0;
}

static int open_parts(const struct reading *r)
{
    struct convnet *net = r->net;
    const struct convnet_shape *s = &net->shape;
    net->blocks = calloc(s->block_count, sizeof *net->blocks);
    if (!net->blocks) return fail_memory();
    plan(net);
    if (read_stem(r) < 0) return -1;
    for (uint32_t i = 0; i < s->block_count; i++)
        if (read_block(r, i, &net->blocks[i]) < 0) return -1;
    const struct linear_spec features = {.n = s->features, .k = s->blocks[s->block_count - 1].out, .after = LINEAR_RELU6};
    return (net->features = read_linear(r, CONVNET_FEATURES, 0, features)) ? 0 : -1;
}

struct convnet *convnet_open(const struct convnet_shape *shape, const struct convnet_source *source, enum matmul_type type,
                             const struct matmul *matmul)
{
    struct convnet *net = calloc(1, sizeof *net);
    if (!net) return fail_memory(), NULL;
    size_t depth = 3 * (size_t)shape->stem_kernel * shape->stem_kernel;
    *net = (struct convnet){.shape = *shape, .type = type, .edge = type == MATMUL_F32 ? MATMUL_F32 : MATMUL_BF16, .matmul = matmul,
                            .rows = matmul_kernels(matmul), .kernels = conv_kernels_of(matmul_class_of(matmul))};
    net->stem_depth = (depth + STEM_DEPTH - 1) / STEM_DEPTH * STEM_DEPTH;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) net->samples[c][v] = ((float)v / 255 - shape->mean[c]) / shape->deviation[c];
    const struct reading r = {net, source};
    if (check_rows(matmul) == 0 && open_parts(&r) == 0) return net;
    convnet_close(net);
    return NULL;
}

void convnet_close(struct convnet *net)
{
    if (!net) return;
    for (uint32_t i = 0; net->blocks && i < net->shape.block_count; i++) {
        linear_free(net->blocks[i].expand);
        linear_free(net->blocks[i].project);
        free(net->blocks[i].weights);
        free(net->blocks[i].bias);
    }
    linear_free(net->stem);
    linear_free(net->features);
    free(net->blocks);
    free(net);
}

size_t convnet_bytes(const struct convnet *net)
{
    size_t bytes = linear_bytes(net->stem) + linear_bytes(net->features);
    for (uint32_t i = 0; i < net->shape.block_count; i++) {
        const struct conv_block *b = &net->blocks[i];
        bytes += (b->expand ? linear_bytes(b->expand) : 0) + linear_bytes(b->project);
        bytes += ((size_t)b->shape.kernel * b->shape.kernel + 1) * b->shape.hidden * sizeof(float);
    }
    return bytes;
}

/* ---- one thread's memory */

static size_t widest_row(const struct convnet *net)
{
    size_t widest = 0;
    for (uint32_t i = 0; i < net->shape.block_count; i++)
        widest = more(widest, (size_t)net->blocks[i].side * net->blocks[i].shape.hidden);
    return widest;
}

struct convnet_work *convnet_work_new(const struct convnet *net)
{
    struct convnet_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    w->net = net;
    w->x = matmul_memory(GROUP * net->stream * sizeof *w->x);
    w->y = matmul_memory(GROUP * net->stream * sizeof *w->y);
    w->hidden = matmul_memory(net->hidden * sizeof *w->hidden);
    w->convolved = matmul_memory(net->narrow * sizeof *w->convolved);
    w->narrow = matmul_memory(net->narrow * sizeof(float));
    w->scales = matmul_memory(net->most_rows * sizeof *w->scales);
    w->zeros = matmul_memory(widest_row(net) * sizeof *w->zeros);
    w->rows = matmul_memory((2 * CONVNET_SIDE_MOST + CONV_KERNEL_MOST) * sizeof *w->rows);
    if (w->x && w->y && w->hidden && w->convolved && w->narrow && w->scales && w->zeros && w->rows) {
        memset(w->zeros, 0, widest_row(net) * sizeof *w->zeros);
        memset(w->narrow, 0, net->narrow * sizeof(float)); /* what fills rows up is read, though nothing comes of it */
        memset(w->convolved, 0, net->narrow * sizeof *w->convolved);
        return w;
    }
    convnet_work_free(w);
    return NULL;
}

void convnet_work_free(struct convnet_work *w)
{
    if (!w) return;
    void *const all[] = {w->x, w->y, w->hidden, w->convolved, w->narrow, w->scales, w->zeros, w->rows};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    matmul_room_free(&w->products);
    free(w);
}

/* ---- products */

/* y = rows of x times the layer; x is in single precision. */
static int run_floats(struct convnet_work *w, const struct linear *l, size_t rows, size_t width, const float *x, float *y)
{
    const struct convnet *net = w->net;
    const void *in = x;
    if (net->type == MATMUL_BF16) net->rows->to_bf16(x, rows * width, w->narrow);
    else if (net->type == MATMUL_S8) net->rows->quantise(x, rows, width, w->narrow, w->scales);
    if (net->type != MATMUL_F32) in = w->narrow;
    return linear_run(l, &w->products, rows, in, w->scales, y, NULL);
}

/* The same of what stands in w->convolved. */
static int run_convolved(struct convnet_work *w, const struct conv_block *b, size_t rows, float *y)
{
    if (w->net->type != MATMUL_BF16) return run_floats(w, b->project, rows, b->shape.hidden, w->convolved, y);
    return linear_run(b->project, &w->products, rows, w->convolved, NULL, y, NULL);
}

/* ---- the stem */

/* Rows [first, first + rows) of the picture with its zeros around, normalised: out [rows, stem_width]. */
static void normalise_rows(const struct convnet *net, const uint8_t *pixels, size_t first, size_t rows, float *out)
{
    const struct convnet_shape *s = &net->shape;
    size_t before = convnet_before(s->side, s->stem_kernel, s->stem_stride), width = stem_width(s);
    for (size_t y = first; y < first + rows; y++, out += width) {
        memset(out, 0, width * sizeof *out);
        if (y < before || y - before >= s->side) continue;
        const uint8_t *from = pixels + (y - before) * s->side * 3;
        float *to = out + 3 * before;
        for (size_t i = 0; i < 3 * (size_t)s->side; i += 3)
            for (size_t c = 0; c < 3; c++) to[i + c] = net->samples[c][from[i + c]];
    }
}

/* out[rows * out_side, stem_depth]: the windows of rows [first, first + rows) of the output; uses w->hidden. */
static void unfold(struct convnet_work *w, const uint8_t *pixels, size_t first, size_t rows, float *out)
{
    const struct convnet *net = w->net;
    const struct convnet_shape *s = &net->shape;
    size_t out_side = convnet_out(s->side, s->stem_stride), k = s->stem_kernel, width = stem_width(s);
    normalise_rows(net, pixels, first * s->stem_stride, stem_in_rows(s, rows), w->hidden);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < out_side; column++, out += net->stem_depth) {
            const float *from = w->hidden + (row * width + 3 * column) * s->stem_stride;
            float *to = out;
            for (size_t i = 0; i < k; i++, from += width)
                for (size_t j = 0; j < 3 * k; j++) *to++ = from[j];
            while (to < out + net->stem_depth) *to++ = 0;
        }
}

static int run_stem(struct convnet_work *w, const uint8_t *pixels, float *y)
{
    const struct convnet *net = w->net;
    size_t side = convnet_out(net->shape.side, net->shape.stem_stride);
    for (size_t row = 0; row < side; row += net->stem_rows) {
        size_t rows = side - row < net->stem_rows ? side - row : net->stem_rows, n = rows * side;
        void *in = w->convolved;
        unfold(w, pixels, row, rows, in);
        if (net->edge == MATMUL_BF16) {
            net->rows->to_bf16(w->convolved, n * net->stem_depth, w->narrow);
            in = w->narrow;
        }
        if (linear_run(net->stem, &w->products, n, in, NULL, y + row * side * net->shape.stem_out, NULL) < 0) return -1;
    }
    return 0;
}

/* ---- blocks */

/* Output rows [first, first + rows) of one picture to w->convolved from its row `to` on. hidden: the picture's rows from row
 * `top` of its input on. */
static void convolve(struct convnet_work *w, const struct conv_block *b, const float *hidden, size_t top, size_t first, size_t rows,
                     size_t to)
{
    const struct convnet *net = w->net;
    size_t channels = b->shape.hidden, width = b->side * channels, size = net->type == MATMUL_BF16 ? 2 : 4;
    size_t begin = first * b->shape.stride, count = (rows - 1) * b->shape.stride + b->shape.kernel; /* padded rows of the input */
    for (size_t i = 0; i < count; i++) {
        bool inside = begin + i >= b->before && begin + i - b->before < b->side;
        w->rows[i] = inside ? hidden + (begin + i - b->before - top) * width : w->zeros;
    }
    net->kernels->depthwise(&(struct depthwise){
        .rows = w->rows, .weights = b->weights, .bias = b->bias, .channels = channels, .width = b->side, .out_width = b->out_side,
        .out_rows = rows, .kernel = b->shape.kernel, .stride = b->shape.stride, .before = b->before,
        .type = net->type == MATMUL_BF16 ? MATMUL_BF16 : MATMUL_F32, .out = (char *)w->convolved + to * b->out_side * channels * size});
}

/* Whole pictures, several at once. */
static int run_pictures(struct convnet_work *w, const struct conv_block *b, size_t count, const float *x, float *y)
{
    size_t places = (size_t)b->side * b->side, in = count * places;
    const float *hidden = x;
    if (b->expand) {
        if (run_floats(w, b->expand, in, b->shape.in, x, w->hidden) < 0) return -1;
        hidden = w->hidden;
    }
    for (size_t i = 0; i < count; i++) convolve(w, b, hidden + i * places * b->shape.hidden, 0, 0, b->out_side, i * b->out_side);
    return run_convolved(w, b, count * b->out_side * b->out_side, y);
}

/* One picture, stripe by stripe: hidden rows [top, end) of the input are there. */
static int run_stripes(struct convnet_work *w, const struct conv_block *b, const float *x, float *y)
{
    size_t in = b->side * b->shape.in, wide = b->side * b->shape.hidden, top = 0, end = 0;
    for (size_t row = 0; row < b->out_side; row += b->stripe) {
        size_t rows = b->out_side - row < b->stripe ? b->out_side - row : b->stripe;
        size_t from = row * b->shape.stride > b->before ? row * b->shape.stride - b->before : 0;
        size_t to = (row + rows - 1) * b->shape.stride + b->shape.kernel - b->before;
        if (to > b->side) to = b->side;
        if (b->expand) {
            if (end > from) memmove(w->hidden, w->hidden + (from - top) * wide, (end - from) * wide * sizeof *w->hidden);
            else end = from;
            top = from;
            if (to > end && run_floats(w, b->expand, (to - end) * b->side, b->shape.in, x + end * in,
                                       w->hidden + (end - top) * wide) < 0)
                return -1;
            end = to;
        }
        convolve(w, b, b->expand ? w->hidden : x, top, row, rows, 0);
        if (run_convolved(w, b, rows * b->out_side, y + row * b->out_side * b->shape.out) < 0) return -1;
    }
    return 0;
}

/* [count, side, side, in] at *x becomes [count, out_side, out_side, out] there; *y is the other room. Where what came in is
 * added, the result takes its place: rows that a later stripe needs are expanded by then. */
static int run_block(struct convnet_work *w, const struct conv_block *b, size_t count, float **x, float **y)
{
    size_t in = (size_t)b->side * b->side * b->shape.in, out = (size_t)b->out_side * b->out_side * b->shape.out;
    bool in_place = b->shape.residual && b->expand;
    float *to = in_place ? *x : *y;
    if (b->shape.residual && !in_place) memcpy(to, *x, count * in * sizeof *to);
    bool whole = b->stripe == b->out_side;
    for (size_t i = 0, n; i < count; i += n) {
        n = !whole ? 1 : count - i < b->pictures ? count - i : b->pictures;
        int result = whole ? run_pictures(w, b, n, *x + i * in, to + i * out) : run_stripes(w, b, *x + i * in, to + i * out);
        if (result < 0) return -1;
    }
    if (!in_place) *y = *x, *x = to;
    return 0;
}

/* ---- a group */

static int run_group(struct convnet_work *w, const uint8_t *pixels, size_t count, float *pooled)
{
    const struct convnet *net = w->net;
    const struct convnet_shape *s = &net->shape;
    const struct conv_block *last = &net->blocks[s->block_count - 1];
    size_t picture = 3 * (size_t)s->side * s->side, places = (size_t)last->out_side * last->out_side;
    size_t channels = net->late ? s->blocks[net->late - 1].out : s->stem_out;
    size_t early_side = net->late ? net->blocks[net->late - 1].out_side : convnet_out(s->side, s->stem_stride);
    size_t early = early_side * early_side * channels;
    /* Early blocks leave each picture's rows in w->x, one behind the other; they work in the room behind these. */
    for (size_t i = 0; i < count; i++) {
        float *x = w->y, *y = w->y + net->stream;
        if (run_stem(w, pixels + i * picture, x) < 0) return -1;
        for (uint32_t b = 0; b < net->late; b++)
            if (run_block(w, &net->blocks[b], 1, &x, &y) < 0) return -1;
        memcpy(w->x + i * early, x, early * sizeof *x);
    }
    float *x = w->x, *y = w->y;
    for (uint32_t b = net->late; b < s->block_count; b++)
        if (run_block(w, &net->blocks[b], count, &x, &y) < 0) return -1;
    if (run_floats(w, net->features, count * places, last->shape.out, x, w->hidden) < 0) return -1;
    for (size_t i = 0; i < count; i++) {
        const float *features = w->hidden + i * places * s->features;
        float *to = pooled + i * convnet_pooled(s);
        net->kernels->mean(features, places, s->features, to);
        if (s->maximum) net->kernels->largest(features, places, s->features, to + s->features);
    }
    return 0;
}

int convnet_run(const struct convnet *net, struct convnet_work *w, const uint8_t *pixels, size_t n, float *pooled)
{
    size_t picture = 3 * (size_t)net->shape.side * net->shape.side;
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < GROUP ? n - i : GROUP;
        if (run_group(w, pixels + i * picture, count, pooled + i * convnet_pooled(&net->shape)) < 0) return -1;
    }
    return 0;
}
