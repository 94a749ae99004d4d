/* The proxy's address: one that stands in the option, or what our own name servers say. It is what the user wants to connect
 * to, so the guard has no say in it. */
#include "crawl/net/client_private.h"
#include "pipeline/base/fail.h"

enum { PROXY_WAIT_MS = 20 * 1000 };

struct search {
    struct names *names;
    struct names_waiter waiter;
    struct names_result result;
    const struct wire_ops *ops;
    struct wire *wire;
    bool known;
};

static int put_question(void *context, unsigned server, const char *name, int family, void *entry)
{
    const struct search *s = context;
    return s->ops->ask(s->wire, server, name, family, entry);
}

static void on_answer(void *context, void *entry, const struct wire_found *found)
{
    const struct search *s = context;
    names_answer(s->names, entry, found, net_clock());
}

static void on_known(void *context, struct names_waiter *waiter, const struct names_result *result)
{
    (void)waiter;
    struct search *s = context;
    s->result = *result;
    s->known = true;
}

static int search(struct net *net, struct search *s, struct str host)
{
    struct guard everything = {.accepted_count = 0};
    if (guard_accept(&everything, STR("0.0.0.0/0")) < 0 || guard_accept(&everything, STR("::/0")) < 0) return -1;
    const struct wire_calls calls = {.context = s, .answer = on_answer};
    const struct net_options *o = &net->options;
    struct wire_options options = {.guard = &everything, .user_agent = o->user_agent, .connections = 1, .servers = o->servers,
                                   .server_count = o->server_count, .dns_timeout_ms = o->dns_timeout_ms};
    struct names_config config = {.guard = &everything, .servers = o->server_count, .in_flight = 1, .context = s,
                                  .ask = put_question, .ready = on_known};
    s->ops = net->ops;
    s->wire = net->ops->open(&options, &calls);
    s->names = s->wire ? names_new(&config) : NULL;
    int found = s->names ? names_find(s->names, host, net_clock(), &s->waiter, &s->result) : -1;
    int64_t until = net_clock() + PROXY_WAIT_MS;
    while (found == 0 && !s->known && net_clock() < until)
        if (s->ops->wait(s->wire, until - net_clock()) < 0) found = -1;
    if (s->wire) s->ops->close(s->wire);
    names_free(s->names);
    return found < 0 ? -1 : 0;
}

int proxy_find(struct net *net)
{
    const char *text = net->options.proxy;
    struct url url;
    struct search s = {.known = false};
    if (url_parse(&net->parser, &url, NULL, str_from(text), NULL) != URL_OK || !str_eq(url_scheme(&url), STR("http")))
        return fail_usage("--proxy %s: http://HOST:PORT is expected", text);
    if (url_has_userinfo(&url)) return fail_usage("--proxy: user names and passwords are never sent; give http://HOST:PORT of a proxy that asks for none");
    net->proxy_port = url_port(&url);
    if (url.host_kind != URL_DOMAIN) return net_address_parse(&net->proxy, url_host(&url));
    if (!net->options.server_count) return fail_usage("--proxy %s: give its address, or a name server with --dns", text);
    s.result.status = NET_DNS_TIMEOUT;
    if (search(net, &s, url_host(&url)) < 0) return -1;
    if (s.result.status != NET_OK) return fail("--proxy %s: %s", text, net_status_meaning(s.result.status));
    net->proxy = s.result.addresses[0];
    return 0;
}
