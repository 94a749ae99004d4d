/* The command `index`, the table of removed rows: all of them, none, or of each rule of each step the N whose places have the
 * smallest hashes: a choice that depends on the rows alone.
 *
 * A sample takes two walks over the dropped files: the first finds out which rows are chosen (a heap a rule, 32 bytes a row
 * in it), the second writes them in order. */
#include "pipeline/base/fail.h"
#include "shard/index_private.h"
#include "shard/shuffle.h"
#include "shard/walk.h"

#include <stdlib.h>

enum { SCRATCH_BYTES = 64 << 20 };

struct pick {
    struct hash128 key;
    uint64_t file, row; /* ordinal of the dropped file over all steps; of the row in it */
};

struct rule_picks {
    char *rule;
    size_t step;
    struct pick *heap;  /* the largest key on top */
    size_t count, room;
};

struct picking {
    uint64_t limit;
    struct rule_picks *rules;
    size_t count, room, last; /* last: the rule of the row before */
};

/* ---- columns */

static bool is_pick_column(const struct columns *all, const char *name) { return columns_find(all, str_from(name)) != SIZE_MAX; }

/* Those of columns.def in its order, then scores and users' own as they come. */
static int order_columns(struct columns *ordered, const struct columns *met)
{
    size_t count;
    const struct column_definition *definitions = column_definitions(&count);
    for (size_t i = 0; i < count; i++)
        if (is_pick_column(met, definitions[i].name) && columns_add(ordered, str_from(definitions[i].name)) < 0) return -1;
    for (size_t i = 0; i < met->count; i++)
        if (!is_pick_column(ordered, met->list[i].name) && columns_add(ordered, str_from(met->list[i].name)) < 0) return -1;
    return 0;
}

int removed_columns(struct removed_rows *r, const struct index_run *run)
{
    struct columns met;
    columns_init(&met);
    columns_init(&r->columns);
    int result = 0;
    for (size_t s = 0; s < run->step_count && r->mode != REMOVED_COUNTS; s++) {
        const struct texts *files = &run->steps[s].dropped_files;
        for (size_t i = 0; i < files->count && result == 0; i++) {
            struct walk *w = walk_open(&files->list[i], 1, true);
            const struct columns *c = w ? walk_columns(w) : NULL;
            result = w ? 0 : -1;
            for (size_t k = 0; c && k < c->count && result == 0; k++)
                if (!is_pick_column(&met, c->list[k].name)) result = columns_add(&met, str_from(c->list[k].name));
            walk_close(w);
        }
    }
    if (result == 0) result = order_columns(&r->columns, &met);
    columns_free(&met);
    return result;
}

/* ---- choosing */

static int pick_compare(const struct pick *a, const struct pick *b)
{
    int order = hash128_compare(a->key, b->key);
    if (order) return order;
    return a->file != b->file ? (a->file < b->file ? -1 : 1) : (a->row > b->row) - (a->row < b->row);
}

static void swap_picks(struct pick *a, struct pick *b)
{
    struct pick c = *a;
    *a = *b;
    *b = c;
}

static void sift_up(struct pick *heap, size_t at)
{
    for (; at && pick_compare(&heap[at], &heap[(at - 1) / 2]) > 0; at = (at - 1) / 2) swap_picks(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct pick *heap, size_t count)
{
    for (size_t at = 0;;) {
        size_t largest = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (pick_compare(&heap[child], &heap[largest]) > 0) largest = child;
        if (largest == at) return;
        swap_picks(&heap[at], &heap[largest]);
        at = largest;
    }
}

static int offer(struct rule_picks *rule, uint64_t limit, const struct pick *pick)
{
    if (limit == 0) return 0;
    if (rule->count == limit) {
        if (pick_compare(pick, &rule->heap[0]) >= 0) return 0;
        rule->heap[0] = *pick;
        sift_down(rule->heap, rule->count);
        return 0;
    }
    if (rule->count == rule->room) {
        size_t room = rule->room ? rule->room * 2 : 16;
        struct pick *heap = realloc(rule->heap, room * sizeof *heap);
        if (!heap) return fail_memory();
        rule->heap = heap;
        rule->room = room;
    }
    rule->heap[rule->count] = *pick;
    sift_up(rule->heap, rule->count++);
    return 0;
}

static struct rule_picks *rule_of(struct picking *p, size_t step, struct str name)
{
    for (size_t i = 0; i < p->count; i++) {
        struct rule_picks *rule = &p->rules[(p->last + i) % p->count];
        if (rule->step != step || !str_eq(str_from(rule->rule), name)) continue;
        p->last = (p->last + i) % p->count;
        return rule;
    }
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 32;
        struct rule_picks *rules = realloc(p->rules, room * sizeof *rules);
        if (!rules) return fail_memory(), NULL;
        p->rules = rules;
        p->room = room;
    }
    char *copy = strndup(name.p ? name.p : "", name.n);
    if (!copy) return fail_memory(), NULL;
    p->rules[p->count] = (struct rule_picks){.rule = copy, .step = step};
    p->last = p->count;
    return &p->rules[p->count++];
}

/* ---- walking */

struct visit {
    const struct index_run *run;
    struct removed_rows *removed;
    struct index_builder *builder; /* NULL: this walk chooses */
    struct picking *picking;
    const struct pick *picks;      /* sorted by file and row; NULL: write every row */
    size_t pick_count, next_pick;
    struct arena scratch;
};

/* The row with the cells of all dropped columns: what its file lacks is absent. */
static int write_row(struct visit *v, size_t step, const struct columns *columns, const struct row *row)
{
    const struct columns *all = &v->removed->columns;
    arena_reset(&v->scratch);
    struct str *cells = arena_alloc(&v->scratch, (all->count + 1) * sizeof *cells);
    if (!cells) return -1;
    for (size_t i = 0; i < all->count; i++) {
        size_t at = columns_find(columns, str_from(all->list[i].name));
        cells[i] = at == SIZE_MAX ? STR_ABSENT : row->cells[at];
    }
    struct row wide = {.cells = cells, .place = row->place, .escapes = row->escapes};
    return index_builder_removed(v->builder, step + 1, &wide, &v->scratch);
}

static int visit_row(struct visit *v, size_t step, uint64_t file, uint64_t number, const struct columns *columns, size_t rule,
                     const struct row *row)
{
    if (v->builder) {
        if (v->picks) {
            const struct pick *due = &v->picks[v->next_pick];
            if (v->next_pick == v->pick_count || due->file != file || due->row != number) return 0;
            v->next_pick++;
        }
        return write_row(v, step, columns, row);
    }
    struct pick pick = {shuffle_key(0, &row->place), file, number};
    struct rule_picks *picks = rule_of(v->picking, step, row->cells[rule]);
    return picks ? offer(picks, v->picking->limit, &pick) : -1;
}

static int visit_file(struct visit *v, size_t step, uint64_t file, const char *path)
{
    if (v->picks && (v->next_pick == v->pick_count || v->picks[v->next_pick].file != file)) return 0; /* nothing chosen in it */
    struct walk *w = walk_open(&path, 1, true);
    if (!w) return -1;
    size_t rule = columns_find(walk_columns(w), STR("rule"));
    int more = rule == SIZE_MAX ? fail("%s: removed rows without the column 'rule'", path) : 1;
    const struct row *row;
    for (uint64_t number = 0; more > 0 && (more = walk_next(w, &row)) > 0; number++)
        if (visit_row(v, step, file, number, walk_columns(w), rule, row) < 0 || index_interrupted() < 0) more = -1;
    walk_close(w);
    return more;
}

static int visit_all(struct visit *v)
{
    uint64_t file = 0;
    for (size_t s = 0; s < v->run->step_count; s++) {
        const struct texts *files = &v->run->steps[s].dropped_files;
        for (size_t i = 0; i < files->count; i++)
            if (visit_file(v, s, file++, files->list[i]) < 0) return -1;
    }
    return 0;
}

/* ---- writing */

static int by_file_and_row(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    return x->file != y->file ? (x->file < y->file ? -1 : 1) : (x->row > y->row) - (x->row < y->row);
}

static int write_picks(struct visit *v, const struct picking *picking)
{
    size_t count = 0;
    for (size_t i = 0; i < picking->count; i++) count += picking->rules[i].count;
    struct pick *all = malloc((count + 1) * sizeof *all);
    if (!all) return fail_memory();
    size_t at = 0;
    for (size_t i = 0; i < picking->count; i++) {
        if (picking->rules[i].count) memcpy(all + at, picking->rules[i].heap, picking->rules[i].count * sizeof *all);
        at += picking->rules[i].count;
    }
    qsort(all, count, sizeof *all, by_file_and_row);
    v->picks = all;
    v->pick_count = count;
    int result = visit_all(v);
    free(all);
    return result;
}

int removed_write(struct removed_rows *r, const struct index_run *run, struct index_builder *b)
{
    if (r->mode == REMOVED_COUNTS) return 0;
    struct picking picking = {.limit = r->sample};
    struct visit v = {.run = run, .removed = r, .builder = r->mode == REMOVED_ROWS ? b : NULL, .picking = &picking};
    arena_init(&v.scratch, SCRATCH_BYTES);
    int result = visit_all(&v);
    if (result == 0 && r->mode == REMOVED_SAMPLE) {
        v.builder = b;
        result = write_picks(&v, &picking);
    }
    for (size_t i = 0; i < picking.count; i++) {
        free(picking.rules[i].rule);
        free(picking.rules[i].heap);
    }
    free(picking.rules);
    arena_free(&v.scratch);
    return result;
}
