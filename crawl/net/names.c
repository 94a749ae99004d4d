/* An entry is in one of three states: asking (its question is with a server), queued (every server is busy), or known. Known
 * entries stand in a list by last use, for eviction; the others are held by their question or by the queue. */
#include "crawl/net/names.h"

#include "crawl/net/table.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

enum {
    SILENT_MAX = 5,         /* failures to answer in a row after which a server is asked last */
    SILENT_MS = 10 * 1000,  /* for so long */
    NAME_BYTES_MAX = 254,   /* 253 octets and a final dot, RFC 1035 §2.3.4 */
};

enum entry_state { ENTRY_QUEUED, ENTRY_ASKING, ENTRY_KNOWN };

struct entry {
    struct table_node node;
    struct entry *newer, *older; /* known: the list by last use; queued: newer is the next in the queue */
    struct names_waiter *waiters;
    struct names_result result;
    enum entry_state state;
    unsigned attempts, server, tried; /* tried: bits of servers of this round */
    bool failed, silent;              /* some server failed, some stayed silent */
    unsigned char family;
    char name[];
};

struct server {
    unsigned open, silent; /* silent: failures to answer in a row */
    int64_t last_until;    /* asked last until then */
};

struct names {
    struct names_config config;
    struct table table;
    struct entry *newest, *oldest;
    struct entry *queue, **queue_end;
    struct server servers[NAMES_SERVERS_MAX];
    unsigned turn;
    struct names_counts counts;
};

struct names *names_new(const struct names_config *config)
{
    struct names *names = calloc(1, sizeof *names);
    if (!names) return fail_memory(), NULL;
    names->config = *config;
    names->queue_end = &names->queue;
    table_init(&names->table);
    return names;
}

void names_free(struct names *names)
{
    if (!names) return;
    struct table_node *node = table_next(&names->table, NULL);
    while (node) {
        struct table_node *next = table_next(&names->table, node);
        free(node);
        node = next;
    }
    table_free(&names->table);
    free(names);
}

struct names_counts names_counts(const struct names *names) { return names->counts; }

/* ---- the list by last use */

static void unlist(struct names *names, struct entry *e)
{
    *(e->newer ? &e->newer->older : &names->newest) = e->older;
    *(e->older ? &e->older->newer : &names->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void list_newest(struct names *names, struct entry *e)
{
    e->older = names->newest;
    e->newer = NULL;
    *(e->older ? &e->older->newer : &names->oldest) = e;
    names->newest = e;
}

static void evict(struct names *names)
{
    while (names->table.count > NAMES_KEPT_MAX && names->oldest) {
        struct entry *e = names->oldest;
        unlist(names, e);
        table_remove(&names->table, &e->node);
        free(e);
    }
}

/* ---- asking */

/* A server with room, not yet tried in this round where possible, those that answer before those that do not; -1 when all
 * are busy. */
static int choose_server(struct names *names, const struct entry *e, int64_t now)
{
    int best = -1, best_rank = 4;
    for (unsigned k = 0; k < names->config.servers; k++) {
        unsigned s = (names->turn + k) % names->config.servers;
        if (names->servers[s].open >= names->config.in_flight) continue;
        int rank = (e->tried >> s & 1 ? 2 : 0) + (names->servers[s].last_until > now ? 1 : 0);
        if (rank >= best_rank) continue;
        best = (int)s;
        best_rank = rank;
    }
    return best;
}

static void settle(struct names *names, struct entry *e, enum net_status status, int64_t expires)
{
    e->result.status = status;
    e->result.expires = expires;
    e->state = ENTRY_KNOWN;
    if (status != NET_OK) names->counts.failed++;
    list_newest(names, e);
    struct names_waiter *waiter = e->waiters, *next;
    struct names_result result = e->result; /* the entry may go while the waiters hear */
    e->waiters = NULL;
    for (; waiter; waiter = next) {
        next = waiter->next;
        names->config.ready(names->config.context, waiter, &result);
    }
}

/* Puts the entry's next question, or puts it in the queue. */
static int put_question(struct names *names, struct entry *e, int64_t now)
{
    int server = choose_server(names, e, now);
    if (server < 0) {
        e->state = ENTRY_QUEUED;
        e->newer = NULL;
        *names->queue_end = e;
        names->queue_end = &e->newer;
        return 0;
    }
    names->turn = (unsigned)server + 1;
    e->state = ENTRY_ASKING;
    e->server = (unsigned)server;
    e->tried |= 1u << server;
    if (e->tried + 1u == 1u << names->config.servers) e->tried = 1u << server; /* all of them: a new round */
    if (names->config.ask(names->config.context, e->server, e->name, e->family, e) < 0) return -1;
    names->servers[server].open++;
    names->counts.asked++;
    e->attempts++;
    return 0;
}

/* After an answer a server has room: the longest waiting names get it. */
static void put_queued(struct names *names, int64_t now)
{
    while (names->queue && choose_server(names, names->queue, now) >= 0) {
        struct entry *e = names->queue;
        names->queue = e->newer;
        if (!names->queue) names->queue_end = &names->queue;
        e->newer = NULL;
        if (put_question(names, e, now) < 0) settle(names, e, NET_LOCAL, now);
    }
}

static void begin(struct entry *e, unsigned char family)
{
    e->family = family;
    e->attempts = e->tried = 0;
    e->failed = e->silent = false;
    e->result.count = 0;
}

static struct entry *entry_new(struct names *names, struct str host)
{
    struct entry *e = calloc(1, sizeof *e + host.n + 1);
    if (!e) return fail_memory(), NULL;
    memcpy(e->name, host.p, host.n);
    if (table_add(&names->table, &e->node, str_of(e->name, host.n)) < 0) {
        free(e);
        return NULL;
    }
    return e;
}

int names_find(struct names *names, struct str host, int64_t now, struct names_waiter *waiter, struct names_result *result)
{
    if (!host.n || host.n > NAME_BYTES_MAX) {
        *result = (struct names_result){.status = NET_DNS_NO_HOST, .expires = now + NAMES_FAILURE_TTL_MS};
        return 1;
    }
    struct entry *e = (struct entry *)table_find(&names->table, host);
    if (e && e->state == ENTRY_KNOWN && now < e->result.expires) {
        unlist(names, e);
        list_newest(names, e);
        names->counts.found++;
        *result = e->result;
        return 1;
    }
    bool known = e && e->state == ENTRY_KNOWN, open = e && !known;
    if (!e && !(e = entry_new(names, host))) return -1;
    if (known) unlist(names, e);
    waiter->next = e->waiters;
    e->waiters = waiter;
    if (open) return 0;
    begin(e, 4);
    evict(names);
    if (put_question(names, e, now) == 0) return 0;
    e->waiters = NULL;
    e->state = ENTRY_KNOWN;
    e->result.expires = now;
    list_newest(names, e);
    return -1;
}

/* ---- answers */

static void keep_addresses(struct names *names, struct entry *e, const struct wire_found *found, int64_t now)
{
    int64_t ttl = found->ttl_s > NAMES_TTL_MOST_MS / 1000 ? NAMES_TTL_MOST_MS : found->ttl_s * 1000;
    if (ttl < NAMES_TTL_LEAST_MS) ttl = NAMES_TTL_LEAST_MS;
    for (unsigned i = 0; i < found->count; i++)
        if (guard_address(names->config.guard, &found->addresses[i]) == GUARD_OK)
            e->result.addresses[e->result.count++] = found->addresses[i];
    if (e->result.count) settle(names, e, NET_OK, now + ttl);
    else settle(names, e, NET_ADDRESS, now + NAMES_FAILURE_TTL_MS);
}

static void note_server(struct server *server, enum wire_answer answer, int64_t now)
{
    server->open--;
    if (answer != WIRE_TIMEOUT && answer != WIRE_UNREACHABLE) server->silent = 0;
    else if (++server->silent >= SILENT_MAX) server->last_until = now + SILENT_MS;
}

static void try_again(struct names *names, struct entry *e, enum wire_answer answer, int64_t now)
{
    e->failed |= answer == WIRE_FAILED;
    e->silent |= answer == WIRE_TIMEOUT;
    if (e->attempts < NAMES_ATTEMPTS) {
        if (put_question(names, e, now) < 0) settle(names, e, NET_LOCAL, now);
        return;
    }
    settle(names, e, e->failed ? NET_DNS_FAILED : e->silent ? NET_DNS_TIMEOUT : NET_DNS_UNREACHABLE, now + NAMES_FAILURE_TTL_MS);
}

void names_answer(struct names *names, void *question, const struct wire_found *found, int64_t now)
{
    struct entry *e = question;
    note_server(&names->servers[e->server], found->answer, now);
    switch (found->answer) {
    case WIRE_FOUND: keep_addresses(names, e, found, now); break;
    case WIRE_NO_HOST: case WIRE_BAD_NAME: settle(names, e, NET_DNS_NO_HOST, now + NAMES_FAILURE_TTL_MS); break;
    case WIRE_NO_DATA:
        if (e->family == 6) {
            settle(names, e, NET_DNS_NO_HOST, now + NAMES_FAILURE_TTL_MS);
        } else {
            begin(e, 6);
            if (put_question(names, e, now) < 0) settle(names, e, NET_LOCAL, now);
        }
        break;
    case WIRE_FAILED: case WIRE_TIMEOUT: case WIRE_UNREACHABLE: try_again(names, e, found->answer, now); break;
    }
    put_queued(names, now);
}

/* ---- servers */

static int add_server(struct dns_server servers[NAMES_SERVERS_MAX], unsigned *count, struct str text)
{
    struct dns_server server = {.port = 53};
    struct str address = text;
    uint64_t port;
    const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
    bool several = colon && memchr(text.p, ':', (size_t)(colon - text.p)); /* a bare IPv6 address has no port */
    if (colon && (!several || colon[-1] == ']')) {
        address = str_of(text.p, (size_t)(colon - text.p));
        if (str_to_u64(str_from_at(text, address.n + 1), &port) < 0 || port < 1 || port > 65535) return -1;
        server.port = (uint16_t)port;
    }
    if (net_address_parse(&server.address, address) < 0) return -1;
    if (*count < NAMES_SERVERS_MAX) servers[(*count)++] = server;
    return 0;
}

int names_servers_parse(struct dns_server servers[NAMES_SERVERS_MAX], unsigned *count, struct str text)
{
    *count = 0;
    for (struct str rest = text; rest.p;) {
        struct str one = str_trim(str_cut(&rest, ','));
        if (add_server(servers, count, one) < 0)
            return fail_usage("'%.*s' is no name server: ADDRESS or ADDRESS:PORT is expected", STR_ARG(one));
    }
    return 0;
}

int names_servers_read(struct dns_server servers[NAMES_SERVERS_MAX], unsigned *count, const char *path)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    *count = 0;
    int result = buf_read_file(&text, path);
    for (struct str rest = buf_str(&text); rest.p && result == 0;) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!str_starts(line, STR("nameserver")) || line.n < 11 || !ascii_is_space(line.p[10])) continue;
        add_server(servers, count, str_trim(str_from_at(line, 10))); /* a zone or a damaged line: the next one may do */
    }
    buf_free(&text);
    if (result == 0 && *count == 0) return fail("%s names no name server: give --dns ADDRESS", path);
    return result;
}
