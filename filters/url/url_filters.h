/* What table.c's entries url.* decide by, from the URL as it stands in its column (as the page wrote it with of=raw). */
#ifndef WINNOW_FILTERS_URL_FILTERS_H
#define WINNOW_FILTERS_URL_FILTERS_H

#include "filters/text/text_filters.h"

FILTER_PREPARES(url_contains_prepare);
FILTER_DECIDES(url_contains_decide);
void url_contains_release(void *state);
FILTER_PREPARES(url_extension_prepare);
FILTER_DECIDES(url_extension_decide);
FILTER_DECIDES(url_length_decide);
FILTER_DECIDES(url_host_length_decide);
FILTER_PREPARES(url_valid_prepare);
FILTER_DECIDES(url_valid_decide);
FILTER_PREPARES(url_host_blocklist_prepare);
FILTER_DECIDES(url_host_blocklist_decide);

/* hash_lists.c */
FILTER_PREPARES(url_hash_blocklist_prepare);
FILTER_DECIDES(url_hash_blocklist_decide);
FILTER_PREPARES(image_hash_blocklist_prepare);
FILTER_DECIDES(image_hash_blocklist_decide);
void hash_blocklist_release(void *state);

struct str url_of_rule(const struct rule *rule, const struct filter_row *row); /* what of=url or of=raw names */

#endif
