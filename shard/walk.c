/* Rows of several files one after another: one reader, one frame and one batch at a time. */
#include "shard/walk.h"

#include "pipeline/base/fail.h"

#include <jansson.h>
#include <stdlib.h>

enum { BATCH_BYTES_MAX = 512 << 20 }; /* cells of one frame: 1 MiB of one-byte cells makes 16 times its size */

struct walk {
    struct walk_file *files;
    size_t count, current;       /* current: the file that `reader` reads, or that comes next */
    struct columns columns;
    struct rows_reader *reader;  /* NULL between files */
    struct rows_frame frame;
    struct batch batch;
    size_t at;                   /* next row of `batch` */
    uint64_t to_skip;            /* rows of the next frames that walk_seek passes over */
    uint64_t row_in_file;        /* of the first row after the current frame, from 0 */
    uint64_t bytes_before;       /* of files that are closed */
    struct place last;
    bool any;
};

static int look_at(struct walk *w, struct walk_file *file, const char *path, bool quiet)
{
    const struct rows_open_options options = {.quiet_plain = quiet};
    *file = (struct walk_file){.path = path};
    if (rows_open(&w->reader, path, &options) < 0) return -1;
    if (w->columns.count == 0) {
        if (columns_copy(&w->columns, rows_columns(w->reader)) < 0) return -1;
    } else if (!columns_equal(&w->columns, rows_columns(w->reader))) {
        return fail_usage("%s: other columns than %s", path, w->files[0].path);
    }
    file->size = rows_stored_size(w->reader);
    const struct rows_description *d = rows_description(w->reader);
    if (!d) return 0;
    file->described = true;
    file->rows = d->rows;
    memcpy(file->hash, d->hash, sizeof file->hash);
    const char *packs = json_string_value(json_object_get(d->json, "packs"));
    if (!packs || !*packs) return 0;
    char *copy = strdup(packs);
    file->packs = copy;
    return copy ? 0 : fail_memory();
}

struct walk *walk_open(const char *const *paths, size_t count, bool quiet)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w) w->files = calloc(count ? count : 1, sizeof *w->files);
    if (!w || !w->files) {
        free(w);
        return fail_memory(), NULL;
    }
    columns_init(&w->columns);
    rows_frame_init(&w->frame);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        w->count = i + 1;
        result = strcmp(paths[i], "-") == 0 && count > 1 ? fail_usage("standard input beside other row files: use winnow merge")
                                                         : look_at(w, &w->files[i], paths[i], quiet);
        if (result == 0 && strcmp(paths[i], "-") == 0) break; /* a pipe is read as it comes: it stays open */
        rows_close(w->reader);
        w->reader = NULL;
    }
    if (result == 0) result = batch_init(&w->batch, &w->columns, BATCH_BYTES_MAX);
    if (result == 0) return w;
    walk_close(w);
    return NULL;
}

void walk_close(struct walk *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->count; i++) free((char *)w->files[i].packs);
    free(w->files);
    rows_close(w->reader);
    rows_frame_free(&w->frame);
    batch_free(&w->batch);
    columns_free(&w->columns);
    free(w);
}

const struct columns *walk_columns(const struct walk *w) { return &w->columns; }
const struct walk_file *walk_file(const struct walk *w, size_t i) { return &w->files[i]; }

int walk_rows(const struct walk *w, uint64_t *rows)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (!w->files[i].described || __builtin_add_overflow(sum, w->files[i].rows, &sum)) return -1;
    }
    *rows = sum;
    return 0;
}

static int open_current(struct walk *w)
{
    static const struct rows_open_options options = {.quiet_plain = true}; /* said when it was looked at */
    return rows_open(&w->reader, w->files[w->current].path, &options);
}

static void close_current(struct walk *w)
{
    w->bytes_before += rows_stored_size(w->reader);
    rows_close(w->reader);
    w->reader = NULL;
    w->row_in_file = 0;
    w->current++;
}

int walk_seek(struct walk *w, uint64_t row)
{
    while (w->current < w->count && row >= w->files[w->current].rows) row -= w->files[w->current++].rows;
    if (w->current == w->count) return 0;
    if (open_current(w) < 0) return -1;
    const struct rows_description *d = rows_description(w->reader);
    size_t frame = 0;
    if (!d) return fail("%s: changed while it was read", w->files[w->current].path);
    while (frame < d->frames && row >= d->frame_rows[frame]) {
        row -= d->frame_rows[frame];
        w->row_in_file += d->frame_rows[frame++];
    }
    w->to_skip = row;
    return frame ? rows_select_frames(w->reader, frame, d->frames) : 0;
}

/* The next frame that has rows: 1, 0 at the end of all files. */
static int next_frame(struct walk *w)
{
    for (;;) {
        if (!w->reader && w->current == w->count) return 0;
        if (!w->reader && open_current(w) < 0) return -1;
        int more = rows_read(w->reader, &w->frame);
        if (more < 0) return -1;
        if (!more) {
            close_current(w);
            continue;
        }
        batch_reset(&w->batch);
        if (rows_decode(w->reader, &w->frame, &w->batch, w->row_in_file + 1) < 0) return -1;
        w->row_in_file += w->batch.count;
        w->at = w->to_skip < w->batch.count ? (size_t)w->to_skip : w->batch.count;
        w->to_skip -= w->at;
        if (w->at < w->batch.count) return 1;
    }
}

static int check_place(struct walk *w, const struct row *row)
{
    if (w->batch.place_at[0] == SIZE_MAX || w->batch.place_at[3] == SIZE_MAX) return 0;
    if (w->any && place_compare(&w->last, &row->place) >= 0) {
        const struct place a = row->place, z = w->last;
        unsigned long long number = w->row_in_file - (w->batch.count - w->at) + 1;
        return fail_usage("%s: row %llu: place %llu.%llu.%llu.%llu after %llu.%llu.%llu.%llu: use winnow merge --renumber",
                          rows_name(w->reader), number, (unsigned long long)a.file, (unsigned long long)a.record,
                          (unsigned long long)a.image, (unsigned long long)a.text, (unsigned long long)z.file,
                          (unsigned long long)z.record, (unsigned long long)z.image, (unsigned long long)z.text);
    }
    w->last = row->place;
    w->any = true;
    return 0;
}

int walk_next(struct walk *w, const struct row **row)
{
    if (w->at == w->batch.count) {
        int more = next_frame(w);
        if (more <= 0) return more;
    }
    if (check_place(w, &w->batch.rows[w->at]) < 0) return -1;
    *row = &w->batch.rows[w->at++];
    return 1;
}

uint64_t walk_stored_read(const struct walk *w)
{
    return w->bytes_before + (w->reader ? rows_stored_read(w->reader) : 0);
}
