/* What a page or a response says to robots about using it: X-Robots-Tag, <meta name=robots>, tdm-reservation.
 *
 *     unsigned said = 0;
 *     for each X-Robots-Tag header:  said |= directives_of(value, STR("winnow"));
 *     if (said & DIRECTIVES_ALL) ...
 *
 * A value is a list of directives separated by commas; "agent: " before one of them speaks, from there to the end of the
 * value, to that agent alone. Names compare without regard to case.
 */
#ifndef WINNOW_DIRECTIVES_H
#define WINNOW_DIRECTIVES_H

#include "pipeline/base/str.h"

enum directive {              /* bits */
    DIRECTIVE_NOAI = 1,       /* not for training */
    DIRECTIVE_NOIMAGEAI = 2,
    DIRECTIVE_NOINDEX = 4,    /* also `none`, which means noindex, nofollow */
    DIRECTIVE_NOIMAGEINDEX = 8,
    DIRECTIVE_TDM = 16,       /* tdm-reservation: 1 (W3C TDMRep): text and data mining reserved */
    DIRECTIVES_ALL = 31,
};

/* The bits that `value` sets for the crawler `agent` (its product token): a value of X-Robots-Tag or of a robots meta
 * element, or the column page_robots, in which "tdm-reservation: 1" stands for the header and meta element of that name. */
unsigned directives_of(struct str value, struct str agent);

/* The value of a tdm-reservation header: DIRECTIVE_TDM or 0. */
unsigned directives_of_tdm(struct str value);

const char *directive_name(enum directive one); /* "noai"; of several bits the lowest */

#endif
