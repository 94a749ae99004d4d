/* Politeness with a clock of the test's own: rates, connections, pauses, closed hosts; the heap and the table below; dates. */
#include "crawl/net/polite.h"
#include "crawl/net/status.h"
#include "crawl/net/table.h"
#include "crawl/net/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct polite *polite;
static int64_t now;
static int64_t wake;

static int begin(void **state)
{
    (void)state;
    now = 1000000;
    polite = polite_new(&polite_default);
    return polite ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    polite_free(polite);
    return 0;
}

static void attach(struct polite_site *site, const char *host)
{
    assert_int_equal(polite_attach(polite, site, str_from(host), URL_DOMAIN), 0);
}

static void want(struct polite_site *site) { assert_int_equal(polite_want(polite, site, now), 0); }
static struct polite_site *next(void) { return polite_next(polite, now, &wake); }
static void ended(struct polite_site *site) { assert_int_equal(polite_ended(polite, site, now), 0); }

static void a_domain_is_asked_four_times_a_second_over_all_its_hosts(void **state)
{
    (void)state;
    struct polite_site sites[3];
    attach(&sites[0], "a.example.com");
    attach(&sites[1], "b.example.com");
    attach(&sites[2], "example.net");
    int started[3] = {0};
    for (; now < 1010000; now++) {
        struct polite_site *site;
        for (int i = 0; i < 3; i++) want(&sites[i]);
        while ((site = next())) {
            started[site - sites]++;
            ended(site);
            want(site);
        }
        assert_true(wake > now);
    }
    assert_int_equal(started[0] + started[1], 40);
    assert_int_equal(started[2], 40);
    assert_int_equal(started[0], 20); /* the two hosts take turns */
}

static void public_suffixes_separate_owners(void **state)
{
    (void)state;
    struct polite_site one, two;
    attach(&one, "one.github.io");
    attach(&two, "two.github.io");
    want(&one);
    want(&two);
    assert_ptr_equal(next(), &one);
    assert_ptr_equal(next(), &two);
}

static void a_host_has_two_connections_over_both_its_schemes(void **state)
{
    (void)state;
    struct polite_site http, https;
    attach(&http, "example.com");
    attach(&https, "example.com");
    want(&http);
    assert_ptr_equal(next(), &http);
    now += 250;
    want(&https);
    assert_ptr_equal(next(), &https);
    now += 250;
    want(&http);
    want(&https);
    assert_null(next());
    assert_int_equal(wake, INT64_MAX); /* only an end can help */
    ended(&http);
    assert_ptr_equal(next(), &http);
    now += 250;
    assert_null(next()); /* the other waits again */
    ended(&https);
    assert_ptr_equal(next(), &https);
    polite_no_longer(polite, &http);
    assert_null(next());
}

static void a_crawl_delay_is_kept_up_to_a_minute(void **state)
{
    (void)state;
    struct polite_site site;
    attach(&site, "example.com");
    want(&site);
    assert_ptr_equal(next(), &site);
    polite_set_delay(polite, &site, 3600 * 1000); /* robots.txt, which that request fetched, asks for an hour */
    ended(&site);
    want(&site);
    assert_null(next());
    assert_int_equal(wake, now + 60000);
    now += 59999;
    assert_null(next());
    now += 1;
    assert_ptr_equal(next(), &site);
}

static void a_pause_is_kept_and_ends(void **state)
{
    (void)state;
    struct polite_site site, other;
    attach(&site, "example.com");
    attach(&other, "example.org");
    polite_pause(polite, &site, now, 7200 * 1000);
    assert_int_equal(polite_paused_ms(&site, now), 3600 * 1000); /* an hour at most */
    want(&site);
    want(&other);
    assert_ptr_equal(next(), &other);
    assert_null(next());
    now += 3600 * 1000;
    assert_int_equal(polite_paused_ms(&site, now), 0);
    assert_ptr_equal(next(), &site);
}

static void pauses_double_until_the_host_answers(void **state)
{
    (void)state;
    struct polite_site site;
    attach(&site, "example.com");
    assert_int_equal(polite_pause_longer(polite, &site, now), 5000);
    assert_int_equal(polite_pause_longer(polite, &site, now), 5000); /* of the same storm */
    now += 5000;
    assert_int_equal(polite_pause_longer(polite, &site, now), 10000);
    now += 10000;
    assert_int_equal(polite_pause_longer(polite, &site, now), 20000);
    now += 20000;
    polite_answered(&site);
    assert_int_equal(polite_pause_longer(polite, &site, now), 5000);
    for (int i = 0; i < 100; i++) {
        now += 3600 * 1000;
        assert_true(polite_pause_longer(polite, &site, now) <= 3600 * 1000);
    }
}

static void three_failures_close_a_host_for_ten_minutes(void **state)
{
    (void)state;
    struct polite_site site;
    attach(&site, "example.com");
    polite_failed(polite, &site, now);
    polite_failed(polite, &site, now);
    polite_connected(&site);
    polite_failed(polite, &site, now);
    polite_failed(polite, &site, now);
    assert_false(polite_closed(&site, now));
    polite_failed(polite, &site, now);
    assert_true(polite_closed(&site, now));
    assert_true(polite_closed(&site, now + 599999));
    now += 600000;
    assert_false(polite_closed(&site, now));
    polite_failed(polite, &site, now); /* one more is enough now */
    assert_true(polite_closed(&site, now));
    polite_connected(&site);
    assert_false(polite_closed(&site, now));
}

static void sites_come_and_go(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct polite_site *sites = calloc(MANY, sizeof *sites);
    assert_non_null(sites);
    char name[64];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "host%d.site%d.test", i, i % 50);
        attach(&sites[i], name);
        want(&sites[i]);
    }
    for (int i = 0; i < MANY; i += 2) polite_detach(polite, &sites[i]);
    size_t count = 0;
    for (struct polite_site *site; now < 1000000 + 100 * 250; now += 250)
        for (; (site = next()); count++) ended(site);
    assert_int_equal(count, MANY / 2); /* 25 owners left, 60 hosts each, 4 a second: 15 s */
    for (int i = 1; i < MANY; i += 2) polite_detach(polite, &sites[i]);
    free(sites);
}

static void no_limits_means_none(void **state)
{
    (void)state;
    struct polite_limits limits = polite_default;
    limits.rate = 0;
    limits.connections = 1000;
    struct polite *loose = polite_new(&limits);
    struct polite_site site;
    assert_non_null(loose);
    assert_int_equal(polite_attach(loose, &site, STR("example.com"), URL_DOMAIN), 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(polite_want(loose, &site, now), 0);
        assert_ptr_equal(polite_next(loose, now, &wake), &site);
    }
    polite_free(loose);
}

/* ---- what it stands on */

static void heaps_give_the_earliest_and_equals_in_order(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct heap heap = {0};
    struct heap_item *items = calloc(COUNT, sizeof *items);
    assert_non_null(items);
    uint32_t random = 7;
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        assert_int_equal(heap_add(&heap, &items[i], random >> 24), 0);
    }
    for (int i = 0; i < COUNT; i += 3) heap_remove(&heap, &items[i]);
    for (int i = 1; i < COUNT; i += 3) heap_later(&heap, &items[i], items[i].time + 100);
    int64_t last = -1;
    uint64_t sequence = 0;
    size_t count = 0;
    for (struct heap_item *item; (item = heap_first(&heap)); count++) {
        assert_true(item->time > last || (item->time == last && item->sequence > sequence));
        last = item->time;
        sequence = item->sequence;
        heap_remove(&heap, item);
    }
    assert_int_equal(count, COUNT - (COUNT + 2) / 3);
    heap_free(&heap);
    free(items);
}

static void tables_find_what_is_in_them(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct thing { struct table_node node; char name[16]; } *things = calloc(COUNT, sizeof *things);
    struct table table;
    assert_non_null(things);
    table_init(&table);
    assert_null(table_find(&table, STR("1")));
    for (int i = 0; i < COUNT; i++) {
        snprintf(things[i].name, sizeof things[i].name, "%d", i);
        assert_int_equal(table_add(&table, &things[i].node, str_from(things[i].name)), 0);
    }
    for (int i = 0; i < COUNT; i += 2) table_remove(&table, &things[i].node);
    for (int i = 0; i < COUNT; i++) {
        struct table_node *found = table_find(&table, str_from(things[i].name));
        assert_ptr_equal(found, i % 2 ? &things[i].node : NULL);
    }
    size_t walked = 0;
    for (struct table_node *node = table_next(&table, NULL); node; node = table_next(&table, node)) walked++;
    assert_int_equal(walked, COUNT / 2);
    table_free(&table);
    free(things);
}

/* ---- dates */

static void all_three_forms_of_dates_are_read(void **state)
{
    (void)state;
    int64_t t, june_2024 = 1718000000;
    const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                "  Sun, 6 Nov 1994 08:49:37 gmt "};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(when_http_date(str_from(same[i]), june_2024, &t), 0);
        assert_int_equal(t, 784111777);
    }
    assert_int_equal(when_http_date(STR("Friday, 01-Jan-70 00:00:00 GMT"), june_2024, &t), 0); /* 2070: not over 50 years ahead */
    assert_int_equal(t, 3155760000);
    const char *const none[] = {"", "yesterday", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
                                "Sun, 06 Nov 1894 08:49:37 GMT", "Sun, 06 Nov 1994", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun Nov  6 08:49:37"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (when_http_date(str_from(none[i]), june_2024, &t) == 0) fail_msg("'%s' was read", none[i]);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    int64_t at = 784111777;
    assert_int_equal(when_retry_after(STR("120"), STR_ABSENT, at), 120000);
    assert_int_equal(when_retry_after(STR(" 0 "), STR_ABSENT, at), 0);
    assert_int_equal(when_retry_after(STR("99999999999999999999999"), STR_ABSENT, at), 86400000);
    assert_int_equal(when_retry_after(STR("Sun, 06 Nov 1994 08:50:37 GMT"), STR_ABSENT, at), 60000);
    assert_int_equal(when_retry_after(STR("Sun, 06 Nov 1994 08:48:37 GMT"), STR_ABSENT, at), 0);
    /* a server whose clock is wrong means the time by its own clock */
    assert_int_equal(when_retry_after(STR("Mon, 07 Nov 1994 08:50:37 GMT"), STR("Mon, 07 Nov 1994 08:49:37 GMT"), at), 60000);
    assert_int_equal(when_retry_after(STR("soon"), STR_ABSENT, at), -1);
    assert_int_equal(when_retry_after(STR("-5"), STR_ABSENT, at), -1);
    assert_int_equal(when_retry_after(STR(""), STR_ABSENT, at), -1);
}

/* ---- statuses */

static void every_status_has_a_name_a_meaning_and_a_cause(void **state)
{
    (void)state;
    for (int i = 0; i < NET_STATUSES; i++) {
        enum net_status status, read;
        unsigned http;
        status = (enum net_status)i;
        assert_true(strlen(net_status_meaning(status)) > 5);
        assert_int_equal(net_status_cause(status, 404) == NET_FINE, status == NET_OK);
        if (status == NET_HTTP) continue;
        assert_true(net_status_parse(str_from(net_status_name(status)), &read, &http));
        assert_int_equal(read, status);
        assert_int_equal(http, 0);
    }
}

static void http_codes_tell_gone_from_refused_and_passing_from_final(void **state)
{
    (void)state;
    enum net_status status;
    unsigned http;
    assert_true(net_status_parse(STR("http_404"), &status, &http));
    assert_int_equal(status, NET_HTTP);
    assert_int_equal(http, 404);
    assert_false(net_status_parse(STR("http_4o4"), &status, &http));
    assert_false(net_status_parse(STR("http"), &status, &http));
    assert_int_equal(net_status_cause(NET_HTTP, 404), NET_GONE);
    assert_int_equal(net_status_cause(NET_HTTP, 403), NET_REFUSED);
    assert_false(net_status_passing(NET_HTTP, 404));
    assert_true(net_status_passing(NET_HTTP, 503));
    assert_true(net_status_passing(NET_HTTP, 429));
    assert_false(net_status_passing(NET_HTTP, 501));
}

int main(void)
{
#define WITH_POLITE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        WITH_POLITE(a_domain_is_asked_four_times_a_second_over_all_its_hosts),
        WITH_POLITE(public_suffixes_separate_owners),
        WITH_POLITE(a_host_has_two_connections_over_both_its_schemes),
        WITH_POLITE(a_crawl_delay_is_kept_up_to_a_minute),
        WITH_POLITE(a_pause_is_kept_and_ends),
        WITH_POLITE(pauses_double_until_the_host_answers),
        WITH_POLITE(three_failures_close_a_host_for_ten_minutes),
        WITH_POLITE(sites_come_and_go),
        WITH_POLITE(no_limits_means_none),
        cmocka_unit_test(heaps_give_the_earliest_and_equals_in_order),
        cmocka_unit_test(tables_find_what_is_in_them),
        cmocka_unit_test(all_three_forms_of_dates_are_read),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(every_status_has_a_name_a_meaning_and_a_cause),
        cmocka_unit_test(http_codes_tell_gone_from_refused_and_passing_from_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
