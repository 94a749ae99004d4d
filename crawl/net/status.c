#include "crawl/net/status.h"

static const struct {
    const char *name;
    enum net_cause cause;
    bool passing;
    const char *meaning;
} statuses[NET_STATUSES] = {
#define STATUS(constant, name, cause, passing, meaning) [constant] = {name, cause, passing, meaning},
#include "crawl/net/status.def"
#undef STATUS
};

const char *net_status_name(enum net_status status) { return statuses[status].name; }
const char *net_status_meaning(enum net_status status) { return statuses[status].meaning; }

const char *net_cause_name(enum net_cause cause)
{
    static const char *const names[NET_CAUSES] = {"fine", "gone", "refused", "too slow", "too big", "not a picture", "ours"};
    return names[cause];
}

enum net_cause net_status_cause(enum net_status status, unsigned http)
{
    if (status != NET_HTTP) return statuses[status].cause;
    switch (http) {
    case 401: case 403: case 407: case 429: case 451: case 503: return NET_REFUSED;
    default: return NET_GONE;
    }
}

bool net_status_passing(enum net_status status, unsigned http)
{
    if (status != NET_HTTP) return statuses[status].passing;
    return http == 408 || http == 425 || http == 429 || (http >= 500 && http != 501 && http != 505);
}

bool net_status_parse(struct str name, enum net_status *status, unsigned *http)
{
    uint64_t code;
    *http = 0;
    if (str_starts(name, STR("http_"))) {
        if (str_to_u64(str_from_at(name, 5), &code) < 0 || code < 100 || code > 999) return false;
        *status = NET_HTTP;
        *http = (unsigned)code;
        return true;
    }
    for (int i = 0; i < NET_STATUSES; i++) {
        if (i == NET_HTTP || !str_eq(name, str_from(statuses[i].name))) continue;
        *status = (enum net_status)i;
        return true;
    }
    return false;
}
