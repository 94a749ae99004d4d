/* What a site says of the use of its files: robots.txt, then, of what it allows, tdmrep.json and ai.txt. Only the first can
 * close a site by being out of reach (RFC 9309); a site that does not give the others does not use them. */
#include "crawl/net/client_private.h"
#include "crawl/robots/tdmrep.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

static const char *const paths[NOTICES] = {"/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"};

static bool is_needed(const struct site *site, enum notice_kind kind)
{
    const struct net_options *o = &site->net->options;
    return kind == NOTICE_ROBOTS ? !o->ignore_robots : kind == NOTICE_TDMREP ? !o->ignore_tdm : !o->ignore_ai_txt;
}

static bool is_known(const struct site *site, enum notice_kind kind)
{
    const struct notice *n = &site->notices[kind];
    return !is_needed(site, kind) || (n->state == NOTICE_RULES && site->net->now < n->expire);
}

bool notices_known(const struct site *site)
{
    for (int kind = 0; kind < NOTICES; kind++)
        if (!is_known(site, (enum notice_kind)kind)) return false;
    return true;
}

size_t notices_hold(const struct site *site)
{
    size_t bytes = 0;
    for (int kind = 0; kind < NOTICES; kind++)
        if (site->notices[kind].state == NOTICE_RULES) bytes += robots_memory(&site->notices[kind].rules);
    return bytes;
}

static void forget(struct site *site, struct notice *n)
{
    site->net->notice_bytes -= robots_memory(&n->rules);
    robots_free(&n->rules);
    if (n->state == NOTICE_RULES) n->state = NOTICE_UNKNOWN;
}

void notices_forget(struct site *site)
{
    for (int kind = 0; kind < NOTICES; kind++) forget(site, &site->notices[kind]);
}

/* ---- asking */

static void ask(struct site *site, enum notice_kind kind)
{
    struct net *net = site->net;
    struct job *job = job_new(net, JOB_NOTICE);
    struct buf url;
    site->notices[kind].state = NOTICE_ASKED;
    site->busy++;
    buf_init(&url, URL_MAX + 32);
    if (!job || buf_printf(&url, "%s%s", site->origin, paths[kind]) < 0) {
        net_failed(net);
        if (job) job_free(job);
        site->busy--;
        site->notices[kind].state = NOTICE_UNKNOWN;
    } else {
        job->asks_for = site;
        job->notice = kind;
        job_enter(job, buf_str(&url), NULL);
    }
    buf_free(&url);
}

void notices_ask(struct site *site)
{
    struct notice *robots = &site->notices[NOTICE_ROBOTS];
    if (!is_known(site, NOTICE_ROBOTS)) {
        bool failed = robots->state == NOTICE_FAILED && site->net->now < robots->expire;
        if (failed) site_end_urls(site, robots->status, robots->measured);
        else if (robots->state != NOTICE_ASKED) ask(site, NOTICE_ROBOTS);
        return;
    }
    for (int kind = NOTICE_ROBOTS + 1; kind < NOTICES; kind++) {
        struct notice *n = &site->notices[kind];
        if (is_known(site, (enum notice_kind)kind) || n->state == NOTICE_ASKED) continue;
        if (!is_needed(site, NOTICE_ROBOTS) || robots_allows(&robots->rules, str_from(paths[kind]))) ask(site, (enum notice_kind)kind);
        else *n = (struct notice){.state = NOTICE_RULES, .expire = robots->expire, .rules = {.crawl_delay_ms = -1}};
    }
}

/* ---- answers */

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

/* Many sites answer every path with a page. */
static bool is_markup(struct str body)
{
    body = str_trim(body);
    return body.n && body.p[0] == '<';
}

static int parse(struct notice *n, const struct job *job)
{
    struct str body = buf_str(&job->body), agent = str_from(job->net->options.agent);
    if (job->notice == NOTICE_TDMREP) return tdmrep_parse(&n->rules, body);
    return robots_parse(&n->rules, job->notice == NOTICE_AI_TXT && is_markup(body) ? STR_ABSENT : body, agent);
}

static void fail_notice(struct notice *n, const struct job *job, enum net_status status)
{
    n->state = NOTICE_FAILED;
    n->status = failure_of(job, status);
    n->measured = n->status == NET_ROBOTS_UNREACHABLE ? job->http_status : job->measured;
}

static void drop_forbidden(struct site *site)
{
    struct job_list taken = site->urls;
    job_list_init(&site->urls);
    for (struct job *job; (job = job_list_take(&taken));) {
        enum net_status status = notices_forbid(site, job);
        if (status == NET_OK) job_list_add(&site->urls, job);
        else job_finish(job, status);
    }
}

void notice_came(struct site *site, struct job *job, enum net_status status)
{
    struct net *net = site->net;
    struct notice *n = &site->notices[job->notice];
    bool parsed = false;
    forget(site, n);
    n->state = NOTICE_RULES;
    if (status == NET_OK) {
        parsed = parse(n, job) == 0;
        if (!parsed) status = NET_LOCAL;
    }
    net->notice_bytes += robots_memory(&n->rules);
    if (job->notice == NOTICE_ROBOTS && parsed) polite_set_delay(net->polite, &site->polite, n->rules.crawl_delay_ms);
    bool settled = parsed || means_no_rules(job, status);
    if (job->notice == NOTICE_ROBOTS && !settled) fail_notice(n, job, status);
    n->expire = net->now + (settled ? NOTICE_TTL_MS : NOTICE_FAILURE_TTL_MS);
    if (n->state == NOTICE_RULES) drop_forbidden(site);
    else site_end_urls(site, n->status, n->measured);
    site->busy--;
    site_drive(site);
}

enum net_status notices_forbid(struct site *site, struct job *job)
{
    struct str target = url_target(&job->url);
    const struct notice *n = site->notices;
    if (is_needed(site, NOTICE_ROBOTS) && is_known(site, NOTICE_ROBOTS) && !robots_allows(&n[NOTICE_ROBOTS].rules, target)) return NET_ROBOTS;
    if (!notices_known(site)) return NET_OK; /* the others are judged together: which of them came first must not show */
    if (is_needed(site, NOTICE_TDMREP) && tdmrep_reserves(&n[NOTICE_TDMREP].rules, target)) {
        job_say(job, "tdmrep.json");
        return NET_TDM_RESERVED;
    }
    return is_needed(site, NOTICE_AI_TXT) && !robots_allows(&n[NOTICE_AI_TXT].rules, target) ? NET_AI_TXT : NET_OK;
}
