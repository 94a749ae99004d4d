/* What the jobs of a site need before they may be asked for: the host's address, then its notices, then their turn. Everything
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

void site_free(struct site *site)
{
    struct net *net = site->net;
    notices_forget(site);
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
    for (site = net->oldest; site && net->notice_bytes > NOTICES_KEPT_BYTES; site = site->newer)
        if (notices_hold(site)) notices_forget(site);
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
    end_list(&site->notice_jobs, status, measured);
}

void site_end_urls(struct site *site, enum net_status status, uint64_t measured) { end_list(&site->urls, status, measured); }

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
    return !site->asking && !needs_name(site) && (site->notice_jobs.first || (site->urls.first && notices_known(site)));
}

void site_drive(struct site *site)
{
    struct net *net = site->net;
    if (!site->urls.first && !site->notice_jobs.first) {
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
    if (site->urls.first && !notices_known(site)) notices_ask(site);
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
    enum net_status forbidden = job->kind == JOB_URL ? notices_forbid(site, job) : NET_OK;
    if (forbidden != NET_OK) {
        job_finish(job, forbidden);
        return;
    }
    struct job_list *list = job->kind == JOB_NOTICE ? &site->notice_jobs : &site->urls;
    if (first) job_list_add_first(list, job);
    else job_list_add(list, job);
    site_drive(site);
}
