/* What the jobs of a site need before they may be asked for: the host's address, then robots.txt, then their turn. Everything
 * that can change that ends in site_drive(), which takes the next step. */
#include "crawl/net/client_private.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { TRIM_STEPS = 64 }; /* sites that one call looks at: busy ones stand in the way */

/* ---- the list by last use */

static void unlist(struct net *net, struct site *site)
{
    *(site->newer ? &site->newer->older : &net->newest) = site->older;
    *(site->older ? &site->older->newer : &net->oldest) = site->newer;
}

static void list_newest(struct net *net, struct site *site)
{
    site->older = net->newest;
    site->newer = NULL;
    *(site->older ? &site->older->newer : &net->oldest) = site;
    net->newest = site;
}

static void forget_rules(struct site *site)
{
    site->net->robots_bytes -= robots_memory(&site->rules);
    robots_free(&site->rules);
    if (site->robots == ROBOTS_RULES) site->robots = ROBOTS_UNKNOWN;
}

void site_free(struct site *site)
{
    struct net *net = site->net;
    forget_rules(site);
    if (site->polite.host) polite_detach(net->polite, &site->polite);
    free(site);
}

void sites_trim(struct net *net)
{
    struct site *site = net->oldest, *newer;
    for (int i = 0; i < TRIM_STEPS && site && net->sites.count > SITES_KEPT_MAX; i++, site = newer) {
        newer = site->newer;
        if (site->busy || site->asking) continue;
        unlist(net, site);
        table_remove(&net->sites, &site->node);
        site_free(site);
    }
    for (site = net->oldest; site && net->robots_bytes > ROBOTS_KEPT_BYTES; site = site->newer)
        if (site->robots == ROBOTS_RULES && site->rules.count) forget_rules(site);
}

static struct site *site_new(struct net *net, struct str origin, const struct url *url)
{
    struct site *site = calloc(1, sizeof *site + origin.n + 1);
    if (!site) return fail_memory(), NULL;
    memcpy(site->origin, origin.p, origin.n);
    site->net = net;
    site->port = url_port(url);
    site->host = str_of(site->origin + (url->scheme_end + 3), url_host(url).n);
    site->literal = url->host_kind != URL_DOMAIN;
    if (polite_attach(net->polite, &site->polite, site->host, url->host_kind) < 0 ||
        table_add(&net->sites, &site->node, str_of(site->origin, origin.n)) < 0) {
        site_free(site);
        return NULL;
    }
    list_newest(net, site);
    return site;
}

struct site *site_find(struct net *net, const struct url *url)
{
    buf_clear(&net->scratch);
    if (url_origin(&net->scratch, url) < 0) return NULL;
    struct str origin = buf_str(&net->scratch);
    struct site *site = (struct site *)table_find(&net->sites, origin);
    if (!site) return site_new(net, origin, url);
    unlist(net, site);
    list_newest(net, site);
    return site;
}

/* ---- ending what waits */

static void end_list(struct job_list *list, enum net_status status, uint64_t measured)
{
    struct job_list taken = *list;
    job_list_init(list); /* what ends may bring other jobs here */
    for (struct job *job; (job = job_list_take(&taken));) {
        job->measured = measured;
        job_finish(job, status);
    }
}

static void end_all(struct site *site, enum net_status status, uint64_t measured)
{
    polite_no_longer(site->net->polite, &site->polite);
    end_list(&site->urls, status, measured);
    end_list(&site->robots_jobs, status, measured);
}

/* ---- robots.txt */

static bool needs_robots(const struct site *site) { return !site->net->options.ignore_robots; }

static bool robots_known(const struct site *site)
{
    return !needs_robots(site) || (site->robots == ROBOTS_RULES && site->net->now < site->robots_expire);
}

static void ask_robots(struct site *site)
{
    struct net *net = site->net;
    struct job *job = job_new(net, JOB_ROBOTS);
    struct buf url;
    site->robots = ROBOTS_ASKED;
    site->busy++;
    buf_init(&url, URL_MAX + 16);
    if (!job || buf_printf(&url, "%s/robots.txt", site->origin) < 0) {
        net_failed(net);
        if (job) job_free(job);
        site_robots(site, NULL, NET_LOCAL);
    } else {
        job->asks_for = site;
        job_enter(job, buf_str(&url), NULL);
    }
    buf_free(&url);
}

/* What a site's URLs end with when its robots.txt could not be read. Where the site itself cannot be reached they could not
 * either, and that says more. */
static enum net_status failure_of(const struct job *job, enum net_status status)
{
    switch (status) {
    case NET_DNS_UNREACHABLE: case NET_PROXY: case NET_LOCAL: return status; /* nobody's fault but ours */
    case NET_DNS_NO_HOST: case NET_DNS_FAILED: case NET_DNS_TIMEOUT: case NET_CONNECT_REFUSED: case NET_CONNECT_FAILED:
    case NET_CONNECT_TIMEOUT: case NET_HOST_CLOSED: case NET_DEFERRED: case NET_TLS: case NET_ADDRESS:
        return job->hops ? NET_ROBOTS_UNREACHABLE : status;
    default: return NET_ROBOTS_UNREACHABLE;
    }
}

/* RFC 9309 §2.3.1: the client's fault (4xx, too many redirects) means no rules, the server's that nothing is allowed. 429 asks
 * for patience, and is no answer. */
static bool means_no_rules(const struct job *job, enum net_status status)
{
    return status == NET_REDIRECTS || (status == NET_HTTP && job->http_status < 500 && job->http_status != 429);
}

static void drop_forbidden(struct site *site)
{
    struct job_list taken = site->urls;
    job_list_init(&site->urls);
    for (struct job *job; (job = job_list_take(&taken));) {
        if (robots_allows(&site->rules, url_target(&job->url))) job_list_add(&site->urls, job);
        else job_finish(job, NET_ROBOTS);
    }
}

void site_robots(struct site *site, struct job *job, enum net_status status)
{
    struct net *net = site->net;
    int64_t ttl = ROBOTS_TTL_MS;
    forget_rules(site);
    site->robots = ROBOTS_RULES;
    if (status == NET_OK && robots_parse(&site->rules, buf_str(&job->body), str_from(net->options.agent)) == 0) {
        net->robots_bytes += robots_memory(&site->rules);
        polite_set_delay(net->polite, &site->polite, site->rules.crawl_delay_ms);
    } else if (status == NET_OK || !job || !means_no_rules(job, status)) {
        site->robots = ROBOTS_FAILED;
        site->robots_status = failure_of(job, status == NET_OK ? NET_LOCAL : status);
        site->robots_measured = !job ? 0 : site->robots_status == NET_ROBOTS_UNREACHABLE ? job->http_status : job->measured;
        ttl = ROBOTS_FAILURE_TTL_MS;
    }
    site->robots_expire = net->now + ttl;
    if (site->robots == ROBOTS_RULES) drop_forbidden(site);
    else end_list(&site->urls, site->robots_status, site->robots_measured);
    site->busy--;
    site_drive(site);
}

/* ---- the next step */

static void ask_name(struct site *site)
{
    struct net *net = site->net;
    int known = net->options.server_count ? names_find(net->names, site->host, net->now, &site->waiter, &site->address) : 1;
    if (known == 0) site->asking = true;
    if (known == 1 && net->options.server_count) return;
    if (known == 1) site->address = (struct names_result){.status = NET_DNS_UNREACHABLE, .expires = net->now + NAMES_FAILURE_TTL_MS};
    if (known < 0) {
        net_failed(net);
        site->address = (struct names_result){.status = NET_LOCAL, .expires = net->now};
    }
}

static bool needs_name(const struct site *site)
{
    return !site->literal && !site->net->options.proxy && site->net->now >= site->address.expires;
}

bool site_may_start(const struct site *site)
{
    return !site->asking && !needs_name(site) && (site->robots_jobs.first || (site->urls.first && robots_known(site)));
}

void site_drive(struct site *site)
{
    struct net *net = site->net;
    if (!site->urls.first && !site->robots_jobs.first) {
        polite_no_longer(net->polite, &site->polite);
        return;
    }
    int64_t pause = polite_paused_ms(&site->polite, net->now);
    if (polite_closed(&site->polite, net->now)) {
        end_all(site, NET_HOST_CLOSED, 0);
        return;
    }
    if (pause > net->options.patience_ms) {
        end_all(site, NET_DEFERRED, (uint64_t)pause / 1000);
        return;
    }
    if (site->asking) return;
    if (needs_name(site)) {
        ask_name(site);
        if (site->asking) return;
    }
    if (site->address.status != NET_OK) {
        end_all(site, site->address.status, 0);
        return;
    }
    if (site->urls.first && !robots_known(site)) {
        bool failed = site->robots == ROBOTS_FAILED && net->now < site->robots_expire;
        if (failed) end_list(&site->urls, site->robots_status, site->robots_measured);
        else if (site->robots != ROBOTS_ASKED) ask_robots(site);
    }
    if (!site_may_start(site)) polite_no_longer(net->polite, &site->polite);
    else if (polite_want(net->polite, &site->polite, net->now) < 0) net_failed(net);
}

void site_named(struct site *site, const struct names_result *result)
{
    site->asking = false;
    site->address = *result;
    site_drive(site);
}

void site_add(struct site *site, struct job *job, bool first)
{
    if (job->site != site) site->busy++;
    job->site = site;
    if (job->kind == JOB_URL && needs_robots(site) && robots_known(site) && !robots_allows(&site->rules, url_target(&job->url))) {
        job_finish(job, NET_ROBOTS);
        return;
    }
    struct job_list *list = job->kind == JOB_ROBOTS ? &site->robots_jobs : &site->urls;
    if (first) job_list_add_first(list, job);
    else job_list_add(list, job);
    site_drive(site);
}
