/* Picks a few values out of a JSON object, without building it.
 *
 *     static const struct str names[] = {STR("url"), STR("caption")};
 *     struct str values[2];
 *     const char *problem = json_pick(line, names, 2, values, &scratch);
 *
 * The whole object is checked against the grammar (RFC 8259), with three freedoms: control characters may stand in strings as
 * they are, text need not be UTF-8, and NaN, Infinity, -Infinity (Python writes them) are read as null.
 */
#ifndef WINNOW_LISTS_JSON_H
#define WINNOW_LISTS_JSON_H

#include "pipeline/base/arena.h"
#include "pipeline/base/str.h"

enum { JSON_DEPTH_MAX = 64 }; /* of values inside values; a deeper one is a problem */

/* Looks for members of the object `text` (white space around it is allowed) by name. values[i] is a string's text without
 * escapes (in `scratch` where it had any), a number, true, false, an object or a list as written, or absent: not there, or
 * null. Of equal names the last counts. NULL when all is well, else a static sentence; values are then undefined. */
const char *json_pick(struct str text, const struct str *names, size_t count, struct str *values, struct arena *scratch);

#endif
