/* A chain: rules in the order in which they are asked.
 *
 *     struct chain chain;
 *     chain_init(&chain);
 *     preset_add(&chain, "coyo700m");                     or chain_add() rule by rule
 *     chain_assign(&chain, STR("min_side.min=256"));
 *     chain_select(&chain, PLACE_IMAGE);
 *     chain_prepare(&chain, has_column, columns);         opens lists, compiles; some rules may turn out unserved
 *     struct filter_row *row = filter_row_new(&chain);    one a thread
 *     for each row of the stream:
 *         filter_row_begin(row);
 *         row->cells[i] = value of chain.columns[i] for every i < chain.column_count;
 *         chain_judge(&chain, row, sampled, counts, &outcome);
 *
 * After chain_prepare a chain is constant and serves any number of threads, each with a filter_row of its own.
 * Functions return 0, or -1 with a sentence; wrong names and values are usage errors.
 */
#ifndef WINNOW_FILTERS_CHAIN_H
#define WINNOW_FILTERS_CHAIN_H

#include "filters/table.h"
#include "pipeline/base/arena.h"

enum {
    CHAIN_COLUMNS = 64,
    CHAIN_RULES = 512,
    CHAIN_SUBSTITUTES = 16,
    CHAIN_IDENTIFIERS = 4,
};
/* The first columns of every chain; absent cells where the input has no such column. */
enum { SLOT_TEXT, SLOT_TEXT_RAW, SLOT_URL, SLOT_URL_RAW };

struct chain {
    struct arena arena; /* of rules, their values and names */
    struct rule **rules;
    size_t count;
    const char *columns[CHAIN_COLUMNS]; /* slot → name of the column; cells of a filter_row stand in this order */
    size_t column_count;
    struct tagger *tagger; /* opened when a rule first asks for parts of speech */
    struct identifier *identifiers[CHAIN_IDENTIFIERS]; /* models of languages, by path, as rules ask for them */
    const char *identifier_paths[CHAIN_IDENTIFIERS];   /* "": winnow's own */
    size_t identifier_count;
    const char *substitutes[CHAIN_SUBSTITUTES]; /* models whose scores may stand in for those that rules name */
    size_t substitute_count;
    struct count_lookups *lookups; /* tables of counts (counts/lookup.h), opened by the caller before chain_prepare; the chain closes
                                      them. NULL: none */
    bool plans_counts;             /* there will be every table that a rule asks for: for a plan */
    bool tells_language;           /* a rule writes the column `language`: of chain_prepare, as rules behind it read it */
    bool (*has_column)(const void *context, struct str name); /* of chain_prepare */
    const void *has_context;
};

int chain_init(struct chain *chain);
void chain_free(struct chain *chain); /* may be called on a zeroed struct */

/* Appends a rule with the filter's defaults. Names are [a-z0-9_.-], unique in the chain. NULL with a sentence. */
struct rule *chain_add(struct chain *chain, struct str name, struct str filter);
int chain_set(struct chain *chain, struct rule *rule, struct str parameter, struct str value);
struct rule *chain_find(const struct chain *chain, struct str name); /* NULL, no sentence */
int chain_assign(struct chain *chain, struct str assignment); /* "rule.parameter=value", as --set takes it */
/* Leaves out the rule `name`, or all rules of a group ("url_shape" for url_shape.valid, url_shape.host). */
int chain_leave_out(struct chain *chain, struct str name);
int chain_select(struct chain *chain, enum filter_place place); /* of presets' rules it keeps those of that place alone */
/* Where the rows lack a score's column (sim_MODEL, p_CLASS_MODEL, zs_LIST_MODEL) and have the one of the model `name`, rules read
 * that; rule->substitute says so. */
int chain_substitute(struct chain *chain, const char *name);
const struct rule_value *rule_value(const struct rule *rule, const char *parameter); /* the filter has it */

/* Compiles every rule that is not left out. `has_column` says whether the input has a column; NULL = it has all. A rule that
 * cannot be served gets rule->unserved; that is no failure. -1: a list that does not read, a pattern that does not compile. */
int chain_prepare(struct chain *chain, bool (*has_column)(const void *context, struct str name), const void *context);
size_t chain_unserved(const struct chain *chain, struct buf *lines); /* how many; appends "rule (filter): why\n" for each */
/* Whether judge asks this rule: served, not left out, and not another command's. */
static inline bool rule_is_asked(const struct rule *rule)
{
    return !rule->left_out && !rule->unserved && rule->filter->decide;
}

/* ---- one row at a time */

struct text_memo;
struct patterns_room;
struct count_cache;
struct filter_row {
    struct str *cells;       /* by slot; the caller fills all of them for each row */
    struct str text_before;  /* the row's text as it came, once a rule has changed it; absent before */
    struct str entities;     /* what names became, where a rule replaced some: the column `entities`; absent before */
    struct str language;     /* what a rule told of the text: the column `language`; absent before */
    bool *failed;            /* by rule: of the last chain_judge */
    struct arena arena;      /* lives until the next filter_row_begin */
    struct text_memo *memo;  /* private: forms and words of the text, made once a row (text/forms.h) */
    struct patterns_room *patterns; /* private: made when a pattern is first sought */
    struct count_cache *counts;     /* private: made when a count is first looked up */
};
struct filter_row *filter_row_new(const struct chain *chain);
void filter_row_free(struct filter_row *row);
void filter_row_begin(struct filter_row *row); /* forgets the row before */
/* The row's text becomes `text` (in the arena or in the row); fills an absent text_raw first. */
void filter_row_set_text(struct filter_row *row, struct str text);

struct rule_counts {
    uint64_t asked;   /* rows that reached the rule */
    uint64_t removed; /* of those, dropped by it */
    uint64_t found, found_in; /* of a filter that finds: how much in the rows that it kept, and in how many of them */
    uint64_t behind_asked;  /* rows that an earlier rule dropped and that it was asked of: all for cheap rules, a sample for
                               costly ones */
    uint64_t behind_failed; /* of those, failed it: alone it removes `removed` and these, scaled up from the sample */
};
struct chain_outcome {
    const struct rule *rule; /* the first rule that drops the row; NULL when it is kept */
    struct filter_result result;
};
/* Asks the rules in order. Rules behind the one that dropped the row are asked too, for `alone` and `also`: the cheap ones
 * always, the costly ones when `sampled`. `counts`: one a rule of the chain, added to. */
int chain_judge(const struct chain *chain, struct filter_row *row, bool sampled, struct rule_counts *counts,
                struct chain_outcome *outcome);

/* ---- for the filters themselves */
struct patterns_room *filter_row_patterns(struct filter_row *row); /* NULL with a sentence */
size_t chain_column(struct chain *chain, struct str name); /* the slot of a column, added when new; SIZE_MAX with a sentence */
/* The same for a column that a rule reads: another model's may stand in for it. */
size_t rule_column(struct chain *chain, struct rule *rule, struct str name);
/* One more column of the rule: without it in the input the rule is unserved. Its slot is rule->slots[last]. */
int rule_needs_column(struct chain *chain, struct rule *rule, struct str name);
int rule_unserved(struct chain *chain, struct rule *rule, const char *format, ...) __attribute__((format(printf, 3, 4))); /* 0 */

#endif
