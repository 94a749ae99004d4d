/* A transformer as plain loops. Shapes stand at every step: T positions, C numbers a position (width), H heads of D = C / H
 * numbers, M numbers in the hidden layer, E numbers of the embedding. Text and picture towers are the same block; they differ
 * in what goes in, in the mask, and in the row that is taken out at the end. */
#include "filters/clip/tower_reference.h"

#include "filters/clip/reference_linear.h"
#include "filters/clip/small.h"
#include "filters/clip/tower.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

struct layer {
    float *part[CLIP_PARTS]; /* by enum clip_part; NULL where it is none of a layer */
};

struct reference {
    struct small_reference *small; /* instead of all that follows */
    struct clip_config config; /* without its notes */
    enum clip_side side;
    struct clip_tower tower;
    float *part[CLIP_PARTS]; /* of the tower itself */
    struct layer *layers;    /* tower.layers */
};

/* ---- opening */

static int read_parts(const struct reference *r, const struct weights *weights, bool of_layer, uint32_t layer, float *parts[CLIP_PARTS])
{
    for (int p = 0; p < CLIP_PARTS; p++) {
        enum clip_part part = (enum clip_part)p;
        if (!clip_part_exists(r->side, part) || clip_part_is_of_layer(part) != of_layer) continue;
        parts[p] = malloc(clip_part_size(&r->config, r->side, part) * sizeof *parts[p]);
        if (!parts[p]) return fail_memory();
        if (clip_part_read(&r->config, weights, r->side, part, layer, parts[p]) < 0) return -1;
    }
    return 0;
}

struct reference *reference_open(const struct clip_config *config, const struct weights *weights, enum clip_side side)
{
    struct reference *r = calloc(1, sizeof *r);
    if (!r) return fail_memory(), NULL;
    if (config->kind == CLIP_SMALL) {
        if ((r->small = small_reference_open(config, weights, side))) return r;
        free(r);
        return NULL;
    }
    r->config = *config;
    r->config.notes = (struct buf){.p = NULL};
    r->side = side;
    r->tower = side == CLIP_IMAGE ? config->image : config->text;
    r->layers = calloc(r->tower.layers, sizeof *r->layers);
    int result = r->layers ? read_parts(r, weights, false, 0, r->part) : fail_memory();
    for (uint32_t l = 0; result == 0 && l < r->tower.layers; l++) result = read_parts(r, weights, true, l, r->layers[l].part);
    if (result == 0) return r;
    reference_close(r);
    return NULL;
}

void reference_close(struct reference *r)
{
    if (!r) return;
    small_reference_close(r->small);
    for (int p = 0; p < CLIP_PARTS; p++) free(r->part[p]);
    for (uint32_t l = 0; r->layers && l < r->tower.layers; l++)
        for (int p = 0; p < CLIP_PARTS; p++) free(r->layers[l].part[p]);
    free(r->layers);
    free(r);
}

/* ---- the pieces of a block */

/* y[T, C] = (x[T, C] - mean) / sqrt(variance + eps) * w[C] + b[C], mean and variance of each row. */
static void layer_norm(const double *x, const float *w, const float *b, double eps, size_t T, size_t C, double *y)
{
    for (size_t t = 0; t < T; t++, x += C, y += C) {
        double mean = 0, variance = 0;
        for (size_t c = 0; c < C; c++) mean += x[c];
        mean /= (double)C;
        for (size_t c = 0; c < C; c++) variance += (x[c] - mean) * (x[c] - mean);
        variance /= (double)C;
        for (size_t c = 0; c < C; c++) y[c] = (x[c] - mean) / sqrt(variance + eps) * w[c] + b[c];
    }
}

static void softmax(double *x, size_t n)
{
    double most = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) most = fmax(most, x[i]);
    for (size_t i = 0; i < n; i++) sum += x[i] = exp(x[i] - most);
    for (size_t i = 0; i < n; i++) x[i] /= sum;
}

/* y[T, C]: for each head h and position t the mean of the values of all positions (with `causal`: up to t), weighted by
 * softmax(q · k / sqrt(D)). qkv[T, 3, H, D]: queries, keys and values side by side. scores: room for T numbers. */
static void attention(const double *qkv, bool causal, size_t T, size_t H, size_t D, double *scores, double *y)
{
    size_t C = H * D;
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < H; h++) {
            size_t seen = causal ? t + 1 : T;
            const double *q = qkv + t * 3 * C + h * D; /* [D] */
            for (size_t s = 0; s < seen; s++) {
                const double *k = qkv + s * 3 * C + C + h * D; /* [D] */
                scores[s] = 0;
                for (size_t d = 0; d < D; d++) scores[s] += q[d] * k[d];
                scores[s] /= sqrt((double)D);
            }
            softmax(scores, seen);
            double *out = y + t * C + h * D; /* [D] */
            for (size_t d = 0; d < D; d++) out[d] = 0;
            for (size_t s = 0; s < seen; s++) {
                const double *v = qkv + s * 3 * C + 2 * C + h * D; /* [D] */
                for (size_t d = 0; d < D; d++) out[d] += scores[s] * v[d];
            }
        }
}

static double activate(enum clip_activation activation, double x)
{
    return activation == CLIP_QUICKGELU ? x / (1 + exp(-1.702 * x)) : x / 2 * (1 + erf(x * M_SQRT1_2));
}

/* ---- the tower */

struct rooms {
    double *x, *normed; /* [T, C] */
    double *qkv;        /* [T, 3 C] */
    double *hidden;     /* [T, M] */
    double *scores;     /* [T] */
};

static void free_rooms(struct rooms *rooms)
{
    free(rooms->x);
    free(rooms->normed);
    free(rooms->qkv);
    free(rooms->hidden);
    free(rooms->scores);
}

static int make_rooms(const struct clip_tower *tower, size_t T, struct rooms *rooms)
{
    rooms->x = malloc(T * tower->width * sizeof *rooms->x);
    rooms->normed = malloc(T * tower->width * sizeof *rooms->normed);
    rooms->qkv = malloc(T * tower->width * 3 * sizeof *rooms->qkv);
    rooms->hidden = malloc(T * tower->mlp * sizeof *rooms->hidden);
    rooms->scores = malloc(T * sizeof *rooms->scores);
    if (rooms->x && rooms->normed && rooms->qkv && rooms->hidden && rooms->scores) return 0;
    free_rooms(rooms);
    return fail_memory();
}

/* x[T, C] += out(attention(qkv(norm_1(x)))), then x += fc2(activation(fc1(norm_2(x)))). */
static void block(const struct reference *r, const struct layer *layer, size_t T, const struct rooms *rooms)
{
    const struct clip_tower *tower = &r->tower;
    size_t C = tower->width, M = tower->mlp;
    float *const *part = layer->part;
    double *x = rooms->x, *normed = rooms->normed, *qkv = rooms->qkv, *hidden = rooms->hidden;

    layer_norm(x, part[CLIP_LN_1_WEIGHT], part[CLIP_LN_1_BIAS], tower->eps, T, C, normed);    /* [T, C] */
    reference_linear(normed, part[CLIP_QKV_WEIGHT], part[CLIP_QKV_BIAS], T, C, 3 * C, qkv);             /* [T, 3 C] */
    attention(qkv, r->side == CLIP_TEXT, T, tower->heads, C / tower->heads, rooms->scores, normed); /* [T, C] */
    reference_linear(normed, part[CLIP_OUT_WEIGHT], part[CLIP_OUT_BIAS], T, C, C, qkv);                 /* [T, C], in qkv's room */
    for (size_t i = 0; i < T * C; i++) x[i] += qkv[i];

    layer_norm(x, part[CLIP_LN_2_WEIGHT], part[CLIP_LN_2_BIAS], tower->eps, T, C, normed);    /* [T, C] */
    reference_linear(normed, part[CLIP_FC1_WEIGHT], part[CLIP_FC1_BIAS], T, C, M, hidden);              /* [T, M] */
    for (size_t i = 0; i < T * M; i++) hidden[i] = activate(tower->activation, hidden[i]);
    reference_linear(hidden, part[CLIP_FC2_WEIGHT], part[CLIP_FC2_BIAS], T, M, C, normed);              /* [T, C] */
    for (size_t i = 0; i < T * C; i++) x[i] += normed[i];
}

/* All blocks over x[T, C], then row `at`: last norm, projection. */
static void blocks(const struct reference *r, size_t T, size_t at, const struct rooms *rooms, double *pooled, double *embedding)
{
    const struct clip_tower *tower = &r->tower;
    size_t C = tower->width;
    for (uint32_t l = 0; l < tower->layers; l++) block(r, &r->layers[l], T, rooms);
    double *last = rooms->normed; /* [C] */
    layer_norm(rooms->x + at * C, r->part[CLIP_LN_POST_WEIGHT], r->part[CLIP_LN_POST_BIAS], tower->eps, 1, C, last);
    if (pooled) memcpy(pooled, last, C * sizeof *pooled);
    if (embedding) reference_linear(last, r->part[CLIP_PROJECTION], NULL, 1, C, r->config.embed, embedding); /* [E] */
}

/* x[1 + G², C]: the class row, then one row a patch: its 3 P P numbers (channel, row, column) times the patch weights;
 * positions added; normed. */
static void embed_patches(const struct reference *r, const float *planes, double *normed, double *x)
{
    size_t C = r->tower.width, G = r->config.grid, P = r->config.patch, S = r->config.image_size;
    for (size_t t = 0; t <= G * G; t++)
        for (size_t c = 0; c < C; c++) {
            double sum = t ? 0 : r->part[CLIP_CLASS][c];
            const float *w = r->part[CLIP_PATCHES] + c * 3 * P * P; /* [3, P, P] */
            for (size_t i = 0; t && i < 3 * P * P; i++) {
                size_t channel = i / (P * P), row = (t - 1) / G * P + i / P % P, column = (t - 1) % G * P + i % P;
                sum += planes[(channel * S + row) * S + column] * (double)w[i];
            }
            x[t * C + c] = sum + r->part[CLIP_POSITIONS][t * C + c];
        }
    layer_norm(x, r->part[CLIP_LN_PRE_WEIGHT], r->part[CLIP_LN_PRE_BIAS], r->tower.eps, G * G + 1, C, normed);
    memcpy(x, normed, (G * G + 1) * C * sizeof *x);
}

int reference_image(const struct reference *r, const float *planes, double *pooled, double *embedding)
{
    if (r->small) return small_reference_image(r->small, planes, pooled, embedding);
    size_t T = (size_t)r->config.grid * r->config.grid + 1;
    struct rooms rooms;
    if (make_rooms(&r->tower, T, &rooms) < 0) return -1;
    embed_patches(r, planes, rooms.normed, rooms.x);
    blocks(r, T, 0, &rooms, pooled, embedding);
    free_rooms(&rooms);
    return 0;
}

int reference_text(const struct reference *r, const uint32_t *ids, size_t n, double *pooled, double *embedding)
{
    if (r->small) return small_reference_text(r->small, ids, n, pooled, embedding);
    size_t C = r->tower.width;
    struct rooms rooms;
    if (make_rooms(&r->tower, n, &rooms) < 0) return -1;
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < C; c++)
            rooms.x[t * C + c] = (double)r->part[CLIP_TOKENS][ids[t] * C + c] + r->part[CLIP_POSITIONS][t * C + c];
    blocks(r, n, clip_end_position(&r->config, ids, n), &rooms, pooled, embedding);
    free_rooms(&rooms);
    return 0;
}
