/* The stage `merge`: row files of equal columns into one stream that rises by place. A heap over the files' current rows. A
 * file is open, with one frame in memory, from its first row's turn to its last: files that follow one another, as tasks leave
 * them, are open one at a time, however many there are. --renumber gives src_file anew, in the order of the arguments, so that files whose places
 * overlap can be joined: then one file follows the other, and each src_file of each gets a number of its own. */
#include "pipeline/base/fail.h"
#include "pipeline/stage.h"

#include <stdlib.h>

enum {
    ROWS_PER_ITEM = 4096,
    BYTES_PER_FILE = 4 << 20, /* a decoded frame with its cells, and the reader's buffers */
};

struct merge_options {
    bool renumber;
};

struct source {
    const char *path;
    struct rows_reader *reader; /* NULL before its turn, and behind it */
    struct place first;         /* of its first row, until it is open */
    uint64_t bytes;
    struct rows_frame frame;
    struct batch batch;
    size_t next;      /* row of the batch that is due */
    uint64_t rows;    /* rows of earlier frames, for messages */
};

struct merge {
    struct source *sources;
    size_t count;
    size_t *heap, heap_count; /* indexes of sources that have a row due, smallest place first */
    size_t open, open_most;   /* sources that hold a frame */
    uint64_t bytes_before;
    struct place last; /* of the rows written so far */
    bool any;
    size_t from_source; /* --renumber: where `last` came from, and its src_file there */
    uint64_t from_file;
};

static const struct rows_open_options quiet = {.quiet_plain = true};

/* ---- heap */

static const struct row *due(const struct source *s) { return &s->batch.rows[s->next]; }

static const struct place *due_place(const struct source *s) { return s->reader ? &due(s)->place : &s->first; }

static bool before(const struct merge *m, bool renumber, size_t a, size_t b)
{
    int order = renumber ? 0 : place_compare(due_place(&m->sources[a]), due_place(&m->sources[b]));
    return order ? order < 0 : a < b;
}

static void sift_down(struct merge *m, bool renumber, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1, least = at;
        if (child < m->heap_count && before(m, renumber, m->heap[child], m->heap[least])) least = child;
        if (child + 1 < m->heap_count && before(m, renumber, m->heap[child + 1], m->heap[least])) least = child + 1;
        if (least == at) return;
        size_t swap = m->heap[at];
        m->heap[at] = m->heap[least];
        m->heap[least] = swap;
        at = least;
    }
}

/* ---- files */

/* Makes a row due: 1, 0 when the file is at its end, -1. */
static int advance(struct source *s)
{
    s->next++;
    while (s->next >= s->batch.count) {
        s->rows += s->batch.count;
        int more = rows_read(s->reader, &s->frame);
        if (more <= 0) {
            batch_reset(&s->batch);
            return more;
        }
        if (rows_decode(s->reader, &s->frame, &s->batch, s->rows + 1) < 0) return -1;
        s->next = 0;
    }
    return 1;
}

static void close_source(struct source *s)
{
    rows_close(s->reader);
    s->reader = NULL;
    rows_frame_free(&s->frame);
    batch_free(&s->batch);
}

/* Opens a file and makes its first row due: 1, 0 when it has none, -1. */
static int open_source(struct source *s)
{
    rows_frame_init(&s->frame);
    if (rows_open(&s->reader, s->path, &quiet) < 0 || batch_init(&s->batch, rows_columns(s->reader), 512 << 20) < 0) return -1;
    s->rows = 0;
    s->next = SIZE_MAX; /* before the first row */
    return advance(s);
}

/* Looks at a file: its columns, its size, the place of its first row. 1, 0 when it has no rows, -1. */
static int look_at(struct stage_run *run, struct source *s, const char *path)
{
    s->path = path;
    int more = open_source(s);
    if (more >= 0 && stage_row_input(run, s->reader, path) < 0) more = -1;
    if (more >= 0 && run->out.count == 0 && columns_copy(&run->out, rows_columns(s->reader)) < 0) more = -1;
    if (more >= 0 && !columns_equal(&run->out, rows_columns(s->reader)))
        more = fail_usage("%s: other columns than %s: only files of equal columns can be merged", path, run->inputs[0]);
    if (more >= 0) s->bytes = rows_stored_size(s->reader);
    if (more > 0) s->first = due(s)->place;
    close_source(s);
    return more;
}

static int merge_open(struct stage_run *run)
{
    struct merge *m = run->state;
    const struct merge_options *o = run->options;
    uint64_t bytes = 0;
    if (!run->input_count) return fail_usage("merge needs row files");
    m->open_most = run->common->memory / BYTES_PER_FILE > 2 ? run->common->memory / BYTES_PER_FILE : 2;
    m->sources = calloc(run->input_count, sizeof *m->sources);
    m->heap = calloc(run->input_count, sizeof *m->heap);
    if (!m->sources || !m->heap) return fail_memory();
    for (; m->count < run->input_count; bytes += m->sources[m->count++].bytes) {
        int more = look_at(run, &m->sources[m->count], run->inputs[m->count]);
        if (more < 0) return -1;
        if (more) m->heap[m->heap_count++] = m->count;
    }
    if (o->renumber && columns_find(&run->out, STR("src_file")) == SIZE_MAX)
        return fail_usage("--renumber needs the column src_file");
    stage_progress_total(run, bytes);
    for (size_t i = m->heap_count; i-- > 0;) sift_down(m, o->renumber, i);
    return 0;
}

/* The source whose row comes next, open; NULL with a sentence. */
static struct source *next_source(struct merge *m)
{
    struct source *s = &m->sources[m->heap[0]];
    if (s->reader) return s;
    if (m->open == m->open_most)
        return fail_usage("%s: over %zu files whose rows lie between one another need more than %zu MiB: give --memory, or merge groups "
                          "of them first", s->path, m->open_most, m->open_most * (BYTES_PER_FILE >> 20)), NULL;
    m->open++;
    if (open_source(s) == 1) return s;
    close_source(s);
    return fail("%s: changed while it was read", s->path), NULL;
}

/* ---- rows */

/* The row's bytes belong to a frame that will be replaced: one copy of the line, cells point into it. */
static struct row *copy_row(struct batch *out, const struct row *from)
{
    struct row *row = batch_add(out);
    if (!row) return NULL;
    struct str line = arena_copy(&out->arena, from->line);
    if (!line.p) return NULL;
    for (size_t i = 0; i < out->columns->count; i++)
        row->cells[i] = str_of(line.p + (from->cells[i].p - from->line.p), from->cells[i].n);
    row->line = line;
    row->line_columns = from->line_columns;
    row->escapes = from->escapes;
    row->place = from->place;
    return row;
}

static int equal_places(const struct place *p, const char *path)
{
    return fail_usage("%s: place %llu.%llu.%llu.%llu stands in another file too: use winnow merge --renumber", path,
                      (unsigned long long)p->file, (unsigned long long)p->record, (unsigned long long)p->image, (unsigned long long)p->text);
}

static int renumber(struct merge *m, struct batch *out, struct row *row)
{
    uint64_t file = row->place.file;
    bool another = m->any && (m->from_source != m->heap[0] || m->from_file != file);
    m->from_source = m->heap[0];
    m->from_file = file;
    row->place.file = m->last.file + another;
    return row_set_place(out, row, row->place);
}

static int merge_next(struct stage_run *run, struct stage_item *item)
{
    struct merge *m = run->state;
    const struct merge_options *o = run->options;
    while (m->heap_count && item->out.count < ROWS_PER_ITEM) {
        struct source *s = next_source(m);
        struct row *row = s ? copy_row(&item->out, due(s)) : NULL;
        if (!row) return -1;
        if (o->renumber && renumber(m, &item->out, row) < 0) return -1;
        if (m->any && place_compare(&m->last, &row->place) == 0) return equal_places(&row->place, s->path);
        m->last = row->place;
        m->any = true;
        int more = advance(s);
        if (more < 0) return -1;
        if (!more) {
            m->bytes_before += s->bytes;
            m->open--;
            close_source(s);
            m->heap[0] = m->heap[--m->heap_count];
        }
        sift_down(m, o->renumber, 0);
    }
    stage_progress(run, m->bytes_before);
    return item->out.count > 0;
}

static void merge_close(struct stage_run *run)
{
    struct merge *m = run->state;
    for (size_t i = 0; m->sources && i < m->count; i++) close_source(&m->sources[i]);
    free(m->sources);
    free(m->heap);
}

static const struct option options[] = {
    {"renumber", 0, OPTION_FLAG, offsetof(struct merge_options, renumber),
     .help = "give src_file anew, in the order of the arguments; one row file follows the other"},
    {0},
};

static const struct stage stage_merge = {
    .behaviour = 1,
    .needs = "",
    .source = true,
    .run_size = sizeof(struct merge),
    .open = merge_open,
    .next = merge_next,
    .close = merge_close,
};

const struct command command_merge = {
    .name = "merge",
    .summary = "bring row files together in one order",
    .arguments = "[OPTIONS] ROWS...",
    .description = "Merges row files of equal columns into one stream that rises by place (src_file, src_record, src_image, src_text). "
                   "A place that stands in two files is an error, unless --renumber numbers the files anew.",
    .example = "winnow merge --renumber tests/data/rows/small.rows.zst tests/data/rows/small.rows.zst | winnow view --count",
    .see_also = "partition, view",
    .options = options,
    .options_size = sizeof(struct merge_options),
    .stage = &stage_merge,
};
