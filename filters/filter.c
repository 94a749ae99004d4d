/* Keeps the rows that every rule keeps.
 *
 * The chain (chain.h) is compiled once and shared; each worker has a filter_row. A row that a rule drops is still asked the
 * cheap rules behind it, and in a sample of 1 % chosen by its id the costly ones too: that is what `alone` counts.
 *
 * (1) Kept + dropped = read; with --mark all rows are kept.
 * (2) Which rules a row fails depends on the row alone, so neither threads nor frames change an output or a count.
 * (3) A rule that changes a text leaves what it was in text_raw, and never changes id. */
#include "filters/filter.h"

#include "filters/counts/lookup.h"
#include "filters/counts/rules.h"
#include "filters/filter_report.h"
#include "filters/ids.h"
#include "filters/language/identify.h"
#include "filters/learn/learn.h"
#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"
#include "pipeline/stage.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    SAMPLE_ONE_IN = 100,
    MARKS = 4,
    ALSO_BYTES_MAX = CELL_BYTES_MAX,
    MEASURED_BYTES_MAX = 4 * CELL_BYTES_MAX, /* a repaired text may be longer than its cell; the harness cuts it again */
};

struct filter_options {
    const char *preset, *at, *keep_ids, *drop_ids;
    struct option_list rules, set, without, substitutes, counts;
    bool mark;
};

struct worker {
    struct filter_row *row;
    struct buf measured, also;
};

struct filter_stage {
    struct chain chain;
    struct ids keep_ids, drop_ids;
    size_t id, uid;                /* columns of the input; SIZE_MAX where absent */
    size_t inputs[CHAIN_COLUMNS];  /* slot → column of the input, SIZE_MAX where absent */
    size_t text_out, text_raw_out, entities_out, language_out; /* columns of the output */
    size_t marks[MARKS];           /* rule, measured, bound, also; with --mark */
    bool widens;                   /* the output has more columns than the input */
    bool samples;                  /* some rule is costly */
    struct worker *workers;
    struct filter_totals totals;
    pthread_mutex_t settling;
    bool settled;
};

/* ---- options to rules */

static bool leaves_out_unserved(const struct filter_options *o)
{
    for (size_t i = 0; i < o->without.count; i++)
        if (strcmp(o->without.items[i], "unserved") == 0) return true;
    return false;
}

static int gather_rules(const struct filter_options *o, struct chain *chain)
{
    enum filter_place place;
    if (!o->preset && !o->rules.count && !o->keep_ids && !o->drop_ids)
        return fail_usage("nothing to decide by: give --preset, --rule, --keep-ids or --drop-ids");
    if (o->preset && preset_add(chain, o->preset) < 0) return -1;
    for (size_t i = 0; i < o->rules.count; i++)
        if (preset_add_rule(chain, o->rules.items[i]) < 0) {
            fail_prefix("--rule '%s': ", o->rules.items[i]);
            return -1;
        }
    for (size_t i = 0; i < o->set.count; i++)
        if (chain_assign(chain, str_from(o->set.items[i])) < 0) {
            fail_prefix("--set: ");
            return -1;
        }
    if (strcmp(o->at, "all") != 0 && (filter_place_find(str_from(o->at), &place) < 0 || chain_select(chain, place) < 0)) return -1;
    for (size_t i = 0; i < o->without.count; i++)
        if (strcmp(o->without.items[i], "unserved") != 0 && chain_leave_out(chain, str_from(o->without.items[i])) < 0) {
            fail_prefix("--without: ");
            return -1;
        }
    return 0;
}

/* A misspelt name would leave rules unserved, or, with --without unserved, quietly out. */
static int check_substitute(const struct columns *in, const char *name)
{
    struct str model = str_from(name);
    if (str_eq(model, STR(IDENTIFIER_OWN_NAME))) return 0;
    for (size_t i = 0; i < in->count; i++) {
        struct str column = str_from(in->list[i].name);
        bool score = str_starts(column, STR("sim_")) || str_starts(column, STR("p_")) || str_starts(column, STR("zs_"));
        if (score && column.n > model.n && str_ends(column, model) && column.p[column.n - model.n - 1] == '_') return 0;
    }
    return fail_usage("--allow-substitute %s: the rows have no score of a model of that name", name);
}

static int gather_substitutes(const struct filter_options *o, const struct columns *in, struct chain *chain)
{
    for (size_t i = 0; i < o->substitutes.count; i++)
        if (chain_substitute(chain, o->substitutes.items[i]) < 0 || check_substitute(in, o->substitutes.items[i]) < 0) return -1;
    return 0;
}

static void say_substitutes(const struct stage_run *run, const struct chain *chain)
{
    for (size_t i = 0; i < chain->count && !run->common->quiet; i++)
        if (rule_is_asked(chain->rules[i]) && chain->rules[i]->substitute)
            log_line("%s: %s", chain->rules[i]->name, chain->rules[i]->substitute);
}

static bool has_column(const void *context, struct str name) { return columns_find(context, name) != SIZE_MAX; }

static int refuse_unserved(size_t count, struct str lines)
{
    struct buf sentence;
    buf_init(&sentence, 1 << 20);
    while (lines.n) {
        struct str line = str_cut(&lines, '\n');
        buf_printf(&sentence, "%.*s; ", STR_ARG(line));
    }
    fail_usage("%zu rule%s cannot be served: %.*sgive what is missing, or leave out what cannot be served: --without unserved",
               count, count == 1 ? "" : "s", STR_ARG(buf_str(&sentence)));
    buf_free(&sentence);
    return -1;
}

static int check_served(const struct stage_run *run, const struct chain *chain)
{
    struct buf lines;
    buf_init(&lines, 1 << 20);
    size_t count = chain_unserved(chain, &lines);
    bool left_out = leaves_out_unserved(run->options);
    for (struct str rest = buf_str(&lines); left_out && !run->common->quiet && rest.n;) {
        struct str line = str_cut(&rest, '\n');
        log_line("left out: %.*s", STR_ARG(line));
    }
    int result = count && !left_out ? refuse_unserved(count, buf_str(&lines)) : 0;
    buf_free(&lines);
    return result;
}

/* ---- opening */

static bool changes_text(const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct rule *rule = chain->rules[i];
        const struct rule_value *write = rule_is_asked(rule) && rule->filter->changes_text ? rule_value(rule, "write") : NULL;
        if (rule_is_asked(rule) && rule->filter->changes_text && (!write || write->flag)) return true;
    }
    return false;
}

static bool names_entities(const struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (rule_is_asked(chain->rules[i]) && chain->rules[i]->filter->names_entities) return true;
    return false;
}

static size_t add_output(struct stage_run *run, const char *name) /* a column of the output, added when it is new */
{
    size_t at = columns_find(&run->out, str_from(name));
    if (at != SIZE_MAX) return at;
    return columns_add(&run->out, str_from(name)) < 0 ? SIZE_MAX : run->out.count - 1;
}

static int open_columns(struct stage_run *run, struct filter_stage *f)
{
    static const char *const marks[MARKS] = {"rule", "measured", "bound", "also"};
    const struct filter_options *o = run->options;
    for (size_t i = 0; i < f->chain.column_count; i++) f->inputs[i] = columns_find(&run->in, str_from(f->chain.columns[i]));
    f->id = columns_find(&run->in, STR("id"));
    f->uid = columns_find(&run->in, STR("uid_datacomp"));
    f->text_out = f->text_raw_out = f->entities_out = f->language_out = SIZE_MAX;
    if (f->chain.tells_language && (f->language_out = add_output(run, FILTER_LANGUAGE_COLUMN)) == SIZE_MAX) return -1;
    if (names_entities(&f->chain) && (f->entities_out = add_output(run, "entities")) == SIZE_MAX) return -1;
    if (changes_text(&f->chain)) {
        if ((f->text_out = add_output(run, "text")) == SIZE_MAX) return -1;
        if ((f->text_raw_out = add_output(run, "text_raw")) == SIZE_MAX) return -1;
    }
    for (size_t i = 0; i < MARKS && o->mark; i++)
        if ((f->marks[i] = add_output(run, marks[i])) == SIZE_MAX) return -1;
    f->widens = run->out.count > run->in.count;
    bool by_id = (o->keep_ids && !f->keep_ids.datacomp) || (o->drop_ids && !f->drop_ids.datacomp);
    return by_id && f->id == SIZE_MAX ? fail_usage("a list of ids needs column 'id', which the rows lack") : 0;
}

static int open_workers(struct stage_run *run, struct filter_stage *f)
{
    f->workers = calloc(run->threads, sizeof *f->workers);
    if (!f->workers) return fail_memory();
    for (unsigned i = 0; i < run->threads; i++) {
        buf_init(&f->workers[i].measured, MEASURED_BYTES_MAX);
        buf_init(&f->workers[i].also, ALSO_BYTES_MAX);
        if (!(f->workers[i].row = filter_row_new(&f->chain))) return -1;
    }
    return 0;
}

int filter_needs_pool(const struct command_line *line)
{
    struct chain chain;
    int result = chain_init(&chain);
    if (result == 0) result = gather_rules(line->options, &chain);
    if (result == 0) result = chain_learns(&chain) != NULL;
    chain_free(&chain);
    return result;
}

static int open_counts(struct filter_stage *f, const struct filter_options *o)
{
    return o->counts.count ? count_lookups_open(&f->chain.lookups, o->counts.items, o->counts.count) : 0;
}

static int load_counts(struct stage_run *run, struct filter_stage *f)
{
    uint64_t wanted[COUNT_KINDS];
    unsigned kinds = 0;
    chain_counts_wanted(&f->chain, wanted);
    for (int i = 0; i < COUNT_KINDS; i++) kinds |= (unsigned)(wanted[i] > 0) << i;
    return kinds ? count_lookups_load(f->chain.lookups, kinds, (size_t)run->common->memory / 2, run->common->tmp) : 0;
}

/* Whether the rows are walked twice must be known before they are opened; which rules the input serves is known after. */
static int filter_prepare(struct stage_run *run)
{
    int pool = filter_needs_pool(run->line);
    run->passes = pool > 0 ? 2 : 1;
    return pool < 0 ? -1 : 0;
}

static int begin_learning(struct stage_run *run, struct filter_stage *f)
{
    const struct rule *rule = chain_learns(&f->chain);
    pthread_mutex_init(&f->settling, NULL);
    if (!rule) return 0;
    if (run->tasks > 1)
        return fail_usage("%s learns from all rows, and a task of several sees its own alone: %s", rule->name,
                          rule->filter->learning->instead);
    return chain_learn_begin(&f->chain, run->common->memory / 2, run->common->tmp);
}

static int filter_open(struct stage_run *run)
{
    struct filter_stage *f = run->state;
    const struct filter_options *o = run->options;
    if (chain_init(&f->chain) < 0 || gather_rules(o, &f->chain) < 0 || gather_substitutes(o, &run->in, &f->chain) < 0)
        return -1;
    if (open_counts(f, o) < 0) return -1;
    if (chain_prepare(&f->chain, has_column, &run->in) < 0 || check_served(run, &f->chain) < 0) return -1;
    say_substitutes(run, &f->chain);
    if (load_counts(run, f) < 0) return -1;
    if (begin_learning(run, f) < 0) return -1;
    if (o->keep_ids && ids_read(&f->keep_ids, o->keep_ids) < 0) return -1;
    if (o->drop_ids && ids_read(&f->drop_ids, o->drop_ids) < 0) return -1;
    if (filter_totals_init(&f->totals, f->chain.count) < 0) return -1;
    for (size_t i = 0; i < f->chain.count; i++)
        f->samples |= rule_is_asked(f->chain.rules[i]) && f->chain.rules[i]->filter->cost == FILTER_COSTLY;
    return open_columns(run, f) < 0 || open_workers(run, f) < 0 ? -1 : 0;
}

static void filter_close(struct stage_run *run)
{
    struct filter_stage *f = run->state;
    for (unsigned i = 0; f->workers && i < run->threads; i++) {
        filter_row_free(f->workers[i].row);
        buf_free(&f->workers[i].measured);
        buf_free(&f->workers[i].also);
    }
    free(f->workers);
    pthread_mutex_destroy(&f->settling);
    chain_free(&f->chain);
    ids_free(&f->keep_ids);
    ids_free(&f->drop_ids);
    filter_totals_free(&f->totals);
}

/* ---- rows */

static void fill_cells(const struct filter_stage *f, const struct row *row, struct filter_row *cells, struct arena *scratch)
{
    for (size_t i = 0; i < f->chain.column_count; i++)
        cells->cells[i] = f->inputs[i] == SIZE_MAX ? STR_ABSENT : row_text(row, f->inputs[i], scratch);
}

static bool is_sampled(const struct filter_stage *f, const struct row *row)
{
    if (!f->samples || f->id == SIZE_MAX) return false;
    return hash_xxh3_128(row->cells[f->id], 0).low % SAMPLE_ONE_IN == 0;
}

/* The id that a list of this kind names: 1 when the row has one, 0 when it has none, -1. */
static int id_of_row(const struct filter_stage *f, const struct ids *ids, const struct row *row, const struct filter_row *cells,
                     unsigned char id[ID_BYTES])
{
    size_t column = ids->datacomp ? f->uid : f->id;
    if (column != SIZE_MAX && row->cells[column].n) return id_parse(row->cells[column], id) == 0;
    if (!ids->datacomp) return 0;
    const struct str *c = cells->cells;
    struct str text = c[SLOT_TEXT_RAW].n ? c[SLOT_TEXT_RAW] : c[SLOT_TEXT], url = c[SLOT_URL_RAW].n ? c[SLOT_URL_RAW] : c[SLOT_URL];
    id_datacomp(text, url, id);
    return 1;
}

struct verdict {
    struct str rule, measured, bound, also; /* rule absent: the row stays */
};

static int judge_by_ids(const struct stage_run *run, const struct row *row, struct worker *w, struct verdict *v)
{
    const struct filter_stage *f = run->state;
    const struct filter_options *o = run->options;
    for (int drops = 0; drops < 2; drops++) {
        const struct ids *ids = drops ? &f->drop_ids : &f->keep_ids;
        unsigned char id[ID_BYTES];
        if (!(drops ? o->drop_ids : o->keep_ids)) continue;
        int found = id_of_row(f, ids, row, w->row, id);
        if (found < 0) return -1;
        bool listed = found && ids_have(ids, id);
        if (listed != (bool)drops) continue;
        if (buf_hex(&w->measured, id, found ? ID_BYTES : 0) < 0) return -1;
        *v = drops ? (struct verdict){STR("drop_ids"), buf_str(&w->measured), STR("not listed"), STR("")}
                   : (struct verdict){STR("keep_ids"), buf_str(&w->measured), STR("listed"), STR("")};
        return 0;
    }
    return 0;
}

static int name_failed_rules(const struct chain *chain, struct worker *w, const struct rule *first)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (!w->row->failed[i] || chain->rules[i] == first) continue;
        if ((w->also.n && buf_byte(&w->also, ' ') < 0) || buf_add(&w->also, str_from(chain->rules[i]->name)) < 0) return -1;
    }
    return 0;
}

static int judge_by_rules(struct stage_run *run, struct stage_item *item, const struct row *row, struct worker *w,
                          struct verdict *v)
{
    const struct filter_stage *f = run->state;
    struct filter_totals *counts = item->user;
    struct chain_outcome outcome;
    counts->rows++;
    if (chain_judge(&f->chain, w->row, is_sampled(f, row), counts->rules, &outcome) < 0) return -1;
    if (!outcome.rule) return 0;
    if (filter_measured(&w->measured, &outcome.result, &outcome.rule->bounds) < 0) return -1;
    if (name_failed_rules(&f->chain, w, outcome.rule) < 0) return -1;
    *v = (struct verdict){str_from(outcome.rule->name), buf_str(&w->measured), str_from(outcome.rule->bound), buf_str(&w->also)};
    return 0;
}

/* The row goes on, with the text that rules made of it and, with --mark, with the verdict. */
static int pass_row(struct stage_run *run, struct stage_item *item, const struct row *row, const struct filter_row *cells,
                    const struct verdict *v)
{
    const struct filter_stage *f = run->state;
    struct batch *out = &item->out;
    struct row *passed = f->widens ? batch_widen(out, row, run->in.count) : batch_pass(out, row);
    if (!passed) return -1;
    if (cells->text_before.p) {
        struct str text = cells->cells[SLOT_TEXT];
        if (text.n > CELL_BYTES_MAX) { /* "<PERSON>" is longer than many a name */
            text.n = utf8_cut(text, CELL_BYTES_MAX);
            if (stage_count(item, "texts_cut", 1) < 0) return -1;
        }
        if (row_set(out, passed, f->text_out, text) < 0) return -1;
        if (passed->cells[f->text_raw_out].n == 0 && row_set(out, passed, f->text_raw_out, cells->text_before) < 0) return -1;
    }
    if (cells->entities.n && row_set(out, passed, f->entities_out, cells->entities) < 0) return -1;
    if (cells->language.p && row_set(out, passed, f->language_out, cells->language) < 0) return -1;
    if (!v->rule.p || passed->cells[f->marks[0]].n) return 0; /* the first mark stays */
    const struct str values[MARKS] = {v->rule, v->measured, v->bound, v->also};
    for (size_t i = 0; i < MARKS; i++)
        if (row_set(out, passed, f->marks[i], str_of(values[i].p, utf8_cut(values[i], CELL_BYTES_MAX))) < 0) return -1;
    return 0;
}

static bool is_first_pass(const struct stage_run *run) { return run->pass + 1 < run->passes; }

static int settle_once(const struct stage_run *run, struct filter_stage *f)
{
    pthread_mutex_lock(&f->settling);
    int result = f->settled || run->passes == 1 ? 0 : chain_learn_end(&f->chain);
    f->settled = true;
    pthread_mutex_unlock(&f->settling);
    return result;
}

static int filter_work(struct stage_run *run, struct stage_item *item, unsigned worker)
{
    struct filter_stage *f = run->state;
    if (is_first_pass(run)) return 0;
    if (settle_once(run, f) < 0) return -1;
    struct worker *w = &f->workers[worker];
    bool mark = ((const struct filter_options *)run->options)->mark;
    filter_totals_clear(item->user);
    for (size_t i = 0; i < item->in.count; i++) {
        const struct row *row = &item->in.rows[i];
        struct verdict v = {STR_ABSENT, STR_ABSENT, STR_ABSENT, STR_ABSENT};
        buf_clear(&w->measured);
        buf_clear(&w->also);
        filter_row_begin(w->row);
        fill_cells(f, row, w->row, &item->scratch);
        if (judge_by_ids(run, row, w, &v) < 0) return -1;
        if (!v.rule.p && judge_by_rules(run, item, row, w, &v) < 0) return -1;
        int result = v.rule.p && !mark ? stage_drop(run, item, row, v.rule, v.measured, v.bound, v.also)
                                       : pass_row(run, item, row, w->row, &v);
        if (result < 0) return -1;
    }
    return filter_totals_count(item, item->user, &f->chain, mark);
}

static void *filter_item_new(struct stage_run *run)
{
    const struct filter_stage *f = run->state;
    struct filter_totals *totals = calloc(1, sizeof *totals);
    if (!totals) return fail_memory(), NULL;
    if (filter_totals_init(totals, f->chain.count) == 0) return totals;
    free(totals);
    return NULL;
}

static void filter_item_free(void *user)
{
    filter_totals_free(user);
    free(user);
}

static int learn_rows(struct filter_stage *f, struct stage_item *item)
{
    struct filter_row *cells = f->workers[0].row; /* no worker is at a row in the first pass */
    for (size_t i = 0; i < item->in.count; i++) {
        filter_row_begin(cells);
        fill_cells(f, &item->in.rows[i], cells, &item->scratch);
        if (chain_learn(&f->chain, cells) < 0) return -1;
    }
    return 0;
}

static int filter_emit(struct stage_run *run, struct stage_item *item)
{
    struct filter_stage *f = run->state;
    if (is_first_pass(run)) return learn_rows(f, item);
    filter_totals_add(&f->totals, item->user);
    return 0;
}

static int filter_finish(struct stage_run *run)
{
    const struct filter_stage *f = run->state;
    if (!run->common->quiet && !run->common->limit) filter_totals_print(&f->totals, &f->chain);
    return 0;
}

static int filter_parameters(const struct stage_run *run, json_t *parameters)
{
    const struct chain *chain = &((const struct filter_stage *)run->state)->chain;
    if (chain->lookups && json_object_set_new(parameters, "counts", count_lookups_hashes(chain->lookups))) return fail_memory();
    return filter_chain_parameter(chain, parameters);
}

static int filter_manifest(struct stage_run *run, json_t *manifest)
{
    return filter_chain_manifest(&((const struct filter_stage *)run->state)->chain, manifest);
}

static const struct option options[] = {
    {"preset", 'p', OPTION_TEXT, offsetof(struct filter_options, preset), .argument = "NAME",
     .help = "rules of a published data set, or a file of rules"},
    {"at", 0, OPTION_CHOICE, offsetof(struct filter_options, at), .argument = "PLACE", .initial = "all",
     .choices = "all|text|counts|dup|image|dup2|score|last", .help = "only the preset's rules of this place"},
    {"rule", 0, OPTION_LIST, offsetof(struct filter_options, rules), .argument = "'NAME FILTER PARAMETER=VALUE...'",
     .help = "one more rule; may be repeated"},
    {"set", 0, OPTION_LIST, offsetof(struct filter_options, set), .argument = "RULE.PARAMETER=VALUE",
     .help = "changes a rule; may be repeated"},
    {"without", 0, OPTION_LIST, offsetof(struct filter_options, without), .argument = "RULE", .split = true,
     .help = "leaves a rule out, or with 'unserved' all that cannot be served here"},
    {"allow-substitute", 0, OPTION_LIST, offsetof(struct filter_options, substitutes), .argument = "NAME", .split = true,
     .help = "scores of the model NAME may stand in for those that rules ask for; a preset's bound on similarity is carried over to "
             "builtin at equal pass rate; winnow_language: winnow's own languages for a model that is not there; recorded"},
    {"counts", 0, OPTION_LIST, offsetof(struct filter_options, counts), .argument = "TABLE", .neutral = true,
     .help = "a table of winnow count, for rules that ask how often something occurs; may be repeated"},
    {"mark", 0, OPTION_FLAG, offsetof(struct filter_options, mark), .help = "drops nothing; adds rule, measured, bound, also"},
    {"keep-ids", 0, OPTION_FILE, offsetof(struct filter_options, keep_ids), .argument = "FILE",
     .help = "keeps only rows whose id is listed: ids, one a line, or DataComp's .npy"},
    {"drop-ids", 0, OPTION_FILE, offsetof(struct filter_options, drop_ids), .argument = "FILE",
     .help = "drops rows whose id is listed"},
    {0}};

static const struct stage stage = {
    .behaviour = 2,
    .needs = "",
    .drops = true,
    .run_size = sizeof(struct filter_stage),
    .prepare = filter_prepare,
    .open = filter_open,
    .item_new = filter_item_new,
    .item_free = filter_item_free,
    .work = filter_work,
    .emit = filter_emit,
    .finish = filter_finish,
    .parameters = filter_parameters,
    .manifest = filter_manifest,
    .close = filter_close,
};

const struct command command_filter = {
    .name = "filter",
    .summary = "keep the rows that a published data set's rules, or yours, would keep",
    .arguments = "[OPTIONS] [ROWS...]",
    .description =
        "Asks each row the rules of a preset and those given by --rule, in order; the first that fails it drops it. 'winnow help "
        "--preset' lists the presets, 'winnow help --preset NAME' shows each rule with its boundary and its source, 'winnow help "
        "--filters' all filters with their parameters.\n\n"
        "A rule that needs a score, a count, a model or a list that is not there is unserved: the command then refuses to start "
        "and names it. Give what it needs (--set language.column=lang), or leave it out by name, or all of them with --without "
        "unserved.\n\n"
        "Rules of the place `counts` look up how often a text, a URL or a word occurs in the whole input in the tables that --counts "
        "names; they are sorted into --tmp first and read from there, so that memory does not grow with them.\n\n"
        "For each rule the manifest counts what it removed in order and what it would have removed alone: exactly for cheap "
        "rules, from 1 % of the rows for costly ones. Dropped rows carry the rule, the value it measured and the bound.",
    .example = "winnow filter --rule 'long_enough text.words min=3' tests/data/rows/small.rows.zst | winnow view --count",
    .see_also = "dedup, audit, view",
    .options = options,
    .options_size = sizeof(struct filter_options),
    .stage = &stage,
};
