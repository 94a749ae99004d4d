#include "filters/eval_pairs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"
#include "pipeline/rows/rows.h"
#include "shard/pictures.h"
#include "shard/store.h"
#include "shard/tar.h"

enum {
    JSON_MOST = 8 << 20,
    BATCH_MEMORY = 16 << 20,
};

/* ---- shards */

struct shard_pair {
    struct buf key, json, text, picture, values;
};

static void forget_sample(struct shard_pair *p)
{
    buf_clear(&p->json);
    buf_clear(&p->text);
    buf_clear(&p->picture);
}

/* webdataset's rule: up to the first dot of the path's last part. */
static struct str key_of(struct str name)
{
    size_t begin = name.n;
    while (begin && name.p[begin - 1] != '/') begin--;
    const char *dot = memchr(name.p + begin, '.', name.n - begin);
    return dot ? str_of(name.p, (size_t)(dot - name.p)) : name;
}

static const char *member_text(json_t *json, const char *name) /* NULL: none */
{
    json_t *value = json_object_get(json, name);
    if (json_is_array(value)) value = json_array_get(value, 0);
    return json_string_value(value);
}

/* The value of a member as people write it; in `out` where it is a number. */
static int member_value(json_t *json, const char *name, struct buf *out)
{
    json_t *value = json_object_get(json, name);
    buf_clear(out);
    if (json_is_string(value)) return buf_add(out, str_from(json_string_value(value)));
    if (json_is_integer(value)) return buf_printf(out, "%lld", (long long)json_integer_value(value));
    if (json_is_boolean(value)) return buf_add(out, str_from(json_is_true(value) ? "true" : "false"));
    return 0;
}

/* 1: all conditions hold; 0; -1. */
static int sample_is_wanted(struct shard_pair *p, json_t *json, const struct eval_source *source)
{
    for (size_t i = 0; i < source->where_count; i++) {
        struct str value = str_from(source->where[i]), name = str_cut(&value, '=');
        char key[128];
        snprintf(key, sizeof key, "%.*s", STR_ARG(name));
        if (member_value(json, key, &p->values) < 0) return -1;
        if (!str_eq(buf_str(&p->values), value)) return 0;
    }
    return 1;
}

static int give_sample(struct shard_pair *p, const struct eval_source *source, eval_pair_function *each, void *context)
{
    json_error_t error;
    json_t *json = p->json.n ? json_loadb(p->json.p, p->json.n, 0, &error) : NULL;
    struct eval_pair pair = {.text = buf_str(&p->text), .picture = buf_str(&p->picture)};
    const char *caption = member_text(json, "caption");
    if (!pair.text.n && !caption) caption = member_text(json, "captions");
    if (!pair.text.n && caption) pair.text = str_from(caption);
    int wanted = pair.text.n && pair.picture.n ? sample_is_wanted(p, json, source) : 0, result = wanted < 0 ? -1 : 0;
    if (wanted > 0) {
        if (source->by && (result = member_value(json, source->by, &p->values)) == 0) pair.group = buf_str(&p->values);
        if (result == 0) result = each(context, &pair);
    }
    json_decref(json);
    forget_sample(p);
    return result;
}

static int take_member(struct shard_pair *p, struct tar_reader *tar, struct str name)
{
    struct str extension = str_from_at(name, key_of(name).n);
    struct buf *to = str_eq(extension, STR(".json")) ? &p->json : str_eq(extension, STR(".txt")) ? &p->text : &p->picture;
    if (to->n) return 0; /* a second picture */
    return tar_reader_data(tar, to);
}

static int read_samples(struct tar_reader *tar, const struct eval_source *source, eval_pair_function *each, void *context)
{
    struct shard_pair p;
    struct tar_member member;
    int more, result = 0;
    buf_init(&p.key, TAR_NAME_CEILING);
    buf_init(&p.json, JSON_MOST);
    buf_init(&p.text, JSON_MOST);
    buf_init(&p.values, JSON_MOST);
    buf_init(&p.picture, PICTURE_BYTES_MAX);
    while (result == 0 && (more = tar_reader_next(tar, &member)) != 0) {
        if (more < 0) result = -1;
        else if (!str_eq(key_of(member.name), buf_str(&p.key))) {
            result = give_sample(&p, source, each, context);
            buf_clear(&p.key);
            if (result == 0) result = buf_add(&p.key, key_of(member.name));
        }
        if (result == 0) result = take_member(&p, tar, member.name);
    }
    if (result == 0) result = give_sample(&p, source, each, context);
    struct buf *const all[] = {&p.key, &p.json, &p.text, &p.picture, &p.values};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) buf_free(all[i]);
    return result;
}

static int read_shard(const char *path, const struct eval_source *source, eval_pair_function *each, void *context)
{
    struct store *store = store_open(path);
    struct tar_reader *tar = store ? tar_reader_open(store_next, store_skip, store) : NULL;
    int result = tar ? read_samples(tar, source, each, context) : -1;
    if (result < 0 && store) fail_prefix("%s: ", path);
    tar_reader_close(tar);
    store_close(store);
    return result;
}

/* ---- rows */

struct row_pairs {
    const struct eval_source *source;
    const struct columns *columns;
    struct pictures *pictures; /* NULL: not wanted */
    struct arena scratch;
    struct buf picture;
    size_t text, group;
    eval_pair_function *each;
    void *context;
};

static int find_columns(struct row_pairs *r, const char *path)
{
    const struct eval_source *s = r->source;
    r->text = columns_find(r->columns, str_from(s->text));
    r->group = s->by ? columns_find(r->columns, str_from(s->by)) : SIZE_MAX;
    if (r->text == SIZE_MAX) return fail_usage("%s: no column '%s'", path, s->text);
    if (s->by && r->group == SIZE_MAX) return fail_usage("%s: no column '%s' (--by)", path, s->by);
    for (size_t i = 0; i < s->where_count; i++) {
        struct str value = str_from(s->where[i]), name = str_cut(&value, '=');
        if (columns_find(r->columns, name) == SIZE_MAX) return fail_usage("%s: no column '%.*s' (--where)", path, STR_ARG(name));
    }
    return 0;
}

static bool row_is_wanted(struct row_pairs *r, const struct row *row)
{
    for (size_t i = 0; i < r->source->where_count; i++) {
        struct str value = str_from(r->source->where[i]), name = str_cut(&value, '=');
        if (!str_eq(row_text(row, columns_find(r->columns, name), &r->scratch), value)) return false;
    }
    return true;
}

static int give_row(struct row_pairs *r, const struct row *row)
{
    struct eval_pair pair = {.text = row_text(row, r->text, &r->scratch)};
    if (!pair.text.n || !row_is_wanted(r, row)) return 0;
    if (r->group != SIZE_MAX) pair.group = row_text(row, r->group, &r->scratch);
    buf_clear(&r->picture);
    if (r->pictures && pictures_read(r->pictures, row, &r->picture) < 0) {
        if (fail_is_memory()) return -1;
        buf_clear(&r->picture);
    }
    pair.picture = buf_str(&r->picture);
    return r->each(r->context, &pair);
}

static int read_frames(struct row_pairs *r, struct rows_reader *reader)
{
    struct rows_frame frame;
    struct batch batch;
    int more = 0, result = batch_init(&batch, r->columns, BATCH_MEMORY);
    rows_frame_init(&frame);
    for (uint64_t row = 1; result == 0 && (more = rows_read(reader, &frame)) != 0; row += batch.count) {
        batch_reset(&batch);
        arena_reset(&r->scratch);
        result = more < 0 ? -1 : rows_decode(reader, &frame, &batch, row);
        for (size_t i = 0; result == 0 && i < batch.count; i++) result = give_row(r, &batch.rows[i]);
    }
    rows_frame_free(&frame);
    batch_free(&batch);
    return result;
}

static int read_rows(const char *path, const struct eval_source *source, bool wants_pictures, eval_pair_function *each, void *context)
{
    static const struct rows_open_options quiet = {.quiet_plain = true};
    struct rows_reader *reader = NULL;
    struct row_pairs r = {.source = source, .each = each, .context = context};
    arena_init(&r.scratch, BATCH_MEMORY);
    buf_init(&r.picture, PICTURE_BYTES_MAX);
    int result = rows_open(&reader, path, &quiet);
    if (result == 0) {
        r.columns = rows_columns(reader);
        result = find_columns(&r, path);
    }
    if (result == 0 && wants_pictures) result = (r.pictures = pictures_open(source->packs, r.columns)) ? 0 : -1;
    if (result == 0) result = read_frames(&r, reader);
    pictures_close(r.pictures);
    rows_close(reader);
    arena_free(&r.scratch);
    buf_free(&r.picture);
    return result;
}

int eval_pairs_read(const char *path, const struct eval_source *source, bool wants_pictures, eval_pair_function *each, void *context)
{
    static const char *const endings[] = {".tar", ".tar.zst", ".tar.gz"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_ends(str_from(path), str_from(endings[i]))) return read_shard(path, source, each, context);
    return read_rows(path, source, wants_pictures, each, context);
}
