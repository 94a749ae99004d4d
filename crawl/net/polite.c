/* All sites that want something stand in one heap by the time at which they could be asked. That time may have moved on when
 * a site comes up (another site of its domain was asked, its host was paused): then it goes back to where it belongs. A site
 * whose host has no connection free waits in a list at the host until one ends. */
#include "crawl/net/polite.h"

#include "crawl/net/table.h"
#include "crawl/url/domain.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum {
    FIRST_PAUSE_MS = 5000,
    PAUSE_DOUBLINGS_MAX = 16,
    INTERVAL_MOST_MS = 86400 * 1000, /* a lower rate is once a day */
};

struct domain {
    struct table_node node;
    size_t hosts;
    int64_t next; /* no request before */
    char name[];
};

struct polite_host {
    struct table_node node;
    struct domain *domain;
    struct polite_site *blocked;
    size_t sites;
    unsigned open, failures, pauses; /* the last two: in a row */
    int64_t paused_until, closed_until;
    char name[];
};

struct polite {
    struct polite_limits limits;
    int64_t interval_ms; /* between two requests to a domain */
    struct table hosts, domains;
    struct heap due;
};

const struct polite_limits polite_default = {
    .connections = 2, .rate = 4, .delay_most_ms = 60 * 1000, .pause_most_ms = 3600 * 1000, .closed_ms = 600 * 1000, .failures = 3,
};

struct polite *polite_new(const struct polite_limits *limits)
{
    struct polite *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    p->limits = *limits;
    if (p->limits.connections == 0) p->limits.connections = 1;
    double interval = limits->rate > 0 ? 1000 / limits->rate + 0.5 : 0;
    p->interval_ms = interval < INTERVAL_MOST_MS ? (int64_t)interval : INTERVAL_MOST_MS;
    table_init(&p->hosts);
    table_init(&p->domains);
    return p;
}

static void free_all(struct table *table)
{
    struct table_node *node = table_next(table, NULL);
    while (node) {
        struct table_node *next = table_next(table, node);
        free(node);
        node = next;
    }
    table_free(table);
}

void polite_free(struct polite *p)
{
    if (!p) return;
    free_all(&p->hosts);
    free_all(&p->domains);
    heap_free(&p->due);
    free(p);
}

/* ---- hosts and domains come and go with their sites */

/* A named thing of `size` bytes with the name behind it. */
static struct table_node *named_new(struct table *table, size_t size, struct str name)
{
    char *thing = calloc(1, size + name.n + 1);
    if (!thing) return fail_memory(), NULL;
    memcpy(thing + size, name.p, name.n);
    struct table_node *node = (struct table_node *)thing;
    if (table_add(table, node, str_of(thing + size, name.n)) == 0) return node;
    free(thing);
    return NULL;
}

static struct domain *find_domain(struct polite *p, struct str name)
{
    struct domain *d = (struct domain *)table_find(&p->domains, name);
    return d ? d : (struct domain *)named_new(&p->domains, sizeof *d, name);
}

static struct polite_host *find_host(struct polite *p, struct str name, enum url_host_kind kind)
{
    struct polite_host *h = (struct polite_host *)table_find(&p->hosts, name);
    if (h) return h;
    struct domain *d = find_domain(p, url_registrable_domain(name, kind));
    h = d ? (struct polite_host *)named_new(&p->hosts, sizeof *h, name) : NULL;
    if (h) {
        h->domain = d;
        d->hosts++;
    } else if (d && d->hosts == 0) {
        table_remove(&p->domains, &d->node);
        free(d);
    }
    return h;
}

int polite_attach(struct polite *p, struct polite_site *site, struct str host, enum url_host_kind kind)
{
    *site = (struct polite_site){.next = INT64_MIN};
    site->host = find_host(p, host, kind);
    if (!site->host) return -1;
    site->host->sites++;
    return 0;
}

void polite_detach(struct polite *p, struct polite_site *site)
{
    struct polite_host *h = site->host;
    polite_no_longer(p, site);
    site->host = NULL;
    if (--h->sites) return;
    struct domain *d = h->domain;
    table_remove(&p->hosts, &h->node);
    free(h);
    if (--d->hosts) return;
    table_remove(&p->domains, &d->node);
    free(d);
}

/* ---- the order */

static int64_t ready_time(const struct polite_site *site)
{
    const struct polite_host *h = site->host;
    int64_t time = h->domain->next;
    if (h->paused_until > time) time = h->paused_until;
    return site->next > time ? site->next : time;
}

int polite_want(struct polite *p, struct polite_site *site, int64_t now)
{
    if (site->due.place || site->blocked) return 0;
    int64_t time = ready_time(site);
    return heap_add(&p->due, &site->due, time > now ? time : now);
}

void polite_no_longer(struct polite *p, struct polite_site *site)
{
    if (site->due.place) heap_remove(&p->due, &site->due);
    if (!site->blocked) return;
    struct polite_site **at = &site->host->blocked;
    while (*at != site) at = &(*at)->next_blocked;
    *at = site->next_blocked;
    site->blocked = false;
}

static void block(struct polite_site *site)
{
    struct polite_site **end = &site->host->blocked;
    while (*end) end = &(*end)->next_blocked; /* a host has two sites, seldom more */
    *end = site;
    site->next_blocked = NULL;
    site->blocked = true;
}

struct polite_site *polite_next(struct polite *p, int64_t now, int64_t *wake)
{
    struct heap_item *item;
    while ((item = heap_first(&p->due)) && item->time <= now) {
        struct polite_site *site = (struct polite_site *)item;
        int64_t time = ready_time(site);
        if (time > now) {
            heap_later(&p->due, item, time);
            continue;
        }
        heap_remove(&p->due, item);
        if (site->host->open >= p->limits.connections) {
            block(site);
            continue;
        }
        site->host->open++;
        site->host->domain->next = now + p->interval_ms;
        site->next = now + site->delay_ms;
        return site;
    }
    *wake = item ? item->time : INT64_MAX;
    return NULL;
}

int polite_ended(struct polite *p, struct polite_site *site, int64_t now)
{
    struct polite_host *h = site->host;
    int result = 0;
    h->open--;
    for (struct polite_site *blocked = h->blocked, *next; blocked; blocked = next) {
        next = blocked->next_blocked;
        blocked->blocked = false;
        if (polite_want(p, blocked, now) < 0) result = -1;
    }
    h->blocked = NULL;
    return result;
}

/* ---- what sites ask for, and what is found out about hosts */

void polite_set_delay(struct polite *p, struct polite_site *site, int64_t delay_ms)
{
    if (delay_ms < 0) delay_ms = 0;
    if (delay_ms > p->limits.delay_most_ms) delay_ms = p->limits.delay_most_ms;
    if (site->next != INT64_MIN) site->next += delay_ms - site->delay_ms;
    site->delay_ms = delay_ms;
}

void polite_pause(struct polite *p, struct polite_site *site, int64_t now, int64_t pause_ms)
{
    if (pause_ms > p->limits.pause_most_ms) pause_ms = p->limits.pause_most_ms;
    if (now + pause_ms > site->host->paused_until) site->host->paused_until = now + pause_ms;
}

int64_t polite_pause_longer(struct polite *p, struct polite_site *site, int64_t now)
{
    struct polite_host *h = site->host;
    if (h->paused_until <= now && h->pauses < PAUSE_DOUBLINGS_MAX) h->pauses++; /* answers to requests under way count once */
    polite_pause(p, site, now, (int64_t)FIRST_PAUSE_MS << (h->pauses ? h->pauses - 1 : 0));
    return polite_paused_ms(site, now);
}

int64_t polite_paused_ms(const struct polite_site *site, int64_t now)
{
    return site->host->paused_until > now ? site->host->paused_until - now : 0;
}

void polite_connected(struct polite_site *site)
{
    site->host->failures = 0;
    site->host->closed_until = 0;
}

void polite_answered(struct polite_site *site) { site->host->pauses = 0; }

void polite_failed(struct polite *p, struct polite_site *site, int64_t now)
{
    struct polite_host *h = site->host;
    if (!p->limits.failures || ++h->failures < p->limits.failures) return;
    h->closed_until = now + p->limits.closed_ms;
    h->failures = p->limits.failures - 1; /* afterwards one more failure closes it again */
}

bool polite_closed(const struct polite_site *site, int64_t now) { return site->host->closed_until > now; }
