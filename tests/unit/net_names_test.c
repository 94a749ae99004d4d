/* The cache and the asking of name servers, with servers and a clock of the test's own. */
#include "crawl/net/names.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { QUESTIONS = 4096 };

static struct {
    struct names *names;
    struct guard guard;
    struct { unsigned server; char name[64]; int family; void *question; } asked[QUESTIONS];
    size_t asked_count, ready_count;
    struct names_waiter *last_waiter;
    struct names_result last;
    int64_t now;
} world;

static int ask(void *context, unsigned server, const char *name, int family, void *question)
{
    (void)context;
    assert_true(world.asked_count < QUESTIONS);
    world.asked[world.asked_count].server = server;
    snprintf(world.asked[world.asked_count].name, 64, "%s", name);
    world.asked[world.asked_count].family = family;
    world.asked[world.asked_count++].question = question;
    return 0;
}

static void ready(void *context, struct names_waiter *waiter, const struct names_result *result)
{
    (void)context;
    world.last_waiter = waiter;
    world.last = *result;
    world.ready_count++;
}

static void begin(unsigned servers, unsigned in_flight)
{
    memset(&world, 0, sizeof world);
    world.now = 5000;
    struct names_config config = {.guard = &world.guard, .servers = servers, .in_flight = in_flight, .ask = ask, .ready = ready};
    world.names = names_new(&config);
    assert_non_null(world.names);
}

static int end(void **state)
{
    (void)state;
    names_free(world.names);
    return 0;
}

static struct names_waiter waiters[QUESTIONS];

static int find(const char *host, size_t waiter, struct names_result *result)
{
    return names_find(world.names, str_from(host), world.now, &waiters[waiter], result);
}

static void answer(size_t number, enum wire_answer what)
{
    struct wire_found found = {.answer = what};
    names_answer(world.names, world.asked[number].question, &found, world.now);
}

static void answer_address(size_t number, const char *first, const char *second, int64_t ttl)
{
    struct wire_found found = {.answer = WIRE_FOUND, .ttl_s = ttl};
    const char *const texts[] = {first, second};
    for (int i = 0; i < 2 && texts[i]; i++) assert_int_equal(net_address_parse(&found.addresses[found.count++], str_from(texts[i])), 0);
    names_answer(world.names, world.asked[number].question, &found, world.now);
}

static void an_answer_is_kept_for_its_time(void **state)
{
    (void)state;
    struct names_result r;
    begin(1, 10);
    assert_int_equal(find("a.test", 0, &r), 0);
    assert_int_equal(world.asked[0].family, 4);
    answer_address(0, "8.8.8.8", "8.8.4.4", 120);
    assert_ptr_equal(world.last_waiter, &waiters[0]);
    assert_int_equal(world.last.status, NET_OK);
    assert_int_equal(world.last.count, 2);
    world.now += 119999;
    assert_int_equal(find("a.test", 0, &r), 1);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.addresses[1].bytes[2], 4);
    world.now += 1;
    assert_int_equal(find("a.test", 0, &r), 0);
    assert_int_equal(world.asked_count, 2);
    answer_address(1, "8.8.8.8", NULL, 0); /* at least a minute */
    world.now += 59999;
    assert_int_equal(find("a.test", 0, &r), 1);
    world.now += 1;
    assert_int_equal(find("a.test", 0, &r), 0);
    answer_address(2, "8.8.8.8", NULL, 30 * 86400); /* at most a day */
    world.now += 86400 * 1000 - 1;
    assert_int_equal(find("a.test", 0, &r), 1);
    world.now += 1;
    assert_int_equal(find("a.test", 0, &r), 0);
}

static void one_question_serves_all_who_wait(void **state)
{
    (void)state;
    struct names_result r;
    begin(2, 10);
    for (size_t i = 0; i < 5; i++) assert_int_equal(find("a.test", i, &r), 0);
    assert_int_equal(world.asked_count, 1);
    answer_address(0, "8.8.8.8", NULL, 60);
    assert_int_equal(world.ready_count, 5);
}

static void a_failing_server_is_followed_by_another(void **state)
{
    (void)state;
    struct names_result r;
    begin(3, 10);
    assert_int_equal(find("a.test", 0, &r), 0);
    answer(0, WIRE_FAILED);
    answer(1, WIRE_TIMEOUT);
    answer(2, WIRE_UNREACHABLE);
    unsigned all = 1u << world.asked[0].server | 1u << world.asked[1].server | 1u << world.asked[2].server;
    assert_int_equal(all, 7);
    answer_address(3, "8.8.8.8", NULL, 60); /* a second round */
    assert_int_equal(world.last.status, NET_OK);
}

static void failures_are_told_apart_and_kept_for_a_minute(void **state)
{
    (void)state;
    static const struct { enum wire_answer answers[NAMES_ATTEMPTS]; enum net_status expected; } cases[] = {
        {{WIRE_TIMEOUT, WIRE_TIMEOUT, WIRE_TIMEOUT, WIRE_TIMEOUT}, NET_DNS_TIMEOUT},
        {{WIRE_TIMEOUT, WIRE_FAILED, WIRE_TIMEOUT, WIRE_UNREACHABLE}, NET_DNS_FAILED},
        {{WIRE_UNREACHABLE, WIRE_UNREACHABLE, WIRE_UNREACHABLE, WIRE_UNREACHABLE}, NET_DNS_UNREACHABLE},
    };
    struct names_result r;
    begin(2, 10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[16];
        snprintf(host, sizeof host, "h%zu.test", i);
        size_t first = world.asked_count;
        assert_int_equal(find(host, 0, &r), 0);
        for (size_t k = 0; k < NAMES_ATTEMPTS; k++) answer(first + k, cases[i].answers[k]);
        assert_int_equal(world.asked_count, first + NAMES_ATTEMPTS);
        assert_int_equal(world.last.status, cases[i].expected);
        world.now += 59999;
        assert_int_equal(find(host, 0, &r), 1);
        assert_int_equal(r.status, cases[i].expected);
        world.now += 1;
    }
    assert_int_equal(find("h0.test", 0, &r), 0);
}

static void a_name_without_ipv4_is_asked_for_ipv6(void **state)
{
    (void)state;
    struct names_result r;
    begin(1, 10);
    assert_int_equal(find("six.test", 0, &r), 0);
    answer(0, WIRE_NO_DATA);
    assert_int_equal(world.asked[1].family, 6);
    answer_address(1, "2606:4700::1", NULL, 60);
    assert_int_equal(world.last.status, NET_OK);
    assert_int_equal(world.last.addresses[0].family, 6);
    assert_int_equal(find("none.test", 0, &r), 0);
    answer(2, WIRE_NO_DATA);
    answer(3, WIRE_NO_DATA);
    assert_int_equal(world.last.status, NET_DNS_NO_HOST);
    assert_int_equal(find("gone.test", 0, &r), 0);
    answer(4, WIRE_NO_HOST); /* says so for all families */
    assert_int_equal(world.last.status, NET_DNS_NO_HOST);
    assert_int_equal(world.asked_count, 5);
}

static void private_addresses_never_come_out(void **state)
{
    (void)state;
    struct names_result r;
    begin(1, 10);
    assert_int_equal(find("mixed.test", 0, &r), 0);
    answer_address(0, "10.0.0.1", "8.8.8.8", 60);
    assert_int_equal(world.last.count, 1);
    assert_int_equal(world.last.addresses[0].bytes[0], 8);
    assert_int_equal(find("private.test", 0, &r), 0);
    answer_address(1, "169.254.169.254", "127.0.0.1", 60);
    assert_int_equal(world.last.status, NET_ADDRESS);
    assert_int_equal(world.last.count, 0);
    world.now += 60000; /* and a name that is public first */
    assert_int_equal(find("mixed.test", 0, &r), 0);
    answer_address(2, "192.168.0.1", NULL, 60);
    assert_int_equal(world.last.status, NET_ADDRESS);
}

static void servers_get_no_more_than_their_share(void **state)
{
    (void)state;
    struct names_result r;
    begin(2, 3);
    char host[32];
    for (size_t i = 0; i < 100; i++) {
        snprintf(host, sizeof host, "h%zu.test", i);
        assert_int_equal(find(host, i, &r), 0);
    }
    assert_int_equal(world.asked_count, 6);
    for (size_t i = 0; i < 100; i++) {
        assert_true(world.asked_count <= i + 6);
        snprintf(host, sizeof host, "h%zu.test", i);
        assert_string_equal(world.asked[i].name, host); /* in the order of asking */
        answer_address(i, "8.8.8.8", NULL, 60);
    }
    assert_int_equal(world.ready_count, 100);
}

static void a_silent_server_is_asked_last_for_a_while(void **state)
{
    (void)state;
    struct names_result r;
    begin(2, 100);
    char host[32];
    size_t to_silent = 0;
    for (size_t i = 0; i < 200; i++) {
        size_t at = world.asked_count;
        snprintf(host, sizeof host, "h%zu.test", i);
        assert_int_equal(find(host, i, &r), 0);
        for (; world.asked[at].server == 0; at++) { /* server 0 never answers */
            to_silent++;
            answer(at, WIRE_TIMEOUT);
        }
        answer_address(at, "8.8.8.8", NULL, 60);
        assert_int_equal(world.last.status, NET_OK);
    }
    assert_int_equal(to_silent, 5);
    world.now += 10000;
    assert_int_equal(find("again.test", 0, &r), 0);
    if (world.asked[world.asked_count - 1].server == 0) return; /* its turn has come again */
    answer_address(world.asked_count - 1, "8.8.8.8", NULL, 60);
    assert_int_equal(find("more.test", 0, &r), 0);
    assert_int_equal(world.asked[world.asked_count - 1].server, 0);
}

static void names_that_cannot_be_are_not_asked_for(void **state)
{
    (void)state;
    struct names_result r;
    begin(1, 10);
    char name[300];
    memset(name, 'a', sizeof name);
    name[299] = 0;
    assert_int_equal(find(name, 0, &r), 1);
    assert_int_equal(r.status, NET_DNS_NO_HOST);
    assert_int_equal(find("", 0, &r), 1);
    assert_int_equal(world.asked_count, 0);
}

static void the_longest_unused_names_go(void **state)
{
    (void)state;
    struct names_result r;
    begin(1, 10);
    char host[32];
    for (int i = 0; i < NAMES_KEPT_MAX + 1000; i++) {
        world.asked_count = 0;
        snprintf(host, sizeof host, "h%d.test", i);
        assert_int_equal(find(host, 0, &r), 0);
        answer_address(0, "8.8.8.8", NULL, 86400);
        if (i % 64 == 0) assert_int_equal(find("h0.test", 0, &r), 1); /* kept by use */
    }
    world.asked_count = 0;
    assert_int_equal(find("h1.test", 0, &r), 0);
    assert_int_equal(find(host, 1, &r), 1);
}

static void servers_are_read_from_options_and_files(void **state)
{
    (void)state;
    begin(1, 1);
    struct dns_server servers[NAMES_SERVERS_MAX];
    unsigned count;
    assert_int_equal(names_servers_parse(servers, &count, STR("192.0.2.1, 192.0.2.2:5353,2001:db8::1,[2001:db8::2]:54,[::1]")), 0);
    assert_int_equal(count, 5);
    assert_int_equal(servers[0].port, 53);
    assert_int_equal(servers[1].port, 5353);
    assert_int_equal(servers[2].port, 53);
    assert_int_equal(servers[2].address.bytes[15], 1);
    assert_int_equal(servers[3].port, 54);
    assert_int_equal(servers[4].address.family, 6);
    const char *const bad[] = {"", "dns.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1,,192.0.2.2", "[::1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (names_servers_parse(servers, &count, str_from(bad[i])) == 0) fail_msg("'%s' was read", bad[i]);
    char path[] = "/tmp/winnow-resolv-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs("# made by nobody\nsearch example.com\nnameserver 192.0.2.7\nnameserver\tfe80::1%eth0\nnameserver 2001:db8::7\noptions ndots:2\n", file);
    fclose(file);
    assert_int_equal(names_servers_read(servers, &count, path), 0);
    assert_int_equal(count, 2);
    assert_int_equal(servers[0].address.bytes[3], 7);
    remove(path);
    assert_int_equal(names_servers_read(servers, &count, "/dev/null"), -1);
    assert_non_null(strstr(fail_message(), "--dns"));
}

int main(void)
{
#define T(test) cmocka_unit_test_teardown(test, end)
    const struct CMUnitTest tests[] = {
        T(an_answer_is_kept_for_its_time),
        T(one_question_serves_all_who_wait),
        T(a_failing_server_is_followed_by_another),
        T(failures_are_told_apart_and_kept_for_a_minute),
        T(a_name_without_ipv4_is_asked_for_ipv6),
        T(private_addresses_never_come_out),
        T(servers_get_no_more_than_their_share),
        T(a_silent_server_is_asked_last_for_a_while),
        T(names_that_cannot_be_are_not_asked_for),
        T(the_longest_unused_names_go),
        T(servers_are_read_from_options_and_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
