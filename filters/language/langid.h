/* The language of a short text.
 *
 *     struct langid *model = langid_open(NULL);                         the model that winnow ships
 *     struct langid_answer answer;
 *     langid_identify(model, text, &answer);
 *     answer.label is "en", or "other", or "unsure"
 *
 * Letters alone are looked at, in lower case: hashed n-grams of one to five characters and whole words, summed by a softmax
 * regression over int8 rows (linear.h). Labels are ISO 639-1 codes of the languages the model has, and "other" for languages that it
 * knows to be none of them. "unsure" is an answer of its own: where the likeliest label is not likely enough, and where a text has too
 * few letters. Names, brands and numbers ("Nike Air Max 90") have no language; they should end there. Some languages that
 * five words cannot tell apart share a label: the note `groups` of the model, langid_group.
 *
 * Probabilities are calibrated on held-out texts of five words. Constant once open, any thread, no allocation.
 */
#ifndef WINNOW_LANGID_H
#define WINNOW_LANGID_H

#include "pipeline/base/str.h"

enum { LANGID_LETTERS_LEAST = 3 }; /* fewer than that are "unsure", with p 0 */

struct langid;
struct langid_answer {
    struct str label;        /* "unsure" where `best` is not likely enough */
    struct str best, second; /* the likeliest labels; "unsure" and absent where the text has too few letters */
    float p, p_second;
};

struct langid *langid_open(const char *path);  /* NULL: winnow's own. NULL with a sentence */
struct langid *langid_read(struct str bytes);
void langid_close(struct langid *model);       /* NULL is allowed */
const char *langid_digest(const struct langid *model);
bool langid_has_label(const struct langid *model, struct str label);
struct str langid_labels(const struct langid *model); /* parted by spaces */
void langid_identify(const struct langid *model, struct str valid_utf8, struct langid_answer *answer);

#endif
