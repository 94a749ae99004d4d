/* Rows in: the files of the command line, the task's share of them, frames in order, places that rise. */
#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"
#include "pipeline/stage_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct rows_open_options quiet = {.quiet_plain = true};

/* ---- looking at the files */

/* Buckets of tables of counts (filters/counts/table.h) are such tables too, and say what their inputs said. */
static int note_table(struct stage_run *run, const json_t *description, const char *path)
{
    const json_t *table = json_object_get(description, "table");
    if (!run->stage->buckets || !table) return 0;
    json_t *kept = json_object();
    static const char *const names[] = {"what", "over", "partial"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) json_object_set(kept, names[i], json_object_get(table, names[i]));
    bool same = !run->own->table || json_equal(run->own->table, kept);
    if (!run->own->table) run->own->table = kept;
    else json_decref(kept);
    return same ? 0 : fail_usage("%s: a table of other counts, or with another bound, than %s", path, run->own->in.files[0].path);
}

/* Where the rows' pictures lie, as their file says it: from its own folder. The first file that says so counts. */
static int note_packs(struct stage_run *run, const json_t *description, const char *path)
{
    const char *packs = json_string_value(json_object_get(description, "packs")), *slash = strrchr(path, '/');
    if (!packs || run->packs || run->stage->makes_packs) return 0;
    struct arena *arena = &run->own->arena;
    run->packs = packs[0] == '/' || !slash ? arena_c_string(arena, str_from(packs))
                                           : arena_printf(arena, "%.*s/%s", (int)(slash - path), path, packs);
    return run->packs ? 0 : -1;
}

static int look_at(struct stage_run *run, struct row_input *file)
{
    struct rows_reader *r;
    const struct rows_open_options loud = {.quiet_plain = run->common->plain_input};
    if (rows_open(&r, file->path, &loud) < 0) return -1;
    const struct rows_description *d = rows_description(r);
    int result = 0;
    file->size = rows_stored_size(r);
    file->last_frame = SIZE_MAX;
    if (d) {
        file->described = true;
        file->rows = d->rows;
        file->last_frame = d->frames;
        memcpy(file->hash, d->hash, sizeof file->hash);
        result = note_table(run, d->json, file->path);
        if (result == 0) result = note_packs(run, d->json, file->path);
    }
    if (result == 0 && run->in.count == 0) result = columns_copy(&run->in, rows_columns(r));
    else if (result == 0 && !columns_equal(&run->in, rows_columns(r)))
        result = fail_usage("%s: other columns than %s: merge takes files of equal columns only", file->path, run->own->in.files[0].path);
    rows_close(r);
    return result;
}

/* Standard input can be walked once: where a second walk is due it is copied to a nameless file first. */
static int spool_standard_input(struct stage_run *run)
{
    struct rows_in *in = &run->own->in;
    struct spill spill;
    if (spill_open(&spill, run->common->tmp) < 0) return -1;
    char *buffer = malloc(1 << 20);
    int result = buffer ? 0 : fail_memory();
    ssize_t n;
    while (result == 0 && (n = read(STDIN_FILENO, buffer, 1 << 20)) != 0)
        result = n < 0 ? fail_errno("standard input: cannot read") : spill_add(&spill, str_of(buffer, (size_t)n));
    free(buffer);
    if (result < 0) {
        spill_close(&spill);
        return -1;
    }
    in->spool = spill.file;
    snprintf(in->spool_path, sizeof in->spool_path, "/proc/self/fd/%d", spill.file);
    return 0;
}

/* ⌊part · n / parts⌋ without overflow */
static uint64_t share(uint64_t part, uint64_t n, uint64_t parts)
{
    return (uint64_t)((unsigned __int128)part * n / parts);
}

/* Task i of N: file i where there are N, else the frames whose first row lies in the i-th of N equal parts of all rows. */
static int select_share(struct stage_run *run)
{
    struct rows_in *in = &run->own->in;
    uint64_t total = 0;
    for (size_t i = 0; i < in->count; i++) {
        if (!in->files[i].described)
            return fail_usage("%s: --task needs row files that winnow wrote to their end, not a pipe or other people's rows", in->files[i].path);
        in->files[i].first_row = total;
        total += in->files[i].rows;
    }
    uint64_t from = share(run->task, total, run->tasks), to = share(run->task + 1, total, run->tasks);
    for (size_t i = 0; i < in->count; i++) {
        struct row_input *file = &in->files[i];
        if (in->count == run->tasks) {
            if (i != run->task) file->first_frame = file->last_frame = 0;
            continue;
        }
        struct rows_reader *r;
        if (rows_open(&r, file->path, &quiet) < 0) return -1;
        const struct rows_description *d = rows_description(r);
        uint64_t row = file->first_row;
        size_t first = SIZE_MAX, last = 0;
        for (size_t f = 0; f < d->frames; row += d->frame_rows[f++]) {
            if (row < from || row >= to) continue;
            if (first == SIZE_MAX) first = f, file->rows_before = row - file->first_row;
            last = f + 1;
        }
        file->first_frame = first == SIZE_MAX ? 0 : first;
        file->last_frame = last;
        rows_close(r);
    }
    return 0;
}

int stage_inputs_open(struct stage_run *run)
{
    struct rows_in *in = &run->own->in;
    static const char *const standard_input[] = {"-"};
    const char *const *paths = run->line->argument_count ? run->line->arguments : standard_input;
    in->count = run->line->argument_count ? run->line->argument_count : 1;
    in->files = calloc(in->count, sizeof *in->files);
    if (!in->files) return fail_memory();
    if (!run->line->argument_count && isatty(STDIN_FILENO))
        return fail_usage("no rows: name row files, or pipe them in; 'winnow %s --help' shows how", run->line->command->name);
    for (size_t i = 0; i < in->count; i++) {
        in->files[i].path = paths[i];
        bool pipe = strcmp(paths[i], "-") == 0;
        if (pipe && run->passes > 1) {
            if (spool_standard_input(run) < 0) return -1;
            in->files[i].path = in->spool_path;
        } else if (pipe) { /* opened once and read as it comes */
            if (in->count > 1) return fail_usage("standard input beside other row files: use winnow merge");
            if (run->tasks > 1) return fail_usage("--task needs row files, not a pipe");
            const struct rows_open_options loud = {.quiet_plain = run->common->plain_input};
            if (rows_open(&in->reader, "-", &loud) < 0) return -1;
            in->files[i].last_frame = SIZE_MAX;
            if (columns_copy(&run->in, rows_columns(in->reader)) < 0) return -1;
            continue;
        }
        if (look_at(run, &in->files[i]) < 0) return -1;
    }
    return run->tasks > 1 ? select_share(run) : 0;
}

int stage_inputs_begin(struct stage_run *run)
{
    struct rows_in *in = &run->own->in;
    uint64_t bytes = 0;
    for (size_t i = 0; i < in->count; i++) bytes += in->files[i].size;
    stage_progress_total(run, bytes * run->passes);
    rows_close(in->finished);
    in->finished = NULL;
    in->next = in->reader ? 1 : 0; /* a pipe is open already */
    in->any = false;
    in->row_number = 0;
    for (size_t i = 0; i < in->count && !in->row_number; i++) in->row_number = in->files[i].rows_before;
    run->own->rows_read = 0;
    return 0;
}

/* ---- frames */

static int open_next(struct rows_in *in)
{
    while (in->next < in->count) {
        struct row_input *file = &in->files[in->next++];
        if (file->first_frame == file->last_frame) continue;
        if (rows_open(&in->reader, file->path, &quiet) < 0) return -1;
        const struct rows_description *d = rows_description(in->reader);
        if (file->described && (!d || strcmp(d->hash, file->hash) != 0))
            return fail("%s: changed since the run began, or cannot be read again", file->path);
        if (file->described && (file->first_frame || d->frames != file->last_frame))
            return rows_select_frames(in->reader, file->first_frame, file->last_frame) < 0 ? -1 : 1;
        return 1;
    }
    return 0;
}

/* The open reader is at its end: notes what the manifest needs, and keeps it while items in flight may name it. */
static void end_reader(struct rows_in *in)
{
    struct row_input *file = &in->files[in->next - 1];
    const struct rows_description *d = rows_description(in->reader);
    if (!file->described && d) memcpy(file->hash, d->hash, sizeof file->hash);
    else if (!file->described) hash128_hex(rows_hash(in->reader), file->hash);
    in->bytes_done += rows_stored_size(in->reader);
    if (in->delivered) {
        in->finished = in->reader;
    } else {
        rows_close(in->reader);
    }
    in->reader = NULL;
    in->delivered = false;
}

int stage_inputs_next(struct stage_run *run, struct stage_item *item)
{
    struct rows_in *in = &run->own->in;
    for (;;) {
        if (!in->reader) {
            int opened = open_next(in);
            if (opened <= 0) return opened;
        }
        int more = rows_read(in->reader, &item->own->frame);
        if (more < 0) return -1;
        stage_progress(run, in->bytes_done + rows_stored_read(in->reader));
        if (!more) {
            end_reader(in);
            continue;
        }
        in->delivered = true;
        item->own->reader = in->reader;
        item->own->finished = in->finished;
        in->finished = NULL;
        return 1;
    }
}

int stage_inputs_decode(struct stage_item *item)
{
    struct stage_item_private *ip = item->own;
    /* The number of the first row is known only in order: a failure is said again there, with the number. */
    ip->decode_failed = rows_decode(ip->reader, &ip->frame, &item->in, 1) < 0;
    if (ip->decode_failed) batch_reset(&item->in);
    return 0;
}

static int out_of_order(const struct rows_in *in, const struct stage_item *item)
{
    struct place a = item->in.rows[0].place, z = in->last;
    return fail_usage("%s: row %llu: place %llu.%llu.%llu.%llu after %llu.%llu.%llu.%llu: use winnow merge --renumber",
                      rows_name(item->own->reader), (unsigned long long)in->row_number + 1, (unsigned long long)a.file,
                      (unsigned long long)a.record, (unsigned long long)a.image, (unsigned long long)a.text,
                      (unsigned long long)z.file, (unsigned long long)z.record, (unsigned long long)z.image, (unsigned long long)z.text);
}

int stage_inputs_order(struct stage_run *run, struct stage_item *item)
{
    struct rows_in *in = &run->own->in;
    if (item->own->finished) {
        rows_close(item->own->finished);
        item->own->finished = NULL;
        in->row_number = 0; /* only a share's first file begins inside, and it has no reader before it */
    }
    if (item->own->decode_failed)
        return rows_decode(item->own->reader, &item->own->frame, &item->in, in->row_number + 1) < 0 ? -1 : fail("rows do not decode");
    bool placed = item->in.count && item->in.place_at[0] != SIZE_MAX && item->in.place_at[3] != SIZE_MAX;
    if (placed) {
        if (in->any && place_compare(&in->last, &item->in.rows[0].place) >= 0) return out_of_order(in, item);
        in->last = item->in.rows[item->in.count - 1].place;
        in->any = true;
    }
    in->row_number += item->in.count;
    run->own->rows_read += item->in.count;
    return 0;
}

const char *stage_input_row(const struct stage_item *item, size_t index, uint64_t *number)
{
    const struct rows_in *in = &item->own->run->own->in;
    *number = in->row_number - item->in.count + index + 1;
    return in->spool > 0 ? "standard input" : rows_name(item->own->reader);
}

/* ---- manifest */

const char *stage_short_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    while (slash && slash > path && slash[-1] != '/') slash--;
    return slash ? slash : path;
}

int stage_row_input(struct stage_run *run, const struct rows_reader *reader, const char *path)
{
    const struct rows_description *d = rows_description(reader);
    if (!d) return fail_usage("%s: not written by winnow, or not to its end", path);
    if (note_packs(run, d->json, path) < 0) return -1;
    json_t *input = json_pack("{s:s,s:s,s:I}", "name", stage_short_name(path), "xxh3_128", d->hash, "size", (json_int_t)rows_stored_size(reader));
    return input && json_array_append_new(run->own->inputs, input) == 0 ? 0 : fail_memory();
}

int stage_inputs_manifest(struct stage_run *run)
{
    struct rows_in *in = &run->own->in;
    for (size_t i = 0; i < in->count; i++) {
        struct row_input *file = &in->files[i];
        if (file->first_frame == file->last_frame) continue;
        bool pipe = strcmp(file->path, "-") == 0 || file->path == in->spool_path;
        json_t *input = json_pack("{s:s,s:s,s:I}", "name", pipe ? "-" : stage_short_name(file->path), "xxh3_128", file->hash, "size",
                                  (json_int_t)(pipe ? 0 : file->size));
        if (run->tasks > 1 && input)
            json_object_set_new(input, "frames", json_pack("[I,I]", (json_int_t)file->first_frame, (json_int_t)file->last_frame));
        if (!input || json_array_append_new(run->own->inputs, input)) return fail_memory();
    }
    return 0;
}

void stage_inputs_close(struct stage_run *run)
{
    struct rows_in *in = &run->own->in;
    rows_close(in->reader);
    rows_close(in->finished);
    free(in->files);
    if (in->spool > 0) close(in->spool);
    *in = (struct rows_in){0};
}

/* ---- arguments of sources */

static int add_argument(const char ***list, size_t *count, char *value)
{
    const char **longer = value ? realloc(*list, (*count + 1) * sizeof *longer) : NULL;
    if (!longer) return fail_memory();
    *list = longer;
    longer[(*count)++] = value;
    return 0;
}

static int add_list(struct stage_run *run, const char *path, const char ***list, size_t *count)
{
    struct buf text;
    buf_init(&text, 1 << 30);
    int result = buf_read_file(&text, path);
    for (struct str rest = buf_str(&text); rest.p && result == 0;) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (line.n && line.p[0] != '#') result = add_argument(list, count, arena_c_string(&run->own->arena, line));
    }
    buf_free(&text);
    return result;
}

int stage_arguments(struct stage_run *run)
{
    const char **list = NULL;
    size_t count = 0;
    int result = 0;
    for (size_t i = 0; i < run->line->argument_count && result == 0; i++) {
        const char *a = run->line->arguments[i];
        result = a[0] == '@' ? add_list(run, a + 1, &list, &count)
                             : add_argument(&list, &count, arena_c_string(&run->own->arena, str_from(a)));
    }
    uint64_t from = share(run->task, count, run->tasks), to = share(run->task + 1, count, run->tasks);
    const char **mine = result < 0 ? NULL : arena_alloc(&run->own->arena, (count + 1) * sizeof *mine);
    if (mine) {
        if (to > from) memcpy(mine, list + from, (size_t)(to - from) * sizeof *mine);
        run->inputs = mine;
        run->input_count = (size_t)(to - from);
        run->first_input = from;
    }
    free(list);
    return mine ? 0 : -1;
}
