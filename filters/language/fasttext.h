/* fastText's classifiers as fastText's own files hold them: `.bin` (dense) and `.ftz` (product-quantised).
 *
 *     struct fasttext *model = fasttext_open("lid.176.ftz");
 *     struct fasttext_work *work = fasttext_work_new(model);          one a thread
 *     struct fasttext_answer best[2];
 *     int n = fasttext_predict(model, work, text, best, 2);           labels without "__label__", likeliest first
 *
 * Answers are those of fastText's Python binding for `predict(text, k)`: tokens at ASCII white space and NUL, the end of line
 * as a token of its own, words and their character n-grams (minn..maxn) and word n-grams hashed as there, the mean of their
 * rows, then softmax, hierarchical softmax, or one sigmoid a label. Probabilities keep fastText's peculiarity: each logarithm is
 * of p + 1e-5, so that one can exceed 1 by that much. Sums run in another order: they agree to about 1e-6.
 *
 * Layout (all little-endian): magic 793712314, version 11 or 12; twelve int32 and a double of arguments; the dictionary
 * (words, then labels: NUL-ended string, int64 count, int8 kind; then pairs old row → kept row of pruned n-grams); a byte
 * "quantised" and the input matrix; a byte and the output matrix. Files are hostile: every index is checked when the model
 * is read. A model is constant and serves any number of threads.
 */
#ifndef WINNOW_FASTTEXT_H
#define WINNOW_FASTTEXT_H

#include "pipeline/base/str.h"

enum { FASTTEXT_ANSWERS_MOST = 8 };

struct fasttext;
struct fasttext_work;
struct fasttext_answer {
    struct str label; /* lies in the model */
    float p;
};

struct fasttext *fasttext_open(const char *path);      /* maps the file. NULL with a sentence that names it */
struct fasttext *fasttext_read(struct str bytes);      /* of bytes that the caller keeps until fasttext_close */
void fasttext_close(struct fasttext *model);           /* NULL is allowed */
size_t fasttext_labels(const struct fasttext *model);
bool fasttext_has_label(const struct fasttext *model, struct str label);

struct fasttext_work *fasttext_work_new(const struct fasttext *model); /* NULL with a sentence */
void fasttext_work_free(struct fasttext_work *work);
/* The `k` (at most FASTTEXT_ANSWERS_MOST) likeliest labels of one line; how many there are: 0 where no part of the line is
 * known to the model. Line feeds in the text part words like spaces. */
int fasttext_predict(const struct fasttext *model, struct fasttext_work *work, struct str text, struct fasttext_answer *best, int k);

#endif
