/* Phrases that pages hang on their captions ("- Stock Photo"), found at either end of a text.
 *
 * A phrase matches without regard to ASCII case, on word borders, behind any separators (white space and - – — | · : ,).
 * Phrases are lower case.
 */
#ifndef WINNOW_FILTERS_BOILERPLATE_H
#define WINNOW_FILTERS_BOILERPLATE_H

#include "pipeline/base/str.h"

struct str boilerplate_begins(struct str text, const struct str *phrases, size_t count); /* the longest that fits; or absent */
struct str boilerplate_ends(struct str text, const struct str *phrases, size_t count);
/* `text` without such phrases at both ends, again and again, and without the separators that held them. */
struct str boilerplate_crop(struct str text, const struct str *phrases, size_t count);

#endif
