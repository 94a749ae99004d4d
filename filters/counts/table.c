#include "filters/counts/table.h"

#include "pipeline/base/fail.h"
#include "pipeline/rows/rows.h"

#include <stdlib.h>

enum {
    LINES_BYTES = 1 << 20,          /* handed to the writer at once */
    LINE_BYTES_MAX = 8 * GROUPS_NAME_MAX,
    BATCH_BYTES_MAX = 512 << 20,    /* a decoded frame's cells */
};

int count_key_parse(struct str hex, struct hash128 *key)
{
    if (hex.n != COUNT_KEY_DIGITS) return -1;
    uint64_t halves[2] = {0, 0};
    for (size_t i = 0; i < COUNT_KEY_DIGITS; i++) {
        int digit = ascii_hex(hex.p[i]);
        if (digit < 0) return -1;
        halves[i / 16] = halves[i / 16] << 4 | (uint64_t)digit;
    }
    *key = (struct hash128){halves[0], halves[1]};
    return 0;
}

bool count_table_adds_up(const struct count_table_about *about)
{
    return about->partial || (!count_kind_about(about->want.kind)->distinct && !about->want.over);
}

int count_table_columns(struct columns *columns, enum count_kind kind, bool partial)
{
    const struct count_kind_about *k = count_kind_about(kind);
    if (columns_add(columns, STR("id")) < 0) return -1;
    if (k->name_column && columns_add(columns, str_from(k->name_column)) < 0) return -1;
    if (partial && k->distinct && columns_add(columns, STR(COUNT_MEMBER_COLUMN)) < 0) return -1;
    return columns_add(columns, str_from(k->column));
}

/* ---- writing */

struct table_writer {
    struct rows_writer *writer;
    struct rows_out_frames frames;
    struct buf lines;
    uint64_t rows; /* in `lines` */
    struct count_table_about *about;
    bool named, distinct;
};

static int put_frames(struct table_writer *w)
{
    for (size_t i = 0; i < w->frames.count; i++)
        if (rows_frame_compress(w->writer, &w->frames.list[i]) < 0 || rows_writer_put(w->writer, &w->frames.list[i]) < 0) return -1;
    w->frames.count = 0;
    return 0;
}

static int put_lines(struct table_writer *w)
{
    if (w->rows && rows_writer_add(w->writer, buf_str(&w->lines), w->rows, &w->frames) < 0) return -1;
    w->rows = 0;
    buf_clear(&w->lines);
    return put_frames(w);
}

static int add_hash(struct buf *lines, struct hash128 hash)
{
    static const char digits[] = "0123456789abcdef";
    if (buf_reserve(lines, COUNT_KEY_DIGITS) < 0) return -1;
    char *to = lines->p + lines->n;
    for (int i = 0; i < 16; i++) {
        to[i] = digits[hash.high >> (60 - 4 * i) & 15];
        to[16 + i] = digits[hash.low >> (60 - 4 * i) & 15];
    }
    lines->n += COUNT_KEY_DIGITS;
    return 0;
}

static int add_row(struct table_writer *w, const struct group *g)
{
    struct buf *lines = &w->lines;
    w->rows++;
    w->about->keys++;
    if (add_hash(lines, g->key) < 0 || buf_byte(lines, '\t') < 0) return -1;
    if (w->named) {
        int result = cell_needs_escape(g->name) ? cell_escape(lines, g->name) : buf_add(lines, g->name);
        if (result < 0 || buf_byte(lines, '\t') < 0) return -1;
    }
    if (w->distinct && w->about->partial && (add_hash(lines, g->member) < 0 || buf_byte(lines, '\t') < 0)) return -1;
    if (buf_u64(lines, g->count) < 0 || buf_byte(lines, '\n') < 0) return -1;
    return lines->n < LINES_BYTES ? 0 : put_lines(w);
}

static int add_if_over(struct table_writer *w, const struct group *g)
{
    w->about->total += g->count;
    return w->about->partial || g->count > w->about->want.over ? add_row(w, g) : 0;
}

static int write_sums(struct table_writer *w, struct groups *groups)
{
    struct group g;
    int got;
    while ((got = groups_next(groups, &g)) > 0)
        if (add_if_over(w, &g) < 0) return -1;
    return got;
}

/* Pairs come by key: a part has them one by one, a finished table their number. */
static int write_distinct(struct table_writer *w, struct groups *groups)
{
    struct group g, key = {.count = 0};
    int got;
    while ((got = groups_next(groups, &g)) > 0) {
        g.count = 1;
        if (w->about->partial) {
            if (add_if_over(w, &g) < 0) return -1;
        } else if (key.count && hash128_compare(key.key, g.key) == 0) {
            key.count++;
        } else {
            if (key.count && add_if_over(w, &key) < 0) return -1;
            key = g;
        }
    }
    return got == 0 && key.count ? add_if_over(w, &key) : got;
}

static int finish(struct table_writer *w)
{
    const struct count_table_about *a = w->about;
    if (put_lines(w) < 0 || rows_writer_flush(w->writer, &w->frames) < 0 || put_frames(w) < 0) return -1;
    json_t *about = json_pack("{s:s,s:{s:s,s:I,s:b,s:I,s:I}}", "stage", "count", "table", "what", count_kind_about(a->want.kind)->what, "over",
                              (json_int_t)a->want.over, "partial", a->partial, "keys", (json_int_t)a->keys, "total", (json_int_t)a->total);
    int result = about ? rows_writer_finish(w->writer, about) : fail_memory();
    json_decref(about);
    return result;
}

static int write_bytes(void *context, struct str bytes) { return file_write(context, bytes); }

int count_table_write(struct groups *groups, struct count_table_about *about, struct file_out *out)
{
    const struct count_kind_about *k = count_kind_about(about->want.kind);
    struct table_writer w = {.about = about, .named = k->name_column != NULL, .distinct = k->distinct};
    struct columns columns;
    columns_init(&columns);
    about->keys = about->total = 0;
    buf_init(&w.lines, LINES_BYTES + LINE_BYTES_MAX);
    int result = count_table_columns(&columns, about->want.kind, about->partial);
    if (result == 0) result = rows_writer_new(&w.writer, &columns, write_bytes, out, false);
    if (result == 0) result = k->distinct ? write_distinct(&w, groups) : write_sums(&w, groups);
    if (result == 0) result = finish(&w);
    rows_writer_free(w.writer);
    rows_out_frames_free(&w.frames);
    buf_free(&w.lines);
    columns_free(&columns);
    return result;
}

/* ---- reading */

struct count_table_reader {
    struct rows_reader *rows;
    struct rows_frame frame;
    struct batch batch;
    struct arena scratch;
    size_t next;               /* row of the batch */
    uint64_t before;           /* rows of earlier frames */
    size_t name, member, count; /* columns; SIZE_MAX where absent */
};

static int no_table(const char *path) { return fail_usage("%s: no table of counts: 'winnow count' makes them", path); }

static int read_about(const struct rows_reader *r, const char *path, struct count_table_about *about)
{
    const struct rows_description *d = rows_description(r);
    const json_t *table = d ? json_object_get(d->json, "table") : NULL;
    const char *what = json_string_value(json_object_get(table, "what"));
    if (!what) return no_table(path);
    *about = (struct count_table_about){
        .want.over = (uint64_t)json_integer_value(json_object_get(table, "over")),
        .partial = json_is_true(json_object_get(table, "partial")),
        .keys = (uint64_t)json_integer_value(json_object_get(table, "keys")),
        .total = (uint64_t)json_integer_value(json_object_get(table, "total")),
    };
    enum count_kind of_columns;
    if (count_kind_find(str_from(what), &about->want.kind) < 0) return fail_prefix("%s: ", path), -1;
    return count_kind_of_columns(rows_columns(r), &of_columns) && of_columns == about->want.kind ? 0 : no_table(path);
}

int count_table_look(const char *path, struct count_table_about *about)
{
    struct rows_reader *r;
    if (rows_open(&r, path, &(struct rows_open_options){.quiet_plain = true}) < 0) return -1;
    int result = read_about(r, path, about);
    rows_close(r);
    return result;
}

int count_table_open(struct count_table_reader **out, const char *path)
{
    struct count_table_reader *t = calloc(1, sizeof *t);
    struct count_table_about about;
    *out = t;
    if (!t) return fail_memory();
    rows_frame_init(&t->frame);
    arena_init(&t->scratch, BATCH_BYTES_MAX);
    if (rows_open(&t->rows, path, &(struct rows_open_options){.quiet_plain = true}) < 0) return -1;
    if (read_about(t->rows, path, &about) < 0) return -1;
    const struct count_kind_about *k = count_kind_about(about.want.kind);
    t->name = k->name_column ? columns_find(rows_columns(t->rows), str_from(k->name_column)) : SIZE_MAX;
    t->member = columns_find(rows_columns(t->rows), STR(COUNT_MEMBER_COLUMN));
    t->count = columns_find(rows_columns(t->rows), str_from(k->column));
    return batch_init(&t->batch, rows_columns(t->rows), BATCH_BYTES_MAX);
}

void count_table_close(struct count_table_reader *t)
{
    if (!t) return;
    rows_close(t->rows);
    rows_frame_free(&t->frame);
    batch_free(&t->batch);
    arena_free(&t->scratch);
    free(t);
}

static int read_batch(struct count_table_reader *t)
{
    t->before += t->batch.count;
    t->next = 0;
    arena_reset(&t->scratch);
    batch_reset(&t->batch);
    int more = rows_read(t->rows, &t->frame);
    if (more <= 0) return more;
    return rows_decode(t->rows, &t->frame, &t->batch, t->before + 1) < 0 ? -1 : 1;
}

int count_table_next(struct count_table_reader *t, struct count_table_row *out)
{
    while (t->next >= t->batch.count) {
        int more = read_batch(t);
        if (more <= 0) return more;
    }
    const struct row *row = &t->batch.rows[t->next++];
    *out = (struct count_table_row){.count = 0};
    bool good = count_key_parse(row->cells[0], &out->key) == 0 && row_u64(row, t->count, &out->count) == 0;
    if (good && t->member != SIZE_MAX) good = count_key_parse(row->cells[t->member], &out->member) == 0;
    if (!good)
        return fail("%s: row %llu: expected a key of %d hexadecimal digits and a count", rows_name(t->rows),
                    (unsigned long long)(t->before + t->next), COUNT_KEY_DIGITS);
    if (t->name != SIZE_MAX) out->name = row_text(row, t->name, &t->scratch);
    return 1;
}
