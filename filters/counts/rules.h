/* Rules that ask how often something occurs in the whole input: the filters corpus.texts_per_image, corpus.images_per_text,
 * corpus.url_count, corpus.entity_count, and text.vocab without a list. They read a column of the rows where column= names one, else the tables that
 * the chain looks counts up in (chain->lookups); table.c describes them. */
#ifndef WINNOW_FILTERS_COUNTS_RULES_H
#define WINNOW_FILTERS_COUNTS_RULES_H

#include "filters/chain.h"

int corpus_count_prepare(struct chain *chain, struct rule *rule);
int corpus_count_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result);
int corpus_entities_prepare(struct chain *chain, struct rule *rule);
int corpus_entities_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result); /* measures the least count */

/* For text.vocab: the rule then has tables of unigrams (rule->counts[0]) and, where it asks for them, of bigrams ([1]), or is
 * unserved. What is more frequent than their bound `over` is known, which is min_count less one, or more where `top` leaves fewer words
 * and pairs. vocab_known: whether `ngram`, words with one space between, is. */
enum vocab_bigrams { BIGRAMS_NO, BIGRAMS_YES, BIGRAMS_AUTO }; /* the order of the parameter's choices */
#define BIGRAMS_FROM_TOKENS UINT64_C(1000000000) /* auto: below it a list of pairs would drop nearly every text */
int vocab_prepare_tables(struct chain *chain, struct rule *rule);
int vocab_known(const struct rule *rule, struct filter_row *row, bool bigram, struct str ngram, bool *known);

/* The tables that the served rules of a prepared chain read: for each kind one more than the least bound that is asked, 0 where
 * no rule asks. */
void chain_counts_wanted(const struct chain *chain, uint64_t wanted[COUNT_KINDS]);

#endif
