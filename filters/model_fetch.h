/* Fetches the files of a well-known model into a folder: each one whole, verified, or not there.
 *
 * While a file comes it is FILE.part, and FILE.part.from says where it came from, so that a later call goes on where this one was
 * killed; the server's validator decides whether the rest still fits. A finished file is compared with its size and its published
 * SHA-256 where there is one, noted in SHA256SUMS, and only then gets its name. A file of that name that is something else is
 * never touched.
 */
#ifndef WINNOW_FILTERS_MODEL_FETCH_H
#define WINNOW_FILTERS_MODEL_FETCH_H

#include "filters/model_list.h"

#include <stdbool.h>

struct model_fetch {
    const struct model_entry *model;
    const char *folder;  /* where to; made where it is missing */
    const char *mirror;  /* instead of the publisher's host, "https://mirror.example"; NULL: the host */
    unsigned tries;      /* transfers in a row without a byte before it gives up; waits between them double from a second */
    bool quiet;          /* no lines on stderr but failures */
};
int model_fetch(const struct model_fetch *f); /* 0, or -1 with a sentence */

#endif
