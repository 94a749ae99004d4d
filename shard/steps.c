/* Looking through OUT. Folders are listed, not guessed: a run that is not finished has what it has. */
#include "shard/steps.h"

#include "pipeline/base/fail.h"
#include "pipeline/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ARENA_BYTES = 256 << 20,
    TASK_DIGITS = 5, /* at least, in the name of a manifest */
};

/* ---- manifests */

uint64_t manifest_u64(json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

const char *manifest_text(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }
uint64_t manifest_rows(json_t *manifest, const char *key) { return manifest_u64(json_object_get(manifest, "rows"), key); }

bool output_is_rows(json_t *output)
{
    const char *name = manifest_text(output, "name");
    return name && str_ends(str_from(name), STR(".rows.zst"));
}

/* ---- folders */

/* NNNNN.json, five digits or more. */
static bool task_of_manifest(struct str name, uint64_t *task)
{
    if (!str_ends(name, STR(".json"))) return false;
    struct str digits = str_of(name.p, name.n - 5);
    return digits.n >= TASK_DIGITS && str_to_u64(digits, task) == 0;
}

static bool step_number(struct str name, uint64_t *number)
{
    struct str rest = name, digits = str_cut(&rest, '-');
    return digits.n >= 2 && rest.n && str_to_u64(digits, number) == 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Fills in the tasks whose manifests stand in step->folder; 0 also when there is none. */
static int list_tasks(struct steps *s, struct step *step)
{
    DIR *folder = opendir(step->folder);
    if (!folder) return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno("%s: cannot read this folder", step->folder);
    size_t room = 0;
    uint64_t *tasks = NULL, task;
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(folder));) {
        if (!task_of_manifest(str_from(entry->d_name), &task)) continue;
        if (step->task_count == room) {
            uint64_t *longer = realloc(tasks, (room = room ? 2 * room : 16) * sizeof *tasks);
            if (longer) tasks = longer;
            else result = fail_memory();
        }
        if (result == 0) tasks[step->task_count++] = task;
    }
    closedir(folder);
    if (step->task_count) qsort(tasks, step->task_count, sizeof *tasks, compare_numbers);
    step->tasks = result == 0 ? arena_alloc(&s->arena, (step->task_count + 1) * sizeof *tasks) : NULL;
    if (step->tasks && step->task_count) memcpy(step->tasks, tasks, step->task_count * sizeof *tasks);
    free(tasks);
    return step->tasks ? 0 : -1;
}

static int add_step(struct steps *s, struct step step)
{
    if (!step.name || !step.folder || list_tasks(s, &step) < 0) return -1;
    if (!step.task_count) return 0;
    struct step *longer = arena_alloc(&s->arena, (s->count + 1) * sizeof *longer);
    if (!longer) return -1;
    if (s->count) memcpy(longer, s->list, s->count * sizeof *longer);
    longer[s->count++] = step;
    s->list = longer;
    return 0;
}

static int by_step_number(const struct dirent **a, const struct dirent **b)
{
    uint64_t x = 0, y = 0;
    step_number(str_from((*a)->d_name), &x);
    step_number(str_from((*b)->d_name), &y);
    return x != y ? (x < y ? -1 : 1) : strcmp((*a)->d_name, (*b)->d_name);
}

static int is_step(const struct dirent *entry)
{
    uint64_t number;
    return step_number(str_from(entry->d_name), &number);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

int steps_open(struct steps *s, const char *out)
{
    *s = (struct steps){0};
    arena_init(&s->arena, ARENA_BYTES);
    struct str path = str_from(out);
    while (path.n > 1 && path.p[path.n - 1] == '/') path.n--;
    s->out = arena_c_string(&s->arena, path);
    if (!s->out) return -1;
    struct stat state;
    if (stat(s->out, &state) < 0) return fail_errno("%s: cannot open", s->out);
    if (!S_ISDIR(state.st_mode)) return fail_usage("%s: a file, expected the folder of a run", s->out);
    struct dirent **entries = NULL;
    int count = scandir(s->out, &entries, is_step, by_step_number), result = 0;
    if (count < 0) return fail_errno("%s: cannot read this folder", s->out);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (result == 0)
            result = add_step(s, (struct step){.name = arena_printf(&s->arena, "%s", name), .folder = arena_printf(&s->arena, "%s/%s/", s->out, name)});
        free(entries[i]);
    }
    free(entries);
    if (result == 0) result = add_step(s, (struct step){.name = "shards", .folder = arena_printf(&s->arena, "%s/shards.meta/", s->out), .shards = true});
    if (result == 0 && !s->count) {
        s->itself = true;
        result = add_step(s, (struct step){.name = last_part(s->out), .folder = arena_printf(&s->arena, "%s/", s->out)});
    }
    if (result == 0 && !s->count) result = fail("%s: no manifest in it: nothing was published there", s->out);
    return result;
}

void steps_close(struct steps *s) { arena_free(&s->arena); }

/* ---- what manifests tell */

const char *steps_manifest_path(const struct steps *s, size_t step, size_t task, struct arena *a)
{
    const struct step *of = &s->list[step];
    return arena_printf(a, "%s%05llu.json", of->folder, (unsigned long long)of->tasks[task]);
}

json_t *steps_manifest(const struct steps *s, size_t step, size_t task)
{
    char path[PATH_MAX];
    const struct step *of = &s->list[step];
    if (snprintf(path, sizeof path, "%s%05llu.json", of->folder, (unsigned long long)of->tasks[task]) >= (int)sizeof path)
        return fail("a path of more than %d bytes", PATH_MAX), NULL;
    return manifest_read(path);
}

const char *steps_output_path(const struct steps *s, size_t step, json_t *output, struct arena *a)
{
    const char *name = manifest_text(output, "name");
    if (!name) return fail("%s: a manifest with an output without a name", s->list[step].folder), NULL;
    return arena_printf(a, "%s%s", name[0] == '/' ? "" : s->list[step].folder, name);
}

/* Tasks take shares of the list that follow one another, so counting their inputs gives the ordinal, as long as no manifest
 * is missing before. Files typed by hand may begin elsewhere (--first-file). */
const char *steps_input_name(const struct steps *s, uint64_t src_file, struct arena *a)
{
    uint64_t before = 0;
    for (size_t t = 0; s->count && t < s->list[0].task_count && s->list[0].tasks[t] == t; t++) {
        json_t *m = steps_manifest(s, 0, t), *inputs = json_object_get(m, "inputs");
        if (!m) return NULL;
        const char *first = manifest_text(json_object_get(m, "parameters"), "first-file"), *name = NULL;
        uint64_t base = 0;
        if (first && str_to_u64(str_from(first), &base) < 0) base = 0;
        if (src_file >= base + before && src_file - base - before < json_array_size(inputs))
            name = manifest_text(json_array_get(inputs, (size_t)(src_file - base - before)), "name");
        if (name) name = arena_c_string(a, str_from(name));
        before += json_array_size(inputs);
        json_decref(m);
        if (name) return name;
    }
    return NULL;
}

const char *steps_shard_path(const struct steps *s, uint64_t number, struct arena *a)
{
    const char *shards = arena_printf(a, "%s/shards", s->out);
    DIR *folder = shards ? opendir(shards) : NULL;
    const char *path = NULL;
    for (struct dirent *entry; folder && !path && (entry = readdir(folder));) {
        struct str rest = str_from(entry->d_name), digits = str_cut(&rest, '.');
        uint64_t n;
        if (str_starts(rest, STR("tar")) && str_to_u64(digits, &n) == 0 && n == number)
            path = arena_printf(a, "%s/shards/%s", s->out, entry->d_name);
    }
    if (folder) closedir(folder);
    return path;
}
