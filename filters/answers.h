/* How a decide function answers: three lines that each filter would write otherwise. For filters only. */
#ifndef WINNOW_FILTERS_ANSWERS_H
#define WINNOW_FILTERS_ANSWERS_H

#include "filters/chain.h"

static inline int answer_count(const struct rule *rule, struct filter_result *result, uint64_t n)
{
    result->kind = MEASURED_COUNT;
    result->part = n;
    result->whole = 1;
    result->answer = bounds_hold(&rule->bounds, n, 1) ? FILTER_KEEP : FILTER_DROP;
    return 0;
}
/* part of whole; of nothing it is `of_nothing` (0 or 1) */
static inline int answer_share(const struct rule *rule, struct filter_result *result, uint64_t part, uint64_t whole,
                               uint64_t of_nothing)
{
    result->kind = MEASURED_SHARE;
    result->part = whole ? part : of_nothing;
    result->whole = whole ? whole : 1;
    result->answer = bounds_hold(&rule->bounds, result->part, result->whole) ? FILTER_KEEP : FILTER_DROP;
    return 0;
}
static inline int answer_number(const struct rule *rule, struct filter_result *result, double number)
{
    result->kind = MEASURED_NUMBER;
    result->number = number;
    result->answer = bounds_hold_number(&rule->bounds, number) ? FILTER_KEEP : FILTER_DROP;
    return 0;
}
static inline int answer_text(struct filter_result *result, bool keep, struct str measured)
{
    result->kind = MEASURED_TEXT;
    result->text = measured;
    result->answer = keep ? FILTER_KEEP : FILTER_DROP;
    return 0;
}

/* The cell of the rule's n-th column, and the same as a whole number; -1 (no sentence) when it is absent or no number. */
static inline struct str rule_cell(const struct rule *rule, const struct filter_row *row, size_t n)
{
    return row->cells[rule->slots[n]];
}
static inline int rule_cell_u64(const struct rule *rule, const struct filter_row *row, size_t n, uint64_t *value)
{
    return str_to_u64(rule_cell(rule, row, n), value) < 0 || *value > INT64_MAX ? -1 : 0;
}

/* ---- for prepare */

/* The entries of a rule's `words` and `list` parameters together, and what compiled them is made of. */
struct entries {
    struct str *items;
    double *numbers; /* by item; NULL without a list */
    size_t count;
};
/* Reads them into the chain's arena: the words separated by commas and the lines of the list. count 0: neither was given. */
int rule_entries(struct chain *chain, const struct rule *rule, bool lower, struct entries *entries);
int rule_exceptions(struct chain *chain, const struct rule *rule, bool lower, struct entries *entries); /* of the list "except" */
/* A rule whose whole state is the value of one parameter. It lies in the chain: such filters have no `release`. */
static inline struct rule_value *rule_state_value(struct rule *rule, const char *parameter)
{
    return rule->state = &rule->values[rule_value(rule, parameter) - rule->values];
}
int rule_set_bound(struct chain *chain, struct rule *rule, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
