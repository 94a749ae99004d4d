/* How a fetch ends: one closed list (status.def), each entry with the class of cause that answers a user's question "was it
 * gone, refused, too slow, too big, not a picture, or ours to blame?" */
#ifndef WINNOW_NET_STATUS_H
#define WINNOW_NET_STATUS_H

#include "pipeline/base/str.h"

enum net_status {
#define STATUS(constant, name, cause, passing, meaning) constant,
#include "crawl/net/status.def"
#undef STATUS
    NET_STATUSES
};

enum net_cause { NET_FINE, NET_GONE, NET_REFUSED, NET_SLOW, NET_BIG, NET_NO_PICTURE, NET_OURS, NET_CAUSES };

const char *net_status_name(enum net_status status);    /* "connect_refused" */
const char *net_status_meaning(enum net_status status); /* one line for people, no full stop */
const char *net_cause_name(enum net_cause cause);       /* "too slow" */

/* `http`: the code of the response, looked at for NET_HTTP alone: 401, 403, 407, 429, 451 and 503 refuse, others are gone;
 * 408, 425, 429 and 5xx save 501 and 505 pass. */
enum net_cause net_status_cause(enum net_status status, unsigned http);
bool net_status_passing(enum net_status status, unsigned http);

/* Reads a name as it stands in rows and rules: "stalled", "http_404" (*http is then 404, else 0). False for another. */
bool net_status_parse(struct str name, enum net_status *status, unsigned *http);

#endif
