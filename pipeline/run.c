/* The commands `run`, `init` and `status`: recipe → plan → tasks. A run holds no state of its own: what is done is what
 * manifests say, so that going on is the same as beginning. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/engine_local.h"
#include "pipeline/manifest.h"
#include "pipeline/outlock.h"
#include "pipeline/plan.h"
#include "pipeline/stage.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct run_options {
    const char *output;
    uint64_t workers, limit;
    bool print, quiet, any_machine;
};

/* ---- what manifests say of a step */

struct step_sums {
    uint64_t tasks_done, read, written, dropped, losses;
    bool damaged;
    char rule[128];      /* the one that removed most in one task, and how many; empty: none removed any */
    uint64_t rule_rows;
};

static uint64_t integer_at(json_t *object, const char *key) { return (uint64_t)json_integer_value(json_object_get(object, key)); }

static void sum_step(const struct plan *plan, size_t step, struct step_sums *sums)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    *sums = (struct step_sums){0};
    for (uint64_t t = 0; t < plan->steps[step].tasks; t++) {
        arena_reset(&arena);
        const char *path = plan_manifest(plan, step, t, &arena);
        json_t *m = path && file_exists(path) ? manifest_read(path) : NULL;
        if (!m) continue;
        json_t *rows = json_object_get(m, "rows"), *losses = json_object_get(m, "losses");
        sums->tasks_done++;
        sums->read += integer_at(rows, "read");
        sums->written += integer_at(rows, "written");
        sums->dropped += integer_at(rows, "dropped");
        sums->losses += integer_at(losses, "total");
        sums->damaged |= json_is_true(json_object_get(losses, "damaged"));
        const char *rule;
        json_t *removed;
        json_object_foreach(json_object_get(m, "rules"), rule, removed) {
            if ((uint64_t)json_integer_value(removed) <= sums->rule_rows) continue;
            sums->rule_rows = (uint64_t)json_integer_value(removed);
            snprintf(sums->rule, sizeof sums->rule, "%s", rule);
        }
        if (plan->steps[step].command->stage->sink) sums->written += integer_at(m, "samples");
        json_decref(m);
    }
    arena_free(&arena);
}

static void print_sums(const struct plan *plan, size_t step, const struct step_sums *sums, double seconds)
{
    const struct plan_step *s = &plan->steps[step];
    printf("  %-14s", s->name);
    if (s->command->stage) printf(" %10llu rows", (unsigned long long)sums->written);
    else printf(" %15s", "");
    if (sums->dropped) printf("  %10llu dropped", (unsigned long long)sums->dropped);
    else printf("  %18s", "");
    if (seconds >= 0) printf("  %8.1f s", seconds);
    if (sums->losses) printf("  %llu losses", (unsigned long long)sums->losses);
    putchar('\n');
    fflush(stdout);
}

/* ---- run */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int write_whole(const char *path, struct str bytes)
{
    struct file_out out;
    if (file_create(&out, path) < 0) return -1;
    int result = file_write(&out, bytes);
    if (result == 0) result = file_publish(&out);
    file_discard(&out);
    return result;
}

/* Whether `here`, the versions of this machine, are those that OUT was made with, or were admitted before. */
static bool machine_is_known(json_t *there, json_t *here)
{
    json_t *also = json_object_get(there, "also"), *earlier;
    size_t i;
    json_array_foreach(also, i, earlier)
        if (json_equal(earlier, here)) return true;
    json_t *first = json_copy(there);
    json_object_del(first, "also");
    bool known = json_equal(first, here);
    json_decref(first);
    return known;
}

/* Whether the score steps' models are the same, by digest. */
static bool same_models(json_t *there, json_t *here)
{
    json_t *before = json_object_get(there, "scores"), *score;
    size_t i;
    json_array_foreach(json_object_get(here, "scores"), i, score)
        if (!json_equal(json_object_get(json_array_get(before, i), "model"), json_object_get(score, "model"))) return false;
    return true;
}

/* --any-machine: this machine's versions are admitted, and stand in the plan's first line from now on. */
static int admit_machine(const char *path, json_t *there, json_t *here, struct str tasks)
{
    json_t *also = json_object_get(there, "also");
    if (!also) json_object_set_new(there, "also", also = json_array());
    json_array_append(also, here);
    char *line = json_dumps(there, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    struct buf whole;
    buf_init(&whole, 1 << 30);
    int result = line && buf_add(&whole, str_from(line)) == 0 && buf_byte(&whole, '\n') == 0 && buf_add(&whole, tasks) == 0 ? 0 : fail_memory();
    if (result == 0) result = write_whole(path, buf_str(&whole));
    free(line);
    buf_free(&whole);
    return result;
}

/* OUT has a plan already: it must be this one, made with these versions. */
static int check_plan(const struct plan *plan, const char *path, struct str made, struct str now, bool any_machine)
{
    struct str made_first = str_cut(&made, '\n'), now_first = str_cut(&now, '\n');
    if (!str_eq(made, now)) return fail_usage("%s was made by another recipe: give another --output, or remove it", plan->output);
    json_t *there = json_loadb(made_first.p, made_first.n, 0, NULL), *here = json_loadb(now_first.p, now_first.n, 0, NULL);
    int result = 0;
    if (!there || !here) {
        result = fail("%s: damaged: its first line is no JSON", path);
    } else if (!same_models(there, here)) {
        result = fail_usage("%s was scored by another model than the one that stands there now: give another --output, or put the model back",
                            plan->output);
    } else if (!machine_is_known(there, here)) {
        result = any_machine ? admit_machine(path, there, here, made)
                             : fail_usage("%s was made with other versions of winnow or its libraries: equal bytes are not promised; go on "
                                          "there, or with --any-machine, which is recorded", plan->output);
    }
    json_decref(there);
    json_decref(here);
    return result;
}

/* The plan and the recipe are written once; an OUT with another plan belongs to another recipe. */
static int claim_output(const struct plan *plan, bool any_machine)
{
    char path[PATH_MAX];
    struct buf json, there;
    buf_init(&json, 1 << 30);
    buf_init(&there, 1 << 30);
    snprintf(path, sizeof path, "%s/plan.jsonl", plan->output);
    int result = plan_json(plan, &json);
    if (result == 0 && file_exists(path)) {
        result = buf_read_file(&there, path);
        if (result == 0) result = check_plan(plan, path, buf_str(&there), buf_str(&json), any_machine);
    } else if (result == 0) {
        struct buf recipe;
        char recipe_path[PATH_MAX];
        buf_init(&recipe, RECIPE_BYTES_MAX);
        snprintf(recipe_path, sizeof recipe_path, "%s/recipe.yaml", plan->output);
        result = buf_read_file(&recipe, plan->recipe->path);
        if (result == 0) result = write_whole(recipe_path, buf_str(&recipe));
        if (result == 0) result = write_whole(path, buf_str(&json));
        buf_free(&recipe);
    }
    buf_free(&json);
    buf_free(&there);
    return result;
}

/* The log's last lines say why a task failed. */
static void show_log(const struct plan *plan, size_t step, uint64_t task)
{
    struct arena arena;
    struct buf text;
    arena_init(&arena, 1 << 20);
    buf_init(&text, 64 << 20);
    const char *path = engine_local_log(plan, step, task, &arena);
    if (path && buf_read_file(&text, path) == 0) {
        struct str s = str_trim(buf_str(&text));
        size_t from = s.n;
        for (int lines = 0; from && lines < 5; from--) lines += s.p[from - 1] == '\n';
        if (from) from++;
        for (struct str rest = str_from_at(s, from); rest.p && rest.n;) {
            struct str line = str_cut(&rest, '\n');
            log_line("  %.*s", STR_ARG(line));
        }
        log_line("  whole log: %s", path);
    }
    buf_free(&text);
    arena_free(&arena);
}

static uint64_t cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? (uint64_t)CPU_COUNT(&set) : 1;
}

/* The last row of a row file: which input it came from and where; false when there is none. */
static bool last_row(const char *path, uint64_t *rows, uint64_t *file, uint64_t *offset)
{
    const struct rows_open_options quiet = {.quiet_plain = true};
    struct rows_reader *r = NULL;
    struct rows_frame frame;
    struct batch batch;
    if (rows_open(&r, path, &quiet) < 0) return false;
    const struct rows_description *d = rows_description(r);
    size_t file_at = columns_find(rows_columns(r), STR("src_file")), offset_at = columns_find(rows_columns(r), STR("warc_offset"));
    bool found = d && d->frames && file_at != SIZE_MAX && offset_at != SIZE_MAX && rows_select_frames(r, d->frames - 1, d->frames) == 0;
    rows_frame_init(&frame);
    batch_init(&batch, rows_columns(r), 512 << 20);
    found = found && rows_read(r, &frame) > 0 && rows_decode(r, &frame, &batch, 1) == 0 && batch.count;
    if (found) {
        *rows = d->rows;
        found = row_u64(&batch.rows[batch.count - 1], file_at, file) == 0 && row_u64(&batch.rows[batch.count - 1], offset_at, offset) == 0;
    }
    batch_free(&batch);
    rows_frame_free(&frame);
    rows_close(r);
    return found;
}

/* --limit: how large the whole would be, from how far into its share of the inputs each task of extract came. */
static void say_expected(const struct plan *plan)
{
    const struct recipe *recipe = plan->recipe;
    const struct plan_step *extract = &plan->steps[0];
    uint64_t total = 0, done = 0;
    for (uint64_t t = 0; t < extract->tasks; t++) {
        uint64_t from = t * recipe->inputs.count / extract->tasks, to = (t + 1) * recipe->inputs.count / extract->tasks;
        uint64_t rows = 0, last = to, offset = 0;
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s/%05llu.rows.zst", plan->output, extract->name, (unsigned long long)t);
        if (!last_row(path, &rows, &last, &offset) || rows < recipe->limit) last = to; /* all of its share */
        for (uint64_t i = from; i < to; i++) {
            uint64_t size;
            if (file_size(recipe->inputs.items[i], &size) < 0) return; /* a list: how long it is cannot be told here */
            total += size;
            done += i < last ? size : i == last ? offset : 0;
        }
    }
    if (done && total > done)
        printf("This was a sample of %.2g %% of the input; the whole would be about %.0f times as large.\n",
               100.0 * (double)done / (double)total, (double)total / (double)done);
}

/* What lies in OUT, and three commands that work on it: the rule is the one that removed most. */
static void say_where(const struct plan *plan)
{
    const char *o = plan->output;
    struct step_sums most = {0};
    bool sharded = false, indexed = false;
    for (size_t s = 0; s < plan->count; s++) {
        const struct command *command = plan->steps[s].command;
        sharded |= command->stage && command->stage->sink;
        indexed |= strcmp(command->name, "index") == 0;
        struct step_sums sums = {0};
        if (command->stage) sum_step(plan, s, &sums);
        if (sums.rule_rows > most.rule_rows) most = sums;
    }
    printf("\nWhat there is now\n");
    if (sharded) printf("  %s/shards/       the samples\n", o);
    if (indexed) printf("  %s/index.sqlite  every sample, every rule, what was removed\n", o);
    if (!sharded) printf("  %s/%s/  the rows of the last step\n", o, plan->steps[plan->count - 1].name);
    printf("What to try next\n  winnow report %s\n", o);
    if (most.rule_rows) printf("  winnow audit --rule %s %s\n", most.rule, o);
    if (indexed) printf("  winnow get %s --where 'width > 400' -o samples/\n", o);
}

static int run_step(const struct plan *plan, size_t step, uint64_t workers, bool quiet, struct engine_result *r)
{
    double started = now();
    uint64_t processes = workers < plan->steps[step].tasks ? workers : plan->steps[step].tasks;
    uint64_t threads = cores() / processes;
    if (engine_local_step(plan, step, processes, threads ? threads : 1, r) < 0) return -1;
    struct step_sums sums;
    sum_step(plan, step, &sums);
    if (!quiet) print_sums(plan, step, &sums, now() - started);
    return 0;
}

static int run_plan(const struct plan *plan, const struct run_options *o)
{
    uint64_t workers = o->workers ? o->workers : plan->recipe->workers ? plan->recipe->workers : cores();
    uint64_t damaged = 0;
    for (size_t s = 0; s < plan->count; s++) {
        struct engine_result r;
        if (run_step(plan, s, workers, o->quiet, &r) < 0) return -1;
        damaged += r.damaged;
        if (r.interrupted) {
            log_line("interrupted in step %s; go on with: winnow run %s%s%s", plan->steps[s].name, plan->recipe->path,
                     o->output ? " -o " : "", o->output ? o->output : "");
            return EXIT_INTERRUPTED;
        }
        if (r.failed_code) {
            log_line("step %s, task %llu: exit code %d", plan->steps[s].name, (unsigned long long)r.failed_task, r.failed_code);
            show_log(plan, s, r.failed_task);
            log_line("what is done stays done; once mended, go on with: winnow run %s%s%s", plan->recipe->path, o->output ? " -o " : "",
                     o->output ? o->output : "");
            return r.failed_code == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
        }
    }
    if (plan->recipe->limit && !o->quiet) say_expected(plan);
    if (!o->quiet) say_where(plan);
    if (damaged) log_line("%llu tasks met damaged input: see %s/log", (unsigned long long)damaged, plan->output);
    return damaged ? EXIT_DAMAGED : EXIT_DONE;
}

static int run_run(const struct command_line *line)
{
    const struct run_options *o = line->options;
    if (line->argument_count != 1) return fail_usage("expected one recipe: 'winnow init' writes one");
    signal(SIGPIPE, SIG_IGN); /* work goes on when nobody reads what it says */
    struct recipe recipe;
    struct plan plan = {0};
    int code = recipe_read(&recipe, line->arguments[0], RECIPE_TO_RUN);
    if (o->limit) recipe.limit = o->limit;
    if (code == 0) code = plan_make(&plan, &recipe, o->output, o->any_machine ? PLAN_ON_ANY_MACHINE : PLAN_TO_RUN);
    if (code == 0 && o->print) {
        code = plan_print(&plan, stdout);
    } else if (code == 0) {
        engine_local_begin();
        code = outlock_take(plan.output);
        if (code == 0) {
            code = claim_output(&plan, o->any_machine);
            if (code == 0) code = run_plan(&plan, o);
            outlock_release(plan.output);
        }
    }
    plan_free(&plan);
    recipe_free(&recipe);
    return code;
}

static const struct option run_option_table[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct run_options, output), .argument = "OUT", .help = "where everything goes; else what the recipe says, else OUT"},
    {"print", 'p', OPTION_FLAG, offsetof(struct run_options, print), .help = "print the plain commands that do the same, and do nothing"},
    {"workers", 'w', OPTION_U64, offsetof(struct run_options, workers), .argument = "N", .initial = "0", .low = 0, .high = 1024,
     .help = "processes at once; 0 = what the recipe says, else one a core"},
    {"limit", 0, OPTION_U64, offsetof(struct run_options, limit), .argument = "N", .initial = "0",
     .help = "a try: only the first N pairs of each task, and how large the whole would be"},
    {"any-machine", 0, OPTION_FLAG, offsetof(struct run_options, any_machine),
     .help = "go on in an OUT that was made with other versions of winnow or its libraries, or in another processor class; recorded"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct run_options, quiet), .help = "say nothing but failures"},
    {0},
};

const struct command command_run = {
    .name = "run",
    .summary = "do everything that a recipe says; run again to go on",
    .arguments = "[OPTIONS] RECIPE",
    .description = "Reads a recipe (schemas/recipe.md), plans plain winnow commands, and runs them as local processes. What is done is "
                   "known by manifests: an interrupted or failed run goes on where it stopped when the same command is given again.",
    .example = "winnow run --print tests/data/recipes/demo.yaml",
    .see_also = "init, status, report",
    .options = run_option_table,
    .options_size = sizeof(struct run_options),
    .run = run_run,
};

/* ---- status */

static int status_run(const struct command_line *line)
{
    if (line->argument_count > 1) return fail_usage("expected one OUT");
    const char *out = line->argument_count ? line->arguments[0] : "OUT";
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/recipe.yaml", out);
    if (access(out, F_OK) < 0) return fail_errno("%s: cannot open", out);
    if (!file_exists(path)) return fail_usage("%s: no recipe.yaml in it: not the output of 'winnow run'", out);
    struct recipe recipe;
    struct plan plan = {0};
    int code = recipe_read(&recipe, path, RECIPE_TO_LOOK);
    if (code == 0) code = plan_make(&plan, &recipe, out, PLAN_TO_LOOK);
    if (code == 0) puts("step\ttasks\tdone\tread\twritten\tdropped\tlosses");
    for (size_t s = 0; s < plan.count && code == 0; s++) {
        if (!plan.steps[s].command->stage) continue;
        struct step_sums sums;
        sum_step(&plan, s, &sums);
        printf("%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n", plan.steps[s].name, (unsigned long long)plan.steps[s].tasks,
               (unsigned long long)sums.tasks_done, (unsigned long long)sums.read, (unsigned long long)sums.written,
               (unsigned long long)sums.dropped, (unsigned long long)sums.losses);
    }
    plan_free(&plan);
    recipe_free(&recipe);
    return code;
}

const struct command command_status = {
    .name = "status",
    .summary = "how far a run is: tasks, rows, losses of each step",
    .arguments = "[OUT]",
    .description = "Reads the manifests in OUT and prints a line for each step: tasks in all and done, rows read, written and dropped, "
                   "losses. It changes nothing and may be asked while the run goes on.",
    .example = "winnow status build/demo/OUT",
    .see_also = "run, report",
    .run = status_run,
};

/* ---- init */

static const char starter[] =
    "# A recipe for 'winnow run'. Every key is described in schemas/recipe.md.\n"
    "\n"
    "# Crawl files (WARC, plain or compressed): paths, patterns, or @LIST with one a line.\n"
    "inputs:\n"
    "  - crawl/*.warc.gz\n"
    "\n"
    "# Where everything goes. A run that was interrupted goes on there.\n"
    "output: OUT\n"
    "\n"
    "# A published data set's rules: 'winnow help --preset' lists them, 'winnow help --preset laion400m' shows its rules.\n"
    "preset: laion400m\n"
    "\n"
    "# Rules that need a score or a list that is not there are left out, and named in the report.\n"
    "without: [unserved]\n"
    "\n"
    "# Another bound for a rule:\n"
    "# set:\n"
    "#   min_chars.min: 10\n"
    "\n"
    "# How the pictures are stored: the longer side at most 512, as JPEG.\n"
    "fetch:\n"
    "  resize: keep_ratio_largest\n"
    "  size: 512\n"
    "\n"
    "# Similarity of picture and text, and kinds of pictures, by winnow's own small model. A real corpus names a checkpoint:\n"
    "# 'winnow model list' shows some, 'winnow model fetch' brings one, and then rules on its scores are served.\n"
    "score:\n"
    "  model: builtin\n"
    "\n"
    "shard:\n"
    "  samples: 10000\n"
    "\n"
    "# Tasks that can run side by side, here or on other machines, and how many at once here (default: one a core).\n"
    "tasks: 1\n"
    "# workers: 2\n";

static int init_run(const struct command_line *line)
{
    if (line->argument_count > 1) return fail_usage("expected one file name");
    const char *path = line->argument_count ? line->arguments[0] : "recipe.yaml";
    if (strcmp(path, "-") == 0) return fputs(starter, stdout) < 0 ? fail_errno("standard output") : EXIT_DONE;
    if (file_exists(path)) return fail_usage("%s is there already: give another name", path);
    if (write_whole(path, str_from(starter)) < 0) return -1;
    printf("%s is written: name your crawl files in it, then: winnow run %s\n", path, path);
    return EXIT_DONE;
}

const struct command command_init = {
    .name = "init",
    .summary = "write a commented recipe to begin with",
    .arguments = "[FILE]",
    .description = "Writes recipe.yaml (or FILE; - for standard output): inputs, a preset, how pictures are stored.",
    .example = "winnow init -",
    .see_also = "run",
    .run = init_run,
};
