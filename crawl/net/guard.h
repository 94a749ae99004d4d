/* The address guard: which addresses and ports a crawler may connect to.
 *
 * Only addresses of the public internet pass: no loopback, private, link-local (cloud metadata), shared, test, benchmark,
 * multicast or reserved ones, in IPv4 or in any IPv6 form that carries an IPv4 address (mapped, NAT64, 6to4). It is asked
 * twice: about the addresses that a name server gives, and about the real address at the moment of connecting, so that a
 * redirect, a URL with an address in it, or a name that changes its answer all meet it.
 *
 *     struct guard guard = {0};
 *     guard_accept(&guard, STR("127.0.0.0/8"));                  tests alone
 *     if (guard_check(&guard, (struct sockaddr *)&address) != GUARD_OK) ...
 *
 * Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and what it lists); fec0::/10 (RFC 3879)
 * and ::/96 (RFC 4291 §2.5.5.1) are withdrawn and refused too.
 */
#ifndef WINNOW_NET_GUARD_H
#define WINNOW_NET_GUARD_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

#include <sys/socket.h>

struct net_address {
    unsigned char bytes[16]; /* IPv4: the first four; network byte order */
    unsigned char family;    /* 4 or 6 */
};

enum guard_verdict {
    GUARD_OK,
    GUARD_FAMILY,      /* neither IPv4 nor IPv6 */
    GUARD_LOCAL,       /* this machine: loopback, unspecified */
    GUARD_PRIVATE,     /* private, shared, unique local */
    GUARD_LINK,        /* link-local: the metadata services of clouds stand there */
    GUARD_MULTICAST,   /* multicast and broadcast */
    GUARD_RESERVED,    /* documentation, benchmarks, reserved, withdrawn */
    GUARD_PORT,        /* neither 80 nor 443, nor one that `high_ports` lets pass */
};
const char *guard_reason(enum guard_verdict verdict); /* "a private address" */

enum { GUARD_ACCEPTED_MAX = 16 };

struct guard {
    struct guard_network {
        struct net_address address;
        unsigned bits;
    } accepted[GUARD_ACCEPTED_MAX]; /* networks that pass whatever else is said of them */
    unsigned accepted_count;
    bool high_ports; /* ports from 1024 on pass too */
};

/* Adds a network to accept: "127.0.0.0/8", "::1" (one address). -1 with a usage sentence. */
int guard_accept(struct guard *guard, struct str network);

enum guard_verdict guard_address(const struct guard *guard, const struct net_address *address);
enum guard_verdict guard_port(const struct guard *guard, uint16_t port);
/* Address and port of a struct sockaddr_in or sockaddr_in6, whose memory is as long as its family asks. */
enum guard_verdict guard_check(const struct guard *guard, const struct sockaddr *address);

/* "192.0.2.1", "2001:db8::1", also in brackets; without a zone. -1 without a sentence. */
int net_address_parse(struct net_address *address, struct str text);
int net_address_append(struct buf *out, const struct net_address *address); /* IPv6 without brackets */

#endif
