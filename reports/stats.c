/* One pass: files, frames, rows, and each row into every count. The order of files does not matter to any number. */
#include "reports/stats_private.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Ceilings of the tables, each 3 · 2^k (stats_frequent.h, stats_groups.h): together at most STATS_TABLES (stats.h). */
enum {
    MANY = 3 << 15,              /* captions, hosts, domains, domains of pages: 24 MB each with their texts */
    LABELS = 3 << 9,             /* of each column of labels: 0.4 MB */
    PERSONAL = 3 << 2,           /* kinds of personal data: 7 */
    FEW = 3 << 12,               /* sources, languages, formats, sizes, statuses: 3 MB each */
    GROUPS = 3 << 17,            /* texts, URLs: 8 MB each, 16 while they grow */
    DUPLICATE_GROUPS = 3 << 15,  /* for each dedup: 2 MB, */
    DUPLICATE_TEXTS = 3 << 13,   /* and 6 MB */
    BATCH_BYTES = 256 << 20, /* ceiling of the cells of one frame; those of winnow take under 40 MB */
    SCRATCH_BYTES = 64 << 20,
};

/* ---- which files */

static bool has_rows(const struct steps *steps, size_t step)
{
    json_t *manifest = steps_manifest(steps, step, 0), *output;
    bool found = false;
    size_t i;
    json_array_foreach(json_object_get(manifest, "outputs"), i, output) found |= output_is_rows(output);
    json_decref(manifest);
    return found;
}

static size_t last_step_with_rows(const struct steps *steps)
{
    for (size_t i = steps->count; i-- > 0;)
        if (has_rows(steps, i)) return i;
    return SIZE_MAX;
}

static int read_corpus(struct pass *p)
{
    const struct steps *steps = &p->stats->funnel->steps;
    size_t last = p->stats->last_step;
    struct arena arena;
    arena_init(&arena, 64 << 20);
    int result = 0;
    for (size_t t = 0; last != SIZE_MAX && t < steps->list[last].task_count && result == 0; t++) {
        arena_reset(&arena);
        json_t *manifest = steps_manifest(steps, last, t), *output;
        size_t i;
        if (!manifest) result = -1;
        json_array_foreach(json_object_get(manifest, "outputs"), i, output) {
            if (result != 0 || !output_is_rows(output)) continue;
            const char *path = steps_output_path(steps, last, output, &arena);
            result = path ? pass_file(p, path, SIZE_MAX) : -1;
        }
        json_decref(manifest);
    }
    arena_free(&arena);
    return result;
}

static int read_dropped(struct pass *p, size_t step)
{
    const struct step *of = &p->stats->funnel->steps.list[step];
    for (size_t t = 0; t < of->task_count; t++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s%05llu.dropped.zst", of->folder, (unsigned long long)of->tasks[t]) >= (int)sizeof path)
            return fail("a path of more than %d bytes", PATH_MAX);
        if (file_exists(path) && pass_file(p, path, step) < 0) return -1;
    }
    return 0;
}

/* ---- one file */

static void find_columns(struct pass *p, const struct columns *c)
{
    static const char *const names[PASS_COLUMNS] = {
#define PASS_COLUMN(constant, name) [constant] = name,
        PASS_COLUMN_LIST(PASS_COLUMN)
#undef PASS_COLUMN
    };
    for (size_t i = 0; i < PASS_COLUMNS; i++) p->at[i] = columns_find(c, str_from(names[i]));
    bool sampled = p->at[AT_SAMPLE_LENGTH] != SIZE_MAX;
    p->example = (struct example_columns){
        .id = p->at[AT_ID], .url = p->at[AT_URL], .text = p->at[AT_TEXT], .measured = p->at[AT_MEASURED], .also = p->at[AT_ALSO],
        .rule = p->at[AT_RULE], .pack = p->at[AT_PACK], .offset = p->at[AT_OFFSET], .length = p->at[AT_LENGTH],
        .shard = p->at[AT_SHARD], .key = p->at[AT_KEY], .sample_offset = p->at[AT_SAMPLE_OFFSET],
        .sample_length = sampled ? p->at[AT_SAMPLE_LENGTH] : SIZE_MAX, .width = p->at[AT_WIDTH], .height = p->at[AT_HEIGHT]};
}

static bool is_of_unsafe(struct str column)
{
    return str_starts(column, STR("p_nsfw")) || str_starts(column, STR("p_porn")) || str_starts(column, STR("p_hentai"));
}

/* Columns of scores: a place in the list for each name, whatever file it comes from. */
static void find_scores(struct pass *p, const struct columns *c)
{
    struct stats *s = p->stats;
    p->score_count = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->list[i].type != COLUMN_FLOAT || strlen(c->list[i].name) >= sizeof s->scores->name) continue;
        size_t k = 0;
        while (k < s->score_count && strcmp(s->scores[k].name, c->list[i].name) != 0) k++;
        if (k == STATS_SCORES || p->score_count == STATS_SCORES) continue;
        if (k == s->score_count) strcpy(s->scores[s->score_count++].name, c->list[i].name);
        bool unsafe = is_of_unsafe(str_from(c->list[i].name));
        p->scores[p->score_count++] = (struct pass_score){i, k, unsafe};
    }
}

/* Columns of what score says in words; the same. */
static int find_labels(struct pass *p, const struct columns *c)
{
    struct stats *s = p->stats;
    p->label_count = 0;
    for (size_t i = 0; i < c->count; i++) {
        const char *const name = c->list[i].name;
        bool is_label = strncmp(name, "zs_", 3) == 0 || strcmp(name, "score_status") == 0 || strcmp(name, "text_choice") == 0;
        if (!is_label || c->list[i].type != COLUMN_TEXT || strlen(name) >= sizeof s->labels->name) continue;
        size_t k = 0;
        while (k < s->label_count && strcmp(s->labels[k].name, name) != 0) k++;
        if (k == STATS_LABELS || p->label_count == STATS_LABELS) continue;
        if (k == s->label_count) {
            if (frequent_init(&s->labels[k].values, LABELS) < 0) return -1;
            strcpy(s->labels[s->label_count++].name, name);
        }
        p->labels[p->label_count].column = i;
        p->labels[p->label_count++].label = k;
    }
    return 0;
}

static int pass_frames(struct pass *p, struct rows_reader *reader, size_t step)
{
    struct rows_frame frame;
    struct batch batch;
    rows_frame_init(&frame);
    int more = 0, result = batch_init(&batch, rows_columns(reader), BATCH_BYTES);
    uint64_t row = 1;
    while (result == 0 && (more = rows_read(reader, &frame)) > 0) {
        batch_reset(&batch);
        result = rows_decode(reader, &frame, &batch, row);
        for (size_t i = 0; i < batch.count && result == 0; i++) result = pass_row(p, &batch.rows[i], step);
        row += batch.count;
    }
    p->stats->bytes_read += rows_stored_read(reader);
    batch_free(&batch);
    rows_frame_free(&frame);
    return more < 0 ? -1 : result;
}

/* The pack folder, which stands in the description relative to the row file. */
static int find_packs(struct stats *s, const char *path, const struct rows_description *d)
{
    const char *packs = d ? json_string_value(json_object_get(d->json, "packs")) : NULL, *slash = strrchr(path, '/');
    if (!packs) return 0;
    int n = packs[0] == '/' || !slash ? asprintf(&s->packs, "%s", packs) : asprintf(&s->packs, "%.*s/%s", (int)(slash - path), path, packs);
    return n < 0 ? (s->packs = NULL, fail_memory()) : 0;
}

int pass_file(struct pass *p, const char *path, size_t step)
{
    static const struct rows_open_options quiet = {.quiet_plain = true};
    struct rows_reader *reader = NULL;
    int result = rows_open(&reader, path, &quiet);
    if (result == 0) {
        find_columns(p, rows_columns(reader));
        find_scores(p, rows_columns(reader));
        result = find_labels(p, rows_columns(reader)) < 0 ? -1 : limits_columns(&p->stats->limits, rows_columns(reader));
    }
    if (result == 0) result = pass_frames(p, reader, step);
    if (result == 0 && p->at[AT_PACK] != SIZE_MAX && !p->stats->packs) result = find_packs(p->stats, path, rows_description(reader));
    rows_close(reader);
    return result;
}

/* ---- the whole */

/* Cells of the map: four an octave, an edge at the limit of a min_side rule where there is one. */
static void lay_map(struct stats *s)
{
    double base = 12.5;
    for (size_t i = 0; i < s->limits.count; i++) {
        const struct limit *l = &s->limits.list[i];
        if (strcmp(l->asked->filter->name, "image.min_side") != 0 || !l->asked->bounds.has_low) continue;
        base = decimal_value(l->asked->bounds.low);
        while (base >= 25) base /= 2;
        if (base < 1) base = 12.5;
    }
    for (int i = 0; i <= MAP_SIDE; i++) s->map_edges[i] = base * pow(2, (double)i / MAP_PER_OCTAVE);
}

static int open_rules(struct stats *s)
{
    const struct funnel *f = s->funnel;
    size_t rules = 0;
    for (size_t i = 0; i < f->count; i++) rules += f->list[i].rule_count;
    s->rules = calloc(rules + 1, sizeof *s->rules);
    s->ended = calloc(f->count + 1, sizeof *s->ended);
    s->mentioning_ended = calloc(f->count + 1, sizeof *s->mentioning_ended);
    if (!s->rules || !s->ended || !s->mentioning_ended) return fail_memory();
    for (size_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < f->list[i].rule_count; k++) {
            const struct funnel_rule *rule = &f->list[i].rules[k];
            s->rules[s->rule_count++] = (struct stats_rule){.step = i, .rule = rule, .examples.room = DROPPED_EXAMPLES};
            if (strcmp(f->list[i].stage, "dedup") != 0 || s->duplicate_count == STATS_DUPLICATES) continue;
            struct stats_duplicates *d = &s->duplicates[s->duplicate_count++];
            d->step = i;
            d->rule = rule;
            if (groups_init(&d->groups, DUPLICATE_GROUPS) < 0 || frequent_init(&d->largest, DUPLICATE_TEXTS) < 0) return -1;
        }
    return 0;
}

static int open_lists(struct stats *s, size_t room)
{
    struct frequent *const many[] = {&s->captions, &s->hosts, &s->domains, &s->page_domains};
    struct frequent *const few[] = {&s->text_sources, &s->languages, &s->formats, &s->sizes, &s->http};
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        if (frequent_init(many[i], room ? room : MANY) < 0) return -1;
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        if (frequent_init(few[i], room ? room : FEW) < 0) return -1;
    if (frequent_init(&s->personal, PERSONAL) < 0) return -1;
    return groups_init(&s->texts, GROUPS) < 0 || groups_init(&s->urls, GROUPS) < 0 ? -1 : 0;
}

static void find_steps(struct stats *s)
{
    const struct funnel *f = s->funnel;
    s->last_step = last_step_with_rows(&f->steps);
    s->samples = s->last_step != SIZE_MAX && f->steps.list[s->last_step].shards;
    s->fetch_step = SIZE_MAX;
    s->complete = true;
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->list[i].stage, "fetch") == 0 && s->fetch_step == SIZE_MAX) s->fetch_step = i;
        s->complete &= f->list[i].tasks_done == f->list[i].tasks;
    }
}

static void mark_limited_scores(struct stats *s)
{
    for (size_t i = 0; i < s->score_count; i++)
        for (size_t k = 0; k < s->limits.count; k++) {
            const struct limit *l = &s->limits.list[k];
            for (size_t c = 0; c < 2 && l->columns[c]; c++) {
                if (strcmp(l->columns[c], s->scores[i].name) != 0) continue;
                if (l->columns[1]) s->scores[i].part_of = l->rule->name;
                else s->scores[i].limited = true;
            }
        }
}

static void sort_lists(struct stats *s)
{
    struct frequent *const all[] = {&s->captions, &s->hosts,   &s->domains, &s->page_domains, &s->text_sources,
                                 &s->languages, &s->formats, &s->sizes,   &s->http,    &s->personal};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) frequent_sort(all[i]);
    for (size_t i = 0; i < s->label_count; i++) frequent_sort(&s->labels[i].values);
    for (size_t i = 0; i < s->duplicate_count; i++) frequent_sort(&s->duplicates[i].largest);
}

bool stats_label_tells(const struct stats_label *l)
{
    return l->values.count > 1 || (l->values.count == 1 && strcmp(l->name, "score_status") != 0);
}

uint64_t stats_reached(const struct stats *s, size_t step, unsigned kind)
{
    uint64_t n = kind == MENTION_KINDS ? s->kept : s->mentioning_kept[kind];
    for (size_t i = step; i < s->funnel->count; i++) n += kind == MENTION_KINDS ? s->ended[i] : s->mentioning_ended[i][kind];
    return n;
}

int stats_gather(struct stats *s, const struct funnel *f, size_t room)
{
    *s = (struct stats){.funnel = f, .kept_examples.room = KEPT_EXAMPLES};
    uint64_t rows = 0;
    find_steps(s);
    for (size_t i = 0; i < f->count; i++) rows += f->list[i].dropped;
    if (s->last_step != SIZE_MAX) rows += f->list[s->last_step].kept;
    if (open_rules(s) < 0 || open_lists(s, room) < 0 || mentions_open(&s->mentions) < 0 || limits_open(&s->limits, f, rows) < 0) return -1;
    lay_map(s);
    struct pass p;
    if (pass_open(&p, s, SCRATCH_BYTES) < 0) return -1;
    int result = read_corpus(&p);
    for (size_t i = 0; i < f->count && result == 0; i++) result = read_dropped(&p, i);
    pass_close(&p);
    if (result < 0) return -1;
    mark_limited_scores(s);
    sort_lists(s);
    return 0;
}

void stats_free(struct stats *s)
{
    struct frequent *const lists[] = {&s->captions, &s->hosts,   &s->domains, &s->page_domains, &s->text_sources,
                                     &s->languages, &s->formats, &s->sizes,   &s->http,    &s->personal};
    struct bins *const bins[] = {&s->words, &s->chars, &s->bytes, &s->aspect, &s->short_side};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) frequent_free(lists[i]);
    for (size_t i = 0; i < sizeof bins / sizeof *bins; i++) bins_free(bins[i]);
    for (size_t i = 0; i < s->label_count; i++) frequent_free(&s->labels[i].values);
    for (size_t i = 0; i < s->score_count; i++) bins_free(&s->scores[i].bins);
    for (size_t i = 0; i < s->duplicate_count; i++) {
        groups_free(&s->duplicates[i].groups);
        frequent_free(&s->duplicates[i].largest);
    }
    for (size_t i = 0; i < s->rule_count; i++) examples_free(&s->rules[i].examples);
    examples_free(&s->kept_examples);
    groups_free(&s->texts);
    groups_free(&s->urls);
    limits_close(&s->limits);
    free(s->packs);
    free(s->rules);
    free(s->ended);
    free(s->mentioning_ended);
    mentions_close(&s->mentions);
    *s = (struct stats){0};
}
