#include "filters/counts/rules.h"
#include "pipeline/base/fail.h"
#include "pipeline/plan_private.h"

static enum plan_counted rows_of(enum count_kind kind)
{
    return kind == COUNT_TEXTS_PER_SHA256 ? PLAN_COUNTED_FETCHED : kind == COUNT_ENTITIES ? PLAN_COUNTED_NAMED : PLAN_COUNTED_EXTRACTED;
}

int plan_counts_wanted(const struct chain *chain, enum plan_counted rows, struct buf *what)
{
    uint64_t wanted[COUNT_KINDS];
    chain_counts_wanted(chain, wanted);
    for (int i = 0; i < COUNT_KINDS; i++) {
        if (!wanted[i] || rows_of((enum count_kind)i) != rows) continue;
        if (buf_printf(what, what->n ? ",%s" : "%s", count_kind_about((enum count_kind)i)->what) < 0) return -1;
        if (wanted[i] > 1 && buf_printf(what, ":%llu", (unsigned long long)wanted[i] - 1) < 0) return -1;
    }
    return 0;
}

static int note_tables(struct plan *plan, const struct plan_step *step, const char *table)
{
    for (uint64_t t = 0; t < step->tasks; t++)
        if (plan_append(&plan->arena, &plan->counts, arena_printf(&plan->arena, "--counts=%s/%05llu.%s.rows.zst",
                                                                  plan_folder(plan, step, &plan->arena), (unsigned long long)t, table)) < 0)
            return -1;
    return 0;
}

/* One kind's parts, that step `map` wrote, become its table: `want` is "images-per-text:10". */
static int add_reduce(struct plan *plan, size_t map, struct str want)
{
    struct arena *arena = &plan->arena;
    struct str rest = want;
    const char *table = arena_c_string(arena, str_cut(&rest, ':'));
    size_t from = map;
    if (!table) return -1;
    if (plan->buckets) {
        struct plan_step *spread = plan_add_step(plan, "partition", plan->steps[map].tasks, PLAN_ROWS);
        if (!spread) return -1;
        spread->from = map;
        spread->table = table;
        spread->aside = true;
        if (plan_append(arena, &spread->options, "--by=id") < 0 ||
            plan_append(arena, &spread->options, arena_printf(arena, "--into=%llu", (unsigned long long)plan->buckets)) < 0)
            return -1;
        from = plan->count - 1;
    }
    struct plan_step *step = plan_add_step(plan, "count", plan->buckets ? plan->buckets : 1, plan->buckets ? PLAN_BUCKET : PLAN_ROWS);
    if (!step || plan_append(arena, &step->options, arena_printf(arena, "--what=%.*s", STR_ARG(want))) < 0) return -1;
    step->from = from;
    step->table = plan->buckets ? NULL : table;
    step->buckets = plan->buckets > 0;
    step->aside = true;
    return note_tables(plan, step, table);
}

int plan_add_counts(struct plan *plan, struct str what)
{
    struct arena *arena = &plan->arena;
    uint64_t tasks = plan->recipe->tasks ? plan->recipe->tasks : 1;
    bool in_parts = tasks > 1 || plan->buckets;
    struct plan_step *map = plan_add_step(plan, "count", tasks, PLAN_ROWS);
    if (!map || plan_append(arena, &map->options, arena_printf(arena, "--what=%.*s", STR_ARG(what))) < 0) return -1;
    map->aside = true;
    if (in_parts && plan_append(arena, &map->options, "--partial") < 0) return -1;
    size_t index = plan->count - 1;
    for (struct str rest = what; rest.p;) {
        struct str want = str_cut(&rest, ','), after = want;
        if (in_parts) {
            if (add_reduce(plan, index, want) < 0) return -1;
        } else {
            const char *table = arena_c_string(arena, str_cut(&after, ':'));
            if (!table || note_tables(plan, &plan->steps[index], table) < 0) return -1;
        }
    }
    return 0;
}

int plan_give_counts(struct plan *plan, struct plan_step *step)
{
    for (size_t i = 0; i < plan->counts.count; i++)
        if (plan_append(&plan->arena, &step->options, plan->counts.items[i]) < 0) return -1;
    return 0;
}
