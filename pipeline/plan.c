/* From a recipe to steps. A preset becomes: extract, its text rules, dedup where it has such rules, fetch, its picture rules,
 * dedup by picture, score where the recipe names a model, its rules on scores, shard, index. Explicit stages are taken as they
 * stand. */
#include "pipeline/plan.h"

#include "crawl/image/image.h"
#include "filters/counts/rules.h"
#include "filters/filter.h"
#include "filters/language/wordnet.h"
#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"
#include "pipeline/base/unicode_ops.h"
#include "pipeline/commands.h"
#include "pipeline/plan_private.h"
#include "pipeline/plan_score.h"
#include "pipeline/stage.h"
#include "shard/tar.h"

#include <jansson.h>
#include <libdeflate.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <zstd.h>

int plan_append(struct arena *arena, struct recipe_list *list, const char *item)
{
    const char **longer = arena_alloc(arena, (list->count + 1) * sizeof *longer);
    if (!longer || !item) return -1;
    if (list->count) memcpy(longer, list->items, list->count * sizeof *longer);
    longer[list->count++] = item;
    list->items = longer;
    return 0;
}

/* ---- steps */

static bool gives_rows(const struct plan_step *step) { return step->command->stage && !step->command->stage->sink; }

struct plan_step *plan_add_step(struct plan *plan, const char *name, uint64_t tasks, enum plan_input input)
{
    const struct command *command = command_find(str_from(name));
    if (!command) return fail_usage("this build has no command '%s'", name), NULL;
    if (plan->count == PLAN_STEPS_MAX) return fail_usage("more than %d steps", PLAN_STEPS_MAX), NULL;
    struct plan_step *step = &plan->steps[plan->count];
    *step = (struct plan_step){.command = command, .input = input, .tasks = tasks};
    for (size_t i = plan->count; input != PLAN_CRAWL && i-- > 0 && !step->from;)
        if (gives_rows(&plan->steps[i]) && !plan->steps[i].aside) step->from = i, i = 0;
    step->name = command->stage && !command->stage->sink ? arena_printf(&plan->arena, "%02zu-%s", plan->count + 1, name) : name;
    if (!step->name) return NULL;
    plan->count++;
    return step;
}

/* What the recipe says under the stage's own name. */
static int add_recipe_options(struct plan *plan, struct plan_step *step)
{
    const struct recipe_stage *given = plan->recipe->explicit_stages ? NULL : recipe_stage(plan->recipe, step->command->name);
    for (size_t i = 0; given && i < given->options.count; i++)
        if (plan_append(&plan->arena, &step->options, given->options.items[i]) < 0) return -1;
    return 0;
}

uint64_t plan_crawl_tasks(const struct plan *plan) { return plan->recipe->tasks ? plan->recipe->tasks : 1; }

/* Pictures come from the crawl itself, unless the recipe names another source. extract's tables say where they lie, so that no
 * task searches the crawl again; a try under `limit` has only the beginning of them, and searches. */
static int add_crawl_pictures(struct plan *plan, struct plan_step *fetch)
{
    struct arena *arena = &plan->arena;
    const struct plan_step *extract = &plan->steps[0];
    for (size_t i = 0; i < plan->recipe->inputs.count; i++)
        if (plan_append(arena, &fetch->options, arena_printf(arena, "--from-warc=%s", plan->recipe->inputs.items[i])) < 0) return -1;
    if (plan->recipe->limit || strcmp(extract->command->name, "extract") != 0) return 0;
    for (uint64_t t = 0; t < extract->tasks; t++)
        if (plan_append(arena, &fetch->options, arena_printf(arena, "--pictures=%s/%s/%05llu.pictures.zst", plan->output, extract->name,
                                                        (unsigned long long)t)) < 0)
            return -1;
    return 0;
}

static int add_fetch(struct plan *plan, const struct recipe_list *options)
{
    struct plan_step *step = plan_add_step(plan, "fetch", plan_crawl_tasks(plan), PLAN_ROWS);
    if (!step) return -1;
    bool source_given = false;
    for (size_t i = 0; i < options->count; i++) {
        struct str option = str_from(options->items[i]);
        source_given |= str_starts(option, STR("--from-warc")) || str_eq(option, STR("--from-web"));
        if (plan_append(&plan->arena, &step->options, options->items[i]) < 0) return -1;
    }
    return source_given ? 0 : add_crawl_pictures(plan, step);
}

/* ---- score */

static bool is_given(const struct plan_step *step, const char *option) /* "--cache=" */
{
    for (size_t i = 0; i < step->options.count; i++)
        if (str_starts(str_from(step->options.items[i]), str_from(option))) return true;
    return false;
}

/* Labels by the built-in model: published rules mean another model's and read its only where it is told to stand in. */
static bool is_read(const struct plan *plan, const struct plan_step *step, const char *option)
{
    bool builtin = !is_given(step, "--model=") || is_given(step, "--model=builtin");
    return !str_starts(str_from(option), STR("--classes=")) || plan->recipe->substitute.count || !builtin;
}

/* Embeddings of pictures stay in OUT/cache, so that another head, list or text decodes none; `cache: ''` keeps none. */
static int add_score(struct plan *plan, const struct recipe_stage *given, const struct recipe_list *wanted)
{
    const struct recipe_list *options = &given->options;
    struct arena *arena = &plan->arena;
    struct plan_step *step = plan_add_step(plan, "score", plan_crawl_tasks(plan), PLAN_ROWS);
    if (!step) return -1;
    for (size_t i = 0; i < options->count; i++)
        if (plan_append(arena, &step->options, options->items[i]) < 0) return -1;
    for (size_t i = 0; i < wanted->count; i++)
        if (is_read(plan, step, wanted->items[i]) && plan_append(arena, &step->options, wanted->items[i]) < 0) return -1;
    if (plan_allow_substitutes(plan, step, PLAN_SUBSTITUTE_SCORES) < 0) return -1;
    if (!is_given(step, "--precision=") && plan_append(arena, &step->options, "--precision=f32") < 0) return -1;
    if (!is_given(step, "--cache=") && plan_append(arena, &step->options, arena_printf(arena, "--cache=%s/cache", plan->output)) < 0) return -1;
    if (plan_add_score(plan, step) == 0) return 0;
    fail_prefix("%s: line %u: ", plan->recipe->path, given->line);
    return -1;
}

/* ---- presets */

struct preset_shape {
    bool at[PLACES];
    const char *dup_by, *dup2_by;
    struct recipe_list scores; /* options of score that make what its rules read: "--classes=laion_nsfw" */
    const char *counts[PLAN_COUNTED]; /* what its rules ask to be counted, of which rows; NULL: nothing */
    bool counts_at[PLACES];
};

/* Rules that keep the best share of the pool see all of it: one task. The rules are read for that, so that a wrong one is said
 * before anything runs. */
static int choose_tasks(const struct plan *plan, struct plan_step *step)
{
    struct command_line line;
    if (plan->looks_only && step->tasks == 1) return 0;
    if (plan_parse_step(step, &line) < 0) return -1;
    int pool = filter_needs_pool(&line);
    options_free(&line);
    if (pool > 0) step->tasks = 1;
    return pool < 0 ? -1 : 0;
}

/* By its own name, or by its group's: "url_shape" for url_shape.valid. */
static bool left_out(const struct recipe *recipe, const char *rule)
{
    for (size_t i = 0; i < recipe->without.count; i++) {
        struct str name = str_from(recipe->without.items[i]), whole = str_from(rule);
        if (str_starts(whole, name) && (whole.n == name.n || whole.p[name.n] == '.')) return true;
    }
    return false;
}

/* The columns that a run's stages will make. */
static bool will_have(const void *context, struct str name)
{
    const struct column_definition *d = column_definition(name);
    if (d && strcmp(d->stage, "score") == 0) return plan_scores_make(context, name);
    return d && strcmp(d->stage, "count") != 0;
}

static int prepare_as_run(const struct plan *plan, struct chain *chain)
{
    const struct recipe *recipe = plan->recipe;
    if (preset_add(chain, recipe->preset) < 0) return -1;
    for (size_t i = 0; i < recipe->set.count; i++)
        if (chain_assign(chain, str_from(recipe->set.items[i])) < 0) return -1;
    for (size_t i = 0; i < recipe->without.count; i++)
        if (strcmp(recipe->without.items[i], "unserved") != 0 && chain_leave_out(chain, str_from(recipe->without.items[i])) < 0) return -1;
    for (size_t i = 0; i < recipe->substitute.count; i++)
        if (chain_substitute(chain, recipe->substitute.items[i]) < 0) return -1;
    return chain_prepare(chain, will_have, plan);
}

static int refuse_unserved(const struct plan *plan, const struct chain *chain)
{
    const struct rule *first = NULL;
    size_t count = 0;
    bool scores = false;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        if (rule->left_out || !rule->unserved || strcmp(rule->filter->name, "corpus.first") == 0) continue;
        if (!first) first = rule;
        scores |= rule->place == PLACE_SCORE;
        count++;
    }
    if (!count) return 0;
    const char *hint = !scores ? "" : plan->score_count ? "let the model stand in ('allow-substitute: NAME'), or "
                                                        : "name a model ('score: {model: PATH}'), or ";
    return fail_usage("%s: %zu rules of preset %s cannot be served here (%s: %s%s): %sleave them out with 'without: unserved'; each is "
                      "then named in the report", plan->recipe->path, count, plan->recipe->preset, first->name, first->unserved,
                      count > 1 ? "; …" : "", hint);
}

/* Said now, not after a night of fetching: which rules nothing in this run can serve. */
static int check_served(const struct plan *plan)
{
    struct chain chain;
    if (plan->looks_only) return 0;
    int result = chain_init(&chain);
    chain.plans_counts = true;
    if (result == 0 && (result = prepare_as_run(plan, &chain)) < 0) /* a bound that is meant for another model */
        fail_prefix("%s: ", plan->recipe->path);
    if (result == 0 && !left_out(plan->recipe, "unserved")) result = refuse_unserved(plan, &chain);
    chain_free(&chain);
    return result;
}

static int note_scores(struct arena *arena, const struct rule *rule, struct preset_shape *shape)
{
    const struct rule_value *named = rule_value(rule, "column");
    struct str column = named ? named->text : rule->filter->columns[0] ? str_from(rule->filter->columns[0]) : STR_ABSENT;
    struct str list = plan_list_of_column(column), classifier = plan_classifier_of_column(column);
    if (!list.p && !classifier.p) return 0;
    const char *option = list.p ? arena_printf(arena, "--classes=%.*s", STR_ARG(list)) : arena_printf(arena, "--classifier=%.*s", STR_ARG(classifier));
    if (!option) return -1;
    for (size_t i = 0; i < shape->scores.count; i++)
        if (strcmp(shape->scores.items[i], option) == 0) return 0;
    return plan_append(arena, &shape->scores, option);
}

/* Which places the preset has rules for, by what it wants duplicates removed, which lists of classes and classifiers its rules read. */
static int look_at_chain(const struct recipe *recipe, struct chain *chain, struct preset_shape *shape, struct arena *arena)
{
    int result = preset_add(chain, recipe->preset);
    for (size_t i = 0; i < recipe->set.count && result == 0; i++) result = chain_assign(chain, str_from(recipe->set.items[i]));
    if (result < 0) return fail_prefix("%s: ", recipe->path), -1;
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        if (left_out(recipe, rule->name)) continue;
        if (strcmp(rule->filter->name, "corpus.first") == 0) {
            const char *by = arena_c_string(arena, rule_value(rule, "key")->text);
            if (!by) return -1;
            if (rule->place == PLACE_DUP2) shape->dup2_by = by;
            else shape->dup_by = by;
        } else {
            shape->at[rule->place] = true;
            if (note_scores(arena, rule, shape) < 0) return -1;
        }
    }
    return 0;
}

static const char *counts_of(const struct chain *chain, enum plan_counted rows, struct arena *arena)
{
    struct buf what;
    buf_init(&what, 1 << 16);
    const char *text = plan_counts_wanted(chain, rows, &what) == 0 && what.n ? arena_c_string(arena, buf_str(&what)) : NULL;
    buf_free(&what);
    return text;
}

/* Which tables of counts the rules read: known once they are compiled. */
static int look_at_counts(const struct plan *plan, struct chain *chain, struct preset_shape *shape, struct arena *arena)
{
    chain->plans_counts = true;
    if (prepare_as_run(plan, chain) < 0) return -1;
    for (int rows = 0; rows < PLAN_COUNTED; rows++) shape->counts[rows] = counts_of(chain, (enum plan_counted)rows, arena);
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        shape->counts_at[rule->place] |= rule_is_asked(rule) && rule->count_count;
    }
    return 0;
}

static int look_at_preset(struct plan *plan, struct preset_shape *shape)
{
    struct chain chain, prepared;
    int result = chain_init(&chain) < 0 || chain_init(&prepared) < 0 ? -1 : 0;
    if (result == 0) result = look_at_chain(plan->recipe, &chain, shape, &plan->arena);
    if (result == 0) result = look_at_counts(plan, &prepared, shape, &plan->arena);
    chain_free(&chain);
    chain_free(&prepared);
    return result;
}

static int add_filter(struct plan *plan, enum filter_place place, const struct preset_shape *shape)
{
    if (!shape->at[place]) return 0;
    struct plan_step *step = plan_add_step(plan, "filter", plan_crawl_tasks(plan), PLAN_ROWS);
    const struct recipe *recipe = plan->recipe;
    struct arena *arena = &plan->arena;
    if (!step || plan_append(arena, &step->options, arena_printf(arena, "--preset=%s", recipe->preset)) < 0 ||
        plan_append(arena, &step->options, arena_printf(arena, "--at=%s", filter_place_name(place))) < 0)
        return -1;
    for (size_t i = 0; i < recipe->set.count; i++)
        if (plan_append(arena, &step->options, arena_printf(arena, "--set=%s", recipe->set.items[i])) < 0) return -1;
    for (size_t i = 0; i < recipe->without.count; i++)
        if (plan_append(arena, &step->options, arena_printf(arena, "--without=%s", recipe->without.items[i])) < 0) return -1;
    if (plan_allow_substitutes(plan, step, PLAN_SUBSTITUTE_LANGUAGES | (place < PLACE_SCORE ? 0 : PLAN_SUBSTITUTE_SCORES)) < 0) return -1;
    if (shape->counts_at[place] && plan_give_counts(plan, step) < 0) return -1;
    return add_recipe_options(plan, step) < 0 ? -1 : choose_tasks(plan, step);
}

static int add_simple(struct plan *plan, const char *name, uint64_t tasks, enum plan_input input)
{
    struct plan_step *step = plan_add_step(plan, name, tasks, input);
    return step ? add_recipe_options(plan, step) : -1;
}

static int add_counts(struct plan *plan, const struct preset_shape *shape, enum plan_counted rows)
{
    return shape->counts[rows] ? plan_add_counts(plan, str_from(shape->counts[rows])) : 0;
}

static int plan_preset(struct plan *plan)
{
    struct preset_shape shape = {0};
    const struct recipe_stage *dedup = recipe_stage(plan->recipe, "dedup"), *fetch = recipe_stage(plan->recipe, "fetch"),
                              *score = recipe_stage(plan->recipe, "score");
    const struct recipe_list none = {0};
    const uint64_t tasks = plan_crawl_tasks(plan);
    if (look_at_preset(plan, &shape) < 0) return -1;
    if (add_simple(plan, "extract", tasks, PLAN_CRAWL) < 0 || add_counts(plan, &shape, PLAN_COUNTED_EXTRACTED) < 0 ||
        add_filter(plan, PLACE_TEXT, &shape) < 0 || add_filter(plan, PLACE_COUNTS, &shape) < 0)
        return -1;
    if ((shape.dup_by || dedup) && plan_add_dedup(plan, shape.dup_by, dedup ? &dedup->options : &none) < 0) return -1;
    if (add_fetch(plan, fetch ? &fetch->options : &none) < 0) return -1;
    if (add_counts(plan, &shape, PLAN_COUNTED_FETCHED) < 0 || add_filter(plan, PLACE_IMAGE, &shape) < 0) return -1;
    if (shape.dup2_by && plan_add_dedup(plan, shape.dup2_by, &none) < 0) return -1;
    if (score && add_score(plan, score, &shape.scores) < 0) return -1;
    if (add_filter(plan, PLACE_SCORE, &shape) < 0 || add_counts(plan, &shape, PLAN_COUNTED_NAMED) < 0 || add_filter(plan, PLACE_LAST, &shape) < 0 ||
        plan_check_substitutes(plan) < 0 || check_served(plan) < 0)
        return -1;
    return add_simple(plan, "shard", tasks, PLAN_ROWS) < 0 || add_simple(plan, "index", 1, PLAN_NOTHING) < 0 ? -1 : 0;
}

static int add_counts_of(struct plan *plan, const struct recipe_stage *given)
{
    struct buf what;
    int result = given->options.count ? 0 : -1;
    buf_init(&what, 1 << 16);
    for (size_t i = 0; i < given->options.count && result == 0; i++) {
        struct str option = str_from(given->options.items[i]);
        if (!str_starts(option, STR("--what="))) result = -1;
        else result = buf_printf(&what, what.n ? ",%.*s" : "%.*s", STR_ARG(str_from_at(option, sizeof "--what=" - 1)));
    }
    if (result < 0) fail_usage("%s: line %u: count takes 'what' here, and needs it", plan->recipe->path, given->line);
    else result = plan_add_counts(plan, str_from(arena_c_string(&plan->arena, buf_str(&what))));
    buf_free(&what);
    return result;
}

static int plan_stages(struct plan *plan)
{
    const struct recipe *recipe = plan->recipe;
    const struct recipe_list none = {0};
    bool sharded = false, indexed = false;
    for (size_t i = 0; i < recipe->stage_count; i++) {
        const struct recipe_stage *given = &recipe->stages[i];
        const char *name = given->command->name;
        int result;
        if (i == 0 && !(given->command->stage && given->command->stage->source))
            return fail_usage("%s: line %u: '%s' cannot come first: extract or import makes the rows", recipe->path, given->line, name);
        sharded |= strcmp(name, "shard") == 0;
        indexed |= strcmp(name, "index") == 0;
        if (strcmp(name, "dedup") == 0) {
            result = plan_add_dedup(plan, NULL, &given->options);
        } else if (strcmp(name, "fetch") == 0) {
            result = add_fetch(plan, &given->options);
        } else if (strcmp(name, "score") == 0) {
            result = add_score(plan, given, &none);
        } else if (strcmp(name, "count") == 0) {
            result = add_counts_of(plan, given);
        } else {
            uint64_t tasks = !given->command->stage || strcmp(name, "merge") == 0 ? 1 : plan_crawl_tasks(plan);
            enum plan_input input = i == 0 ? PLAN_CRAWL : given->command->stage ? PLAN_ROWS : PLAN_NOTHING;
            struct plan_step *step = plan_add_step(plan, name, tasks, input);
            result = step ? 0 : -1;
            if (step) step->options = given->options;
            if (step && strcmp(name, "filter") == 0) {
                result = plan_give_counts(plan, step);
                if (result == 0 && (result = choose_tasks(plan, step)) < 0) fail_prefix("%s: line %u: ", recipe->path, given->line);
            }
        }
        if (result < 0) return -1;
    }
    return sharded && !indexed ? add_simple(plan, "index", 1, PLAN_NOTHING) : 0;
}

int plan_make(struct plan *plan, const struct recipe *recipe, const char *output, enum plan_purpose purpose)
{
    *plan = (struct plan){.recipe = recipe, .buckets = recipe->buckets, .any_machine = purpose == PLAN_ON_ANY_MACHINE,
                          .looks_only = purpose == PLAN_TO_LOOK};
    arena_init(&plan->arena, 256 << 20);
    struct str out = str_from(output ? output : recipe->output ? recipe->output : "OUT");
    while (out.n > 1 && out.p[out.n - 1] == '/') out.n--;
    plan->output = arena_c_string(&plan->arena, out);
    if (!plan->output) return -1;
    return recipe->preset ? plan_preset(plan) : plan_stages(plan);
}

void plan_free(struct plan *plan)
{
    plan_scores_close(plan);
    arena_free(&plan->arena);
}

/* ---- command lines */

const char *plan_folder(const struct plan *plan, const struct plan_step *step, struct arena *arena)
{
    if (step->command->stage && step->command->stage->sink) return arena_printf(arena, "%s/shards", plan->output);
    return arena_printf(arena, "%s/%s", plan->output, step->name);
}

const char *plan_manifest(const struct plan *plan, size_t index, uint64_t task, struct arena *arena)
{
    const struct plan_step *step = &plan->steps[index];
    if (!step->command->stage) return NULL;
    const char *folder = plan_folder(plan, step, arena);
    return arena_printf(arena, "%s%s/%05llu.json", folder, step->command->stage->sink ? ".meta" : "", (unsigned long long)task);
}

static int add_inputs(const struct plan *plan, const struct plan_step *step, uint64_t task, struct arena *arena, struct recipe_list *argv)
{
    if (step->input == PLAN_NOTHING) return plan_append(arena, argv, plan->output);
    if (step->input == PLAN_CRAWL) {
        for (size_t i = 0; i < plan->recipe->inputs.count; i++)
            if (plan_append(arena, argv, plan->recipe->inputs.items[i]) < 0) return -1;
        return 0;
    }
    const struct plan_step *from = &plan->steps[step->from];
    const char *folder = plan_folder(plan, from, arena);
    for (uint64_t t = 0; t < from->tasks; t++) {
        const char *path = step->table
                               ? arena_printf(arena, "%s/%05llu.%s.rows.zst", folder, (unsigned long long)t, step->table)
                           : step->input == PLAN_BUCKET
                               ? arena_printf(arena, "%s/%05llu.%05llu.rows.zst", folder, (unsigned long long)t, (unsigned long long)task)
                               : arena_printf(arena, "%s/%05llu.rows.zst", folder, (unsigned long long)t);
        if (plan_append(arena, argv, path) < 0) return -1;
    }
    return 0;
}

/* -o and --task. A bucket's task writes a named file; a single task of a single file needs no --task. */
static int add_place(const struct plan *plan, const struct plan_step *step, uint64_t task, struct arena *arena, struct recipe_list *argv)
{
    if (!step->command->stage) return 0;
    const char *folder = plan_folder(plan, step, arena);
    if (step->buckets) {
        if (plan_append(arena, argv, arena_printf(arena, "--output=%s/%05llu.rows.zst", folder, (unsigned long long)task)) < 0) return -1;
        return step->command->stage->drops
                   ? plan_append(arena, argv, arena_printf(arena, "--dropped=%s/%05llu.dropped.zst", folder, (unsigned long long)task)) : 0;
    }
    if (step->tasks > 1 && plan_append(arena, argv, arena_printf(arena, "--task=%llu/%llu", (unsigned long long)task, (unsigned long long)step->tasks)) < 0)
        return -1;
    return plan_append(arena, argv, arena_printf(arena, "--output=%s/", folder));
}

static int add_common(const struct plan *plan, const struct plan_step *step, struct arena *arena, struct recipe_list *argv)
{
    const struct recipe *recipe = plan->recipe;
    if (!step->command->stage) return 0;
    if (step->score && plan_append(arena, argv, arena_printf(arena, "--class=%s", step->score->class)) < 0) return -1;
    if (recipe->memory && plan_append(arena, argv, arena_printf(arena, "--memory=%s", recipe->memory)) < 0) return -1;
    if (recipe->tolerate >= 0 && plan_append(arena, argv, arena_printf(arena, "--tolerate=%g", recipe->tolerate)) < 0) return -1;
    if (recipe->limit && step->input == PLAN_CRAWL &&
        plan_append(arena, argv, arena_printf(arena, "--limit=%llu", (unsigned long long)recipe->limit)) < 0)
        return -1;
    return 0;
}

/* As planned, so that a plan says the same on every machine. */
static char **planned_command(const struct plan *plan, size_t index, uint64_t task, struct arena *arena, size_t *argc)
{
    const struct plan_step *step = &plan->steps[index];
    struct recipe_list argv = {0};
    if (plan_append(arena, &argv, "winnow") < 0 || plan_append(arena, &argv, step->command->name) < 0) return NULL;
    for (size_t i = 0; i < step->options.count; i++)
        if (plan_append(arena, &argv, step->options.items[i]) < 0) return NULL;
    if (add_common(plan, step, arena, &argv) < 0 || add_place(plan, step, task, arena, &argv) < 0 ||
        add_inputs(plan, step, task, arena, &argv) < 0)
        return NULL;
    char **list = arena_alloc(arena, (argv.count + 1) * sizeof *list);
    if (!list) return NULL;
    for (size_t i = 0; i < argv.count; i++) list[i] = (char *)argv.items[i];
    list[argv.count] = NULL;
    *argc = argv.count;
    return list;
}

char **plan_command(const struct plan *plan, size_t index, uint64_t task, struct arena *arena, size_t *argc)
{
    char **argv = planned_command(plan, index, task, arena, argc);
    const struct plan_score *score = plan->steps[index].score;
    for (size_t i = 0; argv && score && i < *argc; i++)
        if (str_starts(str_from(argv[i]), STR("--class=")) && !(argv[i] = arena_printf(arena, "--class=%s", score->foreseen.class))) return NULL;
    return argv;
}

static void print_quoted(FILE *out, const char *argument)
{
    if (*argument && strspn(argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%") == strlen(argument)) {
        fputs(argument, out);
        return;
    }
    fputc('\'', out);
    for (; *argument; argument++) {
        if (*argument == '\'') fputs("'\\''", out);
        else fputc(*argument, out);
    }
    fputc('\'', out);
}

int plan_print(const struct plan *plan, FILE *out)
{
    struct arena arena;
    arena_init(&arena, 256 << 20);
    int result = 0;
    for (size_t s = 0; s < plan->count && result == 0; s++) {
        for (uint64_t t = 0; t < plan->steps[s].tasks && result == 0; t++) {
            size_t argc;
            arena_reset(&arena);
            char **argv = plan_command(plan, s, t, &arena, &argc);
            if (!argv) result = -1;
            for (size_t i = 0; argv && i < argc; i++) {
                if (i) fputc(' ', out);
                print_quoted(out, argv[i]);
            }
            fputc('\n', out);
        }
    }
    arena_free(&arena);
    return result;
}

/* Versions, as they report them, of what makes bytes: equal bytes are promised for equal ones. Modules that are missing here
 * say so in their place, and a machine that has them is another. */
static json_t *versions(const struct plan *plan)
{
    struct buf codecs;
    char pcre[64] = "";
    buf_init(&codecs, 4096);
    pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    const struct unicode_module *unicode = module_open("unicode");
    const char *tar = tar_library_version();
    if (image_versions(&codecs) < 0) buf_clear(&codecs);
    json_t *list = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "format", "winnow-plan-1", "winnow", WINNOW_VERSION, "zstd",
                             ZSTD_versionString(), "libdeflate", LIBDEFLATE_VERSION_STRING, "sqlite", sqlite3_libversion(), "pcre2", pcre,
                             "unicode", unicode ? unicode->version : "missing", "tar", tar ? tar : "missing", "codecs",
                             codecs.n ? buf_c_string(&codecs) : "missing", "wordnet", wordnet_digest());
    buf_free(&codecs);
    if (list && plan->score_count) json_object_set_new(list, "scores", plan_scores_json(plan));
    return list;
}

static int add_json_line(struct buf *out, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    int result = text && buf_add(out, str_from(text)) == 0 && buf_byte(out, '\n') == 0 ? 0 : fail_memory();
    free(text);
    json_decref(object);
    return result;
}

int plan_json(const struct plan *plan, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, 256 << 20);
    int result = add_json_line(out, versions(plan));
    size_t output = strlen(plan->output);
    for (size_t s = 0; s < plan->count && result == 0; s++) {
        for (uint64_t t = 0; t < plan->steps[s].tasks && result == 0; t++) {
            size_t argc = 0;
            arena_reset(&arena);
            char **argv = planned_command(plan, s, t, &arena, &argc);
            json_t *list = json_array();
            for (size_t i = 0; argv && i < argc; i++) { /* OUT itself is not named: a moved OUT keeps its plan */
                const char *at = strstr(argv[i], plan->output);
                bool inside = at && (at[output] == '/' || !at[output]) && (at == argv[i] || at[-1] == '=');
                json_array_append_new(list, json_string(inside ? arena_printf(&arena, "%.*sOUT%s", (int)(at - argv[i]), argv[i], at + output)
                                                               : argv[i]));
            }
            result = argv ? add_json_line(out, json_pack("{s:s,s:I,s:o}", "step", plan->steps[s].name, "task", (json_int_t)t, "command", list))
                          : -1;
        }
    }
    arena_free(&arena);
    return result;
}
