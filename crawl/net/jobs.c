/* One URL on its way: into the queue of its site, through its requests, on along redirects, to its result. */
#include "crawl/net/client_private.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- lists */

void job_list_init(struct job_list *list) { *list = (struct job_list){.first = NULL}; }

void job_list_add(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->last) list->last->next = job;
    else list->first = job;
    list->last = job;
}

void job_list_add_first(struct job_list *list, struct job *job)
{
    job->next = list->first;
    list->first = job;
    if (!list->last) list->last = job;
}

struct job *job_list_take(struct job_list *list)
{
    struct job *job = list->first;
    if (!job) return NULL;
    list->first = job->next;
    if (!list->first) list->last = NULL;
    job->next = NULL;
    return job;
}

/* ---- jobs */

struct job *job_new(struct net *net, enum job_kind kind)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) return fail_memory(), NULL;
    job->net = net;
    job->kind = kind;
    job->submitted = net->now;
    job->retry_after_ms = -1;
    buf_init(&job->href, URL_MAX);
    buf_init(&job->encoding, WIRE_HEAD_MAX);
    buf_init(&job->location, WIRE_HEAD_MAX);
    job->all_next = net->all;
    job->all_link = &net->all;
    if (job->all_next) job->all_next->all_link = &job->all_next;
    net->all = job;
    return job;
}

static void set_reserved(struct job *job, size_t bytes)
{
    job->net->held += bytes;
    job->net->held -= job->reserved;
    job->reserved = bytes;
}

void job_free(struct job *job)
{
    set_reserved(job, 0);
    *job->all_link = job->all_next;
    if (job->all_next) job->all_next->all_link = job->all_link;
    buf_free(&job->href);
    buf_free(&job->body);
    buf_free(&job->encoding);
    buf_free(&job->location);
    free(job);
}

bool job_reserve(struct job *job, size_t bytes)
{
    struct net *net = job->net;
    if (bytes <= job->reserved) return true;
    uint64_t others = net->held - job->reserved;
    if (others && others + bytes > net->options.memory) return false; /* one alone may exceed it */
    set_reserved(job, bytes);
    return true;
}

void job_say(struct job *job, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(job->detail, sizeof job->detail, format, arguments);
    va_end(arguments);
}

static void leave_site(struct job *job)
{
    if (job->site) job->site->busy--;
    job->site = NULL;
}

void job_finish(struct job *job, enum net_status status)
{
    struct net *net = job->net;
    leave_site(job);
    if (job->kind == JOB_NOTICE) {
        notice_came(job->asks_for, job, status);
        job_free(job);
        return;
    }
    if (status != NET_OK) buf_free(&job->body);
    set_reserved(job, job->body.room);
    job->verdict = status;
    job_list_add(&net->done, job);
}

/* ---- into a site's queue */

static enum net_status enter_status(enum url_status status, bool redirected)
{
    if (status == URL_FAILED) return NET_LOCAL;
    return redirected ? NET_BAD_LOCATION : NET_BAD_URL;
}

/* Opt-out lists and what can be said of the URL alone. */
static enum net_status check_url(struct job *job)
{
    const struct net_options *o = &job->net->options;
    struct net_address address;
    if (job->kind == JOB_URL && optout_has(o->optout, &job->url)) return NET_OPTED_OUT;
    if (guard_port(&o->guard, url_port(&job->url)) != GUARD_OK) {
        job_say(job, "%u", url_port(&job->url));
        return NET_PORT;
    }
    if (job->url.host_kind == URL_DOMAIN || net_address_parse(&address, url_host(&job->url)) < 0) return NET_OK;
    if (guard_address(&o->guard, &address) == GUARD_OK) return NET_OK;
    job_say(job, "%.*s", STR_ARG(url_host(&job->url)));
    return NET_ADDRESS;
}

void job_enter(struct job *job, struct str text, const struct url *base)
{
    struct net *net = job->net;
    struct url url;
    enum url_status parsed = url_parse(&net->parser, &url, base, text, NULL);
    if (parsed != URL_OK) {
        if (parsed == URL_FAILED) net_failed(net);
        job_say(job, "%s", url_reason(parsed));
        job_finish(job, enter_status(parsed, base != NULL));
        return;
    }
    leave_site(job);
    buf_clear(&job->href);
    if (buf_add(&job->href, url_without_fragment(&url)) < 0) {
        job_finish(job, NET_LOCAL);
        return;
    }
    job->url = url_move(&url, buf_str(&job->href));
    enum net_status status = check_url(job);
    struct site *site = status == NET_OK ? site_find(net, &job->url) : NULL;
    if (status == NET_OK && !site) {
        net_failed(net);
        status = NET_LOCAL;
    }
    if (status != NET_OK) job_finish(job, status);
    else site_add(site, job, false);
}

/* Follows a redirect. A Location should be ASCII; UTF-8 is taken as such, other bytes one by one, as browsers do. */
static void follow(struct job *job)
{
    struct net *net = job->net;
    unsigned most = job->kind == JOB_NOTICE ? NOTICE_REDIRECTS : net->options.redirects;
    if (job->hops == most) {
        job_finish(job, NET_REDIRECTS);
        return;
    }
    job->hops++;
    job->tries = 0;
    net->counts.redirects++;
    struct buf *target = &net->scratch;
    buf_clear(target);
    bool utf8 = utf8_valid(buf_str(&job->location));
    int result = 0;
    for (size_t i = 0; i < job->location.n && result == 0; i++) {
        unsigned char c = (unsigned char)job->location.p[i];
        result = utf8 || c < 0x80 ? buf_byte(target, (char)c) : buf_printf(target, "%%%02X", c);
    }
    if (result < 0) job_finish(job, NET_BAD_LOCATION);
    else job_enter(job, buf_str(target), &job->url);
}

/* ---- a request */

/* The URL as it is asked for: without user name, password and fragment. */
static const char *request_url(struct job *job)
{
    struct buf *out = &job->net->scratch;
    buf_clear(out);
    if (url_origin(out, &job->url) < 0 || buf_add(out, url_target(&job->url)) < 0) return NULL;
    return buf_c_string(out);
}

void job_start(struct job *job)
{
    struct net *net = job->net;
    struct site *site = job->site;
    const struct net_options *o = &net->options;
    struct wire_request request = {
        .url = request_url(job), .host = site->host, .port = site->port,
        .addresses = site->address.addresses, .address_count = site->literal || o->proxy ? 0 : site->address.count,
        .accept = job->kind == JOB_NOTICE ? WIRE_TEXT : WIRE_PICTURE,
        .deadline_ms = o->deadline_ms, .connect_ms = o->connect_ms, .stall_ms = o->stall_ms, .stall_bytes = o->stall_bytes, .owner = job,
    };
    if (!job->started) job->started = net->now;
    if (job->reserved < FIRST_ROOM) set_reserved(job, FIRST_ROOM);
    job->requests++;
    job->http_status = 0;
    job->verdict = NET_OK;
    net->counts.requests++;
    if (job->kind == JOB_NOTICE) net->counts.notice_requests++;
    if (request.url && net->ops->start(net->wire, &request) == 0) {
        net->running++;
        return;
    }
    job_say(job, "%s", fail_message());
    polite_ended(net->polite, &site->polite, net->now);
    job_finish(job, NET_LOCAL);
}

/* ---- after a request */

static uint64_t next_random(struct net *net) /* splitmix64 */
{
    uint64_t z = net->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int64_t backoff(struct net *net, unsigned tries)
{
    int64_t most = tries < 5 ? (int64_t)BACKOFF_MS << tries : BACKOFF_MOST_MS;
    if (most > BACKOFF_MOST_MS) most = BACKOFF_MOST_MS;
    return (int64_t)(next_random(net) % (uint64_t)(most + 1));
}

static bool is_busy(enum net_status status, unsigned http) { return status == NET_HTTP && (http == 429 || http == 503); }

static bool may_try_again(enum net_status status, unsigned http)
{
    switch (status) {
    case NET_CONNECT_REFUSED: case NET_CONNECT_FAILED: case NET_RESET: case NET_INCOMPLETE: return true;
    case NET_HTTP: return http == 429 || http == 500 || http == 502 || http == 503 || http == 504;
    default: return false;
    }
}

/* How the request ended. */
static enum net_status outcome(struct job *job, const struct wire_end *end)
{
    if (end->stopped) return job->verdict == NET_OK && job->enough ? response_end(job) : job->verdict;
    if (end->status == NET_OK) return response_end(job);
    if (job->verdict != NET_OK || job->location.n) return job->verdict; /* the head had said enough */
    job_say(job, "%s", end->reason);
    if (end->status == NET_PROXY) job->measured = end->tunnel_status;
    return end->status;
}

static void note_host(struct job *job, const struct wire_end *end, enum net_status status)
{
    struct net *net = job->net;
    struct polite_site *site = &job->site->polite;
    if (end->connected) polite_connected(site);
    else if (status == NET_CONNECT_REFUSED || status == NET_CONNECT_FAILED || status == NET_CONNECT_TIMEOUT)
        polite_failed(net->polite, site, net->now);
    if (!is_busy(status, job->http_status)) {
        if (job->http_status) polite_answered(site);
    } else if (job->retry_after_ms >= 0) {
        polite_pause(net->polite, site, net->now, job->retry_after_ms);
    } else {
        polite_pause_longer(net->polite, site, net->now);
    }
}

/* Another try: at once where the host's pause is the delay, else after a random one. */
static void try_again(struct job *job, enum net_status status)
{
    struct net *net = job->net;
    job->tries++;
    net->counts.retries++;
    buf_free(&job->body);
    set_reserved(job, 0);
    if (is_busy(status, job->http_status)) {
        site_add(job->site, job, true);
    } else if (heap_add(&net->delays, &job->due, net->now + backoff(net, job->tries - 1)) < 0) {
        net_failed(net);
        job_finish(job, NET_LOCAL);
    }
}

static void park(struct job *job)
{
    struct net *net = job->net;
    net->counts.refetched++;
    buf_free(&job->body);
    set_reserved(job, 0);
    job_list_add(&net->parked, job);
}

void job_ended(struct job *job, const struct wire_end *end)
{
    struct net *net = job->net;
    struct site *site = job->site;
    net->now = net_clock();
    net->running--;
    site->busy++; /* it must outlive its job */
    bool wants_room = end->stopped && job->room_wanted;
    enum net_status status = wants_room ? NET_OK : outcome(job, end);
    note_host(job, end, status);
    if (polite_ended(net->polite, &site->polite, net->now) < 0) net_failed(net);
    bool too_long = is_busy(status, job->http_status) && polite_paused_ms(&site->polite, net->now) > net->options.patience_ms;
    if (wants_room) park(job);
    else if (status == NET_OK && job->location.n) follow(job);
    else if (may_try_again(status, job->http_status) && job->tries + 1 < net->options.tries && !too_long) try_again(job, status);
    else job_finish(job, status);
    site->busy--;
    site_drive(site);
}

void jobs_wake(struct net *net)
{
    struct heap_item *item;
    while ((item = heap_first(&net->delays)) && item->time <= net->now) {
        struct job *job = CONTAINER(item, struct job, due);
        heap_remove(&net->delays, item);
        site_add(job->site, job, true);
    }
    while (net->parked.first && job_reserve(net->parked.first, net->parked.first->room_wanted)) {
        struct job *job = job_list_take(&net->parked);
        site_add(job->site, job, true);
    }
}
