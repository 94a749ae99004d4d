#include "crawl/fetch/outcome.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

static void set_u64(char *out, size_t n, uint64_t value) { snprintf(out, n, "%" PRIu64, value); }

/* ---- a crawl */

static enum net_cause recorded_cause(enum recorded_status status, unsigned http)
{
    switch (status) {
    case RECORDED_OK: return NET_FINE;
    case RECORDED_BAD_URL: return NET_REFUSED;
    case RECORDED_HTTP: return net_status_cause(NET_HTTP, http);
    case RECORDED_TOO_LONG: return NET_BIG;
    case RECORDED_MISSING: case RECORDED_REDIRECTS: case RECORDED_BAD_LOCATION: case RECORDED_LOST_REDIRECT: case RECORDED_DAMAGED: break;
    }
    return NET_GONE;
}

void outcome_of_recorded(struct outcome *o, const struct recorded_response *response, const struct image_limits *limits)
{
    enum recorded_status status = response->status;
    *o = (struct outcome){.status = status == RECORDED_HTTP ? "http" : status == RECORDED_OK ? "ok" : recorded_status_name(status),
                          .http_status = response->http_status, .cause = recorded_cause(status, response->http_status)};
    if (status == RECORDED_HTTP) set_u64(o->measured, sizeof o->measured, response->http_status);
    if (status == RECORDED_TOO_LONG) set_u64(o->bound, sizeof o->bound, limits->bytes);
}

/* ---- the network */

/* What another look would find again: no library's words, which differ from time to time. */
static bool detail_is_measured(enum net_status status)
{
    return status == NET_ADDRESS || status == NET_PORT || status == NET_ROBOTS_TAG || status == NET_TDM_RESERVED ||
           status == NET_WRONG_TYPE || status == NET_BAD_URL;
}

void outcome_of_web(struct outcome *o, const struct net_result *result)
{
    enum net_status status = result->status;
    *o = (struct outcome){.status = net_status_name(status), .http_status = result->http_status,
                          .cause = net_status_cause(status, result->http_status)};
    if (status == NET_HTTP) {
        set_u64(o->measured, sizeof o->measured, result->http_status);
    } else if (status == NET_TOO_LONG || status == NET_DEFERRED) {
        set_u64(o->measured, sizeof o->measured, result->measured);
        set_u64(o->bound, sizeof o->bound, result->bound);
    } else if (status == NET_ROBOTS_UNREACHABLE || status == NET_PROXY) {
        if (result->measured) set_u64(o->measured, sizeof o->measured, result->measured);
    } else if (detail_is_measured(status) && utf8_valid(str_from(result->detail))) {
        snprintf(o->measured, sizeof o->measured, "%s", result->detail);
    }
}

/* ---- decoding */

void outcome_of_picture(struct outcome *o, const struct picture *picture, const struct image_limits *limits)
{
    const struct image_info *info = &picture->info;
    *o = (struct outcome){.status = image_status_name(picture->status), .http_status = o->http_status, .cause = NET_NO_PICTURE};
    switch (picture->status) {
    case IMAGE_OK:
        o->cause = NET_FINE;
        break;
    case IMAGE_TOO_MANY_PIXELS:
        o->cause = NET_BIG;
        set_u64(o->measured, sizeof o->measured, (uint64_t)info->width * info->height);
        set_u64(o->bound, sizeof o->bound, limits->pixels);
        break;
    case IMAGE_TOO_LARGE:
        o->cause = NET_BIG;
        snprintf(o->measured, sizeof o->measured, "%ux%u", info->width, info->height);
        break;
    case IMAGE_TOO_MANY_BYTES: case IMAGE_TOO_MANY_SCANS:
        o->cause = NET_BIG;
        break;
    default:
        break;
    }
}

/* ---- all of them */

void outcome_sum_add(struct outcome_sum *sum, const struct outcome *o)
{
    sum->urls++;
    if (o->cause != NET_OURS) return;
    if (!sum->ours++) sum->first = o->status;
}

int outcome_sum_judge(const struct outcome_sum *sum, bool quiet)
{
    enum net_status status = NET_LOCAL;
    unsigned http;
    if (!sum->ours) return 0;
    net_status_parse(str_from(sum->first), &status, &http);
    if (sum->ours == sum->urls)
        return fail("none of %" PRIu64 " URLs could be asked for: %s (%s): nothing is published; mend that, and run it again", sum->urls,
                    sum->first, net_status_meaning(status));
    if (!quiet)
        log_line("%" PRIu64 " of %" PRIu64 " URLs could not be asked for, the first: %s (%s): 'winnow fetch --retry' takes their rows again",
                 sum->ours, sum->urls, sum->first, net_status_meaning(status));
    return 0;
}

/* ---- names */

void outcome_rule(const struct outcome *o, char rule[OUTCOME_RULE_BYTES])
{
    if (strcmp(o->status, "http") == 0) snprintf(rule, OUTCOME_RULE_BYTES, "fetch.http_%u", o->http_status);
    else snprintf(rule, OUTCOME_RULE_BYTES, "fetch.%s", o->status);
}

const char *outcome_count_name(enum net_cause cause)
{
    static const char *const names[NET_CAUSES] = {"fine", "gone", "refused", "too_slow", "too_big", "not_a_picture", "ours"};
    return names[cause];
}

bool outcome_rule_passes(struct str rule)
{
    enum net_status status;
    unsigned http;
    struct str prefix = STR("fetch.");
    return str_starts(rule, prefix) && net_status_parse(str_from_at(rule, prefix.n), &status, &http) && net_status_passing(status, http);
}
