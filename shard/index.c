/* The command `index`: index.sqlite of a run from its manifests, the rows of its samples and the rows that it removed.
 *
 * Manifests are read first and summed (index_steps.c), so that all columns are known when the file is made; then sums, removed
 * rows and samples go in, table by table. Nothing in it depends on the number of tasks, on time or on the path above OUT. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/options.h"
#include "shard/index_private.h"
#include "shard/walk.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_BYTES = 1 << 30, SCRATCH_BYTES = 64 << 20 };

struct index_options {
    const char *output, *removed;
    bool quiet;
};

#define AT(field) offsetof(struct index_options, field)
static const struct option options[] = {
    {"output", 'o', OPTION_TEXT, AT(output), .argument = "FILE",
     .help = "the index; default OUT/index.sqlite, of manifests index.sqlite here"},
    {"removed", 0, OPTION_TEXT, AT(removed), .argument = "WHICH", .initial = "sample:1000",
     .help = "removed rows that it holds: rows (all), sample:N (N of each rule), counts (none)"},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), .help = "no closing line"},
    {0},
};

static volatile sig_atomic_t stop_signal; /* there is one run a process */

static void on_signal(int number) { stop_signal = number; }

int index_interrupted(void) { return stop_signal ? fail("interrupted") : 0; }

static int parse_removed(const char *text, struct removed_rows *r)
{
    struct str rest = str_from(text), word = str_cut(&rest, ':');
    r->mode = str_eq(word, STR("rows")) ? REMOVED_ROWS : str_eq(word, STR("counts")) ? REMOVED_COUNTS : REMOVED_SAMPLE;
    bool known = r->mode == REMOVED_SAMPLE ? str_eq(word, STR("sample")) && str_to_u64(rest, &r->sample) == 0 : !rest.p;
    return known ? 0 : fail_usage("--removed %s: expected rows, sample:N or counts", text);
}

/* ---- samples */

static int sample_columns_known(const struct columns *columns, const char *path)
{
    static const char *const needed[] = {"shard", "key", "sample_offset", "sample_length"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (columns_find(columns, str_from(needed[i])) == SIZE_MAX)
            return fail("%s: rows of samples without the column '%s'", path, needed[i]);
    return 0;
}

static int write_samples(struct walk *w, struct index_builder *b, uint64_t *samples)
{
    struct arena scratch;
    arena_init(&scratch, SCRATCH_BYTES);
    const struct row *row;
    int more;
    while ((more = walk_next(w, &row)) > 0) {
        arena_reset(&scratch);
        if (index_builder_sample(b, row, &scratch) < 0 || index_interrupted() < 0) more = -1;
        if (more < 0) break;
        ++*samples;
    }
    arena_free(&scratch);
    return more;
}

/* ---- where things lie */

/* `to` as seen from folder `from`, both absolute: ../ for each part of `from` that they do not share, then the rest of `to`. */
static int add_way(struct buf *out, struct str from, struct str to)
{
    size_t common = 0; /* behind the last slash up to which they are equal; `from` ends with one */
    for (size_t at = 0; at < from.n && at < to.n && from.p[at] == to.p[at]; at++)
        if (from.p[at] == '/') common = at + 1;
    for (size_t at = common; at < from.n; at++)
        if (from.p[at] == '/' && buf_add(out, STR("../")) < 0) return -1;
    return buf_add(out, str_from_at(to, common));
}

/* Appends the path of the folder of shards as seen from the folder of the index. */
static int add_shards_folder(struct buf *out, const char *index, const char *shards)
{
    char from[PATH_MAX + 1], to[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(index, '/');
    int n = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - index) + 1 : 1, slash ? index : ".");
    if (n < 0 || n >= (int)sizeof folder || !realpath(folder, from)) return fail_errno("%s: cannot follow this path", folder);
    if (!realpath(shards, to)) return fail_errno("%s: cannot follow this path", shards);
    if (strcmp(from, "/") != 0) strcat(from, "/");
    return add_way(out, str_from(from), str_from(to));
}

static int write_facts(const struct index_run *run, const char *index, const char *removed, uint64_t samples,
                       struct index_builder *b)
{
    char number[24];
    if (index_builder_fact(b, STR("format"), STR("winnow-index-1")) < 0) return -1;
    if (index_builder_fact(b, STR("removed"), str_from(removed)) < 0) return -1;
    snprintf(number, sizeof number, "%llu", (unsigned long long)samples);
    if (index_builder_fact(b, STR("samples"), str_from(number)) < 0) return -1;
    if (!run->shards_folder) return 0;
    struct buf folder;
    buf_init(&folder, 4 * PATH_MAX);
    int result = add_shards_folder(&folder, index, run->shards_folder);
    if (result == 0) result = index_builder_fact(b, STR("shards"), buf_str(&folder));
    buf_free(&folder);
    return result;
}

/* ---- the loaders' indexes */

static int compare_shards(const void *a, const void *b)
{
    const struct index_shard *x = a, *y = b;
    return (x->shard > y->shard) - (x->shard < y->shard);
}

static int write_text(const char *folder, const char *name, const struct buf *text)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", folder, name) >= (int)sizeof path)
        return fail("a path of more than %d bytes", PATH_MAX);
    struct file_out out = {.fd = -1};
    int result = file_create(&out, path);
    if (result == 0) result = file_write(&out, buf_str(text));
    if (result == 0) result = file_publish(&out);
    file_discard(&out);
    return result;
}

/* Where several tasks made the shards none of them knew all; now all are known. */
static int write_loaders(const struct index_run *run)
{
    if (!run->many_tasks || !run->shard_count) return 0;
    struct loader_shard *shards = calloc(run->shard_count, sizeof *shards);
    if (!shards) return fail_memory();
    bool plain = true;
    for (size_t i = 0; i < run->shard_count; i++) {
        const struct index_shard *from = &run->shards[i];
        snprintf(shards[i].name, sizeof shards[i].name, "%.*s", STR_ARG(from->name));
        shards[i].samples = from->samples;
        shards[i].size = from->size;
        plain &= str_ends(from->name, STR(".tar"));
    }
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    int result = loaders_sizes(&text, shards, run->shard_count);
    if (result == 0) result = write_text(run->meta_folder, "sizes.json", &text);
    buf_clear(&text);
    if (result == 0 && plain) {
        result = loaders_wids(&text, str_from(run->shards_folder), shards, run->shard_count);
        if (result == 0) result = write_text(run->meta_folder, "wids.json", &text);
    }
    buf_free(&text);
    free(shards);
    return result;
}

/* ---- the command */

static int build(struct index_run *run, struct removed_rows *removed, const struct index_options *o, const char *path)
{
    uint64_t samples = 0;
    struct walk *w = NULL;
    if (run->sample_files.count) {
        w = walk_open(run->sample_files.list, run->sample_files.count, true);
        if (!w || sample_columns_known(walk_columns(w), run->sample_files.list[0]) < 0) return walk_close(w), -1;
    }
    struct index_builder *b = index_builder_open(path, w ? walk_columns(w) : NULL, &removed->columns);
    int result = b ? index_run_write(run, b) : -1;
    if (result == 0) result = removed_write(removed, run, b);
    if (result == 0 && w) result = write_samples(w, b, &samples);
    if (result == 0) result = write_facts(run, path, o->removed, samples, b);
    if (result == 0) result = index_builder_finish(b);
    index_builder_close(b);
    walk_close(w);
    if (result == 0 && !o->quiet)
        log_line("%s: %llu samples in %zu shards, %zu steps", path, (unsigned long long)samples, run->shard_count, run->step_count);
    return result;
}

static const char *index_path(struct index_run *run, const struct index_options *o, const struct command_line *line)
{
    if (o->output) return o->output;
    if (line->argument_count != 1 || str_ends(str_from(line->arguments[0]), STR(".json"))) return "index.sqlite";
    char path[PATH_MAX];
    struct str out = str_from(line->arguments[0]);
    while (out.n > 1 && out.p[out.n - 1] == '/') out.n--;
    if (snprintf(path, sizeof path, "%.*s/index.sqlite", STR_ARG(out)) >= (int)sizeof path)
        return fail_usage("a path of more than %d bytes", PATH_MAX), NULL;
    return arena_c_string(&run->arena, str_from(path));
}

static int run_index(const struct command_line *line)
{
    const struct index_options *o = line->options;
    struct removed_rows removed = {0};
    struct index_run run = {0};
    if (line->argument_count == 0) return fail_usage("name the folder of a run, or the manifests of its steps in order");
    if (parse_removed(o->removed, &removed) < 0) return -1;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    arena_init(&run.arena, ARENA_BYTES);
    const char *path = index_path(&run, o, line);
    int result = path ? index_run_find(&run, line->arguments, line->argument_count) : -1;
    if (result == 0) result = index_run_sum(&run);
    if (result == 0) result = removed_columns(&removed, &run);
    if (result == 0 && run.shard_count) qsort(run.shards, run.shard_count, sizeof *run.shards, compare_shards);
    if (result == 0) result = build(&run, &removed, o, path);
    if (result == 0) result = write_loaders(&run);
    columns_free(&removed.columns);
    index_run_free(&run);
    if (!stop_signal || result == 0) return result;
    log_line("interrupted: nothing was published");
    return EXIT_INTERRUPTED;
}

const struct command command_index = {
    .name = "index",
    .summary = "make index.sqlite: samples, inputs, rules, counts, losses, removed rows",
    .arguments = "[OPTIONS] OUT|MANIFEST...",
    .description = "Reads the manifests of a run (OUT, or the manifests themselves in the order of the steps), the rows of its "
                   "samples and the rows that it removed, and makes one SQLite file of them, whole or not at all; "
                   "schemas/index.sql declares its tables. Where several tasks made the shards it also writes sizes.json and "
                   "wids.json into shards.meta/.",
    .example = "winnow index build/demo/OUT --removed rows -o build/example/index.sqlite",
    .see_also = "shard, get, audit, report",
    .options = options,
    .options_size = sizeof(struct index_options),
    .run = run_index,
};
