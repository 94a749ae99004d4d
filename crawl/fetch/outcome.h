/* How the search for a row's picture ended: one word for the column `status` and the rule fetch.STATUS, whatever the source.
 *
 * Words come from crawl/net/status.def (the network), recorded.h (a crawl), image.h (decoding), and "page_robots": the page
 * that shows the picture forbids its use. Each belongs to one class of cause, which answers "was it gone, refused, too slow,
 * too big, not a picture, or ours to blame?"
 */
#ifndef WINNOW_FETCH_OUTCOME_H
#define WINNOW_FETCH_OUTCOME_H

#include "crawl/fetch/picture.h"
#include "crawl/fetch/recorded.h"
#include "crawl/net/client.h"

enum { OUTCOME_RULE_BYTES = 64 };

struct outcome {
    const char *status;      /* "ok"; "http" stands for http_NNN */
    unsigned http_status;    /* of the last response; 0 without one */
    enum net_cause cause;
    char measured[sizeof ((struct net_result *)0)->detail], bound[32]; /* "" where there is none; UTF-8 */
};

void outcome_of_recorded(struct outcome *o, const struct recorded_response *response, const struct image_limits *limits);
void outcome_of_web(struct outcome *o, const struct net_result *result);
/* Of a body that was found: keeps http_status. */
void outcome_of_picture(struct outcome *o, const struct picture *picture, const struct image_limits *limits);

static inline bool outcome_is_ok(const struct outcome *o) { return o->cause == NET_FINE; }
void outcome_rule(const struct outcome *o, char rule[OUTCOME_RULE_BYTES]); /* "fetch.http_404" */
const char *outcome_count_name(enum net_cause cause);                      /* "too_slow": for counts in manifests */

/* What became of all URLs of a run. */
struct outcome_sum {
    uint64_t urls, ours;
    const char *first; /* status of the first that was ours to blame */
};
void outcome_sum_add(struct outcome_sum *sum, const struct outcome *o);
/* At the end: -1 with a sentence where every single one was ours to blame, so that nothing is done and nothing worth keeping; a
 * line on stderr, unless `quiet`, where some were. */
int outcome_sum_judge(const struct outcome_sum *sum, bool quiet);

/* Whether a row that was dropped under `rule` may have a picture another time. */
bool outcome_rule_passes(struct str rule);

#endif
