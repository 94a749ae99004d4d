#include "filters/score.h"
#include "pipeline/base/fail.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- an item's memory */

struct score_item *score_item_new(void)
{
    enum { NUMBER_MOST = 64 };
    struct score_item *item = calloc(1, sizeof *item);
    if (!item) return fail_memory(), NULL;
    buf_init(&item->number, NUMBER_MOST);
    buf_init(&item->texts.normal, (size_t)4 * CELL_BYTES_MAX);
    return item;
}

static void forget(struct score_item *item)
{
    void *const all[] = {item->pictures, item->embeddings, item->pooled, item->todo, item->values, item->label};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    *item = (struct score_item){.room = 0, .number = item->number, .texts = item->texts};
}

void score_item_free(struct score_item *item)
{
    forget(item);
    score_texts_free(&item->texts);
    buf_free(&item->number);
    free(item);
}

static int make_room(struct score_item *item, const struct score *s, size_t rows)
{
    if (rows <= item->room) return 0;
    forget(item);
    size_t embed = clip_embed(s->clip), width = score_width(s);
    item->pictures = malloc(rows * sizeof *item->pictures);
    item->embeddings = malloc(rows * embed * sizeof *item->embeddings);
    item->pooled = malloc((rows * width + 1) * sizeof *item->pooled);
    item->todo = malloc(rows * sizeof *item->todo);
    item->values = malloc((rows * s->values + 1) * sizeof *item->values);
    item->label = malloc((rows * s->labels + 1) * sizeof *item->label);
    if (!item->pictures || !item->embeddings || !item->pooled || !item->todo || !item->values || !item->label) {
        forget(item);
        return fail_memory();
    }
    item->room = rows;
    return 0;
}

const char *score_status(const struct score_item *item, size_t row) { return item->pictures[item->pictures[row].first].status; }

const float *score_embedding(const struct score *s, const struct score_item *item, size_t row)
{
    size_t first = item->pictures[row].first;
    if (item->pictures[first].cached) return item->pictures[first].cached;
    return item->pictures[first].computed ? item->embeddings + first * clip_embed(s->clip) : NULL;
}

const float *score_text(const struct score *s, const struct score_item *item, size_t row)
{
    const struct score_text *text = s->similarity ? score_texts_of(s, item, row) : NULL;
    return text ? item->texts.embeddings + text->first * clip_embed(s->clip) : NULL;
}

/* ---- lanes */

static int open_lane(const struct stage_run *run, const struct score *s, struct score_lane *lane)
{
    buf_init(&lane->bytes, PICTURE_BYTES_MAX);
    lane->work = clip_work_new(s->clip);
    lane->pictures = lane->work ? pictures_open(run->packs ? run->packs : "packs", &run->in) : NULL;
    if (!lane->pictures) return -1;
    lane->pixels = malloc(SCORE_CHUNK * clip_pixels_size(s->clip));
    lane->embeddings = malloc((size_t)SCORE_CHUNK * clip_embed(s->clip) * sizeof *lane->embeddings);
    lane->pooled = malloc((size_t)SCORE_CHUNK * clip_image_width(s->clip) * sizeof *lane->pooled);
    return lane->pixels && lane->embeddings && lane->pooled ? score_extras_open_lane(s, lane) : fail_memory();
}

void score_lanes_close(struct score *s)
{
    for (struct score_lane *lane = s->free_lanes; lane; lane = lane->next) {
        clip_work_free(lane->work);
        pictures_close(lane->pictures);
        buf_free(&lane->bytes);
        image_free(&lane->image);
        score_extras_close_lane(lane);
        free(lane->pixels);
        free(lane->embeddings);
        free(lane->pooled);
    }
    free(s->lanes);
    s->lanes = s->free_lanes = NULL;
}

/* Towers, class vectors and lanes are made when the first rows come: work that proves to be done already needs none. */
static int load(const struct stage_run *run, struct score *s)
{
    unsigned towers = CLIP_LOAD_IMAGES | (s->similarity || s->list_count ? CLIP_LOAD_TEXTS : 0);
    if (clip_load(s->clip, towers) < 0) return -1;
    s->lanes = calloc(run->threads, sizeof *s->lanes);
    if (!s->lanes) return fail_memory();
    for (unsigned i = 0; i < run->threads; i++) {
        s->lanes[i].next = s->free_lanes;
        s->free_lanes = &s->lanes[i];
        if (open_lane(run, s, &s->lanes[i]) < 0) return -1;
    }
    for (size_t i = 0; i < s->list_count; i++)
        if (zeroshot_embed(s->lists[i].list, s->clip, s->lanes[0].work) < 0) return -1;
    return 0;
}

static int load_once(const struct stage_run *run, struct score *s)
{
    pthread_mutex_lock(&s->lock);
    int result = s->loaded ? 0 : load(run, s);
    if (result == 0) s->loaded = true;
    pthread_mutex_unlock(&s->lock);
    return result;
}

static struct score_lane *take_lane(struct score *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->free_lanes) pthread_cond_wait(&s->freed, &s->lock);
    struct score_lane *lane = s->free_lanes;
    s->free_lanes = lane->next;
    pthread_mutex_unlock(&s->lock);
    return lane;
}

static void give_lane(struct score *s, struct score_lane *lane)
{
    pthread_mutex_lock(&s->lock);
    lane->next = s->free_lanes;
    s->free_lanes = lane;
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
}

/* Room for decoding; a picture that needs more than all of it is decoded while no other is. */
static void reserve(struct score *s, uint64_t bytes, uint64_t most)
{
    pthread_mutex_lock(&s->lock);
    while (s->reserved && s->reserved + bytes > most) pthread_cond_wait(&s->freed, &s->lock);
    s->reserved += bytes;
    pthread_mutex_unlock(&s->lock);
}

static void release(struct score *s, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    s->reserved -= bytes;
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- chunks */

struct chunks {
    const struct stage_run *run;
    const struct stage_item *rows;
    struct score *s;
    struct score_item *item;
    size_t count; /* things to do */
    int (*run_chunk)(const struct chunks *c, struct score_lane *lane, size_t begin, size_t end);
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock;
    enum exit_code code;
    char *why;
};

static void remember_failure(struct chunks *c)
{
    pthread_mutex_lock(&c->lock);
    if (!c->failed) c->code = fail_code(), c->why = strdup(fail_message());
    c->failed = true;
    pthread_mutex_unlock(&c->lock);
}

static void *run_chunks(void *context)
{
    struct chunks *c = context;
    size_t begin;
    while (!c->failed && (begin = atomic_fetch_add(&c->next, SCORE_CHUNK)) < c->count) {
        size_t end = begin + SCORE_CHUNK < c->count ? begin + SCORE_CHUNK : c->count;
        struct score_lane *lane = take_lane(c->s);
        if (c->run_chunk(c, lane, begin, end) < 0) remember_failure(c);
        give_lane(c->s, lane);
    }
    return NULL;
}

/* Runs [0, count) in chunks, with as many helpers as there are lanes and chunks. */
static int each_chunk(struct chunks *c, size_t count,
                      int (*run_chunk)(const struct chunks *c, struct score_lane *lane, size_t begin, size_t end))
{
    enum { HELPERS_MOST = 255 };
    pthread_t helpers[HELPERS_MOST];
    size_t wanted = count / SCORE_CHUNK < c->run->threads - 1 ? count / SCORE_CHUNK : c->run->threads - 1, started = 0;
    c->count = count;
    c->run_chunk = run_chunk;
    c->next = 0;
    while (started < wanted && started < HELPERS_MOST && pthread_create(&helpers[started], NULL, run_chunks, c) == 0) started++;
    run_chunks(c);
    for (size_t i = 0; i < started; i++) pthread_join(helpers[i], NULL);
    if (c->failed) fail_set(c->code, c->why ? c->why : "out of memory");
    return c->failed ? -1 : 0;
}

/* ---- equal pictures and texts once */

/* first[i] = the first j <= i with the same key; items whose key is absent are their own. */
int score_first(size_t n, struct str (*key)(const void *context, size_t i), const void *context, size_t *first)
{
    size_t room = 16;
    while (room < 2 * n) room *= 2;
    size_t *table = calloc(room, sizeof *table); /* index + 1 */
    if (!table) return fail_memory();
    for (size_t i = 0; i < n; i++) {
        struct str k = key(context, i);
        first[i] = i;
        if (!k.p) continue;
        size_t at = hash_xxh3_128(k, 0).low & (room - 1);
        while (table[at] && !str_eq(key(context, table[at] - 1), k)) at = (at + 1) & (room - 1);
        if (!table[at]) table[at] = i + 1;
        first[i] = table[at] - 1;
    }
    free(table);
    return 0;
}

static bool is_ok(const struct score_picture *p) { return strcmp(p->status, "ok") == 0; }

static struct str picture_key(const void *context, size_t i)
{
    const struct score_item *item = context;
    const struct score_picture *p = &item->pictures[i];
    return is_ok(p) ? str_of((const char *)p->name, CACHE_NAME) : STR_ABSENT;
}

/* ---- pictures */

/* 1: its bytes are in lane->bytes; 0: it has none; -1: no memory. */
static int read_picture(struct score_lane *lane, const struct row *row)
{
    buf_clear(&lane->bytes);
    if (pictures_read(lane->pictures, row, &lane->bytes) == 0) return 1;
    return fail_is_memory() ? -1 : 0;
}

static void note_unread(struct score *s, const struct pictures *pictures)
{
    if (!pictures_pack(pictures).n) return; /* none was fetched */
    pthread_mutex_lock(&s->lock);
    if (!s->unread && asprintf(&s->unread, "%.*s: offset %llu: %s", STR_ARG(pictures_pack(pictures)),
                               (unsigned long long)pictures_offset(pictures), fail_message()) < 0)
        s->unread = NULL;
    pthread_mutex_unlock(&s->lock);
}

static int name_pictures(const struct chunks *c, struct score_lane *lane, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        struct score_picture *p = &c->item->pictures[i];
        int got = read_picture(lane, &c->rows->in.rows[i]);
        if (got < 0) return -1;
        *p = (struct score_picture){.status = got ? "ok" : "no_picture"};
        if (!got) note_unread(c->s, lane->pictures);
        if (got) cache_name(p->name, buf_str(&lane->bytes));
    }
    return 0;
}

/* The pixels of lane->image as all that look at it want them. 0; 1: one of them cannot; -1. */
static int look(const struct score *s, struct score_lane *lane, size_t place)
{
    if (clip_pixels(s->clip, lane->work, &lane->image, lane->pixels + place * clip_pixels_size(s->clip)) < 0) return fail_is_memory() ? -1 : 1;
    return score_extras_decoded(s, lane, place);
}

/* A row's picture as the chunk's `place`. 1; 0: p->status says why not; -1. */
static int decode_picture(const struct chunks *c, struct score_lane *lane, size_t row, size_t place)
{
    struct score_picture *p = &c->item->pictures[row];
    struct image_info info;
    int got = read_picture(lane, &c->rows->in.rows[row]);
    if (got <= 0) return p->status = "no_picture", got;
    enum image_status status = image_probe(buf_str(&lane->bytes), &image_limits_default, &info);
    if (status != IMAGE_OK) return p->status = image_status_name(status), 0;
    reserve(c->s, info.memory, c->run->common->memory);
    int result = image_decode(buf_str(&lane->bytes), &image_limits_default, IMAGE_OVER_WHITE, &lane->image, &status);
    if (result == 0 && status == IMAGE_OK && (result = look(c->s, lane, place)) > 0) {
        result = 0;
        status = IMAGE_TOO_LARGE; /* a side would become 0 */
    }
    image_free(&lane->image);
    release(c->s, info.memory);
    if (result == 0 && status != IMAGE_OK) p->status = image_status_name(status);
    return result < 0 ? -1 : status == IMAGE_OK;
}

static int compute_pictures(const struct chunks *c, struct score_lane *lane, size_t begin, size_t end)
{
    const struct score *s = c->s;
    size_t rows[SCORE_CHUNK], n = 0, embed = clip_embed(s->clip), width = clip_image_width(s->clip), extras = s->extras.count;
    for (size_t i = begin; i < end; i++) {
        size_t row = c->item->todo[i];
        int got = decode_picture(c, lane, row, n);
        if (got < 0) return -1;
        if (got) rows[n++] = row;
    }
    const struct clip_outputs out = {.embedding = lane->embeddings, .pooled = s->keeps_pooled ? lane->pooled : NULL};
    if (clip_images(s->clip, lane->work, lane->pixels, n, &out) < 0 || score_extras_run(s, lane, n) < 0) return -1;
    for (size_t i = 0; i < n; i++) {
        memcpy(c->item->embeddings + rows[i] * embed, lane->embeddings + i * embed, embed * sizeof(float));
        float *kept = c->item->pooled + rows[i] * score_width(s);
        if (s->keeps_pooled) memcpy(kept, lane->pooled + i * width, width * sizeof(float));
        if (extras) memcpy(kept + width, lane->extras + i * extras, extras * sizeof(float));
        c->item->pictures[rows[i]].computed = true;
    }
    return 0;
}

static int work_pictures(struct chunks *c, const struct stage_item *rows)
{
    struct score_item *item = c->item;
    size_t n = rows->in.count, todo = 0;
    if (each_chunk(c, n, name_pictures) < 0) return -1;
    if (score_first(n, picture_key, item, item->todo) < 0) return -1;
    for (size_t i = 0; i < n; i++) item->pictures[i].first = item->todo[i];
    for (size_t i = 0; i < n; i++) {
        struct score_picture *p = &item->pictures[i];
        if (p->first != i || !is_ok(p)) continue;
        if (c->s->cache) p->cached = cache_find(c->s->cache, p->name);
        if (p->cached) item->cached++;
        else item->todo[todo++] = i;
    }
    item->decoded = todo;
    return each_chunk(c, todo, compute_pictures);
}

/* ---- texts */

static int compute_texts(const struct chunks *c, struct score_lane *lane, size_t begin, size_t end)
{
    const struct score_texts *t = &c->item->texts;
    struct str texts[SCORE_CHUNK];
    size_t n = end - begin, embed = clip_embed(c->s->clip);
    for (size_t i = 0; i < n; i++) texts[i] = t->list[t->todo[begin + i]].text;
    if (clip_texts(c->s->clip, lane->work, texts, n, &(struct clip_outputs){.embedding = lane->embeddings}) < 0) return -1;
    for (size_t i = 0; i < n; i++)
        memcpy(t->embeddings + t->todo[begin + i] * embed, lane->embeddings + i * embed, embed * sizeof(float));
    return 0;
}

static int work_texts(struct chunks *c, struct stage_item *rows)
{
    size_t todo;
    if (score_texts_gather(c->run, rows) < 0 || score_texts_find_first(&c->item->texts, &todo) < 0) return -1;
    return each_chunk(c, todo, compute_texts);
}

/* ---- scores */

static double head_value(const struct score_head *h, const float *embedding)
{
    double out[4096];
    size_t best = 0;
    head_apply(h->head, embedding, out);
    if (!head_is_prototypes(h->head)) return out[0];
    for (size_t i = 1; i < head_outputs(h->head); i++)
        if (out[i] > out[best]) best = i;
    return (double)best;
}

/* Of a row that has an embedding; the cache keeps it behind that. */
static const float *pooled_of(const struct score *s, const struct score_item *item, size_t row)
{
    size_t first = item->pictures[row].first;
    const float *cached = item->pictures[first].cached;
    return cached ? cached + clip_embed(s->clip) : item->pooled + first * score_width(s);
}

const float *score_extras(const struct score *s, const struct score_item *item, size_t row)
{
    return pooled_of(s, item, row) + clip_image_width(s->clip);
}

static int judge_rows(const struct chunks *c, struct score_lane *lane, size_t begin, size_t end)
{
    const struct score *s = c->s;
    (void)lane;
    for (size_t row = begin; row < end; row++) {
        const float *picture = score_embedding(s, c->item, row);
        double *values = c->item->values + row * s->values;
        struct str *labels = c->item->label + row * s->labels;
        if (s->similarity) score_texts_rank(s, c->item, row, picture);
        if (!picture) continue;
        const struct score_text *text = s->similarity ? score_texts_of(s, c->item, row) : NULL;
        if (text) values[0] = text->cosine;
        for (size_t i = 0; i < s->head_count; i++) values[s->heads[i].value] = head_value(&s->heads[i], picture);
        if (clip_picture_classes(s->clip)) clip_classify(s->clip, pooled_of(s, c->item, row), values + s->class_value);
        for (size_t i = 0; i < s->list_count; i++) {
            const struct score_list *l = &s->lists[i];
            struct zeroshot_best best[ZEROSHOT_TAKE_MOST];
            zeroshot_apply(l->list, picture, best);
            if (zeroshot_answers(l->list)) {
                labels[l->label] = zeroshot_label(l->list, best);
                continue;
            }
            for (size_t k = 0; k < zeroshot_take(l->list); k++) {
                labels[l->label + k] = zeroshot_class(l->list, best[k].class);
                values[l->value + k] = best[k].probability;
            }
        }
    }
    return 0;
}

static int count_unscored(struct stage_item *rows, const struct score_item *item)
{
    for (size_t i = 0; i < rows->in.count; i++) {
        char name[64];
        const char *status = score_status(item, i);
        if (strcmp(status, "ok") == 0) continue;
        snprintf(name, sizeof name, "unscored.%s", status);
        if (stage_count(rows, name, 1) < 0) return -1;
    }
    return 0;
}

int score_work(struct stage_run *run, struct stage_item *rows)
{
    struct score *s = run->state;
    struct score_item *item = rows->user;
    struct chunks c = {.run = run, .rows = rows, .s = s, .item = item, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (load_once(run, s) < 0 || make_room(item, s, rows->in.count) < 0) return -1;
    item->cached = item->decoded = 0;
    int result = work_pictures(&c, rows);
    if (result == 0 && s->similarity) result = work_texts(&c, rows);
    if (result == 0) result = each_chunk(&c, rows->in.count, judge_rows);
    if (result == 0) result = count_unscored(rows, item);
    free(c.why);
    return result;
}
