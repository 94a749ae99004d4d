/* Questions to name servers. Each server has a channel of its own with one try, so that who is asked next, and how often, is
 * decided above. A truncated answer is asked for again over TCP by c-ares itself. */
#include "crawl/net/wire/wire_private.h"

#include "pipeline/base/fail.h"

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/time.h>

struct question {
    struct questions *all;
    struct question *next; /* answered, not yet delivered */
    unsigned server;
    int family;
    void *owner;
    struct wire_found found;
};

struct channel {
    struct questions *all;
    ares_channel ares;
    unsigned number, open; /* open: questions without an answer */
    bool made;
};

struct questions {
    int epoll;
    const struct wire_calls *calls;
    struct channel *channels;
    unsigned channel_count;
    struct question *first, **last;
    bool closing, library;
};

static void on_socket(void *context, ares_socket_t fd, int readable, int writable)
{
    const struct channel *c = context;
    wire_watch(c->all->epoll, fd, WATCH_QUESTIONS + c->number, readable, writable);
}

static int make_channel(struct questions *q, struct channel *c, const struct dns_server *server, unsigned timeout_ms)
{
    char lookups[] = "b", *domains[1] = {NULL};
    struct ares_options o = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_STAYOPEN,
        .timeout = (int)timeout_ms, .tries = 1, .ndots = 1, .lookups = lookups, .domains = domains, .ndomains = 0,
        .sock_state_cb = on_socket, .sock_state_cb_data = c,
    };
    c->all = q;
    int status = ares_init_options(&c->ares, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_LOOKUPS |
                                                     ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) return fail("c-ares: %s", ares_strerror(status));
    c->made = true;
    bool v4 = server->address.family == 4;
    struct ares_addr_port_node node = {.family = v4 ? AF_INET : AF_INET6, .udp_port = server->port, .tcp_port = server->port};
    memcpy(&node.addr, server->address.bytes, v4 ? 4 : 16);
    status = ares_set_servers_ports(c->ares, &node);
    return status == ARES_SUCCESS ? 0 : fail("c-ares: %s", ares_strerror(status));
}

struct questions *questions_open(int epoll, const struct wire_options *options, const struct wire_calls *calls)
{
    struct questions *q = calloc(1, sizeof *q);
    if (!q) return fail_memory(), NULL;
    q->epoll = epoll;
    q->calls = calls;
    q->last = &q->first;
    int status = ares_library_init(ARES_LIB_INIT_ALL), result = 0;
    q->library = status == ARES_SUCCESS;
    if (!q->library) result = fail("c-ares: %s", ares_strerror(status));
    q->channels = calloc(options->server_count + 1, sizeof *q->channels);
    if (!q->channels) result = fail_memory();
    for (; result == 0 && q->channel_count < options->server_count; q->channel_count++) {
        q->channels[q->channel_count].number = q->channel_count;
        result = make_channel(q, &q->channels[q->channel_count], &options->servers[q->channel_count], options->dns_timeout_ms);
    }
    if (result == 0) return q;
    questions_close(q);
    return NULL;
}

void questions_close(struct questions *q)
{
    if (!q) return;
    q->closing = true;
    for (unsigned i = 0; q->channels && i <= q->channel_count; i++)
        if (q->channels[i].made) ares_destroy(q->channels[i].ares); /* answers all open questions */
    for (struct question *one = q->first, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    free(q->channels);
    if (q->library) ares_library_cleanup();
    free(q);
}

static enum wire_answer answer_of(int status)
{
    switch (status) {
    case ARES_SUCCESS: return WIRE_FOUND;
    case ARES_ENODATA: return WIRE_NO_DATA;
    case ARES_ENOTFOUND: return WIRE_NO_HOST;
    case ARES_EBADNAME: return WIRE_BAD_NAME;
    case ARES_ETIMEOUT: return WIRE_TIMEOUT;
    case ARES_ECONNREFUSED: case ARES_ENOMEM: return WIRE_UNREACHABLE;
    default: return WIRE_FAILED;
    }
}

/* The records of the answer; a well-formed answer without any is WIRE_NO_DATA. */
static void read_addresses(struct question *one, const unsigned char *bytes, int n)
{
    struct ares_addrttl v4[WIRE_ADDRESSES_MAX];
    struct ares_addr6ttl v6[WIRE_ADDRESSES_MAX];
    int count = WIRE_ADDRESSES_MAX;
    int status = one->family == 4 ? ares_parse_a_reply(bytes, n, NULL, v4, &count) : ares_parse_aaaa_reply(bytes, n, NULL, v6, &count);
    struct wire_found *found = &one->found;
    found->answer = answer_of(status);
    if (status != ARES_SUCCESS) return;
    if (count == 0) found->answer = WIRE_NO_DATA;
    for (int i = 0; i < count; i++) {
        struct net_address *a = &found->addresses[found->count++];
        a->family = (unsigned char)one->family;
        if (one->family == 4) memcpy(a->bytes, &v4[i].ipaddr, 4);
        else memcpy(a->bytes, &v6[i].ip6addr, 16);
        int64_t ttl = one->family == 4 ? v4[i].ttl : v6[i].ttl;
        if (i == 0 || ttl < found->ttl_s) found->ttl_s = ttl;
    }
}

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int n)
{
    (void)timeouts;
    struct question *one = context;
    struct questions *q = one->all;
    q->channels[one->server].open--;
    if (q->closing) {
        free(one);
        return;
    }
    if (status == ARES_SUCCESS) read_addresses(one, bytes, n);
    else one->found.answer = answer_of(status);
    one->next = NULL;
    *q->last = one;
    q->last = &one->next;
}

int questions_ask(struct questions *q, unsigned server, const char *name, int family, void *owner)
{
    struct question *one = calloc(1, sizeof *one);
    if (!one) return fail_memory();
    one->all = q;
    one->server = server;
    one->family = family;
    one->owner = owner;
    q->channels[server].open++;
    enum { CLASS_IN = 1, TYPE_A = 1, TYPE_AAAA = 28 };
    ares_query(q->channels[server].ares, name, CLASS_IN, family == 4 ? TYPE_A : TYPE_AAAA, on_answer, one);
    return 0;
}

int64_t questions_due(const struct questions *q)
{
    int64_t due = INT64_MAX, now = wire_clock();
    if (q->first) return now;
    for (unsigned i = 0; i < q->channel_count; i++) {
        struct timeval wait;
        if (!q->channels[i].open || !ares_timeout(q->channels[i].ares, NULL, &wait)) continue;
        int64_t at = now + (int64_t)wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1;
        if (at < due) due = at;
    }
    return due;
}

void questions_event(struct questions *q, unsigned server, int fd, bool readable, bool writable)
{
    ares_process_fd(q->channels[server].ares, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
}

void questions_expire(struct questions *q)
{
    for (unsigned i = 0; i < q->channel_count; i++)
        if (q->channels[i].open) ares_process_fd(q->channels[i].ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

int questions_deliver(struct questions *q)
{
    int count = 0;
    struct question *list = q->first;
    q->first = NULL;
    q->last = &q->first;
    for (struct question *next; list; list = next, count++) {
        next = list->next;
        q->calls->answer(q->calls->context, list->owner, &list->found);
        free(list);
    }
    return count;
}

const char *questions_version(void) { return ares_version(NULL); }
