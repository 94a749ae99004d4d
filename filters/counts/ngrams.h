/* Words and pairs of words of many texts, counted in memory as long as they fit.
 *
 *     struct ngrams *n = ngrams_new(unigrams, bigrams, memory);     either may be NULL: not counted
 *     ngrams_add(n, text); ...
 *     ngrams_flush(n);                                              what is left goes to the groups
 *     ngrams_free(n);
 *
 * Words are those of unicode_words over unicode_lower of the text; ASCII is split here, to the same words. A bigram is two
 * words next to each other in one text: it is counted by the numbers of its words, and spelt out only when the table is full.
 * One thread; the groups may be shared by many.
 */
#ifndef WINNOW_FILTERS_COUNTS_NGRAMS_H
#define WINNOW_FILTERS_COUNTS_NGRAMS_H

#include "filters/counts/groups.h"

struct ngrams;
struct ngrams *ngrams_new(struct groups *unigrams, struct groups *bigrams, size_t memory); /* NULL with a sentence */
int ngrams_add(struct ngrams *n, struct str valid_utf8); /* at most 64 KiB */
int ngrams_count_gathered(struct ngrams *n); /* texts wait until there are some hundred words: counts them now */
int ngrams_flush(struct ngrams *n);
void ngrams_free(struct ngrams *n); /* NULL is allowed */

#endif
