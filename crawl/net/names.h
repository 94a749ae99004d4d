/* Names of hosts to addresses: a cache, and the policy of asking name servers.
 *
 *     names = names_new(&config);
 *     switch (names_find(names, STR("example.com"), now, &waiter, &result)) {
 *     case 1: ... result ...           known
 *     case 0: ...                      config.ready is called later, from names_answer()
 *     }
 *
 * IPv4 addresses are asked for first, IPv6 ones where a name has no other. A server that fails, refuses, stays silent or
 * cannot be reached is followed by another (the same, where there is one alone), NAMES_ATTEMPTS in all; servers that stay
 * silent again and again are asked last for a while. No server has more than `in_flight` questions open; further names queue.
 * Answers are kept for their time to live, at least a minute and at most a day; failures for a minute. Only addresses that
 * the guard lets pass are kept: a name with none is NET_ADDRESS. Nothing is ever asked of the system's resolver.
 *
 * Time is in milliseconds on any clock that does not go back. It does no input or output itself; one thread.
 */
#ifndef WINNOW_NET_NAMES_H
#define WINNOW_NET_NAMES_H

#include "crawl/net/wire.h"

enum {
    NAMES_ATTEMPTS = 4,
    NAMES_SERVERS_MAX = 16,
    NAMES_TTL_LEAST_MS = 60 * 1000,
    NAMES_TTL_MOST_MS = 24 * 3600 * 1000,
    NAMES_FAILURE_TTL_MS = 60 * 1000,
    NAMES_KEPT_MAX = 1 << 17, /* names in the cache; the longest unused ones go first. About 300 bytes each */
};

struct names_result {
    enum net_status status; /* NET_OK; NET_DNS_NO_HOST, _FAILED, _TIMEOUT, _UNREACHABLE; NET_ADDRESS; NET_LOCAL */
    struct net_address addresses[WIRE_ADDRESSES_MAX];
    unsigned count;
    int64_t expires; /* when it must be asked for again */
};

struct names_waiter { /* part of whatever waits; one name a time */
    struct names_waiter *next;
};

struct names_config {
    const struct guard *guard;
    unsigned servers;   /* 1 … NAMES_SERVERS_MAX */
    unsigned in_flight; /* questions to one server at a time */
    void *context;
    /* Puts a question; names_answer() is called with `question` later, not from inside. 0 or -1. */
    int (*ask)(void *context, unsigned server, const char *name, int family, void *question);
    void (*ready)(void *context, struct names_waiter *waiter, const struct names_result *result);
};

struct names;
struct names *names_new(const struct names_config *config); /* NULL with a sentence */
void names_free(struct names *names);

/* 1: *result is filled. 0: `waiter` will hear. -1: out of memory. */
int names_find(struct names *names, struct str host, int64_t now, struct names_waiter *waiter, struct names_result *result);
void names_answer(struct names *names, void *question, const struct wire_found *found, int64_t now);

struct names_counts { uint64_t found, asked, failed; }; /* answered from the cache; questions put; names that failed */
struct names_counts names_counts(const struct names *names);

/* "192.0.2.1,[2001:db8::1]:5353": addresses of name servers, port 53 where none is given. -1 with a usage sentence. */
int names_servers_parse(struct dns_server servers[NAMES_SERVERS_MAX], unsigned *count, struct str text);
/* The lines `nameserver ADDRESS` of a file such as /etc/resolv.conf. -1 with a sentence, also when there are none. */
int names_servers_read(struct dns_server servers[NAMES_SERVERS_MAX], unsigned *count, const char *path);

#endif
