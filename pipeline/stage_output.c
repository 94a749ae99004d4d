/* Rows out: where they go, how they become frames, and publishing: all files renamed first, the manifest last. */
#include "pipeline/base/fail.h"
#include "pipeline/manifest.h"
#include "pipeline/stage_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDS_MEMORY = 16 << 20, ID_PREFIX = 8, ID_RECORD = ID_PREFIX + 4 };

/* ---- names */

/* "a/b.rows.zst" → "a/b"; other names stay whole, and the manifest is NAME.json. */
static struct str stem_of(const char *path)
{
    struct str s = str_from(path);
    if (str_ends(s, STR(".rows.zst"))) s.n -= sizeof ".rows.zst" - 1;
    return s;
}

int stage_outputs_name(struct stage_run *run)
{
    const char *o = run->common->output;
    run->own->dropped_output = -1;
    if (strcmp(o, "-") == 0) {
        if (run->stage->sink || run->stage->buckets)
            return fail_usage("%s writes files: give -o FOLDER/", run->line->command->name);
        if (run->tasks > 1) return fail_usage("--task needs -o FOLDER/ or FILE");
        return 0;
    }
    size_t n = strlen(o);
    if (o[n - 1] == '/') {
        run->output_folder = o;
        run->output_stem = arena_printf(&run->own->arena, "%05llu", (unsigned long long)run->task);
        if (!run->output_stem) return -1;
        run->own->manifest_path = run->stage->sink ? arena_printf(&run->own->arena, "%.*s.meta/%s.json", (int)n - 1, o, run->output_stem)
                                                   : arena_printf(&run->own->arena, "%s%s.json", o, run->output_stem);
    } else {
        if (run->stage->sink) return fail_usage("%s writes a folder: give -o %s/", run->line->command->name, o);
        struct str stem = stem_of(o);
        run->output_stem = arena_c_string(&run->own->arena, stem);
        run->own->manifest_path = arena_printf(&run->own->arena, "%.*s.json", STR_ARG(stem));
    }
    return run->own->manifest_path && run->output_stem ? 0 : -1;
}

/* The absolute path of what may not be there yet, nor its folders: the first picture makes a pack and its folder, here or in
 * another task. */
static char *absolute(const char *what)
{
    char parent[PATH_MAX], *path = realpath(what, NULL), *joined = NULL;
    if (path || errno != ENOENT || strcmp(what, ".") == 0) return path;
    const char *slash = strrchr(what, '/'), *name = slash ? slash + 1 : what;
    if (snprintf(parent, sizeof parent, "%.*s", slash == what ? 1 : slash ? (int)(slash - what) : 1, slash ? what : ".") >= (int)sizeof parent) return NULL;
    char *real = absolute(parent);
    if (real && asprintf(&joined, "%s%s%s", strcmp(real, "/") ? real : "", *name ? "/" : "", name) < 0) joined = NULL;
    free(real);
    return joined;
}

/* `what`, relative to the folder of the file at `file`, so that a moved OUT still finds it; absolute where that fails. */
static char *relative(const char *what, const char *file)
{
    char folder[PATH_MAX], *to = absolute(what);
    const char *slash = strrchr(file, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) + 1 : 1, slash ? file : ".");
    char *from = absolute(folder);
    if (!to || !from) return free(from), to;
    size_t common = 0;
    for (size_t i = 0;; i++) {
        bool end_from = !from[i] || from[i] == '/', end_to = !to[i] || to[i] == '/';
        if (end_from && end_to) common = i;
        if (!from[i] || !to[i] || from[i] != to[i]) break;
    }
    struct buf path;
    buf_init(&path, 2 * PATH_MAX);
    for (const char *p = from + common; *p; p++)
        if (*p == '/' && buf_add(&path, STR("../")) < 0) break;
    buf_add(&path, str_from(to[common] == '/' ? to + common + 1 : to + common));
    free(from);
    free(to);
    return path.n ? buf_c_string(&path) : (buf_free(&path), strdup("."));
}

/* Not "./" nor "../" nor "a//": cutting off the last part leaves the folder above. */
static bool names_itself(struct str folder) { return !str_ends(folder, STR("./")) && !str_ends(folder, STR("//")); }

/* The path of a file relative to the folder of the manifest, for the manifest's list; as given where that is absolute. */
static const char *name_beside(struct stage_run *run, const char *path)
{
    const char *manifest = run->own->manifest_path;
    const char *slash = manifest ? strrchr(manifest, '/') : NULL;
    size_t folder = slash ? (size_t)(slash - manifest) + 1 : 0;
    if (manifest && strncmp(path, manifest, folder) == 0 && path[0] != '/') return path + folder;
    if (manifest && folder && strncmp(path, manifest, folder) == 0) return path + folder;
    /* one folder up and down again: "shards/00000.tar" beside "shards.meta/", "packs/x.tar" beside "05-fetch/" */
    size_t up = folder > 1 ? folder - 1 : 0;
    while (up && manifest[up - 1] != '/') up--;
    if (folder && names_itself(str_of(manifest, folder)) && strncmp(path, manifest, up) == 0)
        return arena_printf(&run->own->arena, "../%s", path + up);
    if (!folder || path[0] == '/') return path;
    char *elsewhere = relative(path, manifest);
    const char *kept = elsewhere ? arena_c_string(&run->own->arena, str_from(elsewhere)) : (fail_memory(), NULL);
    free(elsewhere);
    return kept;
}

/* Publishing would replace what was read, and a second run would find its own output there. */
static int check_is_no_input(const struct stage_run *run, const char *path)
{
    struct stat output, input;
    if (!path || stat(path, &output) < 0) return 0;
    for (size_t i = 0; i < run->line->argument_count; i++)
        if (stat(run->line->arguments[i], &input) == 0 && input.st_dev == output.st_dev && input.st_ino == output.st_ino)
            return fail_usage("%s: is an input too, and would be replaced: give -o another name", path);
    return 0;
}

static int new_output(struct stage_run *run, const char *path, const struct columns *columns, bool plain)
{
    struct stage_private *own = run->own;
    if (own->output_count == OUTPUTS_MAX) return fail_usage("more than %d outputs", OUTPUTS_MAX);
    if (check_is_no_input(run, path) < 0) return -1;
    for (size_t i = 0; path && i < own->output_count; i++)
        if (own->outputs[i]->path && strcmp(own->outputs[i]->path, path) == 0) return fail_usage("%s: named for two outputs", path);
    struct stage_output *out = calloc(1, sizeof *out);
    if (!out) return fail_memory();
    own->outputs[own->output_count] = out;
    out->file.fd = -1;
    out->plain = plain;
    out->path = (char *)path;
    out->name = (char *)(path ? name_beside(run, path) : "-");
    if (!out->name || columns_copy(&out->columns, columns) < 0) return -1;
    return (int)own->output_count++;
}

int stage_output_add(struct stage_run *run, const char *suffix, const struct columns *columns)
{
    if (!run->output_stem) return fail_usage("%s needs -o FILE or FOLDER/ here", run->line->command->name);
    const char *path = arena_printf(&run->own->arena, "%s%s%s", run->output_folder ? run->output_folder : "", run->output_stem, suffix);
    return path ? new_output(run, path, columns, false) : -1;
}

static int add_dropped(struct stage_run *run)
{
    static const char *const names[5] = {"rule", "measured", "bound", "also", "stage"};
    struct stage_private *own = run->own;
    if (columns_copy(&own->dropped_columns, &run->in) < 0) return -1;
    for (struct str rest = str_from(run->stage->drops_with); rest.n;) {
        struct str name = str_cut(&rest, ' ');
        if (columns_find(&own->dropped_columns, name) == SIZE_MAX && columns_add(&own->dropped_columns, name) < 0) return -1;
    }
    for (int i = 0; i < 5; i++) { /* rows that were dropped before may come in again: their columns are used again */
        struct str name = str_from(names[i]);
        if (columns_find(&own->dropped_columns, name) == SIZE_MAX && columns_add(&own->dropped_columns, name) < 0) return -1;
        own->dropped_at[i] = columns_find(&own->dropped_columns, name);
    }
    const char *path = run->common->dropped;
    if (!path && run->output_folder) path = arena_printf(&run->own->arena, "%s%s.dropped.zst", run->output_folder, run->output_stem);
    if (!path) return 0;
    own->dropped_output = new_output(run, path, &own->dropped_columns, false);
    if (own->dropped_output < 0) return -1;
    own->outputs[own->dropped_output]->ids = extsort_open(IDS_MEMORY, run->common->tmp, ID_RECORD, NULL);
    return own->outputs[own->dropped_output]->ids ? 0 : -1;
}

static int write_output(void *context, struct str bytes) { return file_write(&((struct stage_output *)context)->file, bytes); }

/* Output 0 was reserved by the caller (columns are only final now); buckets and pictures were added by the stage. */
int stage_outputs_open(struct stage_run *run)
{
    struct stage_private *own = run->own;
    if (!run->stage->drops && run->common->dropped) return fail_usage("--dropped: this command drops no rows: leave it out");
    if (run->stage->drops && add_dropped(run) < 0) return -1;
    for (size_t i = 0; i < own->output_count; i++) {
        struct stage_output *out = own->outputs[i];
        if (i == 0 && (run->stage->sink || run->stage->buckets)) continue;
        int result = out->path ? file_create(&out->file, out->path) : file_create_stdout(&out->file);
        if (result < 0 || rows_writer_new(&out->writer, &out->columns, write_output, out, out->plain) < 0) return -1;
    }
    return 0;
}

int stage_output_main(struct stage_run *run)
{
    const char *o = run->common->output;
    bool to_stdout = strcmp(o, "-") == 0;
    bool none_main = run->stage->sink || run->stage->buckets;
    const char *path = none_main || to_stdout ? NULL : run->output_folder ? arena_printf(&run->own->arena, "%s%s.rows.zst", o, run->output_stem) : o;
    if (!none_main && !to_stdout && !path) return -1;
    struct columns none = {0};
    return new_output(run, path, &none, to_stdout && (run->common->plain || run->stage->plain || isatty(STDOUT_FILENO))) < 0 ? -1 : 0;
}

/* ---- rows to files */

static struct batch *batch_of(struct stage_item *item, size_t output)
{
    struct stage_private *own = item->own->run->own;
    if (output == 0) return &item->out;
    return (int)output == own->dropped_output ? &item->own->dropped : &item->own->outputs[output].batch;
}

struct batch *stage_out(struct stage_item *item, int output) { return batch_of(item, (size_t)output); }

int stage_item_format(struct stage_item *item)
{
    struct stage_private *own = item->own->run->own;
    for (size_t i = 0; i < own->output_count; i++) {
        if (!own->outputs[i]->writer) continue;
        struct batch *b = batch_of(item, i);
        buf_clear(&item->own->outputs[i].text);
        item->own->outputs[i].rows = b->count;
        if (batch_format(b, &item->own->outputs[i].text) < 0) return -1;
    }
    return 0;
}

/* All row streams rise; a stage that does otherwise is wrong, and its rows are not published. */
static int check_order(struct stage_output *out, const struct batch *b)
{
    if (b->place_at[0] == SIZE_MAX || b->place_at[3] == SIZE_MAX) return 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct place *place = &b->rows[i].place;
        if (out->any && place_compare(&out->last, place) >= 0)
            return fail_usage("rows out of order: place %llu.%llu.%llu.%llu after %llu.%llu.%llu.%llu",
                              (unsigned long long)place->file, (unsigned long long)place->record, (unsigned long long)place->image,
                              (unsigned long long)place->text, (unsigned long long)out->last.file, (unsigned long long)out->last.record,
                              (unsigned long long)out->last.image, (unsigned long long)out->last.text);
        out->last = *place;
        out->any = true;
    }
    return 0;
}

int stage_item_assemble(struct stage_item *item)
{
    struct stage_private *own = item->own->run->own;
    for (size_t i = 0; i < own->output_count; i++) {
        struct item_output *io = &item->own->outputs[i];
        io->frames.count = 0;
        if (!own->outputs[i]->writer) continue;
        if (check_order(own->outputs[i], batch_of(item, i)) < 0) return -1;
        if (rows_writer_add(own->outputs[i]->writer, buf_str(&io->text), io->rows, &io->frames) < 0) return -1;
    }
    return 0;
}

int stage_item_compress(struct stage_item *item)
{
    struct stage_private *own = item->own->run->own;
    for (size_t i = 0; i < own->output_count; i++)
        for (size_t f = 0; f < item->own->outputs[i].frames.count; f++)
            if (rows_frame_compress(own->outputs[i]->writer, &item->own->outputs[i].frames.list[f]) < 0) return -1;
    return 0;
}

/* The ids of a dropped frame's rows, with the frame's number: `audit` opens one frame. The id is the first column. */
static int note_ids(struct stage_output *out, const struct rows_out_frame *frame)
{
    for (struct str rest = buf_str(&frame->text); rest.n;) {
        struct str line = str_cut(&rest, '\n'), id = str_cut(&line, '\t');
        unsigned char record[ID_RECORD] = {0};
        for (size_t i = 0; i < ID_PREFIX && 2 * i + 1 < id.n; i++)
            record[i] = (unsigned char)((ascii_hex(id.p[2 * i]) << 4 | ascii_hex(id.p[2 * i + 1])) & 0xFF);
        for (int i = 0; i < 4; i++) record[ID_PREFIX + i] = (unsigned char)(out->data_frames >> (24 - 8 * i));
        if (extsort_add(out->ids, record) < 0) return -1;
    }
    return 0;
}

static int put_frames(struct stage_output *out, struct rows_out_frames *frames)
{
    for (size_t f = 0; f < frames->count; f++) {
        if (out->ids && !frames->list[f].header && note_ids(out, &frames->list[f]) < 0) return -1;
        out->data_frames += !frames->list[f].header;
        if (rows_writer_put(out->writer, &frames->list[f]) < 0) return -1;
    }
    frames->count = 0;
    return 0;
}

int stage_item_write(struct stage_item *item)
{
    struct stage_private *own = item->own->run->own;
    for (size_t i = 0; i < own->output_count; i++)
        if (own->outputs[i]->writer && put_frames(own->outputs[i], &item->own->outputs[i].frames) < 0) return -1;
    return 0;
}

/* ---- the end */

static json_t *describe(struct stage_run *run, const struct stage_output *out)
{
    json_t *about = json_object();
    json_object_set_new(about, "stage", json_string(run->line->command->name));
    json_object_set_new(about, "behaviour", json_integer(run->stage->behaviour));
    json_object_set(about, "inputs", run->own->inputs);
    json_object_set_new(about, "parameters", stage_parameters(run));
    if (run->own->limited) json_object_set_new(about, "limited", json_true());
    if (run->own->table) json_object_set(about, "table", run->own->table);
    char *packs = !run->packs ? NULL : out->path ? relative(run->packs, out->path) : absolute(run->packs);
    if (packs) json_object_set_new(about, "packs", json_string(packs));
    free(packs);
    return about;
}

static int finish_output(struct stage_run *run, struct stage_output *out)
{
    struct rows_out_frames frames = {0};
    int result = rows_writer_flush(out->writer, &frames);
    for (size_t i = 0; i < frames.count && result == 0; i++) result = rows_frame_compress(out->writer, &frames.list[i]);
    if (result == 0) result = put_frames(out, &frames);
    json_t *about = describe(run, out);
    if (result == 0) result = rows_writer_finish(out->writer, about);
    json_decref(about);
    rows_out_frames_free(&frames);
    return result;
}

static int write_ids(struct stage_run *run, struct stage_output *out)
{
    struct str stem = str_from(out->path);
    if (str_ends(stem, STR(".zst"))) stem.n -= 4;
    const char *path = arena_printf(&run->own->arena, "%.*s.ids", STR_ARG(stem));
    struct file_out file;
    if (!path || file_create(&file, path) < 0) return -1;
    int result = extsort_seal(out->ids), more = 0;
    uint64_t records = 0;
    const void *record;
    struct buf block;
    buf_init(&block, 1 << 20);
    while (result == 0 && (more = extsort_next(out->ids, &record)) > 0) {
        records++;
        if (block.n + ID_RECORD > 1 << 20) {
            result = file_write(&file, buf_str(&block));
            buf_clear(&block);
        }
        if (result == 0) result = buf_add(&block, str_of(record, ID_RECORD));
    }
    if (result == 0 && more == 0) result = file_write(&file, buf_str(&block));
    buf_free(&block);
    if (result == 0 && more == 0) return stage_publish(run, &file, records);
    file_discard(&file);
    return -1;
}

int stage_outputs_finish(struct stage_run *run)
{
    for (size_t i = 0; i < run->own->output_count; i++) {
        struct stage_output *out = run->own->outputs[i];
        if (!out->writer) continue;
        if (finish_output(run, out) < 0) return -1;
        if (out->ids && write_ids(run, out) < 0) return -1;
        if (out->path && stage_publish(run, &out->file, rows_writer_rows(out->writer)) < 0) return -1;
    }
    return 0;
}

static int remember(struct stage_run *run, struct file_out *out, uint64_t rows)
{
    struct stage_private *own = run->own;
    struct published *list = realloc(own->published, (own->published_count + 1) * sizeof *list);
    if (!list) return fail_memory();
    own->published = list;
    struct published *p = &list[own->published_count++];
    *p = (struct published){.temporary = out->temporary, .path = out->path, .bytes = out->bytes, .rows = rows};
    hash128_hex(hash_stream_value(out->hash), p->hash);
    p->name = (char *)name_beside(run, p->path);
    out->temporary = out->path = NULL;
    return p->name ? 0 : -1;
}

static int take_over(struct stage_run *run, struct file_out *out, uint64_t rows)
{
    int result = fsync(out->fd) < 0 ? fail_errno("%s: cannot sync", out->path) : 0;
    if (close(out->fd) < 0 && result == 0) result = fail_errno("%s: cannot close", out->path);
    out->fd = -1;
    if (result == 0) result = remember(run, out, rows);
    file_discard(out);
    return result;
}

int stage_publish(struct stage_run *run, struct file_out *out, uint64_t rows) { return take_over(run, out, rows); }
int stage_published(struct stage_run *run, struct file_out *out, uint64_t rows) { return take_over(run, out, rows); }

static json_t *tally_json(const struct tally *t)
{
    json_t *object = json_object();
    for (size_t i = 0; i < t->count; i++)
        json_object_set_new(object, t->list[i].name, json_integer((json_int_t)t->list[i].n));
    return object;
}

static json_t *list_outputs(const struct stage_private *own)
{
    json_t *list = json_array();
    for (size_t i = 0; i < own->published_count; i++) {
        const struct published *p = &own->published[i];
        json_array_append_new(list, json_pack("{s:s,s:I,s:s,s:I}", "name", p->name, "size", (json_int_t)p->bytes, "xxh3_128", p->hash,
                                              "rows", (json_int_t)p->rows));
    }
    return list;
}

int stage_write_manifest(struct stage_run *run)
{
    struct stage_private *own = run->own;
    json_t *m = stage_manifest_key(run);
    if (!m) return -1;
    uint64_t written = 0;
    for (size_t i = 0; i < (run->stage->buckets ? own->output_count : 1); i++)
        if (own->outputs[i]->writer && (int)i != own->dropped_output) written += rows_writer_rows(own->outputs[i]->writer);
    json_object_set_new(m, "rows", json_pack("{s:I,s:I,s:I}", "read", (json_int_t)own->rows_read, "written", (json_int_t)written,
                                             "dropped", (json_int_t)own->dropped_rows));
    json_object_set_new(m, "rules", tally_json(&own->rules));
    json_object_set_new(m, "counts", tally_json(&own->counts));
    json_object_set_new(m, "records", json_integer((json_int_t)own->records));
    json_object_set_new(m, "losses", json_pack("{s:I,s:O,s:b}", "total", (json_int_t)own->losses_total, "list", own->losses, "damaged",
                                               own->damaged));
    json_object_set_new(m, "outputs", list_outputs(own));
    if (own->limited) json_object_set_new(m, "limited", json_true());
    int result = run->stage->manifest ? run->stage->manifest(run, m) : 0;
    if (result == 0) result = manifest_write(own->manifest_path, m);
    json_decref(m);
    return result;
}

int stage_outputs_publish(struct stage_run *run)
{
    struct stage_private *own = run->own;
    for (size_t i = 0; i < own->published_count; i++) {
        struct published *p = &own->published[i];
        if (!p->temporary) continue;
        if (rename(p->temporary, p->path) < 0) return fail_errno("%s: cannot rename to %s", p->temporary, p->path);
        free(p->temporary);
        p->temporary = NULL;
    }
    for (size_t i = 0; i < own->published_count; i++)
        if (i == 0 || strcmp(own->published[i].path, own->published[i - 1].path) != 0)
            if (file_sync_folder(own->published[i].path) < 0) return -1;
    return own->manifest_path ? stage_write_manifest(run) : 0;
}

void stage_outputs_discard(struct stage_run *run)
{
    struct stage_private *own = run->own;
    for (size_t i = 0; i < own->output_count; i++) {
        struct stage_output *out = own->outputs[i];
        out->path = NULL; /* the arena's */
        rows_writer_free(out->writer);
        extsort_close(out->ids);
        file_discard(&out->file);
        columns_free(&out->columns);
        free(out);
    }
    for (size_t i = 0; i < own->published_count; i++) {
        if (own->published[i].temporary) unlink(own->published[i].temporary);
        free(own->published[i].temporary);
        free(own->published[i].path);
    }
    free(own->published);
    columns_free(&own->dropped_columns);
}
