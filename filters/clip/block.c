#include "filters/clip/block.h"

#include "filters/clip/matmul_ops.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

/* ---- a layer's weights */

struct reading {
    const struct block_shape *shape;
    const struct clip_config *config;
    const struct weights *weights;
    enum clip_side side;
    uint32_t layer;
};

static float *read_part(const struct reading *r, enum clip_part part) /* NULL with a sentence */
{
    float *numbers = malloc(clip_part_size(r->config, r->side, part) * sizeof *numbers);
    if (!numbers) return fail_memory(), NULL;
    if (clip_part_read(r->config, r->weights, r->side, part, r->layer, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

static int read_norm(const struct reading *r, enum clip_part weight, enum clip_part bias, float *norm[2])
{
    norm[0] = read_part(r, weight);
    norm[1] = norm[0] ? read_part(r, bias) : NULL;
    return norm[1] ? 0 : -1;
}

/* Outputs [from, from + spec->n) of the parts' layer. */
static struct linear *read_linear(const struct reading *r, enum clip_part weight, enum clip_part bias, size_t from,
                                  struct linear_spec spec)
{
    float *w = read_part(r, weight), *b = w ? read_part(r, bias) : NULL;
    struct linear *l = NULL;
    if (b) {
        spec.type = r->shape->type;
        spec.weights = w + from * spec.k;
        spec.bias = b + from;
        l = linear_new(r->shape->matmul, &spec);
    }
    free(w);
    free(b);
    return l;
}

static int read_attention(const struct reading *r, struct block *b, bool last)
{
    size_t width = r->shape->width;
    const struct linear_spec q = {.n = width, .k = width}, kv = {.n = 2 * width, .k = width}, qkv = {.n = 3 * width, .k = width};
    if (!last) return (b->qkv = read_linear(r, CLIP_QKV_WEIGHT, CLIP_QKV_BIAS, 0, qkv)) ? 0 : -1;
    b->q = read_linear(r, CLIP_QKV_WEIGHT, CLIP_QKV_BIAS, 0, q);
    if (b->q) b->kv = read_linear(r, CLIP_QKV_WEIGHT, CLIP_QKV_BIAS, width, kv);
    return b->kv ? 0 : -1;
}

int block_open(struct block *b, const struct block_shape *shape, const struct clip_config *config, const struct weights *weights,
               enum clip_side side, uint32_t layer, bool last)
{
    const struct reading r = {shape, config, weights, side, layer};
    const struct linear_spec out = {.n = shape->width, .k = shape->width, .after = LINEAR_ADD};
    const struct linear_spec fc2 = {.n = shape->width, .k = shape->mlp, .after = LINEAR_ADD};
    const struct linear_spec fc1 = {.n = shape->mlp,
                                    .k = shape->width,
                                    .out = shape->type,
                                    .after = shape->activation == CLIP_QUICKGELU ? LINEAR_QUICKGELU : LINEAR_GELU};
    *b = (struct block){.shape = shape};
    if (read_norm(&r, CLIP_LN_1_WEIGHT, CLIP_LN_1_BIAS, b->norm_1) < 0) return -1;
    if (read_norm(&r, CLIP_LN_2_WEIGHT, CLIP_LN_2_BIAS, b->norm_2) < 0) return -1;
    if (read_attention(&r, b, last) < 0) return -1;
    if (!(b->out = read_linear(&r, CLIP_OUT_WEIGHT, CLIP_OUT_BIAS, 0, out))) return -1;
    if (!(b->fc1 = read_linear(&r, CLIP_FC1_WEIGHT, CLIP_FC1_BIAS, 0, fc1))) return -1;
    return (b->fc2 = read_linear(&r, CLIP_FC2_WEIGHT, CLIP_FC2_BIAS, 0, fc2)) ? 0 : -1;
}

void block_close(struct block *b)
{
    for (int i = 0; i < 2; i++) {
        free(b->norm_1[i]);
        free(b->norm_2[i]);
    }
    struct linear *const all[] = {b->qkv, b->q, b->kv, b->out, b->fc1, b->fc2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) linear_free(all[i]);
    *b = (struct block){.shape = NULL};
}

size_t block_bytes(const struct block *b)
{
    size_t bytes = 4 * b->shape->width * sizeof(float);
    struct linear *const all[] = {b->qkv, b->q, b->kv, b->out, b->fc1, b->fc2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) bytes += all[i] ? linear_bytes(all[i]) : 0;
    return bytes;
}

/* ---- rooms */

int block_room_open(struct block_room *room, const struct block_shape *s, size_t rows, size_t longest)
{
    size_t type = matmul_type_size(s->type), widest = s->width > s->mlp ? s->width : s->mlp;
    if (s->type == MATMUL_S8) type = matmul_type_size(MATMUL_BF16); /* blocks of both kinds may share a room */
    *room = (struct block_room){.rows = rows};
    room->x = matmul_memory(rows * s->width * sizeof *room->x);
    room->normed = matmul_memory(rows * s->width * type);
    room->wide = matmul_memory(rows * 3 * s->width * sizeof *room->wide);
    room->hidden = matmul_memory(rows * widest * type);
    room->attention = matmul_memory(s->kernels->attention_room(longest, s->width / s->heads) * sizeof *room->attention);
    if (!room->x || !room->normed || !room->wide || !room->hidden || !room->attention) return -1;
    memset(room->normed, 0, rows * s->width * type); /* attention leaves padding as it is */
    if (s->type != MATMUL_S8) return 0;
    room->scales = matmul_memory(rows * sizeof *room->scales);
    room->hidden_scales = matmul_memory(rows * sizeof *room->hidden_scales);
    room->floats = matmul_memory(rows * s->width * sizeof *room->floats);
    room->row = matmul_memory(s->width * sizeof *room->row);
    if (!room->scales || !room->hidden_scales || !room->floats || !room->row) return -1;
    memset(room->floats, 0, rows * s->width * sizeof *room->floats);
    return 0;
}

void block_room_close(struct block_room *room)
{
    void *const all[] = {room->x, room->normed, room->scales, room->wide, room->hidden, room->hidden_scales, room->floats,
                         room->row, room->attention};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    matmul_room_free(&room->products);
    *room = (struct block_room){.rows = 0};
}

/* ---- the steps */

/* room->normed = norm of room->x, as products take it. */
static void norm_rows(const struct block_shape *s, struct block_room *room, float *const norm[2], size_t rows)
{
    if (s->type != MATMUL_S8) {
        s->kernels->norm(room->x, norm[0], norm[1], s->eps, rows, s->width, s->type, room->normed);
        return;
    }
    for (size_t r = 0; r < rows; r++) { /* a row stays in the first-level cache */
        s->kernels->norm(room->x + r * s->width, norm[0], norm[1], s->eps, 1, s->width, MATMUL_F32, room->row);
        s->kernels->quantise(room->row, 1, s->width, (int8_t *)room->normed + r * s->width, room->scales + r);
    }
}

/* Queries, keys and values stand in room->wide; room->normed = attention's result, as products take it. */
static void attend_rows(const struct block_shape *s, struct block_room *room, size_t rows, const struct block_sequence *sequences,
                        size_t count)
{
    bool whole = s->type == MATMUL_S8;
    struct attention a = {.q_stride = 3 * s->width, .kv_stride = 3 * s->width, .heads = s->heads,
                          .head_width = s->width / s->heads, .causal = s->causal, .type = whole ? MATMUL_F32 : s->type,
                          .room = room->attention};
    char *to = whole ? (char *)room->floats : room->normed;
    for (size_t i = 0; i < count; i++) {
        a.q = room->wide + sequences[i].first * 3 * s->width;
        a.k = a.q + s->width;
        a.v = a.k + s->width;
        a.queries = a.keys = sequences[i].count;
        a.out = to + sequences[i].first * s->width * matmul_type_size(a.type);
        s->kernels->attend(&a);
    }
    if (whole) s->kernels->quantise(room->floats, rows, s->width, room->normed, room->scales);
}

/* room->x += fc2(activation(fc1(norm_2(room->x)))) */
static int feed_forward(const struct block *b, struct block_room *room, size_t rows)
{
    norm_rows(b->shape, room, b->norm_2, rows);
    if (linear_run(b->fc1, &room->products, rows, room->normed, room->scales, room->hidden, room->hidden_scales) < 0) return -1;
    return linear_run(b->fc2, &room->products, rows, room->hidden, room->hidden_scales, room->x, NULL);
}

int block_run(const struct block *b, struct block_room *room, size_t rows, const struct block_sequence *sequences, size_t count)
{
    norm_rows(b->shape, room, b->norm_1, rows);
    if (linear_run(b->qkv, &room->products, rows, room->normed, room->scales, room->wide, NULL) < 0) return -1;
    attend_rows(b->shape, room, rows, sequences, count);
    if (linear_run(b->out, &room->products, rows, room->normed, room->scales, room->x, NULL) < 0) return -1;
    return feed_forward(b, room, rows);
}

/* room->x as products take it: itself, or room->normed. */
static const void *taken(const struct block_shape *s, struct block_room *room, size_t rows)
{
    if (s->type == MATMUL_F32) return room->x;
    if (s->type == MATMUL_BF16) s->kernels->to_bf16(room->x, rows * s->width, room->normed);
    else s->kernels->quantise(room->x, rows, s->width, room->normed, room->scales);
    return room->normed;
}

static void norm_in_place(const struct block_shape *s, struct block_room *room, float *const norm[2], size_t rows)
{
    s->kernels->norm(room->x, norm[0], norm[1], s->eps, rows, s->width, MATMUL_F32, room->x);
}

int block_run_post(const struct block *b, struct block_room *room, size_t rows, const struct block_sequence *sequences, size_t count)
{
    const struct block_shape *s = b->shape;
    if (linear_run(b->qkv, &room->products, rows, taken(s, room, rows), room->scales, room->wide, NULL) < 0) return -1;
    attend_rows(s, room, rows, sequences, count);
    if (linear_run(b->out, &room->products, rows, room->normed, room->scales, room->x, NULL) < 0) return -1;
    norm_in_place(s, room, b->norm_1, rows);
    if (linear_run(b->fc1, &room->products, rows, taken(s, room, rows), room->scales, room->hidden, room->hidden_scales) < 0) return -1;
    if (linear_run(b->fc2, &room->products, rows, room->hidden, room->hidden_scales, room->x, NULL) < 0) return -1;
    norm_in_place(s, room, b->norm_2, rows);
    return 0;
}

/* ---- the last block */

/* Row `from` of the products' input becomes row `to` of another buffer of that kind. */
static void copy_row(const struct block_shape *s, const struct block_room *room, size_t from, char *rows, float *scales, size_t to)
{
    size_t bytes = s->width * matmul_type_size(s->type);
    memcpy(rows + to * bytes, (const char *)room->normed + from * bytes, bytes);
    if (s->type == MATMUL_S8) scales[to] = room->scales[from];
}

/* queries[count, width] of the pooled rows, whose norms stand in room->normed; uses room->hidden. */
static int pooled_queries(const struct block *b, struct block_room *room, const struct block_sequence *sequences, size_t count,
                          float *queries)
{
    const struct block_shape *s = b->shape;
    size_t rows = matmul_rows(s->matmul, count);
    float *scales = room->hidden_scales;
    memset(room->hidden, 0, rows * s->width * matmul_type_size(s->type));
    if (s->type == MATMUL_S8) memset(scales, 0, rows * sizeof *scales);
    for (size_t i = 0; i < count; i++) copy_row(s, room, sequences[i].pooled, room->hidden, scales, i);
    return linear_run(b->q, &room->products, rows, room->hidden, scales, queries, NULL);
}

int block_run_pooled(const struct block *b, struct block_room *room, size_t rows, const struct block_sequence *sequences,
                     size_t count, float *pooled_x, float *pooled_a)
{
    const struct block_shape *s = b->shape;
    float *kv = room->wide, *queries = room->wide + rows * 2 * s->width; /* [rows, 2 width], [count, width] */
    norm_rows(s, room, b->norm_1, rows);
    if (linear_run(b->kv, &room->products, rows, room->normed, room->scales, kv, NULL) < 0) return -1;
    if (pooled_queries(b, room, sequences, count, queries) < 0) return -1;
    struct attention a = {.q_stride = s->width, .kv_stride = 2 * s->width, .queries = 1, .heads = s->heads,
                          .head_width = s->width / s->heads, .type = MATMUL_F32, .room = room->attention};
    for (size_t i = 0; i < count; i++) {
        const struct block_sequence *q = &sequences[i];
        a.q = queries + i * s->width;
        a.k = kv + q->first * 2 * s->width;
        a.v = a.k + s->width;
        a.keys = s->causal ? q->pooled - q->first + 1 : q->count;
        a.out = pooled_a + i * s->width;
        s->kernels->attend(&a);
        memcpy(pooled_x + i * s->width, room->x + q->pooled * s->width, s->width * sizeof *pooled_x);
    }
    return 0;
}

int block_finish(const struct block *b, struct block_room *room, size_t rows, const float *attended)
{
    const struct block_shape *s = b->shape;
    if (s->type == MATMUL_S8) s->kernels->quantise(attended, rows, s->width, room->normed, room->scales);
    else if (s->type == MATMUL_BF16) s->kernels->to_bf16(attended, rows * s->width, room->normed);
    const void *x = s->type == MATMUL_F32 ? attended : room->normed;
    if (linear_run(b->out, &room->products, rows, x, room->scales, room->x, NULL) < 0) return -1;
    return feed_forward(b, room, rows);
}
