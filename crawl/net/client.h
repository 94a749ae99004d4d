/* The fetcher: URLs in, bodies or reasons out, many at a time, politely.
 *
 *     struct net_options options;
 *     net_options_init(&options);
 *     options.user_agent = "winnow/0.1.0 (+https://example.org/crawl; crawl@example.org)";
 *     if (names_servers_read(options.servers, &options.server_count, "/etc/resolv.conf") < 0) return -1;
 *     struct net *net = net_open(&options);
 *     for (;;) {
 *         while (there are more && (taken = net_submit(net, key, url, NET_PICTURE)) == 1) ...        0: full, collect first
 *         while (net_next(net, &result, 1000) == 1) { ... result.key, result.status, result.body ...; net_result_free(&result); }
 *     }
 *     net_close(net);
 *
 * Every submitted URL gives exactly one result, in any order. On its way a URL, and each redirect's target, passes: the URL
 * parser, opt-out lists, the guard (scheme, port, address), the name servers, what its site says of its use (robots.txt,
 * tdmrep.json, ai.txt: each asked for once and kept for a day), and the queue of its host (polite.h). Of a response the head is read first: a refusal in it (X-Robots-Tag, tdm-reservation), an announced length
 * over the limit or a type that is certainly no picture ends it there. A body that came with a Content-Encoding is decoded
 * under the same limit.
 *
 * (1) At most `connections` transfers run, and at most `window` URLs are inside, results waiting for collection included.
 * (2) Bodies inside stay within `memory`; where one does not fit beside the others it is broken off and fetched again when
 *     there is room for it, alone if need be.
 * (3) Time is bounded for each URL: at most `tries` requests for each of at most 1 + `redirects` places, each with a deadline;
 *     waits for a host that pauses or is closed are bounded by `patience_ms`. The queue of a busy host is not: it moves.
 * (4) Nothing is read from the environment, and no cookie, referrer or credential is ever sent.
 *
 * One thread owns a struct net; net_wake() may be called by any.
 */
#ifndef WINNOW_NET_CLIENT_H
#define WINNOW_NET_CLIENT_H

#include "crawl/net/names.h"
#include "crawl/net/polite.h"
#include "crawl/net/status.h"
#include "crawl/robots/optout.h"

struct net_options {
    struct guard guard;            /* what it accepts beside the public internet; zeroed: nothing */
    struct dns_server servers[NAMES_SERVERS_MAX];
    unsigned server_count;         /* 0 is allowed: then only URLs with addresses in them can be fetched */
    unsigned dns_in_flight;        /* questions to one server at a time */
    unsigned dns_timeout_ms;       /* for one question */
    const char *user_agent;        /* not NULL: sent as it is */
    const char *agent;             /* the product token that robots.txt and X-Robots-Tag call us by */
    const char *proxy;             /* "http://HOST:PORT"; NULL: none. The proxy resolves and connects for us: then the guard
                                      sees URLs alone, not what their names stand for */
    const char *ca_file;           /* PEM; NULL: the system's */
    bool any_certificate, no_http2;
    bool ignore_robots;            /* robots.txt */
    bool ignore_tags;              /* X-Robots-Tag */
    bool ignore_tdm;               /* tdm-reservation and /.well-known/tdmrep.json */
    bool ignore_ai_txt;            /* /ai.txt */
    const struct optout *optout;   /* NULL: none; outlives the net */
    struct polite_limits polite;
    unsigned connections, window;
    uint64_t memory;               /* bytes of bodies */
    size_t bytes_max;              /* of one body, as it came and decoded */
    unsigned deadline_ms, connect_ms, stall_ms, stall_bytes; /* of one request: see struct wire_request */
    unsigned tries, redirects;
    int64_t patience_ms;           /* URLs of a host that is paused for longer end as NET_DEFERRED at once */
    uint64_t seed;                 /* of the jitter between tries; 0: another each time */
};
void net_options_init(struct net_options *options); /* the defaults; user_agent, servers and polite included where there are some */

enum { /* flags of a URL */
    NET_PICTURE = 1, /* only pictures are wanted: types, and X-Robots-Tag's words on pictures, are looked at */
};

struct net_result {
    uint64_t key;
    enum net_status status;
    unsigned http_status;   /* of the last response; 0 without one */
    unsigned redirects, requests;
    struct buf body;        /* NET_OK: the decoded body; else empty */
    struct buf url;         /* where it came from, or where it ended: the last URL of the redirects */
    uint64_t measured, bound; /* NET_TOO_LONG: bytes announced or counted so far, and bytes_max; NET_DEFERRED: seconds to wait
                               and to be waited; NET_ROBOTS_UNREACHABLE, NET_PROXY: the HTTP status that robots.txt, or the
                               proxy, answered with, 0 without an answer */
    char detail[128];       /* for people and logs: "10.0.0.1", "noai", libcurl's words */
    int64_t waited_ms, took_ms; /* for logs: in queues, and altogether */
};
void net_result_free(struct net_result *result);

struct net;
struct net *net_open(const struct net_options *options); /* NULL with a sentence; texts in the options outlive the net */
void net_close(struct net *net); /* ends what runs; results that were not collected are lost */

/* 1: taken. 0: full. -1 with a sentence. `url` is copied. */
int net_submit(struct net *net, uint64_t key, struct str url, unsigned flags);

/* 1: *result is filled and the caller's. 0: nothing within `wait_ms` (0: work that is ready is done, without waiting), or
 * woken, or nothing is inside. -1 with a sentence: the network cannot be waited for. */
int net_next(struct net *net, struct net_result *result, int64_t wait_ms);
void net_wake(struct net *net); /* ends a net_next() that waits */
void net_pause(struct net *net, bool paused); /* while paused no transfer starts; those under way come to their ends */

size_t net_inside(const struct net *net); /* URLs submitted and not yet collected */

struct net_counts {
    uint64_t requests, notice_requests, retries, redirects, refetched; /* notices: robots.txt, tdmrep.json, ai.txt; refetched:
                                                                          broken off for want of memory */
    uint64_t bytes;                                                    /* of bodies, as they came */
    struct names_counts names;
};
struct net_counts net_counts(const struct net *net);
int net_versions(struct buf *out); /* of the libraries */

#endif
