/* Phrases that pages hang on their captions ("- Stock Photo"), found at either end of a text.
 *
 * A phrase matches without regard to ASCII case, on word borders, behind any separators (white space and - – — | · : ,).
 * Phrases are lower case. Exceptions are phrases too: where one stands at the same end, and is longer than what was found there, nothing
 * was ("banner" in "Banner Elk", "star-spangled banner").
 */
#ifndef WINNOW_FILTERS_BOILERPLATE_H
#define WINNOW_FILTERS_BOILERPLATE_H

#include "pipeline/base/str.h"

struct boilerplate {
    const struct str *phrases, *exceptions;
    size_t count, exception_count;
};
struct str boilerplate_begins(struct str text, const struct boilerplate *b); /* the longest phrase that fits; or absent */
struct str boilerplate_ends(struct str text, const struct boilerplate *b);
/* `text` without such phrases at both ends, again and again, and without the separators that held them. */
struct str boilerplate_crop(struct str text, const struct boilerplate *b);

#endif
