/* Rules that keep the best share of the pool (DataComp's "best 30 %"): the rows are walked once to learn where the bound lies.
 *
 *     if (best_share_wanted(&chain)) two passes:
 *     struct best_share *b = best_share_open(&chain, memory, tmp);
 *     first pass:   best_share_add(b, row)          every row, its cells filled
 *     then:         best_share_settle(b)            sets the bounds of the chain's rules
 *     second pass:  chain_judge as ever
 *     best_share_close(b);
 *
 * As published: of N rows that have the score let n = floor(N * share); the bound is the n-th score counted from 0, the highest
 * first, and rows at the bound stay. Memory as extsort's. One thread.
 */
#ifndef WINNOW_FILTERS_BEST_SHARE_H
#define WINNOW_FILTERS_BEST_SHARE_H

#include "filters/chain.h"

struct best_share;

bool best_share_wanted(const struct chain *chain); /* a rule asks for a share, and is not told the bound (t=) */
struct best_share *best_share_open(struct chain *chain, size_t memory, const char *tmp); /* after chain_prepare */
int best_share_add(struct best_share *b, const struct filter_row *row);
int best_share_settle(struct best_share *b);
void best_share_close(struct best_share *b); /* NULL is allowed */

/* ---- for the table */
int score_best_prepare(struct chain *chain, struct rule *rule);
int score_best_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result);

#endif
