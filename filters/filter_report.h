/* What the stage `filter` tells about its rules: counts in order and alone, the manifest's list, the digest that decides whether
 * work was done already. */
#ifndef WINNOW_FILTERS_FILTER_REPORT_H
#define WINNOW_FILTERS_FILTER_REPORT_H

#include "filters/chain.h"
#include "pipeline/stage.h"

struct filter_totals {
    struct rule_counts *rules; /* one a rule of the chain */
    size_t rule_count;
    uint64_t rows;             /* that reached the rules */
};
int filter_totals_init(struct filter_totals *t, size_t rules); /* on a zeroed struct */
void filter_totals_free(struct filter_totals *t);
void filter_totals_clear(struct filter_totals *t);
void filter_totals_add(struct filter_totals *t, const struct filter_totals *more);
/* Into the manifest's counts: reached.RULE; alone.RULE for cheap rules; for costly ones behind.RULE of behind_of.RULE, which are
 * rows of the sample that an earlier rule dropped and this one fails (so alone is about removed + behind / behind_of x
 * (rows - reached)); with `mark` marked.RULE, what it would have removed; of rules that find something found.RULE and
 * found_in.RULE, rows. */
int filter_totals_count(struct stage_item *item, const struct filter_totals *t, const struct chain *chain, bool mark);
void filter_totals_print(const struct filter_totals *t, const struct chain *chain); /* a line a rule on stderr */

int filter_chain_parameter(const struct chain *chain, json_t *parameters); /* "chain": XXH3-128 of rules, lists, tagger */
int filter_chain_manifest(const struct chain *chain, json_t *manifest);    /* "filters": rule by rule, those left out too */

#endif
