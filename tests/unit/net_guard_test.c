/* crawl/net/guard at every border of every network, and in every disguise of an IPv4 address. */
#include "crawl/net/guard.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

static const struct guard strict = {.accepted_count = 0};

static enum guard_verdict verdict(const char *text)
{
    struct net_address address;
    if (net_address_parse(&address, str_from(text)) < 0) fail_msg("'%s' is no address", text);
    return guard_address(&strict, &address);
}

static void assert_verdict(const char *text, enum guard_verdict expected)
{
    if (verdict(text) != expected) fail_msg("%s: %s, expected %s", text, guard_reason(verdict(text)), guard_reason(expected));
}

/* The first and last address of a network, and the two beside it that stand outside. */
struct border {
    const char *before, *first, *last, *after;
    enum guard_verdict inside;
    bool before_passes, after_passes; /* or they belong to the neighbouring network */
};

static const struct border borders4[] = {
    {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", GUARD_LOCAL, false, true},
    {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", GUARD_PRIVATE, true, true},
    {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", GUARD_PRIVATE, true, true},
    {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", GUARD_LOCAL, true, true},
    {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", GUARD_LINK, true, true},
    {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", GUARD_PRIVATE, true, true},
    {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", GUARD_RESERVED, true, true},
    {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", GUARD_RESERVED, true, true},
    {"192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0", GUARD_RESERVED, true, true},
    {"192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0", GUARD_RESERVED, true, true},
    {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", GUARD_RESERVED, true, true},
    {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", GUARD_PRIVATE, true, true},
    {"192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0", GUARD_RESERVED, true, true},
    {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", GUARD_RESERVED, true, true},
    {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", GUARD_RESERVED, true, true},
    {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", GUARD_RESERVED, true, true},
    {"223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", GUARD_MULTICAST, true, false},
    {"239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255", GUARD_RESERVED, false, false},
    {"255.255.255.254", "255.255.255.255", "255.255.255.255", NULL, GUARD_MULTICAST, false, false},
};

static const struct border borders6[] = {
    {NULL, "::", "::", "::1", GUARD_LOCAL, false, false},
    {"::", "::1", "::1", "::2", GUARD_LOCAL, false, false},
    {"::1", "::2", "::ffff:ffff", "0:0:0:0:0:1::", GUARD_RESERVED, false, false},
    {"64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::", GUARD_PRIVATE, false, false},
    {"ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::", GUARD_RESERVED, false, false},
    {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::", GUARD_RESERVED, true, true},
    {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", GUARD_RESERVED, true, true},
    {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", GUARD_RESERVED, true, true},
    {"5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::", GUARD_RESERVED, false, false},
    {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", GUARD_PRIVATE, false, false},
    {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", GUARD_LINK, false, false},
    {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", GUARD_PRIVATE, false, false},
    {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, GUARD_MULTICAST, false, false},
    /* what has been given out as global unicast, and what has not */
    {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", GUARD_RESERVED, false, false},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "fbff::", "fc00::", GUARD_RESERVED, true, false},
    {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "200::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::", GUARD_RESERVED, false, true},
};

static void check_borders(const struct border *borders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct border *b = &borders[i];
        assert_verdict(b->first, b->inside);
        assert_verdict(b->last, b->inside);
        if (b->before && (verdict(b->before) == GUARD_OK) != b->before_passes) fail_msg("%s before %s", b->before, b->first);
        if (b->after && (verdict(b->after) == GUARD_OK) != b->after_passes) fail_msg("%s after %s", b->after, b->last);
    }
}

static void every_ipv4_network_ends_where_it_ends(void **state)
{
    (void)state;
    check_borders(borders4, sizeof borders4 / sizeof *borders4);
    assert_verdict("8.8.8.8", GUARD_OK);
    assert_verdict("169.254.169.254", GUARD_LINK);
}

static void every_ipv6_network_ends_where_it_ends(void **state)
{
    (void)state;
    check_borders(borders6, sizeof borders6 / sizeof *borders6);
    assert_verdict("2606:4700:4700::1111", GUARD_OK);
    assert_verdict("2000::", GUARD_OK);
    assert_verdict("2001:0:4136:e378:8000:63bf:3fff:fdd2", GUARD_RESERVED); /* Teredo */
}

/* Each IPv4 border again, as ::ffff:a.b.c.d, 64:ff9b::a.b.c.d and 2002:aabb:ccdd::. */
static void an_ipv4_address_inside_ipv6_is_judged_as_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof borders4 / sizeof *borders4; i++) {
        const char *const texts[] = {borders4[i].before, borders4[i].first, borders4[i].last, borders4[i].after};
        for (size_t k = 0; k < 4; k++) {
            if (!texts[k]) continue;
            struct net_address plain, inner = {.family = 6};
            assert_int_equal(net_address_parse(&plain, str_from(texts[k])), 0);
            enum guard_verdict expected = guard_address(&strict, &plain);
            inner.bytes[10] = inner.bytes[11] = 0xff;
            memcpy(inner.bytes + 12, plain.bytes, 4);
            assert_int_equal(guard_address(&strict, &inner), expected);
            memcpy(inner.bytes, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12);
            assert_int_equal(guard_address(&strict, &inner), expected);
            memset(inner.bytes, 0, 16);
            memcpy(inner.bytes, "\x20\x02", 2);
            memcpy(inner.bytes + 2, plain.bytes, 4);
            assert_int_equal(guard_address(&strict, &inner), expected);
        }
    }
}

static void only_ports_80_and_443_pass_unless_high_ones_may(void **state)
{
    (void)state;
    const struct guard high = {.high_ports = true};
    for (unsigned port = 0; port <= 65535; port++) {
        bool usual = port == 80 || port == 443;
        if ((guard_port(&strict, (uint16_t)port) == GUARD_OK) != usual) fail_msg("port %u", port);
        if ((guard_port(&high, (uint16_t)port) == GUARD_OK) != (usual || port >= 1024)) fail_msg("high port %u", port);
    }
}

static void a_socket_address_is_judged_by_address_and_port(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(443), .sin_addr.s_addr = htonl(0x08080808)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct sockaddr_storage local = {.ss_family = AF_UNIX};
    assert_int_equal(guard_check(&strict, (struct sockaddr *)&v4), GUARD_OK);
    v4.sin_port = htons(25);
    assert_int_equal(guard_check(&strict, (struct sockaddr *)&v4), GUARD_PORT);
    v4.sin_addr.s_addr = htonl(0x7f000001);
    assert_int_equal(guard_check(&strict, (struct sockaddr *)&v4), GUARD_LOCAL);
    v6.sin6_addr = in6addr_loopback;
    assert_int_equal(guard_check(&strict, (struct sockaddr *)&v6), GUARD_LOCAL);
    assert_int_equal(inet_pton(AF_INET6, "2606:4700::1", &v6.sin6_addr), 1);
    assert_int_equal(guard_check(&strict, (struct sockaddr *)&v6), GUARD_OK);
    assert_int_equal(guard_check(&strict, (struct sockaddr *)&local), GUARD_FAMILY);
}

static void accepted_networks_pass_and_nothing_beside_them(void **state)
{
    (void)state;
    struct guard guard = {.accepted_count = 0};
    struct net_address a;
    assert_int_equal(guard_accept(&guard, STR("127.0.0.8/29")), 0);
    assert_int_equal(guard_accept(&guard, STR("::1")), 0);
    const struct { const char *text; enum guard_verdict expected; } cases[] = {
        {"127.0.0.7", GUARD_LOCAL}, {"127.0.0.8", GUARD_OK}, {"127.0.0.15", GUARD_OK}, {"127.0.0.16", GUARD_LOCAL},
        {"::1", GUARD_OK}, {"::2", GUARD_RESERVED}, {"::ffff:127.0.0.8", GUARD_LOCAL}, {"10.0.0.1", GUARD_PRIVATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(net_address_parse(&a, str_from(cases[i].text)), 0);
        if (guard_address(&guard, &a) != cases[i].expected) fail_msg("%s", cases[i].text);
    }
    assert_int_equal(guard_accept(&guard, STR("127.0.0.0/33")), -1);
    assert_int_equal(guard_accept(&guard, STR("localhost")), -1);
    assert_int_equal(guard_accept(&guard, STR("::/129")), -1);
    assert_int_equal(guard_accept(&guard, STR("10.0.0.0/")), -1);
    assert_int_equal(fail_code(), EXIT_USAGE);
}

static void addresses_are_read_strictly_and_written_back(void **state)
{
    (void)state;
    const char *const none[] = {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", "[1::", "::g", "fe80::1%eth0", "1.2.3.4:80"};
    struct net_address a;
    struct buf out;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (net_address_parse(&a, str_from(none[i])) == 0) fail_msg("'%s' was read", none[i]);
    buf_init(&out, 100);
    assert_int_equal(net_address_parse(&a, STR("[2001:DB8:0:0:0:0:0:1]")), 0);
    assert_int_equal(net_address_append(&out, &a), 0);
    assert_int_equal(net_address_parse(&a, STR("192.0.2.1")), 0);
    assert_int_equal(net_address_append(&out, &a), 0);
    assert_true(str_eq(buf_str(&out), STR("2001:db8::1192.0.2.1")));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ipv4_network_ends_where_it_ends),
        cmocka_unit_test(every_ipv6_network_ends_where_it_ends),
        cmocka_unit_test(an_ipv4_address_inside_ipv6_is_judged_as_itself),
        cmocka_unit_test(only_ports_80_and_443_pass_unless_high_ones_may),
        cmocka_unit_test(a_socket_address_is_judged_by_address_and_port),
        cmocka_unit_test(accepted_networks_pass_and_nothing_beside_them),
        cmocka_unit_test(addresses_are_read_strictly_and_written_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
