/* The fetcher's own manners: what is inside, waking, closing, proxies; no server is needed. What servers do to it is tried in
 * tests/e2e/net_test.py. */
#include "crawl/net/client.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A socket that listens and never accepts: connections are made by the kernel, and nothing is ever answered. */
static int listen_silently(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct net *open_net(struct net_options *options)
{
    net_options_init(options);
    assert_int_equal(guard_accept(&options->guard, STR("127.0.0.0/8")), 0);
    options->guard.high_ports = true;
    struct net *net = net_open(options);
    if (!net) fail_msg("%s", fail_message());
    return net;
}

static void what_cannot_be_fetched_is_told_at_once(void **state)
{
    (void)state;
    struct net_options options;
    struct net_result result;
    struct net *net = open_net(&options);
    assert_int_equal(net_next(net, &result, 60000), 0); /* nothing inside: no waiting */
    assert_int_equal(net_submit(net, 7, STR("mailto:someone"), NET_PICTURE), 1);
    assert_int_equal(net_submit(net, 8, STR("http://10.0.0.1/x.png"), NET_PICTURE), 1);
    assert_int_equal(net_submit(net, 9, STR("http://name.test/x.png"), NET_PICTURE), 1);
    assert_int_equal(net_inside(net), 3);
    static const enum net_status expected[] = {NET_BAD_URL, NET_ADDRESS, NET_DNS_UNREACHABLE}; /* there is no name server */
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(net_next(net, &result, 0), 1);
        assert_int_equal(result.key, 7 + i);
        assert_int_equal(result.status, expected[i]);
        assert_int_equal(result.body.n, 0);
        net_result_free(&result);
    }
    assert_int_equal(net_inside(net), 0);
    net_close(net);
}

static void a_full_window_takes_no_more_until_a_result_is_collected(void **state)
{
    (void)state;
    struct net_options options;
    net_options_init(&options);
    options.window = 2;
    struct net *net = net_open(&options);
    struct net_result result;
    assert_non_null(net);
    assert_int_equal(net_submit(net, 0, STR("x:"), 0), 1);
    assert_int_equal(net_submit(net, 1, STR("x:"), 0), 1);
    assert_int_equal(net_submit(net, 2, STR("x:"), 0), 0);
    assert_int_equal(net_next(net, &result, 0), 1);
    net_result_free(&result);
    assert_int_equal(net_submit(net, 2, STR("x:"), 0), 1);
    net_close(net);
}

static void closing_ends_what_runs_waits_and_was_not_collected(void **state)
{
    (void)state;
    uint16_t port;
    int fd = listen_silently(&port);
    struct net_options options;
    struct net_result result;
    struct net *net = open_net(&options);
    char url[64];
    for (int i = 0; i < 20; i++) {
        snprintf(url, sizeof url, "http://127.0.0.%d:%u/%d", i % 3 + 1, port, i);
        assert_int_equal(net_submit(net, (uint64_t)i, str_from(url), NET_PICTURE), 1);
    }
    assert_int_equal(net_submit(net, 99, STR("x:"), 0), 1);
    assert_int_equal(net_next(net, &result, 300), 1); /* of the last one; the others wait for robots.txt */
    assert_int_equal(result.key, 99);
    net_result_free(&result);
    assert_int_equal(net_next(net, &result, 100), 0);
    assert_true(net_counts(net).requests > 0);
    assert_int_equal(net_inside(net), 20);
    net_close(net);
    close(fd);
}

static void *wake_later(void *net)
{
    usleep(100 * 1000);
    net_wake(net);
    return NULL;
}

static void another_thread_can_wake_it(void **state)
{
    (void)state;
    uint16_t port;
    int fd = listen_silently(&port);
    struct net_options options;
    struct net_result result;
    struct net *net = open_net(&options);
    char url[64];
    pthread_t thread;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    assert_int_equal(net_submit(net, 0, str_from(url), 0), 1);
    assert_int_equal(pthread_create(&thread, NULL, wake_later, net), 0);
    double start = seconds();
    assert_int_equal(net_next(net, &result, 30000), 0);
    assert_true(seconds() - start < 5);
    assert_int_equal(pthread_join(thread, NULL), 0);
    start = seconds();
    assert_int_equal(net_next(net, &result, 300), 0); /* and is not awake for ever */
    assert_true(seconds() - start >= 0.29);
    net_close(net);
    close(fd);
}

static void a_proxy_is_an_http_url_with_an_address_to_be_found(void **state)
{
    (void)state;
    struct net_options options;
    static const char *const bad[] = {"proxy", "https://10.0.0.1:3128", "socks5://10.0.0.1", "http://proxy.example:3128"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net_options_init(&options);
        options.proxy = bad[i];
        assert_null(net_open(&options));
        assert_int_equal(fail_code(), EXIT_USAGE);
        assert_non_null(strstr(fail_message(), bad[i]));
    }
    options.proxy = "http://[2001:db8::1]:3128";
    struct net *net = net_open(&options);
    assert_non_null(net);
    net_close(net);
}

static void the_libraries_name_their_versions(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1000);
    assert_int_equal(net_versions(&text), 0);
    assert_true(str_find(buf_str(&text), STR("libcurl ")) == 0);
    assert_true(str_find(buf_str(&text), STR("c-ares ")) != SIZE_MAX);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_fetched_is_told_at_once),
        cmocka_unit_test(a_full_window_takes_no_more_until_a_result_is_collected),
        cmocka_unit_test(closing_ends_what_runs_waits_and_was_not_collected),
        cmocka_unit_test(another_thread_can_wake_it),
        cmocka_unit_test(a_proxy_is_an_http_url_with_an_address_to_be_found),
        cmocka_unit_test(the_libraries_name_their_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
