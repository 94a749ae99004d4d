/* Politeness: who may be asked now.
 *
 * A *site* is scheme, host and port; it has waiting requests and a crawl delay of its own. A *host* is a name or address: it
 * has a limit of connections, is paused when it says so, and is closed for a while when connecting fails again and again. A
 * *domain* is what belongs to one owner (registrable domain): it has a rate.
 *
 *     polite_attach(polite, &site->polite, host, kind);
 *     polite_want(polite, &site->polite, now);                 it has a request waiting
 *     while ((site = polite_next(polite, now, &wake))) { start one request of it; polite_want again if there are more }
 *     polite_ended(polite, site, now);                         when the request is through, once for each polite_next
 *
 * Sites come in the order in which they may be asked, equals in the order of wanting. Time is in milliseconds on any clock
 * that does not go back; tests bring their own. No input or output; one thread.
 */
#ifndef WINNOW_NET_POLITE_H
#define WINNOW_NET_POLITE_H

#include "crawl/net/heap.h"
#include "crawl/url/url.h"

struct polite_limits {
    unsigned connections;  /* requests at a time to one host */
    double rate;           /* requests a second to one registrable domain; 0: any */
    int64_t delay_most_ms; /* a longer Crawl-delay counts as this */
    int64_t pause_most_ms; /* a longer Retry-After counts as this */
    int64_t closed_ms;     /* for so long is a host closed */
    unsigned failures;     /* to connect, in a row, that close it; 0: never */
};
extern const struct polite_limits polite_default; /* 2; 4 a second; a minute; an hour; 10 minutes; 3 */

struct polite;
struct polite_host;
struct polite_site { /* part of whatever the caller keeps for a site; all private */
    struct heap_item due;
    struct polite_host *host;
    struct polite_site *next_blocked;
    int64_t next;     /* no request before, by its crawl delay */
    int64_t delay_ms;
    bool blocked;     /* wants, but its host has no connection free */
};

struct polite *polite_new(const struct polite_limits *limits); /* NULL with a sentence */
void polite_free(struct polite *polite); /* before or after the sites */

int polite_attach(struct polite *polite, struct polite_site *site, struct str host, enum url_host_kind kind);
void polite_detach(struct polite *polite, struct polite_site *site); /* of a site without running requests */

int polite_want(struct polite *polite, struct polite_site *site, int64_t now); /* harmless when it wants already; -1: memory */
void polite_no_longer(struct polite *polite, struct polite_site *site);        /* wants nothing any more */
/* A site that may be asked now; it has the connection then, and wants no more until polite_want. NULL when there is none:
 * *wake is when to ask again, INT64_MAX when only the end of a request can change anything. */
struct polite_site *polite_next(struct polite *polite, int64_t now, int64_t *wake);
int polite_ended(struct polite *polite, struct polite_site *site, int64_t now);

void polite_set_delay(struct polite *polite, struct polite_site *site, int64_t delay_ms); /* Crawl-delay */
void polite_pause(struct polite *polite, struct polite_site *site, int64_t now, int64_t pause_ms); /* Retry-After */
/* The host said 429 or 503 and not for how long: a pause that doubles with each such answer in a row; how long it is. */
int64_t polite_pause_longer(struct polite *polite, struct polite_site *site, int64_t now);
int64_t polite_paused_ms(const struct polite_site *site, int64_t now); /* how much longer; 0 when it is not paused */

void polite_connected(struct polite_site *site);                       /* the host is alive */
void polite_answered(struct polite_site *site);                        /* and gives answers other than 429 and 503 */
void polite_failed(struct polite *polite, struct polite_site *site, int64_t now); /* it could not be connected to */
bool polite_closed(const struct polite_site *site, int64_t now);

#endif
