/* Adding up manifests. The tasks of a step name the same rules and counts in the same order, so each is looked for behind the
 * one found last: linear in what the manifests hold. */
#include "reports/funnel.h"

#include "pipeline/base/fail.h"

#include <stdio.h>

/* ---- growing lists in the arena; the old piece is left behind: at most as much again */

static void *grow(struct arena *a, const void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room) return (void *)list;
    size_t longer = *room ? 2 * *room : 16;
    void *piece = arena_alloc(a, longer * size);
    if (!piece) return NULL;
    if (count) memcpy(piece, list, count * size);
    memset((char *)piece + count * size, 0, (longer - count) * size);
    *room = longer;
    return piece;
}

static const char *own(struct arena *a, const char *text) { return text ? arena_c_string(a, str_from(text)) : NULL; }

/* ---- rules and counts by name */

static struct funnel_rule *rule_named(struct funnel *f, struct funnel_step *step, const char *name, size_t *hint)
{
    for (size_t i = 0; i < step->rule_count; i++) {
        size_t at = (*hint + i) % step->rule_count;
        if (strcmp(step->rules[at].name, name) == 0) return *hint = at + 1, &step->rules[at];
    }
    struct funnel_rule *rules = grow(&f->steps.arena, step->rules, step->rule_count, &step->rule_room, sizeof *rules);
    if (!rules) return NULL;
    step->rules = rules;
    struct funnel_rule *rule = &rules[step->rule_count];
    *rule = (struct funnel_rule){.name = own(&f->steps.arena, name)};
    if (!rule->name) return NULL;
    *hint = ++step->rule_count;
    return rule;
}

static int add_count(struct funnel *f, struct funnel_step *step, const char *name, uint64_t n, size_t *hint)
{
    for (size_t i = 0; i < step->count_count; i++) {
        size_t at = (*hint + i) % step->count_count;
        if (strcmp(step->counts[at].name, name) != 0) continue;
        step->counts[at].n += n;
        *hint = at + 1;
        return 0;
    }
    struct funnel_count *counts = grow(&f->steps.arena, step->counts, step->count_count, &step->count_room, sizeof *counts);
    if (!counts) return -1;
    step->counts = counts;
    counts[step->count_count] = (struct funnel_count){own(&f->steps.arena, name), n};
    if (!counts[step->count_count].name) return -1;
    *hint = ++step->count_count;
    return 0;
}

/* Parameters outlive their manifest. */
static json_t *keep(struct funnel *f, json_t *object) { return object && json_array_append(f->kept, object) == 0 ? object : NULL; }

/* ---- one manifest */

/* The rules that the stage lists, in their order; what they are is the same in every task. */
static int add_listed_rules(struct funnel *f, struct funnel_step *step, json_t *manifest)
{
    struct arena *a = &f->steps.arena;
    size_t i, hint = 0;
    json_t *listed;
    json_array_foreach(json_object_get(manifest, "filters"), i, listed) {
        const char *name = manifest_text(listed, "name");
        if (!name) continue;
        struct funnel_rule *rule = rule_named(f, step, name, &hint);
        if (!rule) return -1;
        if (rule->filter) continue;
        rule->filter = own(a, manifest_text(listed, "filter"));
        rule->bound = own(a, manifest_text(listed, "bound"));
        rule->place = own(a, manifest_text(listed, "place"));
        rule->provenance = own(a, manifest_text(listed, "provenance"));
        rule->source = own(a, manifest_text(listed, "source"));
        rule->unserved = own(a, manifest_text(listed, "unserved"));
        rule->done_by = own(a, manifest_text(listed, "done_by"));
        rule->substitute = own(a, manifest_text(listed, "substitute"));
        rule->parameters = keep(f, json_object_get(listed, "parameters"));
        bool asked = !rule->unserved && !rule->done_by; /* counts of 0 are not written down */
        if (asked) rule->alone_kind = json_is_true(json_object_get(listed, "sampled")) ? ALONE_SAMPLED : ALONE_EXACT;
    }
    return 0;
}

/* What filter counts of its rules: reached.RULE, alone.RULE where that is exact, else behind.RULE of behind_of.RULE (rows that an
 * earlier rule had dropped, failed of asked), marked.RULE. 1 when it was one. */
static int add_rule_count(struct funnel_step *step, struct str name, uint64_t n)
{
    static const char *const kinds[] = {"reached", "alone", "behind", "behind_of", "marked"};
    struct str rest = name, kind = str_cut(&rest, '.');
    size_t k = 0;
    while (k < sizeof kinds / sizeof *kinds && !str_eq(kind, str_from(kinds[k]))) k++;
    if (!rest.n || k == sizeof kinds / sizeof *kinds) return 0;
    for (size_t i = 0; i < step->rule_count; i++) {
        struct funnel_rule *rule = &step->rules[i];
        if (!str_eq(rest, str_from(rule->name))) continue;
        uint64_t *const counters[] = {&rule->reached, &rule->alone, &rule->sample_failed, &rule->sample, &rule->removed};
        *counters[k] += n;
        if (counters[k] == &rule->removed) rule->marked = true;
        return 1;
    }
    return 0;
}

static int add_counts(struct funnel *f, struct funnel_step *step, json_t *manifest)
{
    const char *name;
    json_t *n;
    size_t hint = 0, rule_hint = 0;
    json_object_foreach(json_object_get(manifest, "rules"), name, n) {
        struct funnel_rule *rule = rule_named(f, step, name, &rule_hint);
        if (!rule) return -1;
        rule->removed += (uint64_t)json_integer_value(n);
    }
    json_object_foreach(json_object_get(manifest, "counts"), name, n) {
        uint64_t value = (uint64_t)json_integer_value(n);
        if (!add_rule_count(step, str_from(name), value) && add_count(f, step, name, value, &hint) < 0) return -1;
    }
    return 0;
}

static int add_losses(struct funnel *f, struct funnel_step *step, json_t *manifest)
{
    struct arena *a = &f->steps.arena;
    json_t *losses = json_object_get(manifest, "losses"), *loss;
    size_t i;
    step->losses_total += manifest_u64(losses, "total");
    step->tasks_damaged += json_is_true(json_object_get(losses, "damaged"));
    json_array_foreach(json_object_get(losses, "list"), i, loss) {
        if (step->loss_count == FUNNEL_LOSSES_LISTED) break;
        struct funnel_loss *list = grow(a, step->losses, step->loss_count, &step->loss_room, sizeof *list);
        const char *file = manifest_text(loss, "file"), *what = manifest_text(loss, "what");
        if (!list) return -1;
        step->losses = list;
        list[step->loss_count++] = (struct funnel_loss){own(a, file ? file : ""), own(a, what ? what : ""), manifest_u64(loss, "offset")};
    }
    return 0;
}

/* Inputs that lie in a step's folder, "02-count/00000.hosts.rows.zst", are its rows or tables. */
static void note_source(struct funnel *f, struct funnel_step *step, const char *name)
{
    const char *slash = name ? strchr(name, '/') : NULL;
    if (!slash || !str_ends(str_from(name), STR(".rows.zst"))) return;
    for (const struct funnel_step *before = f->list; before < step; before++) {
        if (!str_eq(str_from(before->name), str_of(name, (size_t)(slash - name)))) continue;
        step->from_tables |= before->aside;
        step->from_rows |= !before->aside;
    }
}

static void add_sizes(struct funnel *f, struct funnel_step *step, json_t *manifest)
{
    size_t i;
    json_t *file;
    uint64_t rows = 0;
    json_array_foreach(json_object_get(manifest, "inputs"), i, file) {
        note_source(f, step, manifest_text(file, "name"));
        step->inputs++;
        step->input_bytes += manifest_u64(file, "size");
    }
    json_array_foreach(json_object_get(manifest, "outputs"), i, file) {
        step->output_bytes += manifest_u64(file, "size");
        if (output_is_rows(file)) rows += manifest_u64(file, "rows");
    }
    uint64_t written = manifest_rows(manifest, "written"), read = manifest_rows(manifest, "read");
    step->kept += rows > written ? rows : written; /* partition writes all its rows to buckets */
    step->read += read;
    step->dropped += manifest_rows(manifest, "dropped");
    step->records += manifest_u64(manifest, "records");
    step->reads_rows |= read > 0;
    step->tasks_limited += json_is_true(json_object_get(manifest, "limited"));
}

/* "i/N" → N; buckets have no number of their own there. */
static uint64_t tasks_of(json_t *manifest)
{
    const char *task = manifest_text(manifest, "task");
    struct str rest = str_from(task ? task : "");
    uint64_t n = 0;
    str_cut(&rest, '/');
    return rest.p && str_to_u64(rest, &n) == 0 ? n : 0;
}

static int add_manifest(struct funnel *f, struct funnel_step *step, json_t *manifest)
{
    if (!step->stage) {
        step->stage = own(&f->steps.arena, manifest_text(manifest, "stage"));
        step->behaviour = manifest_u64(manifest, "behaviour");
        step->parameters = keep(f, json_object_get(manifest, "parameters"));
        if (!step->stage) return fail("%s: a manifest without its stage", step->name);
    }
    uint64_t tasks = tasks_of(manifest);
    if (tasks > step->tasks) step->tasks = tasks;
    step->tasks_done++;
    add_sizes(f, step, manifest);
    return add_listed_rules(f, step, manifest) < 0 || add_counts(f, step, manifest) < 0 || add_losses(f, step, manifest) < 0 ? -1 : 0;
}

/* ---- a step */

/* A costly rule alone: what it removed, and of the rows that did not reach it as large a share as of the sample. */
static void estimate_alone(struct funnel_rule *rule, uint64_t rows)
{
    uint64_t behind = rows > rule->reached ? rows - rule->reached : 0;
    if (!behind) {
        rule->alone_kind = ALONE_EXACT;
        rule->alone = rule->removed;
    } else if (rule->sample) {
        unsigned __int128 scaled = (unsigned __int128)rule->sample_failed * behind + rule->sample / 2;
        rule->alone = rule->removed + (uint64_t)(scaled / rule->sample);
    } else {
        rule->alone_kind = ALONE_UNKNOWN;
    }
}

/* Where a stage lists no chain each row meets one rule alone (duplicates, how a fetch ended), so alone is what it removed. */
static void finish_rules(struct funnel_step *step)
{
    for (size_t i = 0; i < step->rule_count; i++) {
        struct funnel_rule *rule = &step->rules[i];
        if (rule->alone_kind == ALONE_SAMPLED) {
            estimate_alone(rule, step->read);
        } else if (!rule->filter) {
            rule->alone_kind = ALONE_EXACT;
            rule->alone = rule->removed;
        }
    }
}

static int read_step(struct funnel *f, size_t at)
{
    struct funnel_step *step = &f->list[at];
    step->name = f->steps.list[at].name;
    for (size_t t = 0; t < f->steps.list[at].task_count; t++) {
        json_t *manifest = steps_manifest(&f->steps, at, t);
        int result = manifest ? add_manifest(f, step, manifest) : -1;
        json_decref(manifest);
        if (result < 0) return -1;
    }
    if (step->tasks < step->tasks_done) step->tasks = step->tasks_done;
    step->aside = (step->stage && strcmp(step->stage, "count") == 0) || (step->from_tables && !step->from_rows);
    finish_rules(step);
    return 0;
}

int funnel_read(struct funnel *f, const char *out)
{
    *f = (struct funnel){0};
    if (steps_open(&f->steps, out) < 0) return -1;
    f->kept = json_array();
    f->count = f->steps.count;
    f->list = arena_alloc(&f->steps.arena, f->count * sizeof *f->list);
    if (!f->kept || !f->list) return f->list ? fail_memory() : -1;
    memset(f->list, 0, f->count * sizeof *f->list);
    for (size_t i = 0; i < f->count; i++)
        if (read_step(f, i) < 0) return -1;
    return 0;
}

void funnel_free(struct funnel *f)
{
    json_decref(f->kept);
    f->kept = NULL;
    steps_close(&f->steps);
}

/* ---- what is off */

/* Options by which fetch heeds less than it does by itself; `value`: the one that says so, NULL: any, which is told too. */
static const struct {
    const char *option, *value, *meaning;
} unheeded[] = {
    {"no-robots", "true", "robots.txt was not read (--no-robots)"},
    {"no-directives", "true", "page_robots, X-Robots-Tag, tdm-reservation, tdmrep.json and ai.txt were not heeded (--no-directives)"},
    {"rate", "0", "requests to one domain were not held to a rate (--rate 0)"},
    {"accept-network", NULL, "hosts in private networks were asked too: --accept-network "},
    {"proxy", NULL, "private addresses behind the proxy were not noticed: --proxy "},
};

static int look_at_politeness(const struct funnel_step *s, int (*say)(void *context, const char *sentence), void *context)
{
    char text[512];
    const char *from_web = manifest_text(s->parameters, "from-web");
    if (!from_web || strcmp(from_web, "true") != 0) return 0;
    for (size_t i = 0; i < sizeof unheeded / sizeof *unheeded; i++) {
        const char *value = manifest_text(s->parameters, unheeded[i].option), *wanted = unheeded[i].value;
        if (!value || !value[0] || (wanted && strcmp(value, wanted) != 0)) continue;
        snprintf(text, sizeof text, "%s: %s%s", s->name, unheeded[i].meaning, wanted ? "" : value);
        if (say(context, text) < 0) return -1;
    }
    return 0;
}

static int look_at_step(const struct funnel_step *s, int (*say)(void *context, const char *sentence), void *context)
{
    char text[512];
    if (s->tasks_done < s->tasks) {
        snprintf(text, sizeof text, "%s: %llu of %llu tasks are done: the run is not finished", s->name, (unsigned long long)s->tasks_done,
                 (unsigned long long)s->tasks);
        if (say(context, text) < 0) return -1;
    }
    if (s->tasks_limited) {
        snprintf(text, sizeof text, "%s: ended early by --limit in %llu of %llu tasks: a sample, not the whole", s->name,
                 (unsigned long long)s->tasks_limited, (unsigned long long)s->tasks);
        if (say(context, text) < 0) return -1;
    }
    if (s->tasks_damaged) {
        snprintf(text, sizeof text, "%s: %llu of %llu tasks met a file that is no crawl file, empty or cut off", s->name,
                 (unsigned long long)s->tasks_damaged, (unsigned long long)s->tasks);
        if (say(context, text) < 0) return -1;
    }
    return 0;
}

int funnel_oddities(const struct funnel *f, int (*say)(void *context, const char *sentence), void *context)
{
    const struct funnel_step *before = NULL;
    for (size_t i = 0; i < f->count; i++) {
        const struct funnel_step *s = &f->list[i], *above = before;
        char text[512];
        if (!s->aside) before = s;
        if (look_at_step(s, say, context) < 0 || look_at_politeness(s, say, context) < 0) return -1;
        bool both_whole = above && above->tasks_done == above->tasks && s->tasks_done == s->tasks && !s->tasks_limited;
        if (!both_whole || s->aside || !s->reads_rows || s->read == above->kept) continue;
        snprintf(text, sizeof text, "%s read %llu rows, but %s wrote %llu", s->name, (unsigned long long)s->read, above->name,
                 (unsigned long long)above->kept);
        if (say(context, text) < 0) return -1;
    }
    return 0;
}
