/* Rules that judge a row by the whole input: the best share of a pool, the balance of its entries. The rows are walked twice.
 *
 *     if (chain_learns(&chain)) two passes:
 *     chain_learn_begin(&chain, memory, tmp);     after chain_prepare
 *     first pass:   chain_learn(&chain, row)      every row, its cells filled; by one thread
 *     then:         chain_learn_end(&chain)       the rules' bounds are known
 *     second pass:  chain_judge as ever
 *
 * Every row of the input is learnt from, those too that a rule of the same chain will drop. What was learnt does not depend on
 * the order of the rows.
 */
#ifndef WINNOW_FILTERS_LEARN_H
#define WINNOW_FILTERS_LEARN_H

#include "filters/chain.h"

struct filter_learning {
    bool (*wanted)(const struct rule *rule); /* this rule learns: what it needs was not given */
    int (*begin)(struct rule *rule, size_t memory, const char *tmp);
    int (*row)(const struct rule *rule, struct filter_row *row);
    int (*end)(struct chain *chain, struct rule *rule);
    const char *instead; /* what to give where one task does not see all rows */
};

const struct rule *chain_learns(const struct chain *chain); /* a rule that learns; NULL when none does */
int chain_learn_begin(struct chain *chain, size_t memory, const char *tmp); /* memory is shared among the rules */
int chain_learn(struct chain *chain, struct filter_row *row);
int chain_learn_end(struct chain *chain);

/* ---- for the table.
 * score.best: of N rows that have the score let n = floor(N * share); the bound is the n-th score counted from 0, the highest
 * first, and rows at the bound stay, as published. */
int score_best_prepare(struct chain *chain, struct rule *rule);
int score_best_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result);
void score_best_release(void *state);
extern const struct filter_learning score_best_learning;

/* corpus.balance: a text stays with the chance 1 - product of (1 - min(1, t / count)) over the entries that match it. */
int corpus_balance_prepare(struct chain *chain, struct rule *rule);
int corpus_balance_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result);
void corpus_balance_release(void *state);
extern const struct filter_learning corpus_balance_learning;

#endif
