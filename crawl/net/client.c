/* The loop. Each turn: delays that are over and memory that has become free send jobs back to their sites; politeness names
 * sites that may be asked, as long as there are connections and memory; then the wire is waited for. */
#include "crawl/net/client_private.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

enum {
    SPARE_FILES = 128, /* that the program needs beside connections */
};

int64_t net_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void net_options_init(struct net_options *options)
{
    *options = (struct net_options){
        .dns_in_flight = 100, .dns_timeout_ms = 3000, .user_agent = "winnow/" WINNOW_VERSION, .agent = "winnow", .polite = polite_default,
        .connections = 256, .window = 10000, .memory = 256 << 20, .bytes_max = 20 * 1000 * 1000,
        .deadline_ms = 60 * 1000, .connect_ms = 10 * 1000, .stall_ms = 10 * 1000, .stall_bytes = 128,
        .tries = 3, .redirects = 5, .patience_ms = 120 * 1000,
    };
}

/* ---- opening and closing */

static int on_head(void *owner, struct str head) { return response_head(owner, head); }
static bool on_keep(void *owner)
{
    const struct site *site = ((const struct job *)owner)->site;
    return site->urls.first || site->notice_jobs.first;
}

static int on_body(void *owner, struct str piece) { return response_body(owner, piece); }
static void on_done(void *owner, const struct wire_end *end) { job_ended(owner, end); }

static void on_answer(void *context, void *entry, const struct wire_found *found)
{
    struct net *net = context;
    net->now = net_clock();
    names_answer(net->names, entry, found, net->now);
}

static int put_question(void *context, unsigned server, const char *name, int family, void *entry)
{
    struct net *net = context;
    return net->ops->ask(net->wire, server, name, family, entry);
}

static void name_is_known(void *context, struct names_waiter *waiter, const struct names_result *result)
{
    (void)context;
    site_named(CONTAINER(waiter, struct site, waiter), result);
}

/* Files for all connections, running and idle; where the system grants fewer, fewer connections are used. */
static void fit_files(struct net_options *o)
{
    struct rlimit limit;
    rlim_t need = 2 * (rlim_t)o->connections + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need) return;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = before;
    if (limit.rlim_cur >= need) return;
    unsigned left = limit.rlim_cur > SPARE_FILES + 2 ? (unsigned)(limit.rlim_cur - SPARE_FILES) / 2 : 1;
    o->connections = left ? left : 1;
}

static int open_parts(struct net *net)
{
    const struct net_options *o = &net->options;
    net->calls = (struct wire_calls){
        .context = net, .head = on_head, .keep = on_keep, .body = on_body, .done = on_done, .answer = on_answer,
    };
    struct wire_options wire = {
        .guard = &o->guard, .user_agent = o->user_agent, .ca_file = o->ca_file, .any_certificate = o->any_certificate,
        .no_http2 = o->no_http2, .connections = o->connections, .servers = o->servers, .server_count = o->server_count,
        .dns_timeout_ms = o->dns_timeout_ms, .proxy = o->proxy ? &net->proxy : NULL, .proxy_port = net->proxy_port,
    };
    struct names_config names = {
        .guard = &o->guard, .servers = o->server_count, .in_flight = o->dns_in_flight, .context = net,
        .ask = put_question, .ready = name_is_known,
    };
    net->wire = net->ops->open(&wire, &net->calls);
    net->names = net->wire ? names_new(&names) : NULL;
    net->polite = net->names ? polite_new(&o->polite) : NULL;
    return net->polite ? 0 : -1;
}

struct net *net_open(const struct net_options *options)
{
    const struct wire_ops *ops = module_open("net");
    struct net *net = ops ? calloc(1, sizeof *net) : NULL;
    if (!net) return ops ? (fail_memory(), NULL) : NULL;
    net->options = *options;
    net->ops = ops;
    net->now = net_clock();
    net->random = options->seed;
    if (!options->seed && getrandom(&net->random, sizeof net->random, GRND_NONBLOCK) < 0) net->random = (uint64_t)net->now;
    table_init(&net->sites);
    buf_init(&net->scratch, 4 * WIRE_HEAD_MAX + URL_MAX);
    fit_files(&net->options);
    if (url_parser_init(&net->parser) == 0 && (!options->proxy || proxy_find(net) == 0) && open_parts(net) == 0) return net;
    net_close(net);
    return NULL;
}

void net_close(struct net *net)
{
    if (!net) return;
    if (net->wire) net->ops->close(net->wire);
    while (net->all) job_free(net->all);
    for (struct site *site = net->newest, *older; site; site = older) {
        older = site->older;
        site_free(site);
    }
    table_free(&net->sites);
    heap_free(&net->delays);
    names_free(net->names);
    polite_free(net->polite);
    url_parser_free(&net->parser);
    buf_free(&net->scratch);
    free(net);
}

/* ---- in and out */

int net_submit(struct net *net, uint64_t key, struct str url, unsigned flags)
{
    if (net->inside >= net->options.window) return 0;
    net->now = net_clock();
    struct job *job = job_new(net, JOB_URL);
    if (!job) return -1;
    job->key = key;
    job->flags = flags;
    net->inside++;
    job_enter(job, url, NULL);
    return 1;
}

void net_result_free(struct net_result *result)
{
    buf_free(&result->body);
    buf_free(&result->url);
}

static void hand_over(struct net *net, struct job *job, struct net_result *result)
{
    *result = (struct net_result){
        .key = job->key, .status = job->verdict, .http_status = job->http_status, .redirects = job->hops, .requests = job->requests,
        .body = job->body, .url = job->href, .measured = job->measured,
        .waited_ms = (job->started ? job->started : net->now) - job->submitted, .took_ms = net->now - job->submitted,
    };
    if (result->status == NET_TOO_LONG) result->bound = net->options.bytes_max;
    if (result->status == NET_DEFERRED) result->bound = (uint64_t)net->options.patience_ms / 1000;
    memcpy(result->detail, job->detail, sizeof result->detail);
    job->body = job->href = (struct buf){.p = NULL};
    job_free(job);
    net->inside--;
}

size_t net_inside(const struct net *net) { return net->inside; }
void net_wake(struct net *net) { net->ops->wake(net->wire); }
void net_pause(struct net *net, bool paused) { net->paused = paused; }

struct net_counts net_counts(const struct net *net)
{
    struct net_counts counts = net->counts;
    counts.names = names_counts(net->names);
    return counts;
}

int net_versions(struct buf *out)
{
    const struct wire_ops *ops = module_open("net");
    return ops ? ops->versions(out) : -1;
}

/* ---- the loop */

static bool may_start_more(const struct net *net)
{
    if (net->paused || net->running >= net->options.connections) return false;
    if (net->running == 0) return true;
    return !net->parked.first && net->held + FIRST_ROOM <= net->options.memory;
}

/* The site has been given a connection: its first job that may use it. */
static struct job *take_job(struct site *site)
{
    if (!site_may_start(site)) return NULL;
    struct job *job = job_list_take(&site->notice_jobs);
    return job ? job : job_list_take(&site->urls);
}

/* Starts what may be started; when to look again, in the clock's time. */
static int64_t start_jobs(struct net *net)
{
    int64_t wake = INT64_MAX;
    while (may_start_more(net)) {
        struct polite_site *turn = polite_next(net->polite, net->now, &wake);
        if (!turn) return wake;
        struct site *site = CONTAINER(turn, struct site, polite);
        struct job *job = take_job(site);
        if (job) job_start(job);
        else if (polite_ended(net->polite, turn, net->now) < 0) net_failed(net);
        site_drive(site);
    }
    return INT64_MAX; /* a transfer must end first */
}

int net_next(struct net *net, struct net_result *result, int64_t wait_ms)
{
    int64_t until = net_clock() + wait_ms;
    for (bool waited = false;;) {
        net->now = net_clock();
        jobs_wake(net);
        int64_t due = start_jobs(net);
        if (net->failed) {
            net->failed = false;
            return -1;
        }
        struct job *job = job_list_take(&net->done);
        if (job) {
            hand_over(net, job, result);
            return 1;
        }
        if (!net->inside || (waited && net->now >= until)) return 0;
        struct heap_item *delayed = heap_first(&net->delays);
        if (delayed && delayed->time < due) due = delayed->time;
        if (until < due) due = until;
        int woken = net->ops->wait(net->wire, due > net->now ? due - net->now : 0);
        if (woken) return woken < 0 ? -1 : 0;
        waited = true;
        sites_trim(net);
    }
}
