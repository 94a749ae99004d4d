/* The srcset attribute: a list of candidate URLs with descriptors (HTML §4.8.4.2.2 "parsing a srcset attribute").
 *
 *     struct html_srcset walk = {.rest = value};
 *     while (html_srcset_next(&walk, &candidate)) ...
 *
 * `value` is the attribute's value; whether references are undone before is the caller's choice: white space, commas and
 * parentheses are what they are in every ASCII-compatible charset. Slices point into it; nothing is allocated.
 */
#ifndef WINNOW_HTML_SRCSET_H
#define WINNOW_HTML_SRCSET_H

#include "pipeline/base/str.h"

struct html_candidate {
    struct str url;
    uint64_t width;   /* of "640w"; 0: none */
    double density;   /* of "2x"; 1 where there is neither */
};
struct html_srcset {
    struct str rest;
};
/* Candidates whose descriptors are not valid are skipped, as browsers do. */
bool html_srcset_next(struct html_srcset *walk, struct html_candidate *candidate);
/* The largest width, else the largest density; the first of equals. An absent url when there is no candidate. */
struct html_candidate html_srcset_best(struct str value);

#endif
