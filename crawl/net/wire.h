/* What the late-loaded module `net` gives: HTTP transfers by libcurl and DNS questions by c-ares, driven by one epoll loop.
 *
 * It moves bytes and nothing else: no cache, no retry, no redirect, no politeness; those stand above it (names.h, polite.h,
 * client.h). It never asks the system's resolver, never reads a proxy from the environment, and connects only to the
 * addresses that a request names, each shown to the guard once more.
 *
 *     const struct wire_ops *ops = module_open("net");
 *     struct wire *wire = ops->open(&options, &calls, context);
 *     ops->start(wire, &request);  ops->ask(wire, 0, "example.com", 4, owner);
 *     while (...) ops->wait(wire, 100);                                   the calls happen inside
 *     ops->close(wire);
 *
 * One thread, except for wake(). `start` and `ask` may be called from `done` and `answer`, not from `head` and `body`.
 */
#ifndef WINNOW_NET_WIRE_H
#define WINNOW_NET_WIRE_H

#include "crawl/net/guard.h"
#include "crawl/net/status.h"

struct wire;

enum {
    WIRE_ADDRESSES_MAX = 8,      /* of one host that are tried */
    WIRE_HEAD_MAX = 64 << 10,    /* bytes of a response's head */
    WIRE_HEADS_MAX = 256 << 10,  /* of all heads and trailers of one request: interim responses may be endless too */
};

struct dns_server {
    struct net_address address;
    uint16_t port;
};

struct wire_options {
    const struct guard *guard;         /* outlives the wire */
    const char *user_agent;
    const char *ca_file;               /* PEM; NULL: the system's */
    const struct net_address *proxy;   /* an HTTP proxy through which everything goes; NULL without. The guard then sees no
                                          connection: only the URLs' own addresses were checked */
    uint16_t proxy_port;
    bool any_certificate;              /* servers' certificates are not checked */
    bool no_http2;
    unsigned connections;              /* transfers at the same time; about as many more connections are kept idle */
    const struct dns_server *servers;
    unsigned server_count;
    unsigned dns_timeout_ms;           /* for one question to one server */
};

enum wire_accept { WIRE_PICTURE, WIRE_TEXT };

struct wire_request {
    const char *url;        /* http or https, without user name; copied */
    struct str host;        /* as in the URL */
    uint16_t port;
    const struct net_address *addresses; /* to connect to, in order; none with a proxy */
    unsigned address_count;
    enum wire_accept accept;
    unsigned deadline_ms, connect_ms;    /* for all of it, for the connection */
    unsigned stall_ms, stall_bytes;      /* gives up after stall_ms (whole seconds) below stall_bytes a second */
    void *owner;
};

/* How a transfer ended. Times for logs, in microseconds from the start; 0 when it did not get there. */
struct wire_end {
    enum net_status status; /* NET_OK: the response is complete; meaningless when stopped */
    bool stopped;           /* `head` or `body` said so */
    bool connected;         /* there was a connection, so that the host is alive */
    unsigned tunnel_status; /* what a proxy answered to CONNECT; 0: nothing, or it was not asked */
    int64_t connected_us, first_byte_us, total_us;
    char reason[128];       /* libcurl's words, for logs */
};

enum wire_answer {
    WIRE_FOUND,       /* addresses */
    WIRE_NO_HOST,     /* the name does not exist */
    WIRE_NO_DATA,     /* it exists without an address of that family */
    WIRE_BAD_NAME,    /* no name that can be asked for */
    WIRE_FAILED,      /* the server could not find out, refuses, or answers nonsense */
    WIRE_TIMEOUT,
    WIRE_UNREACHABLE, /* no connection to the server, or no socket */
};

struct wire_found {
    enum wire_answer answer;
    struct net_address addresses[WIRE_ADDRESSES_MAX];
    unsigned count;
    int64_t ttl_s; /* the least of the records */
};

/* What the wire calls. The struct outlives it. */
struct wire_calls {
    void *context; /* for `answer` */
    /* The final response's head, status line and fields to the empty line. 0 to go on, -1 to stop without the body. */
    int (*head)(void *owner, struct str head);
    /* Behind the head: whether the connection will soon be used again. Where not it is closed at the end. */
    bool (*keep)(void *owner);
    /* The next piece of the body, as it came; -1 to stop. */
    int (*body)(void *owner, struct str piece);
    void (*done)(void *owner, const struct wire_end *end); /* once for each started request; not for those that close() ends */
    void (*answer)(void *context, void *owner, const struct wire_found *found); /* once for each question, never from inside ask() */
};

struct wire_ops {
    struct wire *(*open)(const struct wire_options *options, const struct wire_calls *calls); /* NULL with a sentence */
    void (*close)(struct wire *wire);
    int (*start)(struct wire *wire, const struct wire_request *request); /* -1 with a sentence: nothing was started */
    int (*ask)(struct wire *wire, unsigned server, const char *name, int family, void *owner); /* family: 4 or 6 */
    int (*wait)(struct wire *wire, int64_t milliseconds); /* returns when something happened, or the time is over:
                                                             0, 1 when it was woken, -1 with a sentence */
    void (*wake)(struct wire *wire); /* ends a wait() early, or the next one. Any thread */
    int (*versions)(struct buf *out); /* "libcurl 7.88.1, OpenSSL 3.0.22, nghttp2 1.52.0, c-ares 1.18.1" */
};

#endif
