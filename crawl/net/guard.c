/* Two tables of networks, searched in order: the first that holds the address decides. An IPv6 address that carries an IPv4
 * address is judged by what it carries. What no table holds passes in IPv4, and in IPv6 only inside 2000::/3, which is all
 * that has been given out as global unicast. */
#include "crawl/net/guard.h"

#include "pipeline/base/fail.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct network4 {
    uint32_t base; /* host byte order */
    unsigned bits;
    enum guard_verdict verdict;
};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
static const struct network4 networks4[] = {
    {V4(0, 0, 0, 0), 8, GUARD_LOCAL},          /* "this network" */
    {V4(10, 0, 0, 0), 8, GUARD_PRIVATE},
    {V4(100, 64, 0, 0), 10, GUARD_PRIVATE},    /* shared by carriers' customers */
    {V4(127, 0, 0, 0), 8, GUARD_LOCAL},
    {V4(169, 254, 0, 0), 16, GUARD_LINK},
    {V4(172, 16, 0, 0), 12, GUARD_PRIVATE},
    {V4(192, 0, 0, 0), 24, GUARD_RESERVED},    /* protocol assignments */
    {V4(192, 0, 2, 0), 24, GUARD_RESERVED},    /* documentation */
    {V4(192, 31, 196, 0), 24, GUARD_RESERVED}, /* AS112 */
    {V4(192, 52, 193, 0), 24, GUARD_RESERVED}, /* AMT */
    {V4(192, 88, 99, 0), 24, GUARD_RESERVED},  /* 6to4 relays */
    {V4(192, 168, 0, 0), 16, GUARD_PRIVATE},
    {V4(192, 175, 48, 0), 24, GUARD_RESERVED}, /* AS112 */
    {V4(198, 18, 0, 0), 15, GUARD_RESERVED},   /* benchmarks */
    {V4(198, 51, 100, 0), 24, GUARD_RESERVED}, /* documentation */
    {V4(203, 0, 113, 0), 24, GUARD_RESERVED},  /* documentation */
    {V4(224, 0, 0, 0), 4, GUARD_MULTICAST},
    {V4(255, 255, 255, 255), 32, GUARD_MULTICAST},
    {V4(240, 0, 0, 0), 4, GUARD_RESERVED},
};

struct network6 {
    uint16_t base[8];
    unsigned bits;
    enum guard_verdict verdict;
    unsigned inner_at; /* not 0: byte at which the IPv4 address begins that is judged instead */
};

static const struct network6 networks6[] = {
    {{0}, 128, GUARD_LOCAL, 0},                                         /* :: */
    {{0, 0, 0, 0, 0, 0, 0, 1}, 128, GUARD_LOCAL, 0},                    /* ::1 */
    {{0, 0, 0, 0, 0, 0xffff}, 96, GUARD_OK, 12},                        /* IPv4-mapped */
    {{0}, 96, GUARD_RESERVED, 0},                                       /* IPv4-compatible, withdrawn */
    {{0x64, 0xff9b}, 96, GUARD_OK, 12},                                 /* NAT64 */
    {{0x64, 0xff9b, 1}, 48, GUARD_PRIVATE, 0},                          /* NAT64 of one's own */
    {{0x100}, 64, GUARD_RESERVED, 0},                                   /* discard */
    {{0x2001}, 23, GUARD_RESERVED, 0},                                  /* protocol assignments, Teredo */
    {{0x2001, 0xdb8}, 32, GUARD_RESERVED, 0},                           /* documentation */
    {{0x2002}, 16, GUARD_OK, 2},                                        /* 6to4 */
    {{0x3fff}, 20, GUARD_RESERVED, 0},                                  /* documentation */
    {{0x5f00}, 16, GUARD_RESERVED, 0},                                  /* segment routing */
    {{0xfc00}, 7, GUARD_PRIVATE, 0},                                    /* unique local */
    {{0xfe80}, 10, GUARD_LINK, 0},
    {{0xfec0}, 10, GUARD_PRIVATE, 0},                                   /* site-local, withdrawn */
    {{0xff00}, 8, GUARD_MULTICAST, 0},
};
static const struct network6 global_unicast = {{0x2000}, 3, GUARD_OK, 0};

const char *guard_reason(enum guard_verdict verdict)
{
    static const char *const reasons[] = {
        [GUARD_OK] = "a public address",       [GUARD_FAMILY] = "neither an IPv4 nor an IPv6 address",
        [GUARD_LOCAL] = "this machine's own address", [GUARD_PRIVATE] = "a private address",
        [GUARD_LINK] = "a link-local address", [GUARD_MULTICAST] = "a multicast address",
        [GUARD_RESERVED] = "a reserved address", [GUARD_PORT] = "a port that is neither 80 nor 443",
    };
    return reasons[verdict];
}

static uint32_t read_u32(const unsigned char *p) { return V4(p[0], p[1], p[2], p[3]); }

static enum guard_verdict check4(uint32_t address)
{
    for (size_t i = 0; i < sizeof networks4 / sizeof *networks4; i++) {
        const struct network4 *n = &networks4[i];
        if ((address ^ n->base) >> (32 - n->bits) == 0) return n->verdict;
    }
    return GUARD_OK;
}

/* Whether the first `bits` bits are equal. */
static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool in_network6(const unsigned char address[16], const struct network6 *network)
{
    unsigned char base[16];
    for (int i = 0; i < 8; i++) {
        base[2 * i] = (unsigned char)(network->base[i] >> 8);
        base[2 * i + 1] = (unsigned char)network->base[i];
    }
    return same_prefix(address, base, network->bits);
}

static enum guard_verdict check6(const unsigned char address[16])
{
    for (size_t i = 0; i < sizeof networks6 / sizeof *networks6; i++) {
        if (!in_network6(address, &networks6[i])) continue;
        return networks6[i].inner_at ? check4(read_u32(address + networks6[i].inner_at)) : networks6[i].verdict;
    }
    return in_network6(address, &global_unicast) ? GUARD_OK : GUARD_RESERVED;
}

enum guard_verdict guard_address(const struct guard *guard, const struct net_address *address)
{
    for (unsigned i = 0; i < guard->accepted_count; i++) {
        const struct guard_network *n = &guard->accepted[i];
        if (n->address.family == address->family && same_prefix(address->bytes, n->address.bytes, n->bits)) return GUARD_OK;
    }
    if (address->family == 4) return check4(read_u32(address->bytes));
    return address->family == 6 ? check6(address->bytes) : GUARD_FAMILY;
}

enum guard_verdict guard_port(const struct guard *guard, uint16_t port)
{
    return port == 80 || port == 443 || (guard->high_ports && port >= 1024) ? GUARD_OK : GUARD_PORT;
}

enum guard_verdict guard_check(const struct guard *guard, const struct sockaddr *address)
{
    struct net_address plain = {.family = 0};
    uint16_t port = 0;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        memcpy(plain.bytes, &v4.sin_addr, 4);
        plain.family = 4;
        port = ntohs(v4.sin_port);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        memcpy(plain.bytes, &v6.sin6_addr, 16);
        plain.family = 6;
        port = ntohs(v6.sin6_port);
    }
    enum guard_verdict verdict = guard_address(guard, &plain);
    return verdict == GUARD_OK ? guard_port(guard, port) : verdict;
}

int net_address_parse(struct net_address *address, struct str text)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') text = str_of(text.p + 1, text.n - 2);
    if (!text.n || text.n >= sizeof copy || memchr(text.p, 0, text.n)) return -1;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    *address = (struct net_address){.family = 4};
    if (inet_pton(AF_INET, copy, address->bytes) == 1) return 0;
    address->family = 6;
    return inet_pton(AF_INET6, copy, address->bytes) == 1 ? 0 : -1;
}

int net_address_append(struct buf *out, const struct net_address *address)
{
    char text[INET6_ADDRSTRLEN];
    if (!inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, sizeof text)) return fail("no address");
    return buf_add(out, str_from(text));
}

int guard_accept(struct guard *guard, struct str network)
{
    struct str rest = network, text = str_cut(&rest, '/');
    struct guard_network n;
    uint64_t bits;
    if (net_address_parse(&n.address, text) < 0) return fail_usage("'%.*s' is no network such as 127.0.0.0/8", STR_ARG(network));
    unsigned most = n.address.family == 4 ? 32 : 128;
    if (!rest.p) bits = most;
    else if (str_to_u64(rest, &bits) < 0 || bits > most)
        return fail_usage("'%.*s': a network has 0 to %u bits", STR_ARG(network), most);
    if (guard->accepted_count == GUARD_ACCEPTED_MAX) return fail_usage("more than %d networks to accept", GUARD_ACCEPTED_MAX);
    n.bits = (unsigned)bits;
    guard->accepted[guard->accepted_count++] = n;
    return 0;
}
