#include "filters/model_eval.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "filters/eval_measures.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

enum {
    CHUNK = 32, /* pairs that a thread takes at a time */
    THREADS_MOST = 256,
    CURVE_POINTS = 401, /* similarities from -1 to 1 in steps of 0.005 */
};
static const uint64_t stored_most = 2ULL << 30; /* bytes of pictures and captions that are kept at a time */

/* ---- which pairs */

struct drawing {
    uint64_t seen;    /* pairs so far, in the order of reading */
    uint64_t *drawn;  /* hashes of their numbers */
    size_t room;
    uint64_t most;    /* the largest hash that is taken */
};

static uint64_t hash_of_number(uint64_t number) { return hash_xxh3_128(str_of((const char *)&number, sizeof number), 0).low; }

static int note_pair(void *context, const struct eval_pair *pair)
{
    struct drawing *d = context;
    (void)pair;
    if (d->seen == d->room) {
        size_t room = d->room ? 2 * d->room : 4096;
        uint64_t *more = realloc(d->drawn, room * sizeof *more);
        if (!more) return fail_memory();
        d->drawn = more;
        d->room = room;
    }
    d->drawn[d->seen] = hash_of_number(d->seen);
    d->seen++;
    return 0;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int draw(const struct eval_options *o, const char *const *paths, size_t count, struct drawing *d)
{
    for (size_t i = 0; i < count; i++)
        if (eval_pairs_read(paths[i], &o->source, false, note_pair, d) < 0) return -1;
    d->most = UINT64_MAX;
    if (d->seen <= o->limit) return 0;
    qsort(d->drawn, d->seen, sizeof *d->drawn, compare_hashes);
    d->most = d->drawn[o->limit - 1];
    return 0;
}

/* ---- the pairs */

struct pair {
    size_t picture, picture_n, text, text_n; /* places in `bytes` */
    uint32_t group;
    bool good; /* its picture could be read */
};

struct evaluation {
    const struct clip *clip;
    const struct drawing *drawing;
    uint64_t number;   /* of the pair being read */
    struct buf bytes, groups; /* groups: each value and a NUL */
    struct pair *pairs;
    size_t count, room;
    size_t *group_at;  /* places in `groups` */
    uint32_t group_count;
    float *pictures, *texts; /* [count, embed] */
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock;
    char *why;
};

static int find_group(struct evaluation *e, struct str name, uint32_t *group)
{
    for (*group = 0; *group < e->group_count; ++*group)
        if (str_eq(str_from(e->groups.p + e->group_at[*group]), name)) return 0;
    size_t *more = realloc(e->group_at, (e->group_count + 1) * sizeof *more);
    if (!more) return fail_memory();
    e->group_at = more;
    e->group_at[e->group_count++] = e->groups.n;
    return buf_printf(&e->groups, "%.*s", STR_ARG(name)) < 0 ? -1 : buf_byte(&e->groups, 0);
}

static int keep_pair(void *context, const struct eval_pair *pair)
{
    struct evaluation *e = context;
    if (hash_of_number(e->number++) > e->drawing->most || !pair->picture.n) return 0;
    if (e->count == e->room) {
        size_t room = e->room ? 2 * e->room : 1024;
        struct pair *more = realloc(e->pairs, room * sizeof *more);
        if (!more) return fail_memory();
        e->pairs = more;
        e->room = room;
    }
    struct pair *p = &e->pairs[e->count];
    *p = (struct pair){.picture = e->bytes.n, .picture_n = pair->picture.n, .text = e->bytes.n + pair->picture.n, .text_n = pair->text.n};
    if (find_group(e, pair->group, &p->group) < 0) return -1;
    if (buf_add(&e->bytes, pair->picture) < 0 || buf_add(&e->bytes, pair->text) < 0) {
        fail_prefix("pictures and captions together (--limit takes fewer pairs): ");
        return -1;
    }
    e->count++;
    return 0;
}

/* ---- embedding */

struct worker {
    struct clip_work *work;
    struct image image;
    uint8_t *pixels;        /* CHUNK pictures */
    float *embeddings;      /* [CHUNK, embed] */
};

/* 1; 0: the picture cannot be used; -1. */
static int decode(const struct evaluation *e, struct worker *w, const struct pair *p, uint8_t *pixels)
{
    enum image_status status;
    struct str bytes = str_of(e->bytes.p + p->picture, p->picture_n);
    int result = image_decode(bytes, &image_limits_default, IMAGE_OVER_WHITE, &w->image, &status);
    if (result == 0 && status == IMAGE_OK && clip_pixels(e->clip, w->work, &w->image, pixels) < 0) {
        if (fail_is_memory()) result = -1;
        status = IMAGE_TOO_LARGE;
    }
    image_free(&w->image);
    return result < 0 ? -1 : status == IMAGE_OK;
}

static int embed_chunk(struct evaluation *e, struct worker *w, size_t begin, size_t end)
{
    size_t good[CHUNK], n = 0, embed = clip_embed(e->clip);
    struct str texts[CHUNK];
    for (size_t i = begin; i < end; i++) {
        const struct pair *p = &e->pairs[i];
        texts[i - begin] = str_of(e->bytes.p + p->text, p->text_n);
        int got = decode(e, w, p, w->pixels + n * clip_pixels_size(e->clip));
        if (got < 0) return -1;
        if (got) good[n++] = i;
    }
    if (clip_images(e->clip, w->work, w->pixels, n, &(struct clip_outputs){.embedding = w->embeddings}) < 0) return -1;
    for (size_t k = 0; k < n; k++) {
        memcpy(e->pictures + good[k] * embed, w->embeddings + k * embed, embed * sizeof *e->pictures);
        e->pairs[good[k]].good = true;
    }
    return clip_texts(e->clip, w->work, texts, end - begin, &(struct clip_outputs){.embedding = e->texts + begin * embed});
}

static void *run_worker(void *context)
{
    struct evaluation *e = context;
    struct worker w = {.work = clip_work_new(e->clip)};
    w.pixels = malloc(CHUNK * clip_pixels_size(e->clip));
    w.embeddings = malloc((size_t)CHUNK * clip_embed(e->clip) * sizeof *w.embeddings);
    int result = !w.work ? -1 : w.pixels && w.embeddings ? 0 : fail_memory();
    size_t begin;
    while (result == 0 && !e->failed && (begin = atomic_fetch_add(&e->next, CHUNK)) < e->count)
        result = embed_chunk(e, &w, begin, begin + CHUNK < e->count ? begin + CHUNK : e->count);
    if (result < 0) {
        pthread_mutex_lock(&e->lock);
        if (!e->failed) e->why = strdup(fail_message());
        e->failed = true;
        pthread_mutex_unlock(&e->lock);
    }
    clip_work_free(w.work);
    free(w.pixels);
    free(w.embeddings);
    return NULL;
}

static int embed_pairs(struct evaluation *e, unsigned threads)
{
    pthread_t helpers[THREADS_MOST];
    unsigned started = 0;
    size_t numbers = (e->count + 1) * clip_embed(e->clip);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!threads) threads = cores > 0 ? (unsigned)cores : 1;
    e->pictures = malloc(numbers * sizeof *e->pictures);
    e->texts = malloc(numbers * sizeof *e->texts);
    if (!e->pictures || !e->texts) return fail_memory();
    while (started + 1 < threads && started < THREADS_MOST && pthread_create(&helpers[started], NULL, run_worker, e) == 0) started++;
    run_worker(e);
    for (unsigned i = 0; i < started; i++) pthread_join(helpers[i], NULL);
    return e->failed ? fail("%s", e->why ? e->why : "out of memory") : 0;
}

/* Pairs whose picture could not be read are taken out; how many there were. */
static size_t leave_out(struct evaluation *e)
{
    size_t n = 0, embed = clip_embed(e->clip), all = e->count;
    for (size_t i = 0; i < all; i++) {
        if (!e->pairs[i].good) continue;
        e->pairs[n] = e->pairs[i];
        memmove(e->pictures + n * embed, e->pictures + i * embed, embed * sizeof *e->pictures);
        memmove(e->texts + n * embed, e->texts + i * embed, embed * sizeof *e->texts);
        n++;
    }
    e->count = n;
    return all - n;
}

/* ---- measuring */

static struct str text_of(const struct evaluation *e, size_t i) { return str_of(e->bytes.p + e->pairs[i].text, e->pairs[i].text_n); }

/* same[i]: the first pair with the same caption. */
static int find_equal_texts(const struct evaluation *e, uint32_t *same)
{
    size_t room = 16;
    while (room < 2 * e->count) room *= 2;
    uint32_t *table = calloc(room, sizeof *table); /* pair + 1 */
    if (!table) return fail_memory();
    for (size_t i = 0; i < e->count; i++) {
        size_t at = hash_xxh3_128(text_of(e, i), 0).low & (room - 1);
        while (table[at] && !str_eq(text_of(e, table[at] - 1), text_of(e, i))) at = (at + 1) & (room - 1);
        if (!table[at]) table[at] = (uint32_t)i + 1;
        same[i] = table[at] - 1;
    }
    free(table);
    return 0;
}

static int print_number(struct buf *out, double x) { return isnan(x) ? buf_byte(out, '\t') : buf_printf(out, "\t%.4f", x); }

static int print_result(struct buf *out, struct str name, const struct eval_result *r)
{
    if (buf_printf(out, "%.*s\t%zu", STR_ARG(name), r->pairs) < 0 || print_number(out, r->auc) < 0 || print_number(out, r->auc_within) < 0)
        return -1;
    for (size_t k = 0; k < EVAL_RANKS; k++)
        if (print_number(out, r->recall[k]) < 0) return -1;
    return buf_byte(out, '\n');
}

static int print_results(const struct evaluation *e, const struct eval_options *o, const struct eval_result *results)
{
    struct buf out;
    buf_init(&out, 64 << 20);
    int result = buf_add(&out, STR("set\tpairs\tauc\tauc_within\tr_at_1\tr_at_10\n"));
    if (result == 0) result = print_result(&out, STR("all"), &results[0]);
    for (uint32_t g = 0; o->source.by && g < e->group_count && result == 0; g++)
        if (results[1 + g].pairs > 1) result = print_result(&out, str_from(e->groups.p + e->group_at[g]), &results[1 + g]);
    if (result == 0) fwrite(out.p, 1, out.n, stdout);
    buf_free(&out);
    return result;
}

/* From each threshold on: the shares of matched and of unmatched pairs that a filter keeps. */
static int write_curve(const struct evaluation *e, const uint32_t *same, const char *path)
{
    uint64_t matched[CURVE_POINTS + 1] = {0}, unmatched[CURVE_POINTS + 1] = {0}, all[2] = {0};
    size_t embed = clip_embed(e->clip);
    struct file_out file = {.fd = -1};
    struct buf out;
    for (size_t i = 0; i < e->count; i++)
        for (size_t k = 0; k < e->count; k++) {
            if (i != k && same[i] == same[k]) continue;
            double x = clip_cosine(e->pictures + i * embed, e->texts + k * embed, embed);
            size_t point = x <= -1 ? 0 : (size_t)((x + 1) * 200);
            if (point >= CURVE_POINTS) point = CURVE_POINTS - 1;
            (i == k ? matched : unmatched)[point]++;
            all[i != k]++;
        }
    buf_init(&out, 1 << 20);
    int result = buf_add(&out, STR("threshold\tmatched_kept\tunmatched_kept\n"));
    for (size_t p = CURVE_POINTS; p-- > 0;) {
        matched[p] += matched[p + 1];
        unmatched[p] += unmatched[p + 1];
    }
    for (size_t p = 0; result == 0 && p < CURVE_POINTS; p++)
        result = buf_printf(&out, "%.3f\t%.6f\t%.6f\n", (double)p / 200 - 1, (double)matched[p] / (double)(all[0] ? all[0] : 1),
                            (double)unmatched[p] / (double)(all[1] ? all[1] : 1));
    if (result == 0 && (result = file_create(&file, path)) == 0) {
        result = file_write(&file, buf_str(&out));
        if (result == 0) result = file_publish(&file);
        file_discard(&file);
    }
    buf_free(&out);
    return result;
}

static int measure(struct evaluation *e, const struct eval_options *o)
{
    uint32_t *same = malloc((2 * e->count + 1) * sizeof *same), *group = same + e->count;
    struct eval_result *results = malloc((e->group_count + 1) * sizeof *results);
    double *matched = malloc((e->count + 1) * sizeof *matched);
    int result = same && results && matched ? find_equal_texts(e, same) : fail_memory();
    for (size_t i = 0; result == 0 && i < e->count; i++) group[i] = e->pairs[i].group;
    const struct eval_set set = {.n = e->count, .width = clip_embed(e->clip), .pictures = e->pictures, .texts = e->texts,
                                 .same_text = same, .group = group, .groups = e->group_count};
    if (result == 0) result = eval_measure(&set, results, matched);
    if (result == 0) result = print_results(e, o, results);
    if (result == 0 && o->curve) result = write_curve(e, same, o->curve);
    free(same);
    free(results);
    free(matched);
    return result;
}

int model_eval(const struct clip *clip, const struct eval_options *o, const char *const *paths, size_t path_count)
{
    struct drawing d = {.seen = 0};
    struct evaluation e = {.clip = clip, .drawing = &d, .lock = PTHREAD_MUTEX_INITIALIZER};
    buf_init(&e.bytes, stored_most);
    buf_init(&e.groups, 64 << 20);
    int result = draw(o, paths, path_count, &d);
    for (size_t i = 0; result == 0 && i < path_count; i++) result = eval_pairs_read(paths[i], &o->source, true, keep_pair, &e);
    if (result == 0 && d.seen >= 2 && e.count < 2)
        result = fail("%llu pairs, of which %zu have a picture; those of rows were looked for in '%s' (--packs)", (unsigned long long)d.seen,
                      e.count, o->source.packs);
    if (result == 0 && e.count < 2) result = fail("%zu pairs of a picture and a caption: at least 2 are needed", e.count);
    if (result == 0) result = embed_pairs(&e, o->threads);
    if (result == 0) {
        size_t lost = leave_out(&e);
        if (!o->quiet)
            log_line("%zu of %llu pairs by %s (%s, %s)%s", e.count, (unsigned long long)d.seen, clip_short_name(clip), clip_class(clip),
                     clip_products(clip), lost ? ", those left out whose picture cannot be decoded" : "");
        result = measure(&e, o);
    }
    buf_free(&e.bytes);
    buf_free(&e.groups);
    free(e.pairs);
    free(e.group_at);
    free(e.pictures);
    free(e.texts);
    free(e.why);
    free(d.drawn);
    return result;
}
