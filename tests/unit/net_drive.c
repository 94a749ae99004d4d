/* Fetches the URLs on standard input, one a line, and prints one JSON object a line for each result. For tests/e2e/net_test.py,
 * which stands servers around it. Options: --NAME=VALUE, names as in the table below. */
#include "crawl/net/client.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int set_number(struct net_options *o, struct str name, struct str value)
{
    uint64_t n = 0;
    double real = 0;
    str_to_u64(value, &n);
    str_to_double(value, &real);
    if (str_eq(name, STR("deadline"))) o->deadline_ms = (unsigned)n;
    else if (str_eq(name, STR("connect"))) o->connect_ms = (unsigned)n;
    else if (str_eq(name, STR("stall"))) o->stall_ms = (unsigned)n;
    else if (str_eq(name, STR("tries"))) o->tries = (unsigned)n;
    else if (str_eq(name, STR("redirects"))) o->redirects = (unsigned)n;
    else if (str_eq(name, STR("connections"))) o->connections = (unsigned)n;
    else if (str_eq(name, STR("window"))) o->window = (unsigned)n;
    else if (str_eq(name, STR("memory"))) o->memory = n;
    else if (str_eq(name, STR("bytes-max"))) o->bytes_max = n;
    else if (str_eq(name, STR("patience"))) o->patience_ms = (int64_t)n;
    else if (str_eq(name, STR("seed"))) o->seed = n;
    else if (str_eq(name, STR("dns-timeout"))) o->dns_timeout_ms = (unsigned)n;
    else if (str_eq(name, STR("dns-in-flight"))) o->dns_in_flight = (unsigned)n;
    else if (str_eq(name, STR("rate"))) o->polite.rate = real;
    else if (str_eq(name, STR("host-connections"))) o->polite.connections = (unsigned)n;
    else if (str_eq(name, STR("failures"))) o->polite.failures = (unsigned)n;
    else return fail_usage("no option '%.*s'", STR_ARG(name));
    return 0;
}

static int set_option(struct net_options *o, struct optout *list, const char *argument)
{
    struct str value = str_from(argument), name;
    if (!str_starts(value, STR("--"))) return fail_usage("'%s' is no option", argument);
    value = str_from_at(value, 2);
    name = str_cut(&value, '=');
    if (str_eq(name, STR("dns"))) return names_servers_parse(o->servers, &o->server_count, value);
    if (str_eq(name, STR("accept"))) return guard_accept(&o->guard, value);
    if (str_eq(name, STR("optout"))) return optout_load(list, value.p);
    if (str_eq(name, STR("high-ports"))) o->guard.high_ports = true;
    else if (str_eq(name, STR("ca"))) o->ca_file = value.p;
    else if (str_eq(name, STR("proxy"))) o->proxy = value.p;
    else if (str_eq(name, STR("agent"))) o->user_agent = value.p;
    else if (str_eq(name, STR("any-certificate"))) o->any_certificate = true;
    else if (str_eq(name, STR("no-http2"))) o->no_http2 = true;
    else if (str_eq(name, STR("ignore-robots"))) o->ignore_robots = true;
    else if (str_eq(name, STR("ignore-tags"))) o->ignore_tags = true;
    else if (str_eq(name, STR("ignore-tdm"))) o->ignore_tdm = true;
    else if (str_eq(name, STR("ignore-ai-txt"))) o->ignore_ai_txt = true;
    else return set_number(o, name, value);
    return 0;
}

static void print_result(const struct net_result *r)
{
    char hex[33];
    hash128_hex(hash_xxh3_128(buf_str(&r->body), 0), hex);
    json_t *url = json_stringn_nocheck(r->url.p ? r->url.p : "", r->url.n), *detail = json_string(r->detail);
    json_t *object = json_pack("{sI ss si sI ss so* so* ss sb si si sI sI sI sI}", "key", (json_int_t)r->key, "status", net_status_name(r->status),
                               "http", (int)r->http_status, "bytes", (json_int_t)r->body.n, "hash", hex, "url", url, "detail", detail,
                               "cause", net_cause_name(net_status_cause(r->status, r->http_status)),
                               "passing", net_status_passing(r->status, r->http_status), "redirects", (int)r->redirects, "requests",
                               (int)r->requests, "measured", (json_int_t)r->measured, "bound", (json_int_t)r->bound,
                               "waited_ms", (json_int_t)r->waited_ms, "took_ms", (json_int_t)r->took_ms);
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static void print_counts(const struct net *net)
{
    struct net_counts c = net_counts(net);
    printf("{\"requests\":%" PRIu64 ",\"notice_requests\":%" PRIu64 ",\"retries\":%" PRIu64 ",\"redirects\":%" PRIu64 ",\"refetched\":%" PRIu64
           ",\"body_bytes\":%" PRIu64 ",\"names_found\":%" PRIu64 ",\"names_asked\":%" PRIu64 ",\"names_failed\":%" PRIu64 "}\n",
           c.requests, c.notice_requests, c.retries, c.redirects, c.refetched, c.bytes, c.names.found, c.names.asked, c.names.failed);
}

static int run(struct net *net)
{
    char *line = NULL;
    size_t room = 0;
    uint64_t key = 0;
    bool more = true, held = false;
    struct str url = STR_ABSENT;
    int result = 0;
    while (result >= 0 && (more || net_inside(net))) {
        if (more && !held) {
            ssize_t n = getline(&line, &room, stdin);
            more = held = n > 0;
            if (n > 0) url = str_of(line, (size_t)(line[n - 1] == '\n' ? n - 1 : n));
        }
        int taken = held ? net_submit(net, key, url, NET_PICTURE) : 0;
        if (taken < 0) result = -1;
        if (taken == 1) {
            key++;
            held = false;
            continue;
        }
        struct net_result one;
        result = net_next(net, &one, 1000);
        if (result != 1) continue;
        print_result(&one);
        net_result_free(&one);
    }
    free(line);
    return result < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct net_options options;
    struct optout *list = optout_new();
    net_options_init(&options);
    options.optout = list;
    int result = list ? 0 : -1;
    for (int i = 1; i < argc && result == 0; i++) result = set_option(&options, list, argv[i]);
    if (result == 0) result = optout_seal(list);
    struct net *net = result == 0 ? net_open(&options) : NULL;
    if (!net || run(net) < 0) {
        fprintf(stderr, "net_drive: %s\n", fail_message());
        result = -1;
    } else {
        print_counts(net);
    }
    net_close(net);
    optout_free(list);
    return result < 0 ? 1 : 0;
}
