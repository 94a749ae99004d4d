/* The stage `shard`, its rows: the task's share of them, their order, and how they fall into groups. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "shard/shard_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- shares */

static uint64_t part(uint64_t i, uint64_t n, uint64_t parts) { return (uint64_t)((unsigned __int128)n * i / parts); }

/* Whole shards, with a shuffle whole blocks: [*from, *to) of `total` rows. */
static void share_of_task(const struct stage_run *run, uint64_t total, uint64_t unit, uint64_t *from, uint64_t *to)
{
    uint64_t units = total / unit + (total % unit != 0);
    *from = part(run->task, units, run->tasks) * unit;
    *to = part(run->task + 1, units, run->tasks) * unit;
    if (*from > total) *from = total;
    if (*to > total) *to = total;
}

static unsigned digits_of(uint64_t n)
{
    unsigned digits = 1;
    while (n /= 10) digits++;
    return digits;
}

static int take_share(struct stage_run *run)
{
    struct shard *s = run->state;
    const struct shard_options *o = run->options;
    uint64_t total, from, to, limit = run->common->limit ? run->common->limit : UINT64_MAX;
    if (walk_rows(s->input.walk, &total) < 0) { /* a pipe, or other people's rows */
        if (run->tasks > 1) return fail_usage("--task needs row files that winnow wrote to their end");
        s->input.rows_left = limit;
        return 0;
    }
    if (total > limit) total = limit;
    uint64_t shards = total / s->samples_per_shard + (total % s->samples_per_shard != 0);
    unsigned digits = digits_of(shards ? shards - 1 : 0);
    if (digits > s->shard_digits && !o->max_bytes) s->shard_digits = digits;
    share_of_task(run, total, s->block_rows ? s->block_rows : s->samples_per_shard, &from, &to);
    s->input.rows_left = to - from;
    s->input.shard = from / s->samples_per_shard;
    return walk_seek(s->input.walk, from);
}

/* ---- files */

static int name_inputs(struct stage_run *run, const char *const *paths, size_t count)
{
    static const struct rows_open_options quiet = {.quiet_plain = true};
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct walk_file *file = walk_file(((struct shard *)run->state)->input.walk, i);
        bytes += file->size;
        if (!file->described) continue;
        struct rows_reader *reader;
        if (rows_open(&reader, paths[i], &quiet) < 0) return -1;
        int result = rows_description(reader) ? stage_row_input(run, reader, paths[i])
                                              : fail("%s: its description cannot be read again", paths[i]);
        rows_close(reader);
        if (result < 0) return -1;
    }
    stage_progress_total(run, bytes);
    return 0;
}

/* The pack folder that a row file's description names, as a path; NULL where it names none. The caller frees. */
static char *packs_of(const struct walk_file *file)
{
    char *path = NULL;
    if (!file->packs) return NULL;
    const char *slash = file->packs[0] == '/' ? NULL : strrchr(file->path, '/');
    int folder = slash ? (int)(slash - file->path) + 1 : 0;
    return asprintf(&path, "%.*s%s", folder, file->path, file->packs) < 0 ? NULL : path;
}

/* --packs, else what the rows say, else `packs` beside the output, else here. */
static int find_packs(struct stage_run *run, size_t count)
{
    struct shard *s = run->state;
    if (run->packs) return 0;
    char *first = packs_of(walk_file(s->input.walk, 0));
    int result = 0;
    for (size_t i = 1; i < count && first && result == 0; i++) {
        char *other = packs_of(walk_file(s->input.walk, i));
        if (!other || strcmp(first, other) != 0)
            result = fail_usage("%s and %s have their pictures in different folders: merge the packs into one, give --packs",
                                walk_file(s->input.walk, 0)->path, walk_file(s->input.walk, i)->path);
        free(other);
    }
    if (result == 0 && !first) {
        struct str beside = str_from(run->output_folder);
        while (beside.n && beside.p[beside.n - 1] == '/') beside.n--;
        while (beside.n && beside.p[beside.n - 1] != '/') beside.n--;
        if (asprintf(&first, "%.*spacks", STR_ARG(beside)) < 0) return fail_memory();
    }
    if (result == 0) run->packs = arena_c_string(stage_arena(run), file_exists(first) ? str_from(first) : STR("packs"));
    free(first);
    return result == 0 && run->packs ? 0 : -1;
}

int shard_input_open(struct stage_run *run)
{
    static const char *const standard_input[] = {"-"};
    struct shard_input *input = &((struct shard *)run->state)->input;
    const char *const *paths = run->line->argument_count ? run->line->arguments : standard_input;
    size_t count = run->line->argument_count ? run->line->argument_count : 1;
    if (!run->line->argument_count && isatty(STDIN_FILENO))
        return fail_usage("no rows: name row files, or pipe them in; 'winnow shard --help' shows how");
    arena_init(&input->scratch, 8 << 20);
    buf_init(&input->line, ROW_BYTES_MAX + 1);
    buf_init(&input->json, SAMPLE_JSON_MAX);
    input->walk = walk_open(paths, count, run->common->plain_input);
    if (!input->walk || columns_copy(&run->in, walk_columns(input->walk)) < 0) return -1;
    if (name_inputs(run, paths, count) < 0 || find_packs(run, count) < 0) return -1;
    return take_share(run);
}

void shard_input_close(struct shard_input *input)
{
    walk_close(input->walk);
    block_free(input->block);
    arena_free(&input->scratch);
    buf_free(&input->line);
    buf_free(&input->json);
}

/* ---- blocks */

void block_free(struct block *block)
{
    if (!block) return;
    shuffle_close(block->rows);
    free(block->at);
    free(block);
}

static int walk_one(struct shard_input *input, const struct row **row)
{
    if (input->rows_left == 0) return 0;
    int more = walk_next(input->walk, row);
    if (more > 0 && input->rows_left != UINT64_MAX) input->rows_left--;
    return more;
}

/* A new block with the next rows: 1, 0 when there are none. */
static int fill_block(struct stage_run *run)
{
    struct shard *s = run->state;
    struct block *block = s->input.block = calloc(1, sizeof *block);
    if (!block) return fail_memory();
    block->rows = shuffle_open(s->seed, run->common->tmp);
    if (!block->rows) return -1;
    const struct row *row;
    int more = 1;
    while (shuffle_count(block->rows) < s->block_rows && (more = walk_one(&s->input, &row)) > 0)
        if (shuffle_add(block->rows, row->line, &row->place) < 0) return -1;
    if (more < 0 || shuffle_seal(block->rows) < 0) return -1;
    size_t count = shuffle_count(block->rows);
    block->at = calloc(count ? count : 1, sizeof *block->at);
    if (!block->at) return fail_memory();
    if (count) return 1;
    block_free(block);
    s->input.block = NULL;
    return 0;
}

/* ---- groups */

/* Makes the next row ready in input->line: 1, 0 at the end, -1. */
static int ready_line(struct stage_run *run)
{
    struct shard *s = run->state;
    struct shard_input *input = &s->input;
    if (input->line_ready) return 1;
    buf_clear(&input->line);
    if (s->block_rows) {
        int more = input->block ? 1 : fill_block(run);
        if (more <= 0) return more;
        size_t row = shuffle_at(input->block->rows, input->block->handed_out);
        if (shuffle_line(input->block->rows, row, &input->line) < 0) return -1;
    } else {
        const struct row *row;
        int more = walk_one(input, &row);
        if (more <= 0) return more;
        if (buf_add(&input->line, row->line) < 0 || buf_byte(&input->line, '\n') < 0) return -1;
    }
    input->line_ready = true;
    return 1;
}

/* Bytes that the row's sample takes in a tar, if its picture can be read. */
static int sample_bytes(struct shard *s, const struct row *row, uint64_t *bytes)
{
    struct shard_input *input = &s->input;
    uint64_t picture = 0;
    size_t length = columns_find(walk_columns(input->walk), STR("image_length"));
    arena_reset(&input->scratch);
    buf_clear(&input->json);
    if (shard_sample_key(s, &input->json, input->shard, 0) < 0) return -1;
    char key[64];
    int n = snprintf(key, sizeof key, "%.*s", STR_ARG(buf_str(&input->json)));
    buf_clear(&input->json);
    if (sample_json(&s->layout, row, str_of(key, (size_t)n), &input->scratch, &input->json) < 0) return -1;
    if (length != SIZE_MAX && row_u64(row, length, &picture) < 0) picture = 0;
    if (picture > PICTURE_BYTES_MAX) picture = PICTURE_BYTES_MAX;
    *bytes = tar_member_bytes(picture) + tar_member_bytes(input->json.n) +
             tar_member_bytes(row_text(row, s->layout.text, &input->scratch).n);
    return 0;
}

/* Moves to the next shard where the row that was just taken does not fit into this one; 1 when it does so. */
static int roll_over(struct stage_run *run, const struct row *row)
{
    struct shard *s = run->state;
    const struct shard_options *o = run->options;
    struct shard_input *input = &s->input;
    uint64_t bytes = 0;
    if (o->max_bytes && sample_bytes(s, row, &bytes) < 0) return -1;
    bool full = input->index == s->samples_per_shard ||
                (o->max_bytes && input->index && input->shard_bytes + bytes > o->max_bytes);
    if (full) {
        input->shard++;
        input->index = 0;
        input->shard_bytes = 0;
    }
    return full;
}

/* Takes the ready row as the group's next sample. */
static void count_row(struct stage_run *run, struct group *g, size_t i, const struct row *row)
{
    struct shard *s = run->state;
    struct shard_input *input = &s->input;
    const struct shard_options *o = run->options;
    uint64_t bytes = 0;
    if (o->max_bytes && sample_bytes(s, row, &bytes) == 0) input->shard_bytes += bytes;
    g->samples[i] = (struct sample_at){.shard = input->shard, .index = input->index++};
    input->line_ready = false;
    s->rows_read++;
    if (!input->block) return;
    if (i == 0) g->first = input->block->handed_out;
    g->block = input->block;
    if (++input->block->handed_out == shuffle_count(input->block->rows)) input->block = NULL; /* the groups have it now */
}

static int add_ready_line(struct stage_run *run, struct stage_item *item)
{
    struct shard_input *input = &((struct shard *)run->state)->input;
    struct str line = arena_copy(&item->in.arena, buf_str(&input->line));
    return line.p ? batch_split(&item->in, line, 1) : -1;
}

static int make_room(struct group *g, size_t count)
{
    if (count < g->room) return 0;
    struct sample_at *samples = realloc(g->samples, GROUP_SAMPLES * sizeof *samples);
    if (!samples) return fail_memory();
    g->samples = samples;
    g->room = GROUP_SAMPLES;
    return 0;
}

int shard_input_next(struct stage_run *run, struct stage_item *item)
{
    struct shard *s = run->state;
    struct group *g = item->user;
    size_t length = columns_find(&run->in, STR("image_length"));
    uint64_t weight = 0, picture;
    int more = 1;
    g->block = NULL;
    while (weight < GROUP_BYTES && item->in.count < GROUP_SAMPLES) {
        if (s->input.block == NULL && g->block) break; /* a group lies in one block */
        if ((more = ready_line(run)) <= 0) break;
        if (make_room(g, item->in.count) < 0 || add_ready_line(run, item) < 0) return -1;
        const struct row *row = &item->in.rows[item->in.count - 1];
        int rolled = roll_over(run, row);
        if (rolled < 0) return -1;
        if (rolled && item->in.count > 1) { /* the row begins the next group */
            item->in.count--;
            break;
        }
        count_row(run, g, item->in.count - 1, row);
        if (row_u64(row, length, &picture) < 0) picture = 0;
        weight += SAMPLE_OVERHEAD + (picture < GROUP_BYTES ? picture : GROUP_BYTES);
    }
    stage_progress(run, walk_stored_read(s->input.walk));
    return more < 0 ? -1 : item->in.count > 0;
}
