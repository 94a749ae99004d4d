/* The candidates of a srcset attribute [HTML 4.8.4.3.9].
 *
 * The value's references are decoded already, for they may hold white space and commas. Nothing is allocated.
 *
 *     struct html_candidate best;
 *     if (html_srcset_best(srcset, &best)) use(best.url);
 */
#ifndef WINNOW_HTML_SRCSET_H
#define WINNOW_HTML_SRCSET_H

#include "pipeline/base/str.h"

struct html_candidate {
    struct str url;   /* as written, never empty */
    uint64_t width;   /* pixels, of a `640w`; 0 without one */
    double density;   /* of a `2x`; 1 where neither stands, 0 beside a width */
};

/* Takes the next candidate off *rest; false when there is none any more. Candidates whose descriptors the standard calls an
 * error are passed by. */
bool html_srcset_next(struct str *rest, struct html_candidate *out);

/* The one with the largest width, or if none has a width, the largest density; the first of equals. False for none. */
bool html_srcset_best(struct str srcset, struct html_candidate *out);

/* Whether a is larger than b in that order. */
bool html_candidate_larger(const struct html_candidate *a, const struct html_candidate *b);

#endif
