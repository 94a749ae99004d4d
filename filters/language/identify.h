/* One door to language identification: winnow's own model (langid.h), another of its kind, or fastText's (fasttext.h).
 *
 *     struct identifier *model = identifier_open(path);          absent or empty: winnow's own
 *     struct identifier_work *work = identifier_work_new(model); one a thread
 *     struct identified found;
 *     identifier_ask(model, work, text, 2, &found);
 */
#ifndef WINNOW_IDENTIFY_H
#define WINNOW_IDENTIFY_H

#include "pipeline/base/str.h"

#define IDENTIFIER_OWN_NAME "winnow_language" /* of winnow's own model, where it may stand in for another */

struct identifier;
struct identifier_work;
struct identified {
    struct str label, second; /* lie in the model; `label` is empty where a fastText model knows nothing of the text */
    float p, p_second;
};

struct identifier *identifier_open(struct str path);   /* NULL with a sentence that names the file */
void identifier_close(struct identifier *model);       /* NULL is allowed */
bool identifier_has_label(const struct identifier *model, struct str label);
const char *identifier_digest(const struct identifier *model); /* XXH3-128 of the file: hexadecimal */

struct identifier_work *identifier_work_new(const struct identifier *model); /* NULL with a sentence */
void identifier_work_free(struct identifier_work *work);
/* Of one line of valid UTF-8; line feeds count as spaces. `answers`: 1, the likeliest label alone, or 2: of labels that are equally likely
 * fastText names others when it is asked for more. 0, or -1 with a sentence (out of memory). */
int identifier_ask(const struct identifier *model, struct identifier_work *work, struct str text, int answers, struct identified *found);

#endif
