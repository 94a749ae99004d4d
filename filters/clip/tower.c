/* Groups of inputs go through the blocks; their pooled rows wait for those of other groups, since products of few rows are slow
 * (a product of one row is bound by reading the weights). */
#include "filters/clip/tower.h"

#include "filters/clip/block.h"
#include "filters/clip/matmul_ops.h"
#include "filters/clip/small.h"
#include "pipeline/base/fail.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    GROUP_ROWS = 208,   /* positions of a group of pictures: 4 of ViT-B/32; products gain nothing beyond, and caches are full */
    TEXT_GROUP_ROWS = 416, /* of texts: so narrow a tower reads its weights half as often, which is a twentieth of its time */
    POOLED_ROWS = 32,   /* inputs of a group at most, and whose pooled rows run together */
    TEXT_ROWS = 16,     /* texts' rows are rounded up to this, so that there are few shapes of products */
};

/* Of the small model's towers only the first two fields are used. */
struct tower {
    struct small_picture *small_picture;
    struct small_text *small_text;
    struct clip_config config; /* without its notes */
    enum clip_side side;
    struct clip_tower shape_of_config;
    struct block_shape shape, ends; /* ends: of the first and the last block */
    struct block *blocks; /* shape_of_config.layers */
    enum matmul_type edge_type; /* of the first and the last product */
    struct linear *patches, *projection;
    const struct tensor *tokens; /* text: [vocabulary, width], read row by row where it lies: a text needs few of them */
    float *positions;     /* [positions, width]; image: the class embedding is added to the first */
    float *norm_pre[2], *norm_post[2];
    size_t longest;       /* positions of one input */
    float (*samples)[256];      /* [3]: what a byte of each channel is, normalised */
    uint16_t (*samples_bf16)[256];
};

struct tower_work {
    const struct tower *tower;
    struct small_picture_work *small_picture;
    struct small_text_work *small_text;
    struct block_room room;
    void *patches;          /* [rows, 3 patch²] of the edges' type */
    float *pooled_x, *pooled_a; /* [POOLED_ROWS and what matmul_rows adds, width] */
    float *finished, *projected; /* [the same, width], [the same, embed] */
    void *projecting;       /* [the same, width] of the edges' type */
    struct block_sequence *sequences; /* of a group */
    size_t waiting;         /* pooled rows that are not finished */
    size_t done;            /* inputs given out */
    float *pooled, *embedding; /* the caller's */
};

size_t clip_end_position(const struct clip_config *config, const uint32_t *ids, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (config->end_rule == CLIP_END_FIRST && ids[i] == config->end_id) return i;
        if (ids[i] > ids[at]) at = i;
    }
    return config->end_rule == CLIP_END_FIRST ? 0 : at;
}

/* ---- opening */

static float *read_side(const struct tower *t, const struct weights *weights, enum clip_part part)
{
    float *numbers = matmul_memory(clip_part_size(&t->config, t->side, part) * sizeof *numbers);
    if (numbers && clip_part_read(&t->config, weights, t->side, part, 0, numbers) == 0) return numbers;
    free(numbers);
    return NULL;
}

static struct linear *read_edge(const struct tower *t, const struct weights *weights, enum clip_part part, struct linear_spec spec)
{
    float *numbers = read_side(t, weights, part);
    if (!numbers) return NULL;
    spec.type = t->edge_type;
    spec.weights = numbers;
    struct linear *l = linear_new(t->shape.matmul, &spec);
    free(numbers);
    return l;
}

/* What each byte becomes, by the preprocessing itself: a picture of 16 x 16 pixels that holds every byte once. */
static int make_samples(struct tower *t)
{
    struct preprocess p = t->config.preprocess;
    uint8_t pixels[256 * 3];
    p.size = p.crop = 16;
    t->samples = malloc(3 * sizeof *t->samples);
    t->samples_bf16 = malloc(3 * sizeof *t->samples_bf16);
    if (!t->samples || !t->samples_bf16) return fail_memory();
    for (unsigned i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i / 3);
    preprocess_normalise(&p, pixels, t->samples[0]);
    t->shape.kernels->to_bf16(t->samples[0], 3 * 256, t->samples_bf16[0]);
    return 0;
}

static int open_image(struct tower *t, const struct weights *weights)
{
    size_t width = t->shape.width;
    const struct linear_spec patches = {.n = width, .k = 3 * (size_t)t->config.patch * t->config.patch, .after = LINEAR_ADD};
    t->longest = (size_t)t->config.grid * t->config.grid + 1;
    if (!(t->patches = read_edge(t, weights, CLIP_PATCHES, patches))) return -1;
    if (!(t->norm_pre[0] = read_side(t, weights, CLIP_LN_PRE_WEIGHT))) return -1;
    if (!(t->norm_pre[1] = read_side(t, weights, CLIP_LN_PRE_BIAS))) return -1;
    float *class = read_side(t, weights, CLIP_CLASS);
    if (!class) return -1;
    for (size_t c = 0; c < width; c++) t->positions[c] += class[c];
    free(class);
    return make_samples(t);
}

/* Rows [from, from + count) of the table. */
static int read_tokens(const struct tower *t, size_t from, size_t count, float *out)
{
    struct tensor rows = *t->tokens;
    rows.shape[0] = count;
    rows.count = count * rows.shape[1];
    rows.data = str_from_at(rows.data, from * rows.stride[0] * tensor_type_size(rows.type));
    return tensor_to_f32(&rows, out);
}

/* All numbers are finite. Where one is not, reading the whole says which. */
static int check_tokens(const struct tower *t)
{
    enum { AT_ONCE = 16 };
    size_t rows = t->config.vocabulary, width = t->shape.width;
    float *numbers = malloc(AT_ONCE * width * sizeof *numbers);
    bool well = numbers != NULL;
    for (size_t i = 0; well && i < rows; i += AT_ONCE) well = read_tokens(t, i, rows - i < AT_ONCE ? rows - i : AT_ONCE, numbers) == 0;
    if (numbers && !well) {
        free(numbers);
        numbers = malloc(rows * width * sizeof *numbers);
        if (numbers) read_tokens(t, 0, rows, numbers);
    }
    if (!numbers) fail_memory();
    free(numbers);
    return well ? 0 : -1;
}

static int open_text(struct tower *t, const struct weights *weights)
{
    t->longest = t->config.context;
    t->tokens = clip_part_tensor(&t->config, weights, CLIP_TEXT, CLIP_TOKENS);
    return t->tokens ? check_tokens(t) : -1;
}

struct loading {
    struct tower *tower;
    const struct weights *weights;
    _Atomic uint32_t next; /* layer */
    _Atomic bool failed;
    pthread_mutex_t lock;
    enum exit_code code;
    char *why;
};

static void note_failure(struct loading *l) /* the first counts */
{
    pthread_mutex_lock(&l->lock);
    if (!l->failed) l->code = fail_code(), l->why = strdup(fail_message());
    l->failed = true;
    pthread_mutex_unlock(&l->lock);
}

static void *load_layers(void *context)
{
    struct loading *l = context;
    struct tower *t = l->tower;
    uint32_t layers = t->shape_of_config.layers, layer;
    while ((layer = atomic_fetch_add(&l->next, 1)) < layers && !l->failed) {
        const struct block_shape *shape = layer == 0 || layer == layers - 1 ? &t->ends : &t->shape;
        if (block_open(&t->blocks[layer], shape, &t->config, l->weights, t->side, layer, layer == layers - 1) == 0) continue;
        note_failure(l);
    }
    return NULL;
}

static enum matmul_type type_of(enum clip_precision precision)
{
    return precision == CLIP_BF16 ? MATMUL_BF16 : precision >= CLIP_INT8 ? MATMUL_S8 : MATMUL_F32;
}

/* All but the layers. */
static int open_edges(struct tower *t, const struct weights *weights)
{
    const struct linear_spec projection = {.n = t->config.embed, .k = t->shape.width};
    if (!(t->positions = read_side(t, weights, CLIP_POSITIONS))) return -1;
    if (!(t->norm_post[0] = read_side(t, weights, CLIP_LN_POST_WEIGHT))) return -1;
    if (!(t->norm_post[1] = read_side(t, weights, CLIP_LN_POST_BIAS))) return -1;
    if (!(t->projection = read_edge(t, weights, CLIP_PROJECTION, projection))) return -1;
    return t->side == CLIP_IMAGE ? open_image(t, weights) : open_text(t, weights);
}

/* Layers are brought into form by several threads, which begin while this one reads the rest: half of a model's start. */
static int open_parts(struct tower *t, const struct weights *weights, unsigned threads)
{
    enum { THREADS_MOST = 64 };
    pthread_t helpers[THREADS_MOST];
    unsigned count = 0;
    struct loading l = {.tower = t, .weights = weights, .lock = PTHREAD_MUTEX_INITIALIZER};
    t->blocks = calloc(t->shape_of_config.layers, sizeof *t->blocks);
    if (!t->blocks) return fail_memory();
    while (count + 1 < threads && count < THREADS_MOST && pthread_create(&helpers[count], NULL, load_layers, &l) == 0) count++;
    if (open_edges(t, weights) < 0) note_failure(&l);
    load_layers(&l);
    for (unsigned i = 0; i < count; i++) pthread_join(helpers[i], NULL);
    if (l.failed) fail_set(l.code, l.why ? l.why : "out of memory");
    free(l.why);
    return l.failed ? -1 : 0;
}

static int open_small(struct tower *t, const struct clip_config *config, const struct weights *weights, enum clip_side side,
                      enum clip_precision precision, const struct matmul *matmul)
{
    if (side == CLIP_IMAGE) t->small_picture = small_picture_open(config, weights, type_of(precision), matmul);
    else t->small_text = small_text_open(config, weights, type_of(precision), matmul);
    return t->small_picture || t->small_text ? 0 : -1;
}

struct tower *tower_open(const struct clip_config *config, const struct weights *weights, enum clip_side side,
                         enum clip_precision precision, const struct matmul *matmul, unsigned threads)
{
    struct tower *t = calloc(1, sizeof *t);
    if (!t) return fail_memory(), NULL;
    if (config->kind == CLIP_SMALL) {
        if (open_small(t, config, weights, side, precision, matmul) == 0) return t;
        free(t);
        return NULL;
    }
    t->config = *config;
    t->config.notes = (struct buf){.p = NULL};
    t->side = side;
    const struct clip_tower *shape = &t->shape_of_config;
    t->shape_of_config = side == CLIP_IMAGE ? config->image : config->text;
    t->shape = (struct block_shape){.width = shape->width, .mlp = shape->mlp, .heads = shape->heads,
                                    .activation = shape->activation, .eps = (float)shape->eps, .causal = side == CLIP_TEXT,
                                    .type = type_of(precision), .matmul = matmul, .kernels = matmul_kernels(matmul)};
    t->ends = t->shape;
    if (precision == CLIP_INT8_INNER) t->ends.type = MATMUL_BF16;
    t->edge_type = t->shape.type == MATMUL_F32 ? MATMUL_F32 : MATMUL_BF16;
    if (open_parts(t, weights, threads) == 0) return t;
    tower_close(t);
    return NULL;
}

void tower_close(struct tower *t)
{
    if (!t) return;
    small_picture_close(t->small_picture);
    small_text_close(t->small_text);
    for (uint32_t l = 0; t->blocks && l < t->shape_of_config.layers; l++)
        if (t->blocks[l].shape) block_close(&t->blocks[l]);
    free(t->blocks);
    linear_free(t->patches);
    linear_free(t->projection);
    void *const all[] = {t->positions, t->norm_pre[0], t->norm_pre[1], t->norm_post[0], t->norm_post[1], t->samples,
                         t->samples_bf16};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(t);
}

size_t tower_bytes(const struct tower *t)
{
    if (t->small_picture) return small_picture_bytes(t->small_picture);
    if (t->small_text) return small_text_bytes(t->small_text);
    size_t bytes = linear_bytes(t->projection) + t->longest * t->shape.width * sizeof(float);
    if (t->patches) bytes += linear_bytes(t->patches);
    for (uint32_t l = 0; l < t->shape_of_config.layers; l++) bytes += block_bytes(&t->blocks[l]);
    return bytes;
}

/* ---- one thread's memory */

static size_t group_rows(const struct tower *t) /* of the largest group */
{
    size_t most = t->side == CLIP_TEXT ? TEXT_GROUP_ROWS : GROUP_ROWS, rows = t->longest > most ? t->longest : most;
    if (t->side == CLIP_TEXT) rows = (rows + TEXT_ROWS - 1) / TEXT_ROWS * TEXT_ROWS;
    return matmul_rows(t->shape.matmul, rows);
}

struct tower_work *tower_work_new(const struct tower *t)
{
    struct tower_work *w = calloc(1, sizeof *w);
    if (!w) return fail_memory(), NULL;
    if (t->small_picture || t->small_text) {
        if (t->small_picture) w->small_picture = small_picture_work_new(t->small_picture);
        else w->small_text = small_text_work_new(t->small_text);
        if (w->small_picture || w->small_text) return w;
        free(w);
        return NULL;
    }
    size_t rows = group_rows(t), pooled = matmul_rows(t->shape.matmul, POOLED_ROWS), width = t->shape.width;
    w->tower = t;
    int result = block_room_open(&w->room, &t->shape, rows, t->longest);
    if (result == 0 && t->side == CLIP_IMAGE) {
        size_t patch = 3 * (size_t)t->config.patch * t->config.patch;
        w->patches = matmul_memory(rows * patch * matmul_type_size(t->edge_type));
        result = w->patches ? 0 : -1;
    }
    if (result == 0) {
        w->pooled_x = matmul_memory(pooled * width * sizeof *w->pooled_x);
        w->pooled_a = matmul_memory(pooled * width * sizeof *w->pooled_a);
        w->finished = matmul_memory(pooled * width * sizeof *w->finished);
        w->projected = matmul_memory(pooled * t->config.embed * sizeof *w->projected);
        w->projecting = matmul_memory(pooled * width * matmul_type_size(t->edge_type));
        w->sequences = malloc(rows * sizeof *w->sequences);
        if (!w->pooled_x || !w->pooled_a || !w->finished || !w->projected || !w->projecting) result = -1;
        else if (!w->sequences) result = fail_memory();
    }
    if (result == 0) return w;
    tower_work_free(w);
    return NULL;
}

void tower_work_free(struct tower_work *w)
{
    if (!w) return;
    if (w->small_picture) small_picture_work_free(w->small_picture);
    if (w->small_text) small_text_work_free(w->small_text);
    block_room_close(&w->room);
    void *const all[] = {w->patches, w->pooled_x, w->pooled_a, w->finished, w->projected, w->projecting, w->sequences};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(w);
}

/* ---- running */

/* Those pooled rows that wait: rest of the last block, last norm, projection; results to the caller. */
static int finish_waiting(struct tower_work *w)
{
    const struct tower *t = w->tower;
    const struct block_shape *s = &t->shape;
    size_t count = w->waiting, width = s->width, embed = t->config.embed, rows = matmul_rows(s->matmul, count);
    if (!count) return 0;
    memset(w->pooled_x + count * width, 0, (rows - count) * width * sizeof *w->pooled_x);
    memset(w->pooled_a + count * width, 0, (rows - count) * width * sizeof *w->pooled_a);
    memcpy(w->room.x, w->pooled_x, rows * width * sizeof *w->room.x);
    if (block_finish(&t->blocks[t->shape_of_config.layers - 1], &w->room, rows, w->pooled_a) < 0) return -1;
    s->kernels->norm(w->room.x, t->norm_post[0], t->norm_post[1], s->eps, rows, width, MATMUL_F32, w->finished);
    if (w->pooled) memcpy(w->pooled + w->done * width, w->finished, count * width * sizeof *w->pooled);
    if (w->embedding) {
        const void *x = w->finished;
        if (t->edge_type == MATMUL_BF16) s->kernels->to_bf16(w->finished, rows * width, w->projecting), x = w->projecting;
        if (linear_run(t->projection, &w->room.products, rows, x, NULL, w->projected, NULL) < 0) return -1;
        memcpy(w->embedding + w->done * embed, w->projected, count * embed * sizeof *w->embedding);
    }
    w->done += count;
    w->waiting = 0;
    return 0;
}

/* A group whose embedded positions stand in w->room.x [rows, width]; `used` of the rows are positions. */
static int run_group(struct tower_work *w, size_t used, size_t rows, size_t count)
{
    const struct tower *t = w->tower;
    uint32_t last = t->shape_of_config.layers - 1;
    size_t width = t->shape.width;
    memset(w->room.x + used * width, 0, (rows - used) * width * sizeof *w->room.x);
    for (uint32_t l = 0; l < last; l++)
        if (block_run(&t->blocks[l], &w->room, rows, w->sequences, count) < 0) return -1;
    float *to_x = w->pooled_x + w->waiting * width, *to_a = w->pooled_a + w->waiting * width;
    w->waiting += count;
    return block_run_pooled(&t->blocks[last], &w->room, rows, w->sequences, count, to_x, to_a);
}

static void begin(struct tower_work *w, float *pooled, float *embedding)
{
    w->waiting = w->done = 0;
    w->pooled = pooled;
    w->embedding = embedding;
}

/* Room among those that wait for `count` more; it uses the group's memory, so before a group is put there. */
static int make_place(struct tower_work *w, size_t count)
{
    return w->waiting + count > POOLED_ROWS ? finish_waiting(w) : 0;
}

/* ---- pictures */

/* patches[1 + grid², 3 patch²] of one picture: nothing for the class row, then channel, row, column of each patch. */
static void unfold(const struct tower *t, const uint8_t *pixels, char *patches)
{
    size_t P = t->config.patch, S = t->config.image_size, G = t->config.grid, n = 3 * P * P;
    bool wide = t->edge_type == MATMUL_F32;
    memset(patches, 0, n * matmul_type_size(t->edge_type));
    for (size_t row = 0; row < G * P; row++)
        for (size_t patch = 0; patch < G; patch++)
            for (size_t channel = 0; channel < 3; channel++) {
                size_t at = ((row / P * G + patch + 1) * 3 + channel) * P * P + row % P * P;
                const uint8_t *from = pixels + (row * S + patch * P) * 3 + channel;
                float *floats = (float *)(void *)patches + at;
                uint16_t *halves = (uint16_t *)(void *)patches + at;
                for (size_t i = 0; wide && i < P; i++) floats[i] = t->samples[channel][from[3 * i]];
                for (size_t i = 0; !wide && i < P; i++) halves[i] = t->samples_bf16[channel][from[3 * i]];
            }
}

/* room.x[rows, width] = normed (patches · weights + positions) of `count` pictures. */
static int embed_pictures(struct tower_work *w, const uint8_t *pixels, size_t count, size_t rows)
{
    const struct tower *t = w->tower;
    size_t width = t->shape.width, n = 3 * (size_t)t->config.patch * t->config.patch, T = t->longest;
    size_t bytes = n * matmul_type_size(t->edge_type), picture = clip_pixels_bytes(t->config.image_size);
    for (size_t i = 0; i < count; i++) {
        unfold(t, pixels + i * picture, (char *)w->patches + i * T * bytes);
        memcpy(w->room.x + i * T * width, t->positions, T * width * sizeof *w->room.x);
        w->sequences[i] = (struct block_sequence){.first = i * T, .count = T, .pooled = i * T};
    }
    memset((char *)w->patches + count * T * bytes, 0, (rows - count * T) * bytes);
    memset(w->room.x + count * T * width, 0, (rows - count * T) * width * sizeof *w->room.x);
    if (linear_run(t->patches, &w->room.products, rows, w->patches, NULL, w->room.x, NULL) < 0) return -1;
    t->shape.kernels->norm(w->room.x, t->norm_pre[0], t->norm_pre[1], t->shape.eps, count * T, width, MATMUL_F32, w->room.x);
    return 0;
}

int tower_images(const struct tower *t, struct tower_work *w, const uint8_t *pixels, size_t n, float *pooled, float *embedding)
{
    if (t->small_picture) return small_pictures(t->small_picture, w->small_picture, pixels, n, pooled, embedding);
    size_t most = GROUP_ROWS / t->longest ? GROUP_ROWS / t->longest : 1, picture = clip_pixels_bytes(t->config.image_size);
    if (most > POOLED_ROWS) most = POOLED_ROWS;
    begin(w, pooled, embedding);
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < most ? n - i : most;
        size_t used = count * t->longest, rows = matmul_rows(t->shape.matmul, used);
        if (make_place(w, count) < 0 || embed_pictures(w, pixels + i * picture, count, rows) < 0) return -1;
        if (run_group(w, used, rows, count) < 0) return -1;
    }
    return finish_waiting(w);
}

/* ---- texts */

/* The text's row is the end token's, and no position sees a later one: the rest needs no row. */
static size_t text_rows(const struct tower *t, const struct tower_text *text)
{
    return clip_end_position(&t->config, text->ids, text->n) + 1;
}

static int embed_text(struct tower_work *w, const struct tower_text *text, size_t first, size_t rows)
{
    const struct tower *t = w->tower;
    size_t width = t->shape.width;
    for (size_t i = 0; i < rows; i++) {
        const float *position = t->positions + i * width;
        float *x = w->room.x + (first + i) * width;
        if (read_tokens(t, text->ids[i], 1, x) < 0) return -1;
        for (size_t c = 0; c < width; c++) x[c] += position[c];
    }
    return 0;
}

int tower_texts(const struct tower *t, struct tower_work *w, const struct tower_text *texts, size_t n, float *pooled,
                float *embedding)
{
    if (t->small_text) return small_texts(t->small_text, w->small_text, texts, n, pooled, embedding);
    begin(w, pooled, embedding);
    for (size_t i = 0, count; i < n; i += count) {
        if (make_place(w, POOLED_ROWS) < 0) return -1;
        size_t used = 0;
        for (count = 0; i + count < n && count < POOLED_ROWS; count++) {
            size_t rows = text_rows(t, &texts[i + count]);
            if (count && used + rows > TEXT_GROUP_ROWS) break;
            if (embed_text(w, &texts[i + count], used, rows) < 0) return -1;
            w->sequences[count] = (struct block_sequence){.first = used, .count = rows, .pooled = used + rows - 1};
            used += rows;
        }
        if (run_group(w, used, matmul_rows(t->shape.matmul, (used + TEXT_ROWS - 1) / TEXT_ROWS * TEXT_ROWS), count) < 0) return -1;
    }
    return finish_waiting(w);
}
