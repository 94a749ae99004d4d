/* winnow's small model as plain loops in double: convolutions as sums over windows, a sentence encoder as tower_reference.c has
 * CLIP's. Shapes stand at every step; a picture is [channels, side, side] here. */
#include "filters/clip/small.h"

#include "filters/clip/reference_linear.h"
#include "filters/clip/small_parts.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

struct convolution {
    float *weights, *bias;
};

struct small_reference {
    struct clip_config config; /* without its notes */
    struct convolution stem, features;
    struct {
        struct convolution expand, depthwise, project;
    } *blocks;
    float *small[SMALL_PARTS];
    float *part[CLIP_PARTS];   /* of the text tower itself */
    float *(*layers)[CLIP_PARTS];
};

/* ---- opening */

static int read_convolution(const struct small_reference *r, const struct weights *weights, enum convnet_part part, uint32_t block,
                            struct convolution *to)
{
    const struct small_source source = {&r->config.small.net, SMALL_PICTURE, weights};
    const struct convnet_source read = {small_read_convolution, &source};
    to->weights = convnet_read(&r->config.small.net, &read, part, block, false);
    to->bias = to->weights ? convnet_read(&r->config.small.net, &read, part, block, true) : NULL;
    return to->bias ? 0 : -1;
}

static int read_small(struct small_reference *r, const struct weights *weights, enum small_part part)
{
    r->small[part] = malloc(small_size(&r->config, part) * sizeof(float));
    return r->small[part] ? small_read(&r->config, weights, part, r->small[part]) : fail_memory();
}

static int open_image(struct small_reference *r, const struct weights *weights)
{
    const struct convnet_shape *net = &r->config.small.net;
    r->blocks = calloc(net->block_count, sizeof *r->blocks);
    if (!r->blocks) return fail_memory();
    if (read_convolution(r, weights, CONVNET_STEM, 0, &r->stem) < 0) return -1;
    if (read_convolution(r, weights, CONVNET_FEATURES, 0, &r->features) < 0) return -1;
    for (uint32_t b = 0; b < net->block_count; b++) {
        if (net->blocks[b].expand && read_convolution(r, weights, CONVNET_EXPAND, b, &r->blocks[b].expand) < 0) return -1;
        if (read_convolution(r, weights, CONVNET_DEPTHWISE, b, &r->blocks[b].depthwise) < 0) return -1;
        if (read_convolution(r, weights, CONVNET_PROJECT, b, &r->blocks[b].project) < 0) return -1;
    }
    for (int part = SMALL_LINEAR_WEIGHT; part < SMALL_PARTS; part++)
        if (read_small(r, weights, (enum small_part)part) < 0) return -1;
    return 0;
}

static int read_part(const struct small_reference *r, const struct weights *weights, enum clip_part part, uint32_t layer, float **to)
{
    *to = malloc(clip_part_size(&r->config, CLIP_TEXT, part) * sizeof **to);
    return *to ? clip_part_read(&r->config, weights, CLIP_TEXT, part, layer, *to) : fail_memory();
}

static int open_text(struct small_reference *r, const struct weights *weights)
{
    static const enum clip_part own[] = {CLIP_TOKENS, CLIP_POSITIONS, CLIP_LN_PRE_WEIGHT, CLIP_LN_PRE_BIAS, CLIP_PROJECTION};
    r->layers = calloc(r->config.text.layers, sizeof *r->layers);
    if (!r->layers) return fail_memory();
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (read_part(r, weights, own[i], 0, &r->part[own[i]]) < 0) return -1;
    for (uint32_t l = 0; l < r->config.text.layers; l++)
        for (int part = CLIP_LN_1_WEIGHT; part < CLIP_PARTS; part++)
            if (read_part(r, weights, (enum clip_part)part, l, &r->layers[l][part]) < 0) return -1;
    return read_small(r, weights, SMALL_PROJECTION_BIAS);
}

struct small_reference *small_reference_open(const struct clip_config *config, const struct weights *weights, enum clip_side side)
{
    struct small_reference *r = calloc(1, sizeof *r);
    if (!r) return fail_memory(), NULL;
    r->config = *config;
    r->config.notes = (struct buf){.p = NULL};
    if ((side == CLIP_IMAGE ? open_image(r, weights) : open_text(r, weights)) == 0) return r;
    small_reference_close(r);
    return NULL;
}

static void free_convolution(struct convolution *c)
{
    free(c->weights);
    free(c->bias);
}

void small_reference_close(struct small_reference *r)
{
    if (!r) return;
    free_convolution(&r->stem);
    free_convolution(&r->features);
    for (uint32_t b = 0; r->blocks && b < r->config.small.net.block_count; b++) {
        free_convolution(&r->blocks[b].expand);
        free_convolution(&r->blocks[b].depthwise);
        free_convolution(&r->blocks[b].project);
    }
    for (uint32_t l = 0; r->layers && l < r->config.text.layers; l++)
        for (int part = 0; part < CLIP_PARTS; part++) free(r->layers[l][part]);
    for (int part = 0; part < CLIP_PARTS; part++) free(r->part[part]);
    for (int part = 0; part < SMALL_PARTS; part++) free(r->small[part]);
    free(r->blocks);
    free(r->layers);
    free(r);
}

/* ---- pieces */

static double gelu(double x) { return x / 2 * (1 + erf(x * M_SQRT1_2)); }

static void softmax(double *x, size_t n)
{
    double most = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++) sum += x[i] = exp(x[i] - most);
    for (size_t i = 0; i < n; i++) x[i] /= sum;
}

/* ---- pictures */

struct size {
    uint32_t in, out, kernel, stride, groups, side;
    bool relu6;
};

/* y[out, side', side'] = x[in, side, side] * weights[out, in / groups, kernel, kernel] + bias. */
static void convolve(const double *x, const struct convolution *c, struct size s, double *y)
{
    uint32_t out_side = convnet_out(s.side, s.stride), before = convnet_before(s.side, s.kernel, s.stride), each = s.in / s.groups;
    for (uint32_t o = 0; o < s.out; o++)
        for (uint32_t place = 0; place < out_side * out_side; place++) {
            double sum = c->bias[o];
            for (uint32_t i = 0; i < each * s.kernel * s.kernel; i++) {
                uint32_t channel = o / (s.out / s.groups) * each + i / (s.kernel * s.kernel);
                uint32_t row = place / out_side * s.stride + i / s.kernel % s.kernel - before; /* far above side when outside */
                uint32_t column = place % out_side * s.stride + i % s.kernel - before;
                if (row >= s.side || column >= s.side) continue;
                sum += x[((size_t)channel * s.side + row) * s.side + column] * c->weights[o * each * s.kernel * s.kernel + i];
            }
            y[(size_t)o * out_side * out_side + place] = s.relu6 ? fmin(fmax(sum, 0), 6) : sum;
        }
}

/* Floats between any two convolutions at most. */
static size_t largest(const struct convnet_shape *net)
{
    uint32_t side = convnet_out(net->side, net->stem_stride);
    size_t most = (size_t)side * side * net->stem_out;
    for (uint32_t b = 0; b < net->block_count; b++) {
        size_t hidden = (size_t)side * side * net->blocks[b].hidden;
        side = convnet_out(side, net->blocks[b].stride);
        size_t out = (size_t)side * side * net->blocks[b].out;
        most = hidden > most ? hidden : most;
        most = out > most ? out : most;
    }
    size_t features = (size_t)side * side * net->features, picture = 3 * (size_t)net->side * net->side;
    most = features > most ? features : most;
    return picture > most ? picture : most;
}

/* features[F] of planes [3, side, side]; rooms of largest() numbers. */
static void run_net(const struct small_reference *r, const float *planes, double *const rooms[3], double *features)
{
    const struct convnet_shape *net = &r->config.small.net;
    double *x = rooms[0], *hidden = rooms[1], *convolved = rooms[2];
    for (size_t i = 0; i < 3 * (size_t)net->side * net->side; i++) hidden[i] = planes[i];
    convolve(hidden, &r->stem, (struct size){3, net->stem_out, net->stem_kernel, net->stem_stride, 1, net->side, true}, x);
    uint32_t side = convnet_out(net->side, net->stem_stride);
    for (uint32_t b = 0; b < net->block_count; b++) {
        const struct convnet_block *s = &net->blocks[b];
        const double *wide = s->expand ? hidden : x; /* [hidden, side, side] */
        if (s->expand) convolve(x, &r->blocks[b].expand, (struct size){s->in, s->hidden, 1, 1, 1, side, true}, hidden);
        convolve(wide, &r->blocks[b].depthwise, (struct size){s->hidden, s->hidden, s->kernel, s->stride, s->hidden, side, true}, convolved);
        side = convnet_out(side, s->stride);
        convolve(convolved, &r->blocks[b].project, (struct size){s->hidden, s->out, 1, 1, 1, side, false}, hidden);
        for (size_t i = 0; i < (size_t)s->out * side * side; i++) x[i] = hidden[i] + (s->residual ? x[i] : 0);
    }
    convolve(x, &r->features, (struct size){net->blocks[net->block_count - 1].out, net->features, 1, 1, 1, side, true}, hidden);
    for (uint32_t f = 0; f < net->features; f++) {
        features[f] = 0;
        for (uint32_t i = 0; i < side * side; i++) features[f] += hidden[f * side * side + i] / (side * side);
    }
}

/* z[E] = linear f + output gelu(hidden f) + vectors' softmax(scale classifier f). room: classes + hidden numbers. */
static void embed(const struct small_reference *r, const double *f, double *room, double *z)
{
    const struct clip_config *c = &r->config;
    size_t F = c->image.width, H = c->small.hidden, K = c->small.classes, E = c->embed;
    double *hidden = room, *seen = room + H; /* [H], [K] */
    reference_linear(f, r->small[SMALL_HIDDEN_WEIGHT], r->small[SMALL_HIDDEN_BIAS], 1, F, H, hidden);
    for (size_t i = 0; i < H; i++) hidden[i] = gelu(hidden[i]);
    reference_linear(f, r->small[SMALL_CLASSIFIER_WEIGHT], r->small[SMALL_CLASSIFIER_BIAS], 1, F, K, seen);
    for (size_t i = 0; i < K; i++) seen[i] *= r->small[SMALL_CLASS_SCALE][0];
    softmax(seen, K);
    reference_linear(f, r->small[SMALL_LINEAR_WEIGHT], r->small[SMALL_LINEAR_BIAS], 1, F, E, z);
    for (size_t e = 0; e < E; e++) {
        for (size_t i = 0; i < H; i++) z[e] += hidden[i] * r->small[SMALL_OUTPUT_WEIGHT][e * H + i];
        for (size_t i = 0; i < K; i++) z[e] += seen[i] * r->small[SMALL_CLASS_VECTORS][i * E + e];
    }
}

int small_reference_image(const struct small_reference *r, const float *planes, double *pooled, double *embedding)
{
    size_t most = largest(&r->config.small.net), features = r->config.image.width;
    size_t behind = r->config.small.hidden + r->config.small.classes;
    double *all = malloc((3 * most + features + behind) * sizeof *all);
    if (!all) return fail_memory();
    double *const rooms[3] = {all, all + most, all + 2 * most}, *f = all + 3 * most;
    run_net(r, planes, rooms, f);
    if (pooled) memcpy(pooled, f, features * sizeof *pooled);
    if (embedding) embed(r, f, f + features, embedding);
    free(all);
    return 0;
}

/* ---- texts */

/* x[T, C] = (x - mean) / sqrt(variance + eps) * w + b, row by row. */
static void layer_norm(double *x, const float *w, const float *b, double eps, size_t T, size_t C)
{
    for (size_t t = 0; t < T; t++, x += C) {
        double mean = 0, variance = 0;
        for (size_t c = 0; c < C; c++) mean += x[c] / (double)C;
        for (size_t c = 0; c < C; c++) variance += (x[c] - mean) * (x[c] - mean) / (double)C;
        for (size_t c = 0; c < C; c++) x[c] = (x[c] - mean) / sqrt(variance + eps) * w[c] + b[c];
    }
}

/* y[T, C] of qkv[T, 3, H, D]: every position sees all. scores: room for T numbers. */
static void attention(const double *qkv, size_t T, size_t H, size_t D, double *scores, double *y)
{
    size_t C = H * D;
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < H; h++) {
            const double *q = qkv + t * 3 * C + h * D;
            for (size_t s = 0; s < T; s++) {
                const double *k = qkv + s * 3 * C + C + h * D;
                scores[s] = 0;
                for (size_t d = 0; d < D; d++) scores[s] += q[d] * k[d] / sqrt((double)D);
            }
            softmax(scores, T);
            for (size_t d = 0; d < D; d++) {
                y[t * C + h * D + d] = 0;
                for (size_t s = 0; s < T; s++) y[t * C + h * D + d] += scores[s] * qkv[s * 3 * C + 2 * C + h * D + d];
            }
        }
}

struct rooms {
    double *x, *y;      /* [T, C] */
    double *qkv;        /* [T, 3 C] */
    double *hidden;     /* [T, M] */
    double *scores;     /* [T] */
};

/* x = norm_1(x + out(attention(x))), x = norm_2(x + fc2(gelu(fc1(x)))). */
static void block(const struct clip_tower *tower, float *const part[CLIP_PARTS], size_t T, const struct rooms *room)
{
    size_t C = tower->width, M = tower->mlp;
    reference_linear(room->x, part[CLIP_QKV_WEIGHT], part[CLIP_QKV_BIAS], T, C, 3 * C, room->qkv);          /* [T, 3 C] */
    attention(room->qkv, T, tower->heads, C / tower->heads, room->scores, room->y);               /* [T, C] */
    reference_linear(room->y, part[CLIP_OUT_WEIGHT], part[CLIP_OUT_BIAS], T, C, C, room->qkv);              /* [T, C], in qkv's room */
    for (size_t i = 0; i < T * C; i++) room->x[i] += room->qkv[i];
    layer_norm(room->x, part[CLIP_LN_1_WEIGHT], part[CLIP_LN_1_BIAS], tower->eps, T, C);
    reference_linear(room->x, part[CLIP_FC1_WEIGHT], part[CLIP_FC1_BIAS], T, C, M, room->hidden);           /* [T, M] */
    for (size_t i = 0; i < T * M; i++) room->hidden[i] = gelu(room->hidden[i]);
    reference_linear(room->hidden, part[CLIP_FC2_WEIGHT], part[CLIP_FC2_BIAS], T, M, C, room->y);           /* [T, C] */
    for (size_t i = 0; i < T * C; i++) room->x[i] += room->y[i];
    layer_norm(room->x, part[CLIP_LN_2_WEIGHT], part[CLIP_LN_2_BIAS], tower->eps, T, C);
}

int small_reference_text(const struct small_reference *r, const uint32_t *ids, size_t T, double *pooled, double *embedding)
{
    const struct clip_tower *tower = &r->config.text;
    size_t C = tower->width, M = tower->mlp;
    double *all = malloc(T * (5 * C + M + 1) * sizeof *all), length = 0;
    if (!all) return fail_memory();
    const struct rooms room = {all, all + T * C, all + 2 * T * C, all + 5 * T * C, all + T * (5 * C + M)};
    for (size_t t = 0; t < T; t++)
        for (size_t c = 0; c < C; c++) room.x[t * C + c] = (double)r->part[CLIP_TOKENS][ids[t] * C + c] + r->part[CLIP_POSITIONS][t * C + c];
    layer_norm(room.x, r->part[CLIP_LN_PRE_WEIGHT], r->part[CLIP_LN_PRE_BIAS], tower->eps, T, C);
    for (uint32_t l = 0; l < tower->layers; l++) block(tower, r->layers[l], T, &room);
    double *mean = room.y; /* [C] */
    for (size_t c = 0; c < C; c++) {
        mean[c] = 0;
        for (size_t t = 0; t < T; t++) mean[c] += room.x[t * C + c] / (double)T;
        length += mean[c] * mean[c];
    }
    for (size_t c = 0; c < C; c++) mean[c] /= length > 0 ? sqrt(length) : 1;
    if (pooled) memcpy(pooled, mean, C * sizeof *pooled);
    if (embedding) reference_linear(mean, r->part[CLIP_PROJECTION], r->small[SMALL_PROJECTION_BIAS], 1, C, r->config.embed, embedding);
    free(all);
    return 0;
}
