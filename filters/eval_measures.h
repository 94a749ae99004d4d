/* How well pictures find their captions: the measures of `winnow model eval`, of embeddings alone.
 *
 * n pairs have unit vectors of pictures and texts; similarity is their cosine. A text equal to a picture's own is no wrong
 * one: it is masked. A tie counts one half.
 *
 * - AUC: of a matched pair and an unmatched one, drawn at random, the chance that the matched is more similar.
 * - AUC within: the same, unmatched pairs being of one group alone (one source, one host): what is left when telling groups
 *   apart does not help.
 * - R@k: the share of pictures for which fewer than k wrong captions are more similar than their own.
 */
#ifndef WINNOW_FILTERS_EVAL_MEASURES_H
#define WINNOW_FILTERS_EVAL_MEASURES_H

#include <stddef.h>
#include <stdint.h>

struct eval_set {
    size_t n, width;
    const float *pictures, *texts; /* [n, width] */
    const uint32_t *same_text;     /* [n]: equal for equal captions */
    const uint32_t *group;         /* [n]: below `groups` */
    uint32_t groups;
};

enum { EVAL_RANKS = 2 };
static const unsigned eval_ranks[EVAL_RANKS] = {1, 10};

struct eval_result {
    size_t pairs;
    double auc, auc_within;       /* NAN where there is nothing to compare with */
    double recall[EVAL_RANKS];
};

/* results[0]: of all pairs; results[1 + g]: of group g's pictures: `auc` and `recall` against all captions, `auc_within` against
 * those of the group. matched[n]: each pair's own similarity. -1 with a sentence: out of memory. */
int eval_measure(const struct eval_set *set, struct eval_result *results, double *matched);

#endif
