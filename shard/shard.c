/* The stage `shard`: rows and the packs of their pictures become tar shards.
 *
 * `next` cuts the rows into groups of samples (shard_input.c); workers read the pictures, write each group's piece of tar and
 * compress it; `emit` joins the pieces in order, which costs a hash and a write. A shard is closed when the first group of the
 * next one comes. Beside the shards stands FOLDER.meta/ with the manifest, the samples' rows (shard_rows.c) and, where one
 * task makes all shards, the loaders' indexes. */
#include "pipeline/base/fail.h"
#include "shard/shard_private.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 64 };

#define AT(field) offsetof(struct shard_options, field)
static const struct option options[] = {
    {"compress", 'c', OPTION_CHOICE, AT(compress), .argument = "KIND", .initial = "zstd", .choices = "zstd|none|gzip",
     .help = "zstd with a table, so that one sample is read by itself; none; gzip as one member"},
    {"samples", 'n', OPTION_U64, AT(samples), .argument = "N", .initial = "10000", .low = 1, .high = 1e9,
     .help = "numbers in a shard; a picture that cannot be read leaves a gap"},
    {"max-bytes", 0, OPTION_SIZE, AT(max_bytes), .argument = "SIZE", .initial = "0", .low = 0, .high = 0x1p50,
     .help = "begin a new shard also before its tar exceeds this; 0 = by number alone; not with --task"},
    {"shuffle", 0, OPTION_TEXT, AT(shuffle), .argument = "SEED",
     .help = "order the samples of each block by a hash of this number and their place; else they keep the rows' order"},
    {"shuffle-block", 0, OPTION_U64, AT(shuffle_block), .argument = "N", .initial = "100000", .low = 1, .high = 1e8,
     .help = "samples of a block of --shuffle, a multiple of --samples"},
    {0},
};

/* ---- opening */

const char *shard_meta_path(struct stage_run *run, const char *name)
{
    struct str folder = str_from(run->output_folder);
    while (folder.n && folder.p[folder.n - 1] == '/') folder.n--;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s.meta/%s", STR_ARG(folder), name);
    if (n < 0 || n >= (int)sizeof path) return fail_usage("a path of more than %d bytes", PATH_MAX), NULL;
    return arena_c_string(stage_arena(run), str_of(path, (size_t)n));
}

int shard_sample_key(const struct shard *s, struct buf *out, uint64_t shard, uint64_t index)
{
    return sample_key(out, shard, index, s->shard_digits, s->index_digits);
}

static int read_options(struct stage_run *run)
{
    struct shard *s = run->state;
    const struct shard_options *o = run->options;
    s->compression = strcmp(o->compress, "none") == 0 ? SHARD_NONE : strcmp(o->compress, "gzip") == 0 ? SHARD_GZIP : SHARD_ZSTD;
    s->samples_per_shard = o->samples;
    s->index_digits = sample_index_digits(o->samples);
    s->shard_digits = SHARD_DIGITS;
    if (o->max_bytes && run->tasks > 1)
        return fail_usage("--max-bytes with --task: where a shard ends must be known without making those before it");
    if (!o->shuffle) return 0;
    s->block_rows = o->shuffle_block;
    if (str_to_u64(str_from(o->shuffle), &s->seed) < 0) return fail_usage("--shuffle %s: expected a number", o->shuffle);
    if (s->block_rows % s->samples_per_shard != 0)
        return fail_usage("--shuffle-block %llu is no multiple of --samples %llu: a shard would lie in two blocks",
                          (unsigned long long)s->block_rows, (unsigned long long)s->samples_per_shard);
    return 0;
}

static int write_member(void *context, struct str bytes) { return buf_add(((struct shard_worker *)context)->into, bytes); }

static int open_workers(struct stage_run *run)
{
    struct shard *s = run->state;
    s->workers = calloc(run->threads, sizeof *s->workers);
    if (!s->workers) return fail_memory();
    for (unsigned i = 0; i < run->threads; i++) {
        struct shard_worker *w = &s->workers[i];
        buf_init(&w->picture, PICTURE_BYTES_MAX);
        buf_init(&w->json, SAMPLE_JSON_MAX);
        buf_init(&w->name, NAME_BYTES);
        w->pictures = pictures_open(run->packs, &run->in);
        w->tar = w->pictures ? tar_writer_open(write_member, w) : NULL;
        if (!w->tar) return -1;
    }
    return 0;
}

static int shard_open(struct stage_run *run)
{
    struct shard *s = run->state;
    if (read_options(run) < 0 || shard_input_open(run) < 0 || sample_layout_init(&s->layout, &run->in) < 0) return -1;
    return open_workers(run);
}

static void *group_new(struct stage_run *run)
{
    (void)run;
    struct group *g = calloc(1, sizeof *g);
    if (!g) return fail_memory(), NULL;
    buf_init(&g->piece.tar, ZFRAME_BYTES_MAX);
    buf_init(&g->piece.stored, (size_t)ZFRAME_BYTES_MAX + ZFRAME_BYTES_MAX / 64);
    return g;
}

static void group_free(void *user)
{
    struct group *g = user;
    free(g->samples);
    buf_free(&g->piece.tar);
    buf_free(&g->piece.stored);
    free(g);
}

/* ---- samples */

struct member {
    struct str extension, data;
};

static int compare_members(const void *a, const void *b)
{
    return str_compare(((const struct member *)a)->extension, ((const struct member *)b)->extension);
}

/* Adds the members of a sample to the worker's piece of tar. `key` is in w->name. */
static int add_members(struct shard_worker *w, struct str extension, struct str text)
{
    struct member members[] = {{extension, buf_str(&w->picture)}, {STR("json"), buf_str(&w->json)}, {STR("txt"), text}};
    enum { MEMBERS = sizeof members / sizeof *members };
    size_t key = w->name.n;
    qsort(members, MEMBERS, sizeof *members, compare_members);
    for (size_t i = 0; i < MEMBERS; i++) {
        w->name.n = key;
        if (buf_byte(&w->name, '.') < 0 || buf_add(&w->name, members[i].extension) < 0) return -1;
        if (tar_writer_add(w->tar, buf_str(&w->name), members[i].data, NULL) < 0) return -1;
    }
    return 0;
}

static int lose_picture(struct stage_item *item, const struct row *row, struct str pack, uint64_t offset, const char *why)
{
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_ARG(pack));
    if (stage_count(item, "unreadable", 1) < 0) return -1;
    const struct place *p = &row->place;
    return stage_loss(item, *name ? name : "(no pack)", "offset", offset, "no picture for place %llu.%llu.%llu.%llu: %s",
                      (unsigned long long)p->file, (unsigned long long)p->record, (unsigned long long)p->image,
                      (unsigned long long)p->text, why);
}

/* Makes the sample of a row at the end of the group's tar; a picture that cannot be read is a loss, and no sample. */
static int make_sample(struct shard *s, struct shard_worker *w, struct stage_item *item, const struct row *row,
                       struct sample_at *at)
{
    struct str extension = sample_extension(row->cells[s->layout.stored]);
    buf_clear(&w->picture);
    buf_clear(&w->json);
    buf_clear(&w->name);
    at->offset = w->into->n;
    if (!extension.n) return lose_picture(item, row, STR("(no picture)"), 0, "column stored names no format of pictures");
    if (pictures_read(w->pictures, row, &w->picture) < 0)
        return lose_picture(item, row, pictures_pack(w->pictures), pictures_offset(w->pictures), fail_message());
    if (shard_sample_key(s, &w->name, at->shard, at->index) < 0) return -1;
    if (sample_json(&s->layout, row, buf_str(&w->name), &item->scratch, &w->json) < 0) return -1;
    if (add_members(w, extension, row_text(row, s->layout.text, &item->scratch)) < 0) return -1;
    at->length = w->into->n - at->offset;
    return stage_count(item, "samples", 1);
}

static int shard_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    struct shard *s = run->state;
    struct group *g = item->user;
    struct shard_worker *w = &s->workers[worker];
    w->into = &g->piece.tar;
    buf_clear(w->into);
    for (size_t i = 0; i < item->in.count; i++)
        if (make_sample(s, w, item, &item->in.rows[i], &g->samples[i]) < 0) return -1;
    stage_read(item, item->in.count);
    return shard_piece_pack(&g->piece, s->compression);
}

/* ---- shards */

static int remember_shard(struct shard *s)
{
    if (s->shard_count == s->shard_room) {
        size_t room = s->shard_room ? s->shard_room * 2 : 64;
        struct loader_shard *shards = realloc(s->shards, room * sizeof *shards);
        if (!shards) return fail_memory();
        s->shards = shards;
        s->shard_room = room;
    }
    s->shards[s->shard_count++] = s->now;
    return 0;
}

static int close_shard(struct stage_run *run)
{
    struct shard *s = run->state;
    if (!s->file_open) return 0;
    if (shard_file_end(&s->file) < 0) return -1;
    s->now.size = s->file.file.bytes;
    if (remember_shard(s) < 0 || stage_publish(run, &s->file.file, s->now.samples) < 0) return -1;
    s->file_open = false;
    shard_file_discard(&s->file); /* what is left: its table */
    return 0;
}

static int open_shard(struct stage_run *run, uint64_t number)
{
    struct shard *s = run->state;
    char path[PATH_MAX];
    s->now = (struct loader_shard){0};
    s->now_number = number;
    snprintf(s->now.name, sizeof s->now.name, "%0*llu%s", (int)s->shard_digits, (unsigned long long)number,
             shard_suffix(s->compression));
    int n = snprintf(path, sizeof path, "%s%s", run->output_folder, s->now.name);
    if (n < 0 || n >= (int)sizeof path) return fail_usage("a path of more than %d bytes", PATH_MAX);
    s->file_open = true;
    return shard_file_open(&s->file, path, s->compression);
}

/* The samples of a written group get their places in the shard; their rows are written, or wait for the rest of their block. */
static int settle_group(struct shard *s, struct stage_item *item, uint64_t begin)
{
    struct group *g = item->user;
    struct block *block = g->block;
    for (size_t i = 0; i < item->in.count; i++) {
        struct sample_at *at = &g->samples[i];
        at->offset += begin;
        s->now.samples += at->length != 0;
        if (block) block->at[shuffle_at(block->rows, g->first + i)] = *at;
        else if (shard_rows_add(s, &item->in.rows[i], at) < 0) return -1;
    }
    if (!block) return 0;
    block->written += item->in.count;
    if (block->written < shuffle_count(block->rows)) return 0;
    int result = shard_rows_add_block(s, block);
    block_free(block);
    return result;
}

static int shard_emit(struct stage_run *run, struct stage_item *item)
{
    struct shard *s = run->state;
    struct group *g = item->user;
    uint64_t number = g->samples[0].shard;
    if (!s->rows.writer && shard_rows_open(run) < 0) return -1;
    if (s->file_open && s->now_number != number && close_shard(run) < 0) return -1;
    if (!s->file_open && open_shard(run, number) < 0) return -1;
    uint64_t begin = s->file.tar_bytes;
    if (shard_file_add(&s->file, &g->piece) < 0) return -1;
    return settle_group(s, item, begin);
}

/* ---- the end */

static int publish_text(struct stage_run *run, const char *name, struct buf *text)
{
    struct file_out file = {.fd = -1};
    const char *path = shard_meta_path(run, name);
    int result = path ? file_create(&file, path) : -1;
    if (result == 0) result = file_write(&file, buf_str(text));
    if (result == 0) return stage_publish(run, &file, 0);
    file_discard(&file);
    return -1;
}

static int write_loaders(struct stage_run *run)
{
    struct shard *s = run->state;
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    int result = loaders_sizes(&text, s->shards, s->shard_count);
    if (result == 0) result = publish_text(run, "sizes.json", &text);
    buf_clear(&text);
    if (result == 0 && s->compression == SHARD_NONE) {
        result = loaders_wids(&text, str_from(run->output_folder), s->shards, s->shard_count);
        if (result == 0) result = publish_text(run, "wids.json", &text);
    }
    buf_free(&text);
    return result;
}

static int shard_finish(struct stage_run *run)
{
    struct shard *s = run->state;
    if (s->rows_read && !s->rows_written)
        return fail("none of %llu pictures could be read: packs were looked for in '%s' (--packs)",
                    (unsigned long long)s->rows_read, run->packs);
    if (!s->rows.writer && shard_rows_open(run) < 0) return -1; /* no rows at all */
    if (close_shard(run) < 0 || shard_rows_finish(run) < 0) return -1;
    return run->tasks == 1 ? write_loaders(run) : 0;
}

static int shard_manifest(struct stage_run *run, json_t *manifest)
{
    const struct shard *s = run->state;
    json_t *rows = json_pack("{s:I,s:I,s:i}", "read", (json_int_t)s->rows_read, "written", (json_int_t)s->rows_written,
                             "dropped", 0);
    return rows && json_object_set_new(manifest, "rows", rows) == 0 ? 0 : fail_memory();
}

static void shard_close(struct stage_run *run)
{
    struct shard *s = run->state;
    for (unsigned i = 0; s->workers && i < run->threads; i++) {
        pictures_close(s->workers[i].pictures);
        tar_writer_close(s->workers[i].tar);
        buf_free(&s->workers[i].picture);
        buf_free(&s->workers[i].json);
        buf_free(&s->workers[i].name);
    }
    free(s->workers);
    if (s->file_open) shard_file_discard(&s->file);
    free(s->shards);
    shard_rows_close(&s->rows);
    shard_input_close(&s->input);
    sample_layout_free(&s->layout);
}

static const struct stage stage_shard = {
    .behaviour = 1,
    .needs = "",
    .source = true, /* of row files, of which it takes whole shards, not whole frames */
    .sink = true,
    .run_size = sizeof(struct shard),
    .open = shard_open,
    .item_new = group_new,
    .item_free = group_free,
    .next = shard_input_next,
    .work = shard_work,
    .emit = shard_emit,
    .finish = shard_finish,
    .manifest = shard_manifest,
    .close = shard_close,
};

const struct command command_shard = {
    .name = "shard",
    .summary = "write rows and their pictures as tar shards",
    .arguments = "[OPTIONS] -o FOLDER/ [ROWS...]",
    .description = "Each row becomes a sample KEY.jpg KEY.json KEY.txt, as img2dataset writes them and WebDataset, open_clip "
                   "and clip-retrieval read them. FOLDER gets nothing but NNNNN.tar.zst (or .tar, .tar.gz); FOLDER.meta/ gets "
                   "the manifest, the samples' rows with shard, key and place in the tar, sizes.json and, for plain tars, "
                   "wids.json.\n"
                   "A key is the shard's number and the sample's number in it, counted over all rows: equal for any number of "
                   "tasks. Read compressed shards by a pipe: 'pipe:zstd -dcq FILE'.",
    .example = "winnow extract tests/data/one-page.warc | winnow fetch --from-warc tests/data/one-page.warc "
               "--packs build/example/packs | winnow shard --packs build/example/packs -o build/example/shards/",
    .see_also = "fetch, index, get",
    .options = options,
    .options_size = sizeof(struct shard_options),
    .stage = &stage_shard,
};
