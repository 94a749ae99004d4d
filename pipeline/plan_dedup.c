#include "pipeline/plan_private.h"

#include "pipeline/base/str.h"

static const char *option_of(const struct recipe_list *options, struct str start)
{
    for (size_t i = 0; i < options->count; i++)
        if (str_starts(str_from(options->items[i]), start)) return options->items[i];
    return NULL;
}

/* Near pictures have no bucket in common by their hashes: all distinct ones are brought together, which are few beside the rows,
 * and clustered by one task. Returns the option that names its table; NULL with a sentence. */
static const char *add_clusters(struct plan *plan, const char *distance)
{
    struct arena *arena = &plan->arena;
    uint64_t tasks = plan_crawl_tasks(plan);
    struct plan_step *counted = plan_add_step(plan, "count", tasks, PLAN_ROWS);
    if (!counted || plan_append(arena, &counted->options, "--what=phashes") < 0) return NULL;
    counted->aside = true;
    if (tasks > 1) {
        size_t map = plan->count - 1;
        if (plan_append(arena, &counted->options, "--partial") < 0) return NULL;
        counted = plan_add_step(plan, "count", 1, PLAN_ROWS);
        if (!counted || plan_append(arena, &counted->options, "--what=phashes") < 0) return NULL;
        counted->from = map;
        counted->table = "phashes";
        counted->aside = true;
    }
    size_t table = plan->count - 1;
    struct plan_step *clusters = plan_add_step(plan, "dedup", 1, PLAN_ROWS);
    if (!clusters || plan_append(arena, &clusters->options, "--by=phash") < 0 || plan_append(arena, &clusters->options, distance) < 0 ||
        plan_append(arena, &clusters->options, "--mark") < 0)
        return NULL;
    clusters->from = table;
    clusters->table = "phashes";
    clusters->aside = true;
    return arena_printf(arena, "--clusters=%s/00000.rows.zst", plan_folder(plan, clusters, arena));
}

static int add_partition(struct plan *plan, const char *by, const char *clusters)
{
    struct arena *arena = &plan->arena;
    struct plan_step *step = plan_add_step(plan, "partition", plan_crawl_tasks(plan), PLAN_ROWS);
    if (!step || plan_append(arena, &step->options, by) < 0) return -1;
    if (clusters && plan_append(arena, &step->options, clusters) < 0) return -1;
    return plan_append(arena, &step->options, arena_printf(arena, "--into=%llu", (unsigned long long)plan->buckets));
}

int plan_add_dedup(struct plan *plan, const char *by, const struct recipe_list *options)
{
    struct arena *arena = &plan->arena;
    const char *by_option = by ? arena_printf(arena, "--by=%s", by) : option_of(options, STR("--by="));
    if (!by_option && !(by_option = arena_printf(arena, "--by=url+text"))) return -1;
    const char *distance = option_of(options, STR("--distance=")), *clusters = NULL;
    uint64_t buckets = plan->buckets;
    bool counted = str_eq(str_from(by_option), STR("--by=phash")) && !option_of(options, STR("--against="));
    if (distance && !counted) buckets = 0;
    if (distance && buckets && !(clusters = add_clusters(plan, distance))) return -1;
    if (buckets && add_partition(plan, by_option, clusters) < 0) return -1;
    struct plan_step *step = plan_add_step(plan, "dedup", buckets ? buckets : 1, buckets ? PLAN_BUCKET : PLAN_ROWS);
    if (!step || plan_append(arena, &step->options, by_option) < 0) return -1;
    step->buckets = buckets > 0;
    for (size_t i = 0; i < options->count; i++) {
        const char *option = clusters && options->items[i] == distance ? clusters : options->items[i];
        if (!str_starts(str_from(option), STR("--by=")) && plan_append(arena, &step->options, option) < 0) return -1;
    }
    return !buckets || plan_add_step(plan, "merge", 1, PLAN_ROWS) ? 0 : -1;
}
