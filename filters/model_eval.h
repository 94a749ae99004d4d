/* `winnow model eval`: how well a model tells which caption belongs to which picture, on anybody's pairs. */
#ifndef WINNOW_FILTERS_MODEL_EVAL_H
#define WINNOW_FILTERS_MODEL_EVAL_H

#include "filters/clip/clip.h"
#include "filters/eval_pairs.h"

struct eval_options {
    struct eval_source source;
    uint64_t limit;     /* pairs; of more, so many are drawn by a hash of their number */
    unsigned threads;   /* 0: all cores */
    const char *curve;  /* file for the curve; NULL: none */
    bool quiet;
};

/* Prints a header and a line for all pairs, then with `by` a line for each of its values with two pairs or more: set, pairs,
 * auc, auc_within, r_at_1, r_at_10 (eval_measures.h). The curve is threshold, share of matched pairs and share of unmatched
 * pairs from there on. 0, or -1 with a sentence. `clip` has both towers loaded. */
int model_eval(const struct clip *clip, const struct eval_options *options, const char *const *paths, size_t path_count);

#endif
