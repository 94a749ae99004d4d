/* The sentence encoder: positions of many texts go through the blocks together. */
#include "filters/clip/small.h"

#include "filters/clip/block.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/small_parts.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

enum {
    GROUP_ROWS = 512, /* positions that go together: so narrow a tower stays in the second-level cache */
    TOGETHER = 64,    /* texts of a group at most */
    ROUND_ROWS = 16,  /* rows are rounded up to this, so that there are few shapes of products */
};

struct small_text {
    struct block_shape shape;
    struct block *blocks;
    uint32_t layers;
    size_t context, embed, vocabulary;
    enum matmul_type edge; /* of the projection: F32 or BF16 */
    struct linear *projection;
    float *tokens, *positions; /* [vocabulary, width], [context, width] */
    float *norm[2];
};

struct small_text_work {
    struct block_room room;
    struct block_sequence *sequences; /* [TOGETHER] */
    float *pooled;     /* [TOGETHER, width] */
    void *projecting;  /* the same, of the projection's type */
    float *projected;  /* [TOGETHER, embed] */
};

static size_t group_rows(const struct small_text *t)
{
    size_t rows = t->context > GROUP_ROWS ? t->context : GROUP_ROWS;
    return matmul_rows(t->shape.matmul, (rows + ROUND_ROWS - 1) / ROUND_ROWS * ROUND_ROWS);
}

/* ---- opening */

static float *read_part(const struct clip_config *c, const struct weights *weights, enum clip_part part)
{
    float *numbers = matmul_memory(clip_part_size(c, CLIP_TEXT, part) * sizeof *numbers);
    if (numbers && clip_part_read(c, weights, CLIP_TEXT, part, 0, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

static int read_projection(struct small_text *t, const struct clip_config *c, const struct weights *weights)
{
    float *w = read_part(c, weights, CLIP_PROJECTION), *b = w ? matmul_memory(t->embed * sizeof *b) : NULL;
    if (b && small_read(c, weights, SMALL_PROJECTION_BIAS, b) == 0)
        t->projection = linear_new(t->shape.matmul, &(struct linear_spec){.n = t->embed, .k = t->shape.width, .weights = w, .bias = b,
                                                                           .type = t->edge});
    free(w);
    free(b);
    return t->projection ? 0 : -1;
}

static int open_parts(struct small_text *t, const struct clip_config *c, const struct weights *weights)
{
    if (!(t->tokens = read_part(c, weights, CLIP_TOKENS)) || !(t->positions = read_part(c, weights, CLIP_POSITIONS))) return -1;
    if (!(t->norm[0] = read_part(c, weights, CLIP_LN_PRE_WEIGHT)) || !(t->norm[1] = read_part(c, weights, CLIP_LN_PRE_BIAS))) return -1;
    t->blocks = calloc(t->layers, sizeof *t->blocks);
    if (!t->blocks) return fail_memory();
    for (uint32_t l = 0; l < t->layers; l++)
        if (block_open(&t->blocks[l], &t->shape, c, weights, CLIP_TEXT, l, false) < 0) return -1;
    return read_projection(t, c, weights);
}

struct small_text *small_text_open(const struct clip_config *config, const struct weights *weights, enum matmul_type type,
                                   const struct matmul *matmul)
{
    struct small_text *t = calloc(1, sizeof *t);
    if (!t) return fail_memory(), NULL;
    const struct clip_tower *tower = &config->text;
    *t = (struct small_text){.layers = tower->layers, .context = config->context, .embed = config->embed, .vocabulary = config->vocabulary,
                             .edge = type == MATMUL_F32 ? MATMUL_F32 : MATMUL_BF16};
    t->shape = (struct block_shape){.width = tower->width, .mlp = tower->mlp, .heads = tower->heads, .activation = tower->activation,
                                    .eps = (float)tower->eps, .type = type, .matmul = matmul, .kernels = matmul_kernels(matmul)};
    if (open_parts(t, config, weights) == 0) return t;
    small_text_close(t);
    return NULL;
}

void small_text_close(struct small_text *t)
{
    if (!t) return;
    for (uint32_t l = 0; t->blocks && l < t->layers; l++)
        if (t->blocks[l].shape) block_close(&t->blocks[l]);
    linear_free(t->projection);
    void *const all[] = {t->blocks, t->tokens, t->positions, t->norm[0], t->norm[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(t);
}

size_t small_text_bytes(const struct small_text *t)
{
    size_t bytes = linear_bytes(t->projection) + (t->vocabulary + t->context) * t->shape.width * sizeof(float);
    for (uint32_t l = 0; l < t->layers; l++) bytes += block_bytes(&t->blocks[l]);
    return bytes;
}

/* ---- one thread's memory */

struct small_text_work *small_text_work_new(const struct small_text *t)
{
    struct small_text_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    size_t together = matmul_rows(t->shape.matmul, TOGETHER), width = t->shape.width;
    int result = block_room_open(&w->room, &t->shape, group_rows(t), t->context);
    if (result == 0) {
        w->sequences = malloc(TOGETHER * sizeof *w->sequences);
        w->pooled = matmul_memory(together * width * sizeof *w->pooled);
        w->projecting = matmul_memory(together * width * sizeof(float));
        w->projected = matmul_memory(together * t->embed * sizeof *w->projected);
        if (!w->sequences) result = fail_memory();
        else if (!w->pooled || !w->projecting || !w->projected) result = -1;
    }
    if (result == 0) return w;
    small_text_work_free(w);
    return NULL;
}

void small_text_work_free(struct small_text_work *w)
{
    if (!w) return;
    block_room_close(&w->room);
    free(w->sequences);
    free(w->pooled);
    free(w->projecting);
    free(w->projected);
    free(w);
}

/* ---- running */

static void embed_text(const struct small_text *t, struct small_text_work *w, const struct tower_text *text, size_t first)
{
    size_t width = t->shape.width;
    for (size_t i = 0; i < text->n; i++) {
        const float *token = t->tokens + text->ids[i] * width, *position = t->positions + i * width;
        float *x = w->room.x + (first + i) * width;
        for (size_t c = 0; c < width; c++) x[c] = token[c] + position[c];
    }
}

/* The mean over the text's rows, at length 1. */
static void pool(const struct small_text *t, const struct small_text_work *w, const struct block_sequence *s, float *out)
{
    size_t width = t->shape.width;
    double length = 0;
    for (size_t c = 0; c < width; c++) {
        double sum = 0;
        for (size_t i = 0; i < s->count; i++) sum += w->room.x[(s->first + i) * width + c];
        out[c] = (float)(sum / (double)s->count);
        length += (double)out[c] * out[c];
    }
    length = sqrt(length);
    for (size_t c = 0; c < width; c++) out[c] = length > 0 ? (float)(out[c] / length) : 0;
}

/* Texts whose embedded positions are the first `used` rows of the room. */
static int run_group(const struct small_text *t, struct small_text_work *w, size_t used, size_t count, float *pooled, float *embedding)
{
    const struct block_shape *s = &t->shape;
    size_t width = s->width, rows = matmul_rows(s->matmul, (used + ROUND_ROWS - 1) / ROUND_ROWS * ROUND_ROWS);
    memset(w->room.x + used * width, 0, (rows - used) * width * sizeof *w->room.x);
    s->kernels->norm(w->room.x, t->norm[0], t->norm[1], s->eps, rows, width, MATMUL_F32, w->room.x);
    for (uint32_t l = 0; l < t->layers; l++)
        if (block_run_post(&t->blocks[l], &w->room, rows, w->sequences, count) < 0) return -1;
    for (size_t i = 0; i < count; i++) pool(t, w, &w->sequences[i], w->pooled + i * width);
    if (pooled) memcpy(pooled, w->pooled, count * width * sizeof *pooled);
    if (!embedding) return 0;
    size_t together = matmul_rows(s->matmul, count);
    const void *x = w->pooled;
    memset(w->pooled + count * width, 0, (together - count) * width * sizeof *w->pooled);
    if (t->edge == MATMUL_BF16) s->kernels->to_bf16(w->pooled, together * width, w->projecting), x = w->projecting;
    if (linear_run(t->projection, &w->room.products, together, x, NULL, w->projected, NULL) < 0) return -1;
    memcpy(embedding, w->projected, count * t->embed * sizeof *embedding);
    return 0;
}

int small_texts(const struct small_text *t, struct small_text_work *w, const struct tower_text *texts, size_t n, float *pooled,
                float *embedding)
{
    for (size_t i = 0, count; i < n; i += count) {
        size_t used = 0;
        for (count = 0; i + count < n && count < TOGETHER; count++) {
            const struct tower_text *text = &texts[i + count];
            if (count && used + text->n > GROUP_ROWS) break;
            embed_text(t, w, text, used);
            w->sequences[count] = (struct block_sequence){.first = used, .count = text->n};
            used += text->n;
        }
        if (run_group(t, w, used, count, pooled ? pooled + i * t->shape.width : NULL, embedding ? embedding + i * t->embed : NULL) < 0)
            return -1;
    }
    return 0;
}
