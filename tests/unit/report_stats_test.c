/* Histograms without a range, frequent texts in bounded room, groups by size, examples: against counting everything. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/base/hash.h"
#include "reports/stats_bins.h"
#include "reports/stats_examples.h"
#include "reports/stats_frequent.h"
#include "reports/stats_groups.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t dice(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* ---- bins */

struct sought {
    double value, low;
    bool found;
};

static void look_for(void *context, double low, const uint64_t n[BINS_CLASSES])
{
    struct sought *s = context;
    (void)n;
    if (low <= s->value) s->low = low, s->found = true;
}

/* The lower edge of the one bin that a value alone makes. */
static double edge_of(double value)
{
    struct bins b = {0};
    struct sought s = {.value = INFINITY};
    assert_int_equal(bins_add(&b, value, 0), 0);
    bins_each(&b, look_for, &s);
    assert_true(s.found);
    bins_free(&b);
    return s.low;
}

static void test_a_bin_begins_at_the_first_three_digits(void **state)
{
    (void)state;
    static const double pairs[][2] = {{0, 0}, {1, 1}, {7, 7}, {42, 42}, {999, 999}, {1000, 1000}, {1234, 1230}, {5000, 5000}, {5009, 5000},
                                      {89478485, 89400000}, {0.28, 0.28}, {0.2837, 0.283}, {0.1, 0.1}, {0.29, 0.29}, {0.0123456, 0.0123},
                                      {3.002, 3.0}, {2.675, 2.67}, {1e-12, 0}, {999.9, 999}, {1e18, 1e18}, {-0.3, -0.3}, {-0.3001, -0.301},
                                      {-1, -1}, {-1.001, -1.01}, {-100, -100}, {-1234, -1240}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (edge_of(pairs[i][0]) != pairs[i][1]) fail_msg("%.17g lies from %.17g on, not from %.17g", pairs[i][0], edge_of(pairs[i][0]), pairs[i][1]);
}

static void test_every_edge_of_three_digits_is_in_its_own_bin(void **state)
{
    (void)state;
    for (int exponent = -6; exponent <= 6; exponent++)
        for (int m = 100; m < 1000; m++) {
            char text[32];
            snprintf(text, sizeof text, "%de%d", m, exponent - 2);
            double value = strtod(text, NULL);
            if (edge_of(value) != value || edge_of(nextafter(value, 0)) >= value) fail_msg("%s", text);
            if (edge_of(-value) != -value) fail_msg("-%s: %.17g", text, edge_of(-value));
        }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_quantiles_are_those_of_the_sorted_values(void **state)
{
    (void)state;
    enum { N = 5001 };
    static double values[N];
    struct bins b = {0};
    uint64_t seed = 1;
    for (int i = 0; i < N; i++) {
        values[i] = exp((double)dice(&seed) / (double)(1u << 31) * 12 - 3) * (i % 5 ? 1 : -1);
        bins_add(&b, values[i], i % 2 ? 1 : 0);
    }
    qsort(values, N, sizeof *values, by_value);
    for (int i = 0; i <= 16; i++) {
        double share = i / 16.0, exact = values[(int)(share * (N - 1))];
        assert_true(bins_quantile(&b, BINS_ALL, share) == edge_of(exact));
    }
    assert_int_equal(bins_total(&b, 1), N / 2 + 1);
    assert_int_equal(bins_total(&b, 2), N / 2);
    assert_int_equal(bins_total(&b, BINS_ALL), N);
    bins_free(&b);
}

/* Whatever is drawn: edges rise, every value is in the bar of its edges, nothing is lost, the anchor is an edge. */
static void check_drawing(const double *values, int n, struct bins_axis axis, bool anchored)
{
    struct bins b = {0};
    struct bins_drawn d;
    uint64_t counted[BINS_DRAWN] = {0};
    for (int i = 0; i < n; i++) bins_add(&b, values[i], (unsigned)i % 3);
    bins_draw(&b, &axis, &d);
    assert_in_range(d.count, 1, BINS_DRAWN);
    bool found = false;
    for (size_t i = 0; i < d.count; i++) assert_true(d.edges[i] < d.edges[i + 1]);
    for (size_t i = 0; i <= d.count; i++) found |= d.edges[i] == axis.anchor;
    assert_true(found || !anchored);
    for (int i = 0; i < n; i++) {
        size_t bar = 0;
        while (bar + 1 < d.count && values[i] >= d.edges[bar + 1]) bar++;
        counted[bar]++;
    }
    for (size_t i = 0; i < d.count; i++) {
        uint64_t all = 0;
        for (int c = 0; c < BINS_CLASSES; c++) all += d.n[i][c];
        assert_int_equal(all, counted[i]);
    }
    bins_free(&b);
}

static void test_drawings_count_every_value_once(void **state)
{
    (void)state;
    enum { N = 4000 };
    static double values[N];
    static const double anchors[] = {NAN, 0.28, 5, 200, 5000, 0.285, 1e6};
    for (int shape = 0; shape < 7; shape++)
        for (size_t a = 0; a < sizeof anchors / sizeof *anchors; a++) {
            uint64_t seed = (uint64_t)shape + 7;
            for (int i = 0; i < N; i++) {
                double u = (double)dice(&seed) / (double)(1u << 31);
                static const double spreads[] = {1, 9, 14};
                values[i] = shape < 3 ? floor(exp(spreads[shape] * u)) : shape == 3 ? u : shape == 4 ? u * 0.02 + 0.27 : shape == 5 ? u - 0.5 : 7;
            }
            bool whole = shape < 3 || shape == 6;
            if (whole && anchors[a] != floor(anchors[a])) continue;
            check_drawing(values, N, (struct bins_axis){.integer = whole, .anchor = anchors[a]}, false);
            check_drawing(values, N, (struct bins_axis){.log = true, .integer = whole, .anchor = anchors[a]}, false);
            check_drawing(values, 1, (struct bins_axis){.integer = whole, .anchor = anchors[a]}, false);
        }
}

static void test_a_limit_in_sight_is_an_edge(void **state)
{
    (void)state;
    enum { N = 1000 };
    static double values[N];
    for (int i = 0; i < N; i++) values[i] = i % 60;
    for (int limit = 1; limit < 60; limit++) check_drawing(values, N, (struct bins_axis){.integer = true, .anchor = limit}, true);
    for (int i = 0; i < N; i++) values[i] = (double)i / N;
    for (int limit = 1; limit < 100; limit++) check_drawing(values, N, (struct bins_axis){.anchor = limit / 100.0}, true);
    for (int i = 0; i < N; i++) values[i] = 100 + i * 50;
    static const double sizes[] = {150, 200, 300, 4000, 5000, 10000, 12300};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_drawing(values, N, (struct bins_axis){.log = true, .integer = true, .anchor = sizes[i]}, true);
}

/* ---- frequent texts */

enum { TEXTS = 3000 };

static size_t number_of(struct str text)
{
    uint64_t n;
    assert_int_equal(str_to_u64(str_from_at(text, 1), &n), 0);
    return n;
}

static void test_frequent_texts_are_exact_while_there_is_room(void **state)
{
    (void)state;
    struct frequent t;
    uint64_t truth[TEXTS] = {0}, seed = 3;
    assert_int_equal(frequent_init(&t, TEXTS), 0);
    for (int i = 0; i < 40000; i++) {
        char text[16];
        size_t which = dice(&seed) % TEXTS * (dice(&seed) % 100) / 100;
        int n = snprintf(text, sizeof text, "t%zu", which);
        truth[which]++;
        struct str s = str_of(text, (size_t)n);
        assert_int_equal(frequent_add(&t, s, frequent_hash(s), (uint64_t[FREQUENT_COUNTS]){1, which % 2}), 0);
    }
    frequent_sort(&t);
    assert_int_equal(t.floor, 0);
    size_t different = 0;
    for (size_t i = 0; i < TEXTS; i++) different += truth[i] > 0;
    assert_int_equal(t.count, different);
    for (size_t i = 0; i < t.count; i++) {
        size_t which = number_of(frequent_text(&t, &t.items[i]));
        assert_int_equal(t.items[i].n[0], truth[which]);
        assert_int_equal(t.items[i].n[1], which % 2 ? truth[which] : 0);
        if (i) assert_true(t.items[i].n[0] <= t.items[i - 1].n[0]);
    }
    frequent_free(&t);
}

static void test_without_room_the_bounds_hold(void **state)
{
    (void)state;
    for (size_t limit = 2; limit < 2000; limit = limit * 3 + 1) {
        struct frequent t;
        uint64_t truth[TEXTS] = {0}, seed = limit;
        bool there[TEXTS] = {false};
        assert_int_equal(frequent_init(&t, limit), 0);
        for (int i = 0; i < 60000; i++) {
            char text[16];
            size_t which = dice(&seed) % (1 + dice(&seed) % TEXTS);
            int n = snprintf(text, sizeof text, "t%zu", which);
            truth[which]++;
            struct str s = str_of(text, (size_t)n);
            assert_int_equal(frequent_add(&t, s, frequent_hash(s), (uint64_t[FREQUENT_COUNTS]){1}), 0);
            assert_true(t.count <= limit);
        }
        frequent_sort(&t);
        for (size_t i = 0; i < t.count; i++) {
            size_t which = number_of(frequent_text(&t, &t.items[i]));
            there[which] = true;
            assert_true(t.items[i].n[0] <= truth[which]);
            assert_true(truth[which] <= t.items[i].n[0] + t.items[i].missed);
        }
        for (size_t i = 0; i < TEXTS; i++) assert_true(there[i] || truth[i] <= t.floor);
        frequent_free(&t);
    }
}

static void test_long_texts_are_told_apart_beyond_what_is_kept(void **state)
{
    (void)state;
    struct frequent t;
    char text[FREQUENT_TEXT + 50];
    memset(text, 'a', sizeof text);
    assert_int_equal(frequent_init(&t, 10), 0);
    for (int i = 0; i < 6; i++) {
        text[sizeof text - 1] = (char)('a' + i % 3);
        struct str s = str_of(text, sizeof text);
        frequent_add(&t, s, frequent_hash(s), (uint64_t[FREQUENT_COUNTS]){1});
    }
    frequent_sort(&t);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.items[0].text_n, FREQUENT_TEXT);
    assert_int_equal(t.items[0].points, sizeof text);
    frequent_free(&t);
}

/* ---- groups */

static uint64_t hash_of(size_t which) { return hash_xxh3_128(str_of((const char *)&which, sizeof which), 9).low; }

static void test_groups_by_size_are_exact_with_room_and_near_without(void **state)
{
    (void)state;
    enum { GROUPS = 20000 };
    static const size_t sizes[] = {1, 1, 1, 1, 2, 2, 3, 7, 12};
    for (size_t limit = 1000; limit <= 32000; limit *= 32) {
        struct groups g;
        struct groups_by_size told;
        uint64_t values = 0, once = 0;
        assert_int_equal(groups_init(&g, limit), 0);
        for (size_t i = 0; i < GROUPS; i++) {
            size_t n = sizes[i % (sizeof sizes / sizeof *sizes)];
            values += n;
            once += n == 1;
            for (size_t k = 0; k < n; k++) assert_int_equal(groups_add(&g, hash_of(i)), 0);
            assert_true(g.count <= limit);
        }
        groups_sizes(&g, 0, &told);
        uint64_t all = 0;
        for (int i = 0; i < GROUP_SIZES; i++) all += told.values[i];
        if (limit >= GROUPS) {
            assert_int_equal(g.level, 0);
            assert_int_equal(groups_count(&g), GROUPS);
            assert_int_equal(told.groups[0], once);
            assert_int_equal(all, values);
        } else {
            assert_true(g.level > 0);
            assert_in_range(groups_count(&g), GROUPS * 0.9, GROUPS * 1.1);
            assert_in_range(told.groups[0], (double)once * 0.85, (double)once * 1.15);
            assert_in_range(all, (double)values * 0.85, (double)values * 1.15);
        }
        groups_free(&g);
    }
}

/* ---- examples */

static void test_examples_do_not_depend_on_the_order_of_rows(void **state)
{
    (void)state;
    enum { N = 400 };
    uint64_t first[8] = {0}, seed = 5;
    double far[N];
    for (int i = 0; i < N; i++) far[i] = (double)(dice(&seed) % 50);
    for (int turn = 0; turn < 5; turn++) {
        struct examples e = {.room = 8};
        for (int i = 0; i < N; i++) {
            int k = turn == 0 ? i : turn == 1 ? N - 1 - i : (i * (2 * turn + 3) + turn) % N;
            struct example *x = examples_offer(&e, far[k], hash_of((size_t)k), (uint64_t)(k / 7)); /* seven rows a picture */
            if (x) x->value = k;
        }
        assert_int_equal(e.count, 8);
        for (size_t i = 0; i < 8; i++) {
            if (turn == 0) first[i] = e.list[i].hash;
            assert_int_equal(e.list[i].hash, first[i]);
            for (size_t k = 0; k < i; k++) assert_true(e.list[k].same != e.list[i].same && e.list[k].distance <= e.list[i].distance);
        }
        examples_free(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bin_begins_at_the_first_three_digits),
        cmocka_unit_test(test_every_edge_of_three_digits_is_in_its_own_bin),
        cmocka_unit_test(test_quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(test_drawings_count_every_value_once),
        cmocka_unit_test(test_a_limit_in_sight_is_an_edge),
        cmocka_unit_test(test_frequent_texts_are_exact_while_there_is_room),
        cmocka_unit_test(test_without_room_the_bounds_hold),
        cmocka_unit_test(test_long_texts_are_told_apart_beyond_what_is_kept),
        cmocka_unit_test(test_groups_by_size_are_exact_with_room_and_near_without),
        cmocka_unit_test(test_examples_do_not_depend_on_the_order_of_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
