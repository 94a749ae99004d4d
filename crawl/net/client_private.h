/* What the parts of the fetcher share: client.c (opening, the loop, results), sites.c (names, queues), notices.c (robots.txt,
 * tdmrep.json, ai.txt), jobs.c (one URL on its way), response.c (heads and bodies as they come).
 *
 * A job is one URL that somebody submitted, or one notice of a site. It is in exactly one place: a site's queue, the heap of delays,
 * the list that waits for memory, a running transfer, or the list of results.
 */
#ifndef WINNOW_NET_CLIENT_PRIVATE_H
#define WINNOW_NET_CLIENT_PRIVATE_H

#include "crawl/http/body.h"
#include "crawl/net/client.h"
#include "crawl/net/table.h"
#include "crawl/robots/robots.h"

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

enum {
    SITES_KEPT_MAX = 1 << 16,        /* idle ones go beyond it, the longest unused first. About 500 bytes each */
    NOTICES_KEPT_BYTES = 64 << 20,   /* of rules of all sites; beyond it the longest unused are read anew when needed */
    NOTICE_TTL_MS = 24 * 3600 * 1000, /* RFC 9309 §2.4 */
    NOTICE_FAILURE_TTL_MS = 600 * 1000,
    NOTICE_REDIRECTS = 5,            /* §2.3.1.2 */
    DRAIN_BYTES = 8 << 10,           /* of an unwanted body are read, so that the connection can be used again */
    FIRST_ROOM = 32 << 10,           /* bytes that a request reserves before its length is known */
    SNIFF_BYTES = 1024,              /* of a body decide whether it is a picture: an SVG's root may stand so late */
    BACKOFF_MS = 1000, BACKOFF_MOST_MS = 30 * 1000, /* full jitter: 0 … BACKOFF_MS·2^n */
};

enum job_kind { JOB_URL, JOB_NOTICE };
enum notice_kind { NOTICE_ROBOTS, NOTICE_TDMREP, NOTICE_AI_TXT, NOTICES };

struct job {
    struct job *next;          /* in whatever list it is */
    struct job *all_next, **all_link; /* the list of all jobs */
    struct heap_item due;      /* in the heap of delays */
    enum job_kind kind;
    uint64_t key;
    unsigned flags, hops, tries, requests;
    struct net *net;
    struct site *site;         /* where it is queued, delayed or running; counted in its busy */
    struct site *asks_for;     /* of a notice: whose it is, */
    enum notice_kind notice;   /* and which */
    struct buf href;           /* of the URL at hand */
    struct url url;            /* parts; its href is a slice of the buf */
    int64_t submitted, started; /* started: the first request; 0 before */
    size_t reserved;           /* bytes of net->held */
    size_t room_wanted;        /* not 0: broken off, and to be started again when there is so much room */
    struct buf body;
    /* ---- of the response at hand */
    unsigned http_status;
    enum net_status verdict;   /* what head or body decided; NET_OK: nothing yet */
    bool drain, enough, doubtful; /* read away; a notice that is long enough; a picture by its first bytes alone */
    size_t drained;
    struct buf encoding;       /* Content-Encoding, where there is one */
    struct buf location;       /* of a redirect, as it came; empty: no redirect */
    int64_t retry_after_ms;    /* -1 without */
    uint64_t measured;
    char detail[sizeof ((struct net_result *)0)->detail];
};

struct job_list {
    struct job *first, *last;
};

enum notice_state { NOTICE_UNKNOWN, NOTICE_ASKED, NOTICE_RULES, NOTICE_FAILED };

/* What a site says of the use of its files, and is asked for before any of them. */
struct notice {
    enum notice_state state;
    enum net_status status;  /* NOTICE_FAILED (robots.txt alone): what the site's URLs end with, */
    uint64_t measured;       /* and net_result's measured of them */
    struct robots rules;
    int64_t expire;
};

/* Scheme, host and port. */
struct site {
    struct table_node node;
    struct polite_site polite;
    struct names_waiter waiter;
    struct net *net;
    struct site *newer, *older;      /* by last use */
    struct job_list urls, notice_jobs; /* waiting; notices go first, and need none */
    size_t busy;                     /* jobs that are here, and its own notices under way: it stays */
    bool asking;                     /* a name server, for its address */
    bool literal;                    /* the host is an address */
    struct names_result address;     /* valid until address.expires; literals: for ever */
    struct notice notices[NOTICES];
    uint16_t port;
    struct str host;                 /* as in URLs, a slice of origin */
    char origin[];
};

struct net {
    struct net_options options;
    const struct wire_ops *ops;
    struct wire_calls calls;
    struct wire *wire;
    struct names *names;
    struct polite *polite;
    struct net_address proxy;
    uint16_t proxy_port;
    struct url_parser parser;
    struct buf scratch;
    struct http_body decoder;
    struct table sites;
    struct site *newest, *oldest;
    size_t notice_bytes;
    struct heap delays;
    struct job *all;
    struct job_list parked;          /* wait for memory */
    struct job_list done;            /* finished, with the status in verdict */
    size_t inside, running;
    uint64_t held;                   /* bytes of bodies that jobs have reserved */
    uint64_t random;
    int64_t now;                     /* of this turn of the loop */
    bool paused;                     /* by net_pause */
    bool failed;                     /* a sentence is waiting for net_next to return it */
    struct net_counts counts;
};

int64_t net_clock(void); /* milliseconds, monotonic */

int proxy_find(struct net *net); /* proxy.c: fills net->proxy and net->proxy_port from the options; -1 with a sentence */

/* ---- jobs.c */
struct job *job_new(struct net *net, enum job_kind kind);
void job_free(struct job *job);
/* Sets the job's URL and sends it through opt-out and guard to its site, or finishes it. */
void job_enter(struct job *job, struct str url, const struct url *base);
void job_start(struct job *job);                       /* at its site, which polite_next has just named */
void job_ended(struct job *job, const struct wire_end *end);
void job_finish(struct job *job, enum net_status status); /* gives it to the site that asked, or to the results */
void jobs_wake(struct net *net);                       /* those whose delay is over, or for which there is memory now */
void job_list_init(struct job_list *list);
void job_list_add(struct job_list *list, struct job *job);
void job_list_add_first(struct job_list *list, struct job *job);
struct job *job_list_take(struct job_list *list);
bool job_reserve(struct job *job, size_t bytes);       /* in all; false: no room beside the others */
void job_say(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- response.c */
int response_head(struct job *job, struct str head);
int response_body(struct job *job, struct str piece);
enum net_status response_end(struct job *job);         /* of a complete response: decodes it; what it ends with */

/* ---- sites.c */
struct site *site_find(struct net *net, const struct url *url); /* made when new; NULL with a sentence */
void site_add(struct site *site, struct job *job, bool first);
void site_drive(struct site *site);                    /* does what its waiting jobs need next */
void site_named(struct site *site, const struct names_result *result);
void site_end_urls(struct site *site, enum net_status status, uint64_t measured); /* of all that wait */
bool site_may_start(const struct site *site);          /* some job could be started, but for politeness */
void sites_trim(struct net *net);
void site_free(struct site *site);

/* ---- notices.c */
bool notices_known(const struct site *site);
/* Asks for the next one that is missing, or ends the URLs of a site whose robots.txt cannot be had. */
void notices_ask(struct site *site);
void notice_came(struct site *site, struct job *job, enum net_status status); /* or did not come; job NULL: it was not asked */
/* NET_OK, or what a URL of the site ends with by those that are known: by robots.txt, or by all of them. */
enum net_status notices_forbid(struct site *site, struct job *job);
void notices_forget(struct site *site);
size_t notices_hold(const struct site *site); /* bytes of rules, of those that could be asked for again */

/* The thread's sentence is kept for the caller of net_next. */
static inline void net_failed(struct net *net) { net->failed = true; }

#endif
