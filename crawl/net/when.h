/* Times in HTTP heads: dates (RFC 9110 §5.6.7) and Retry-After (§10.2.3). */
#ifndef WINNOW_NET_WHEN_H
#define WINNOW_NET_WHEN_H

#include "pipeline/base/str.h"

/* Seconds since 1970 of an HTTP-date in any of its three forms: "Sun, 06 Nov 1994 08:49:37 GMT",
 * "Sunday, 06-Nov-94 08:49:37 GMT" (two digits: at most 50 years after `now`), "Sun Nov  6 08:49:37 1994". The day's name is
 * not looked at. -1 without a sentence for anything else, and for years before 1970. */
int when_http_date(struct str text, int64_t now, int64_t *seconds);

/* Milliseconds to wait by a Retry-After value, seconds or a date, at least 0; a date counts from the response's own Date
 * where it has one (absent otherwise), else from `now`, seconds since 1970. -1 when the value is neither. Never more than
 * a day: 86,400,000. */
int64_t when_retry_after(struct str value, struct str date, int64_t now);

#endif
