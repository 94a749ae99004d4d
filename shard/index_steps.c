/* The command `index`, what manifests tell: steps in order, their parameters, rules, counts, losses, inputs and shards. A sum
 * over tasks is the same for any number of them. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/manifest.h"
#include "shard/index_private.h"
#include "shard/steps.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- lists */

static void *grow(void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room) return list;
    size_t more = *room ? *room * 2 : 16;
    void *longer = realloc(list, more * size);
    if (!longer) return fail_memory(), NULL;
    *room = more;
    return longer;
}

int texts_add(struct texts *texts, const char *text)
{
    const char **list = text ? grow(texts->list, texts->count, &texts->room, sizeof *list) : NULL;
    if (!list) return -1;
    texts->list = list;
    list[texts->count++] = text;
    return 0;
}

void texts_free(struct texts *texts) { free(texts->list); }

static const char *joined(struct index_run *run, struct str folder, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s%s", STR_ARG(folder), name);
    if (n < 0 || n >= (int)sizeof path) return fail("a path of more than %d bytes", PATH_MAX), NULL;
    return arena_c_string(&run->arena, str_of(path, (size_t)n));
}

static struct str folder_of(const char *path) /* with its slash; empty for a bare name */
{
    const char *slash = strrchr(path, '/');
    return str_of(path, slash ? (size_t)(slash - path) + 1 : 0);
}

/* ---- finding manifests */

static struct index_step *add_step(struct index_run *run, const char *name)
{
    struct index_step *steps = name ? grow(run->steps, run->step_count, &run->step_room, sizeof *steps) : NULL;
    if (!steps) return NULL;
    run->steps = steps;
    struct index_step *step = &steps[run->step_count++];
    *step = (struct index_step){.name = name, .rules = json_object(), .counts = json_object(), .losses = json_array()};
    if (!step->rules || !step->counts || !step->losses) return fail_memory(), NULL;
    return step;
}

static bool is_manifest(const char *name)
{
    struct str s = str_from(name);
    uint64_t task;
    return str_ends(s, STR(".json")) && s.n >= 10 && str_to_u64(str_of(s.p, s.n - 5), &task) == 0;
}

static int find_in_out(struct index_run *run, const char *out)
{
    struct steps steps;
    int result = steps_open(&steps, out);
    if (result == 0 && steps.itself) result = fail("%s: no manifest in it: nothing was published there", out);
    for (size_t i = 0; i < steps.count && result == 0; i++) {
        struct index_step *step = add_step(run, arena_c_string(&run->arena, str_from(steps.list[i].name)));
        if (!step) result = -1;
        for (size_t t = 0; t < steps.list[i].task_count && result == 0; t++)
            result = texts_add(&step->manifests, steps_manifest_path(&steps, i, t, &run->arena));
    }
    steps_close(&steps);
    return result;
}

/* The name of a step that was typed by hand: its manifest's folder, else the manifest's own name, made unique. */
static const char *step_name(struct index_run *run, const char *manifest)
{
    struct str folder = folder_of(manifest), name = str_from_at(str_from(manifest), folder.n);
    if (folder.n) folder.n--;
    if (is_manifest(name.p) && folder.n) name = str_from_at(folder, folder_of(arena_c_string(&run->arena, folder)).n);
    else if (str_ends(name, STR(".json"))) name.n -= 5;
    char unique[PATH_MAX];
    int n = snprintf(unique, sizeof unique, "%.*s", STR_ARG(name));
    for (size_t i = 0, copy = 2; i < run->step_count; i++) {
        if (strcmp(run->steps[i].name, unique) != 0) continue;
        n = snprintf(unique, sizeof unique, "%.*s %zu", STR_ARG(name), copy++);
        i = SIZE_MAX; /* from the beginning */
    }
    return n < 0 ? NULL : arena_c_string(&run->arena, str_of(unique, (size_t)n));
}

/* Manifests in the order of the run; numbered ones of one folder that follow one another are tasks of one step. */
static int find_given(struct index_run *run, const char *const *manifests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str folder = folder_of(manifests[i]);
        bool numbered = is_manifest(manifests[i] + folder.n);
        bool same = i > 0 && numbered && is_manifest(manifests[i - 1] + folder_of(manifests[i - 1]).n) &&
                    str_eq(folder, folder_of(manifests[i - 1]));
        struct index_step *step = same ? &run->steps[run->step_count - 1] : add_step(run, step_name(run, manifests[i]));
        if (!step || texts_add(&step->manifests, manifests[i]) < 0) return -1;
    }
    return 0;
}

int index_run_find(struct index_run *run, const char *const *arguments, size_t count)
{
    struct stat state;
    if (count == 1 && stat(arguments[0], &state) == 0 && S_ISDIR(state.st_mode)) return find_in_out(run, arguments[0]);
    for (size_t i = 0; i < count; i++) {
        if (stat(arguments[i], &state) < 0) return fail_errno("%s: cannot open", arguments[i]);
        if (S_ISDIR(state.st_mode)) return fail_usage("%s: a folder: give one folder of a run, or manifests", arguments[i]);
    }
    return find_given(run, arguments, count);
}

/* ---- summing */

static int add_numbers(json_t *sums, json_t *more)
{
    const char *key;
    json_t *value;
    json_object_foreach(more, key, value) {
        json_t *sum = json_integer(json_integer_value(json_object_get(sums, key)) + json_integer_value(value));
        if (json_object_set_new(sums, key, sum)) return fail_memory();
    }
    return 0;
}

/* Keeps the parameters that all tasks have alike: what belongs to one task alone says nothing about the step. */
static int add_parameters(struct index_step *step, json_t *parameters)
{
    const char *key;
    json_t *value;
    void *next;
    if (!step->parameters) return (step->parameters = json_deep_copy(parameters)) ? 0 : fail_memory();
    json_object_foreach_safe(step->parameters, next, key, value) {
        if (!json_equal(value, json_object_get(parameters, key))) json_object_del(step->parameters, key);
    }
    return 0;
}

static int add_losses(struct index_step *step, json_t *losses)
{
    size_t i;
    json_t *loss;
    step->losses_total += manifest_u64(losses, "total");
    json_array_foreach(json_object_get(losses, "list"), i, loss) {
        if (json_array_size(step->losses) == LOSSES_INDEXED) break;
        if (json_array_append(step->losses, loss)) return fail_memory();
    }
    return 0;
}

/* The inputs of a stage that reads crawls or lists are the run's files: src_file counts on from task to task. */
static int add_inputs(struct index_run *run, json_t *manifest, uint64_t *before)
{
    const char *first = json_string_value(json_object_get(json_object_get(manifest, "parameters"), "first-file"));
    const char *task = json_string_value(json_object_get(manifest, "task"));
    uint64_t base = 0;
    size_t i;
    json_t *input;
    if (!first) return 0;
    if (str_to_u64(str_from(first), &base) < 0) base = 0;
    if (task && strcmp(task, "0/1") == 0) *before = 0; /* typed by hand: --first-file alone counts */
    json_array_foreach(json_object_get(manifest, "inputs"), i, input) {
        struct index_input *inputs = grow(run->inputs, run->input_count, &run->input_room, sizeof *inputs);
        if (!inputs) return -1;
        run->inputs = inputs;
        const char *name = json_string_value(json_object_get(input, "name"));
        const char *hash = json_string_value(json_object_get(input, "xxh3_128"));
        inputs[run->input_count++] = (struct index_input){
            .src_file = base + *before + i,
            .size = manifest_u64(input, "size"),
            .name = arena_c_string(&run->arena, str_from(name)),
            .hash = arena_c_string(&run->arena, str_from(hash)),
        };
    }
    *before += json_array_size(json_object_get(manifest, "inputs"));
    return 0;
}

static int add_shard(struct index_run *run, json_t *output, struct str name, const char *path)
{
    uint64_t number, size, told = manifest_u64(output, "size");
    struct str digits = name;
    digits = str_cut(&digits, '.');
    if (str_to_u64(digits, &number) < 0) return fail("%s: no number of a shard", path);
    if (file_size(path, &size) < 0) return -1;
    if (size != told)
        return fail("%s: %llu bytes, its manifest says %llu: make it again", path, (unsigned long long)size,
                    (unsigned long long)told);
    struct index_shard *shards = grow(run->shards, run->shard_count, &run->shard_room, sizeof *shards);
    if (!shards) return -1;
    run->shards = shards;
    const char *hash = json_string_value(json_object_get(output, "xxh3_128"));
    shards[run->shard_count++] = (struct index_shard){
        .shard = number,
        .samples = manifest_u64(output, "rows"),
        .size = size,
        .name = arena_copy(&run->arena, name),
        .hash = arena_copy(&run->arena, str_from(hash)),
    };
    return 0;
}

/* Outputs of the stage `shard`: tars, and the row file of their samples. */
static int add_shard_output(struct index_run *run, json_t *output, const char *path)
{
    struct str folder = folder_of(path), name = str_from_at(str_from(path), folder.n);
    if (str_ends(name, STR(".rows.zst"))) {
        run->meta_folder = arena_c_string(&run->arena, folder);
        return texts_add(&run->sample_files, path);
    }
    if (str_find(name, STR(".tar")) == SIZE_MAX) return 0;
    run->shards_folder = arena_c_string(&run->arena, folder);
    return run->shards_folder ? add_shard(run, output, name, path) : -1;
}

static int add_outputs(struct index_run *run, struct index_step *step, const char *manifest_path, json_t *manifest)
{
    size_t i;
    json_t *output;
    json_array_foreach(json_object_get(manifest, "outputs"), i, output) {
        const char *name = json_string_value(json_object_get(output, "name"));
        if (!name) return fail("%s: an output without a name", manifest_path);
        const char *path = joined(run, name[0] == '/' ? str_of("", 0) : folder_of(manifest_path), name);
        if (!path) return -1;
        if (str_ends(str_from(name), STR(".dropped.zst")) && texts_add(&step->dropped_files, path) < 0) return -1;
        if (strcmp(step->stage, "shard") == 0 && add_shard_output(run, output, path) < 0) return -1;
    }
    return 0;
}

static int add_manifest(struct index_run *run, struct index_step *step, const char *path, uint64_t *inputs_before)
{
    json_t *m = manifest_read(path);
    if (!m) return -1;
    const char *stage = json_string_value(json_object_get(m, "stage")), *task = json_string_value(json_object_get(m, "task"));
    json_t *rows = json_object_get(m, "rows"), *filters = json_object_get(m, "filters");
    int result = 0;
    if (!stage) result = fail("%s: a manifest without its stage", path);
    else if (step->stage && strcmp(step->stage, stage) != 0)
        result = fail_usage("%s: of stage '%s', but the task before it is of '%s'", path, stage, step->stage);
    if (result == 0 && !step->stage) step->stage = arena_c_string(&run->arena, str_from(stage));
    step->behaviour = manifest_u64(m, "behaviour");
    step->read += manifest_u64(rows, "read");
    step->written += manifest_u64(rows, "written");
    step->dropped += manifest_u64(rows, "dropped");
    step->records += manifest_u64(m, "records");
    if (filters && !step->filters) step->filters = json_incref(filters);
    if (result == 0 && (!step->stage || add_parameters(step, json_object_get(m, "parameters")) < 0)) result = -1;
    if (result == 0) result = add_numbers(step->rules, json_object_get(m, "rules"));
    if (result == 0) result = add_numbers(step->counts, json_object_get(m, "counts"));
    if (result == 0) result = add_losses(step, json_object_get(m, "losses"));
    if (result == 0) result = add_inputs(run, m, inputs_before);
    if (result == 0) result = add_outputs(run, step, path, m);
    if (result == 0 && strcmp(step->stage, "shard") == 0 && task && strcmp(task, "0/1") != 0) run->many_tasks = true;
    json_decref(m);
    return result;
}

int index_run_sum(struct index_run *run)
{
    for (size_t i = 0; i < run->step_count; i++) {
        struct index_step *step = &run->steps[i];
        uint64_t inputs_before = 0;
        for (size_t k = 0; k < step->manifests.count; k++)
            if (index_interrupted() < 0 || add_manifest(run, step, step->manifests.list[k], &inputs_before) < 0) return -1;
    }
    return 0;
}

void index_run_free(struct index_run *run)
{
    for (size_t i = 0; i < run->step_count; i++) {
        struct index_step *step = &run->steps[i];
        json_decref(step->parameters);
        json_decref(step->filters);
        json_decref(step->rules);
        json_decref(step->counts);
        json_decref(step->losses);
        texts_free(&step->manifests);
        texts_free(&step->dropped_files);
    }
    free(run->steps);
    free(run->inputs);
    free(run->shards);
    texts_free(&run->sample_files);
    arena_free(&run->arena);
}
