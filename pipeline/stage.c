/* The harness: one run of a stage.
 *
 * Items walk through seven steps (base/ordered): next, work, order, format, assemble, compress, write. `next`, `order`,
 * `assemble` and `write` are serial, so everything that depends on order (places, limits, counts, messages, frames) happens
 * there. With several passes all but the last end after `order`.
 *
 * (1) Nothing is visible under its final name before all of the run has succeeded; the manifest comes last.
 * (2) What is written, counted and said depends on the input and the options alone.
 * (3) After a failure or a signal no temporary file is left. */
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/base/ordered.h"
#include "pipeline/base/utf8.h"
#include "pipeline/manifest.h"
#include "pipeline/progress.h"
#include "pipeline/stage_private.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_BYTES_MAX = 1 << 30, SCRATCH_BYTES_MAX = 256 << 20 };

/* Set by the signal handler; there is one run a process. */
static atomic_int stop_signal; /* lock-free, as a handler needs it; other threads read it */

static void on_signal(int number) { stop_signal = number; }

bool stage_stopping(const struct stage_run *run) { return stop_signal || atomic_load(&run->own->limited); }
void stage_progress_total(struct stage_run *run, uint64_t bytes) { run->own->progress.total = bytes; }
void stage_progress(struct stage_run *run, uint64_t bytes) { atomic_store(&run->own->bytes_read, bytes); }
struct arena *stage_arena(struct stage_run *run) { return &run->own->arena; }

int stage_input(struct stage_run *run, const char *name, uint64_t size, struct hash128 hash)
{
    char hex[33];
    hash128_hex(hash, hex);
    json_t *input = json_pack("{s:s,s:I,s:s}", "name", name, "size", (json_int_t)size, "xxh3_128", hex);
    if (!input) return utf8_valid(str_from(name)) ? fail_memory() : fail_usage("'%s': a file name that is not UTF-8", name);
    return json_array_append_new(run->own->inputs, input) ? fail_memory() : 0;
}

int stage_input_pipe(struct stage_run *run, const char *name)
{
    run->own->input_unknown = true;
    return stage_input(run, name, 0, (struct hash128){0, 0});
}

/* ---- parameters */

static int add_parameters(json_t *object, const struct option *table, const void *options)
{
    struct buf value;
    buf_init(&value, 1 << 20);
    int result = 0;
    for (const struct option *o = table; o && o->name && result == 0; o++) {
        if (o->neutral) continue;
        buf_clear(&value);
        const char *path = o->type == OPTION_FILE ? *(const char *const *)(const void *)((const char *)options + o->offset) : NULL;
        if (path) { /* the content decides, not the name */
            uint64_t size;
            struct hash128 hash;
            char hex[33];
            result = file_content_hash(path, &size, &hash);
            if (result == 0) hash128_hex(hash, hex), result = buf_printf(&value, "xxh3_128:%s", hex);
        } else {
            result = options_value(&value, o, options);
        }
        json_t *text = json_stringn(value.n ? value.p : "", value.n);
        if (result == 0 && !text)
            result = utf8_valid(buf_str(&value)) ? fail_memory() : fail_usage("--%s: a value that is not UTF-8", o->name);
        if (result == 0 && json_object_set(object, o->name, text)) result = fail_memory();
        json_decref(text);
    }
    buf_free(&value);
    return result;
}

json_t *stage_parameters(const struct stage_run *run)
{
    json_t *object = json_object();
    if (add_parameters(object, run->line->command->options, run->options) < 0 ||
        add_parameters(object, stage_option_table(), run->common) < 0 ||
        (run->stage->parameters && run->stage->parameters(run, object) < 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *stage_manifest_key(const struct stage_run *run)
{
    json_t *parameters = stage_parameters(run);
    if (!parameters) return NULL;
    char task[48];
    snprintf(task, sizeof task, "%llu/%llu", (unsigned long long)run->task, (unsigned long long)run->tasks);
    return json_pack("{s:s,s:s,s:i,s:o,s:O,s:s}", "format", MANIFEST_FORMAT, "stage", run->line->command->name, "behaviour",
                     run->stage->behaviour, "parameters", parameters, "inputs", run->own->inputs, "task", task);
}

/* ---- steps */

static void reset_item(struct stage_run *run, struct stage_item *item)
{
    arena_reset(&item->scratch);
    batch_reset(&item->in);
    batch_reset(&item->out);
    batch_reset(&item->own->dropped);
    for (size_t i = 1; i < run->own->output_count; i++)
        if ((int)i != run->own->dropped_output) batch_reset(&item->own->outputs[i].batch);
}

static int step_next(void *shared, void *argument, unsigned worker)
{
    (void)worker;
    struct stage_run *run = shared;
    struct stage_item *item = argument;
    if (stop_signal) return fail("interrupted");
    if (atomic_load(&run->own->limited)) return 0;
    item->sequence = run->own->next_sequence++;
    reset_item(run, item);
    return run->stage->source ? run->stage->next(run, item) : stage_inputs_next(run, item);
}

static int step_work(void *shared, void *argument, unsigned worker)
{
    struct stage_run *run = shared;
    struct stage_item *item = argument;
    if (atomic_load(&run->own->limited)) return 0;
    if (!run->stage->source && stage_inputs_decode(item) < 0) return -1;
    return item->own->decode_failed || !run->stage->work ? 0 : run->stage->work(run, item, worker);
}

/* Cuts the item at the last row that --limit allows; what was dropped behind it was never reached. */
static int apply_limit(struct stage_run *run, struct stage_item *item)
{
    struct stage_private *own = run->own;
    uint64_t limit = run->common->limit, left = limit - own->rows_written;
    if (!limit || item->out.count < left) return 0;
    item->out.count = (size_t)left;
    atomic_store(&own->limited, true);
    struct batch *dropped = &item->own->dropped;
    if (!left || !dropped->count) return 0;
    const struct place *last = &item->out.rows[left - 1].place;
    while (dropped->count && place_compare(&dropped->rows[dropped->count - 1].place, last) > 0) {
        struct str rule = row_text(&dropped->rows[dropped->count - 1], own->dropped_at[0], &item->scratch);
        if (tally_add(&item->own->rules, rule, UINT64_MAX) < 0) return -1; /* minus one */
        dropped->count--;
    }
    return 0;
}

static int step_order(void *shared, void *argument, unsigned worker)
{
    (void)worker;
    struct stage_run *run = shared;
    struct stage_item *item = argument;
    struct stage_private *own = run->own;
    item->own->skipped = atomic_load(&own->limited);
    if (item->own->skipped) return 0;
    if (!run->stage->source && stage_inputs_order(run, item) < 0) return -1;
    if (run->stage->emit && run->stage->emit(run, item) < 0) return -1;
    if (apply_limit(run, item) < 0) return -1;
    own->rows_written += item->out.count;
    own->dropped_rows += item->own->dropped.count;
    own->progress.rows = own->rows_written;
    own->progress.done = atomic_load(&own->bytes_read);
    progress_show(&own->progress);
    return stage_item_report(item);
}

static int step_format(void *shared, void *argument, unsigned worker)
{
    (void)shared, (void)worker;
    struct stage_item *item = argument;
    return item->own->skipped ? 0 : stage_item_format(item);
}

static int step_assemble(void *shared, void *argument, unsigned worker)
{
    (void)shared, (void)worker;
    struct stage_item *item = argument;
    return item->own->skipped ? 0 : stage_item_assemble(item);
}

static int step_compress(void *shared, void *argument, unsigned worker)
{
    (void)shared, (void)worker;
    struct stage_item *item = argument;
    return item->own->skipped ? 0 : stage_item_compress(item);
}

static int step_write(void *shared, void *argument, unsigned worker)
{
    (void)worker;
    struct stage_run *run = shared;
    struct stage_item *item = argument;
    if (item->own->skipped) return 0;
    int result = stage_item_write(item);
    if (result < 0 && file_closed_by_reader()) run->own->reader_gone = true;
    return result;
}

static const struct ordered_step steps[] = {
    {false, step_next}, {true, step_work},     {false, step_order}, {true, step_format},
    {false, step_assemble}, {true, step_compress}, {false, step_write},
};
enum { STEPS = sizeof steps / sizeof *steps, STEPS_OF_A_FIRST_PASS = 3 };

/* ---- setting up */

static unsigned all_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (unsigned)CPU_COUNT(&set);
    return 1;
}

static int parse_task(struct stage_run *run)
{
    run->tasks = 1;
    if (!run->common->task) return 0;
    struct str rest = str_from(run->common->task), task = str_cut(&rest, '/');
    if (!rest.p || str_to_u64(task, &run->task) < 0 || str_to_u64(rest, &run->tasks) < 0 || run->task >= run->tasks || run->tasks > 1000000)
        return fail_usage("--task %s: expected I/N, I from 0 to N-1", run->common->task);
    return 0;
}

/* Where packs are made: --packs, else `packs` beside the output. Where they are read: --packs, else what the input's
 * description said (stage_inputs_open), else `packs` here. */
static int default_packs(struct stage_run *run)
{
    if (run->common->packs) return run->packs = run->common->packs, 0;
    if (!run->stage->makes_packs) return 0;
    struct str o = str_from(run->common->output);
    while (o.n && o.p[o.n - 1] == '/') o.n--;
    while (o.n && o.p[o.n - 1] != '/') o.n--;
    if (strcmp(run->common->output, "-") == 0) o.n = 0;
    char *path = NULL;
    if (asprintf(&path, "%.*spacks", STR_ARG(o)) < 0) return fail_memory();
    run->packs = arena_c_string(&run->own->arena, str_from(path));
    free(path);
    return run->packs ? 0 : -1;
}

static int check_needs(const struct stage_run *run)
{
    for (struct str rest = str_from(run->stage->needs); rest.p && rest.n;) {
        struct str name = str_cut(&rest, ' ');
        if (columns_find(&run->in, name) == SIZE_MAX)
            return fail_usage("%s needs column '%.*s': %s", run->line->command->name, STR_ARG(name), run->stage->hint ? run->stage->hint : "the input lacks it");
    }
    return 0;
}

static int make_items(struct stage_run *run)
{
    struct stage_private *own = run->own;
    own->item_count = 2 * (size_t)run->threads + 2; /* a serial step's owner never waits for a slow parallel neighbour */
    own->items = calloc(own->item_count, sizeof *own->items);
    if (!own->items) return fail_memory();
    for (size_t i = 0; i < own->item_count; i++) {
        struct stage_item *item = &own->items[i];
        struct stage_item_private *ip = item->own = calloc(1, sizeof *ip);
        if (ip) ip->run = run;
        if (!ip || !(ip->outputs = calloc(own->output_count, sizeof *ip->outputs))) return fail_memory();
        rows_frame_init(&ip->frame);
        arena_init(&item->scratch, SCRATCH_BYTES_MAX);
        batch_init(&item->in, &run->in, BATCH_BYTES_MAX);
        batch_init(&item->out, &run->out, BATCH_BYTES_MAX);
        batch_init(&ip->dropped, &own->dropped_columns, BATCH_BYTES_MAX);
        for (size_t o = 0; o < own->output_count; o++) {
            buf_init(&ip->outputs[o].text, BATCH_BYTES_MAX);
            if (o) batch_init(&ip->outputs[o].batch, &own->outputs[o]->columns, BATCH_BYTES_MAX);
        }
        if (run->stage->item_new && !(item->user = run->stage->item_new(run))) return -1;
    }
    return 0;
}

static int set_up(struct stage_run *run)
{
    struct stage_private *own = run->own;
    own->inputs = json_array();
    own->losses = json_array();
    if (!own->inputs || !own->losses) return fail_memory();
    if (parse_task(run) < 0 || stage_outputs_name(run) < 0 || default_packs(run) < 0) return -1;
    run->threads = run->common->threads ? (unsigned)run->common->threads : all_cores();
    run->passes = run->stage->passes ? run->stage->passes : 1;
    if (run->stage->prepare && run->stage->prepare(run) < 0) return -1;
    if ((run->stage->source ? stage_arguments(run) : stage_inputs_open(run)) < 0) return -1;
    if (!run->packs) run->packs = columns_find(&run->in, STR("image_pack")) == SIZE_MAX ? NULL : "packs";
    if (check_needs(run) < 0 || columns_copy(&run->out, &run->in) < 0 || stage_output_main(run) < 0) return -1;
    own->opened = true;
    if (run->stage->open && run->stage->open(run) < 0) return -1;
    return columns_copy(&own->outputs[0]->columns, &run->out);
}

/* ---- running */

static bool all_inputs_named(const struct stage_run *run)
{
    if (run->stage->source) return !run->own->input_unknown && (json_array_size(run->own->inputs) > 0 || run->input_count == 0);
    for (size_t i = 0; i < run->own->in.count; i++)
        if (!run->own->in.files[i].described) return false;
    return true;
}

/* 1: a manifest says that this was done already. */
static int already_done(struct stage_run *run)
{
    if (!all_inputs_named(run)) return 0;
    if (!run->stage->source && stage_inputs_manifest(run) < 0) return -1;
    if (run->common->force || !run->own->manifest_path) return 0;
    json_t *key = stage_manifest_key(run);
    if (!key) return -1;
    bool done = manifest_is_done(run->own->manifest_path, key);
    json_decref(key);
    if (done && !run->common->quiet) log_line("%s: done already: nothing to do (--force does it again)", run->own->manifest_path);
    return done;
}

static int walk(struct stage_run *run)
{
    struct stage_private *own = run->own;
    unsigned passes = run->passes;
    void **items = calloc(own->item_count, sizeof *items);
    if (!items) return fail_memory();
    for (size_t i = 0; i < own->item_count; i++) items[i] = &own->items[i];
    int result = 0;
    for (run->pass = 0; run->pass < passes && result == 0; run->pass++) {
        own->next_sequence = 0;
        if (!run->stage->source) result = stage_inputs_begin(run);
        size_t count = run->pass + 1 == passes ? STEPS : STEPS_OF_A_FIRST_PASS;
        if (result == 0) result = ordered_run(run->threads, steps, count, items, own->item_count, run);
    }
    run->pass = passes - 1;
    free(items);
    return result;
}

static int execute(struct stage_run *run)
{
    struct stage_private *own = run->own;
    int done = already_done(run);
    if (done) return done < 0 ? -1 : 0;
    if (stage_outputs_open(run) < 0 || make_items(run) < 0) return -1;
    progress_begin(&own->progress, run->line->command->name, run->common->quiet);
    int result = walk(run);
    if (result == 0 && run->stage->finish) result = run->stage->finish(run);
    if (result == 0 && !all_inputs_named(run) && !run->stage->source) result = stage_inputs_manifest(run);
    if (result == 0) result = stage_outputs_finish(run);
    if (result < 0 && file_closed_by_reader()) own->reader_gone = true;
    if (result == 0 && stop_signal) result = fail("interrupted");
    if (result == 0) result = stage_outputs_publish(run);
    progress_end(&own->progress);
    return result;
}

static bool too_damaged(const struct stage_run *run)
{
    const struct stage_private *own = run->own;
    uint64_t read = own->records ? own->records : own->rows_read;
    return own->damaged || (own->losses_total && (double)own->losses_total > run->common->tolerate * (double)(read + own->losses_total));
}

static int exit_code_of(struct stage_run *run, int result)
{
    struct stage_private *own = run->own;
    if (stop_signal && result < 0) {
        log_line("interrupted: nothing was published; run the same command again to go on");
        return EXIT_INTERRUPTED;
    }
    if (result < 0 && own->reader_gone) { /* head and its like: no failure of ours, unless another output is left unfinished */
        if (own->output_count <= 1) return EXIT_DONE;
        log_line("standard output was closed: %s is not published", own->outputs[1]->name);
        return EXIT_FAILED;
    }
    if (result < 0) {
        log_fail();
        return (int)fail_code();
    }
    if (!too_damaged(run)) return EXIT_DONE;
    log_line("%llu losses in %llu records: published all the same, exit code 3", (unsigned long long)own->losses_total,
             (unsigned long long)(own->records ? own->records : own->rows_read));
    return EXIT_DAMAGED;
}

static void tear_down(struct stage_run *run)
{
    struct stage_private *own = run->own;
    if (own->opened && run->stage->close) run->stage->close(run);
    for (size_t i = 0; own->items && i < own->item_count; i++) stage_item_free(&own->items[i]);
    free(own->items);
    stage_inputs_close(run);
    stage_outputs_discard(run);
    columns_free(&run->in);
    columns_free(&run->out);
    json_decref(own->inputs);
    json_decref(own->losses);
    json_decref(own->table);
    tally_free(&own->rules);
    tally_free(&own->counts);
    arena_free(&own->arena);
    free(run->state);
    free(own);
}

int stage_main(const struct command_line *line)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}; /* a second Ctrl-C ends it at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write over the file-size limit fails with a sentence instead */
    struct stage_run run = {.stage = line->command->stage, .line = line, .options = line->options, .common = line->stage_options};
    run.own = calloc(1, sizeof *run.own);
    run.state = calloc(1, run.stage->run_size ? run.stage->run_size : 1);
    if (!run.own || !run.state) {
        free(run.own);
        free(run.state);
        return fail_memory();
    }
    arena_init(&run.own->arena, ARENA_BYTES_MAX);
    int result = set_up(&run);
    if (result == 0) result = execute(&run);
    int code = exit_code_of(&run, result);
    tear_down(&run);
    return code;
}
