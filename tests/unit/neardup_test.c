/* Clusters of perceptual hashes beside all pairs, on random sets and on ones made to be costly. */
#include "filters/dedup/neardup.h"

#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MEMORY = 64 << 20 };

static uint64_t dice(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* labels[i]: the least hash of the component of hashes[i], by all pairs and repeated relabelling. */
static void by_all_pairs(const uint64_t *hashes, size_t count, unsigned distance, uint64_t *labels)
{
    for (size_t i = 0; i < count; i++) labels[i] = hashes[i];
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < count; k++)
                if (labels[k] < labels[i] && (unsigned)__builtin_popcountll(hashes[i] ^ hashes[k]) <= distance)
                    labels[i] = labels[k], changed = true;
    }
}

static struct neardup *clustered(const uint64_t *hashes, size_t count, unsigned distance)
{
    struct neardup *n = neardup_open(distance, MEMORY, NULL);
    assert_non_null(n);
    for (size_t i = 0; i < count; i++) assert_int_equal(neardup_add(n, hashes[i]), 0);
    assert_int_equal(neardup_seal(n), 0);
    return n;
}

static void check(const uint64_t *hashes, size_t count, unsigned distance)
{
    uint64_t *labels = calloc(count + 1, sizeof *labels);
    by_all_pairs(hashes, count, distance, labels);
    struct neardup *n = clustered(hashes, count, distance);
    for (size_t i = 0; i < count; i++) assert_true(neardup_cluster(n, hashes[i]) == labels[i]);
    neardup_close(n);
    free(labels);
}

/* `count` hashes: centres, and neighbours of them with a few bits turned. */
static void fill_around(uint64_t *hashes, size_t count, size_t centres, unsigned turned, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t centre = seed * 1000 + i % centres;
        hashes[i] = dice(&centre);
        for (unsigned t = (unsigned)(dice(&seed) % (turned + 1)); t; t--) hashes[i] ^= UINT64_C(1) << dice(&seed) % 64;
    }
}

static void test_clusters_are_those_of_all_pairs(void **state)
{
    (void)state;
    enum { COUNT = 700 };
    uint64_t hashes[COUNT], seed = 7;
    for (unsigned distance = 1; distance <= NEARDUP_DISTANCE_MAX; distance++) {
        fill_around(hashes, COUNT, 120, distance + 2, distance);
        check(hashes, COUNT, distance);
        for (size_t i = 0; i < COUNT; i++) hashes[i] = dice(&seed) & 0x3FFF00000000000F; /* few bits: crowded */
        check(hashes, COUNT, distance);
        for (size_t i = 0; i < COUNT; i++) hashes[i] = i * UINT64_C(0x0101010101010101); /* far apart in steps */
        check(hashes, COUNT, distance);
    }
}

static void test_pairs_at_the_distance_are_joined_and_one_bit_more_are_not(void **state)
{
    (void)state;
    for (unsigned distance = 1; distance <= NEARDUP_DISTANCE_MAX; distance++)
        for (unsigned shift = 0; shift < 64; shift += 5) {
            uint64_t mask = (UINT64_C(1) << distance) - 1, more = mask << 1 | 1;
            mask = mask << shift | (shift ? mask >> (64 - shift) : 0);
            more = more << shift | (shift ? more >> (64 - shift) : 0);
            const uint64_t near[2] = {UINT64_C(0xA5A5F00F12345678), UINT64_C(0xA5A5F00F12345678) ^ mask};
            const uint64_t far[2] = {near[0], near[0] ^ more};
            check(near, 2, distance);
            check(far, 2, distance);
        }
}

static void test_no_hash_one_and_the_extremes(void **state)
{
    (void)state;
    const uint64_t ends[4] = {0, UINT64_MAX, 1, UINT64_MAX - 1};
    check(ends, 0, 4);
    check(ends, 1, 4);
    check(ends, 4, 1);
    check(ends, 4, 16);
}

static void test_the_order_of_adding_changes_nothing(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static uint64_t hashes[COUNT], reversed[COUNT];
    fill_around(hashes, COUNT, 900, 6, 3);
    for (size_t i = 0; i < COUNT; i++) reversed[i] = hashes[COUNT - 1 - i];
    struct neardup *a = clustered(hashes, COUNT, 4), *b = clustered(reversed, COUNT, 4);
    for (size_t i = 0; i < COUNT; i++) assert_true(neardup_cluster(a, hashes[i]) == neardup_cluster(b, hashes[i]));
    neardup_close(a);
    neardup_close(b);
}

static void test_equal_hashes_cost_nothing(void **state)
{
    (void)state;
    struct neardup *n = neardup_open(8, MEMORY, NULL);
    for (int i = 0; i < 300000; i++) assert_int_equal(neardup_add(n, 42), 0);
    assert_int_equal(neardup_seal(n), 0);
    assert_true(neardup_steps(n) < 100);
    neardup_close(n);
}

/* `set` of `count` distinct hashes costs at most `share` of comparing all pairs. */
static void costs_at_most(const uint64_t *set, size_t count, unsigned distance, double share)
{
    struct neardup *n = clustered(set, count, distance);
    double pairs = (double)count * (double)(count - 1) / 2;
    if ((double)neardup_steps(n) > share * pairs) fail_msg("%g steps for %g pairs", (double)neardup_steps(n), pairs);
    neardup_close(n);
}

static void test_sets_made_to_be_costly_are_not(void **state)
{
    (void)state;
    enum { COUNT = 1 << 16 };
    uint64_t *set = calloc(COUNT, sizeof *set), seed = 1;
    for (size_t i = 0; i < COUNT; i++) set[i] = i; /* all in one band but the last */
    costs_at_most(set, COUNT, 3, 0.02);
    for (size_t i = 0; i < COUNT; i++) set[i] = i * 0x10001; /* bits in pairs: no neighbour at distance 1 */
    costs_at_most(set, COUNT, 1, 0.02);
    size_t count = 0;
    for (unsigned a = 0; a < 64; a++) /* all within three bits of 0 */
        for (unsigned b = 0; b <= a; b++)
            for (unsigned c = 0; c <= b && count < COUNT; c++) set[count++] = UINT64_C(1) << a | UINT64_C(1) << b | UINT64_C(1) << c;
    costs_at_most(set, count, 5, 0.1);
    for (size_t i = 0; i < COUNT; i++) { /* every bit doubled four times: distances are multiples of 4 */
        uint64_t x = 0;
        for (unsigned bit = 0; bit < 16; bit++) x |= (uint64_t)(i >> bit & 1) * 15 << (4 * bit);
        set[i] = x;
    }
    costs_at_most(set, COUNT, 4, 0.1);
    costs_at_most(set, COUNT, 3, 2.2);
    for (size_t i = 0; i < COUNT; i++) set[i] = dice(&seed);
    costs_at_most(set, COUNT, 4, 0.05);
    free(set);
}

static void test_too_little_memory_is_told_with_how_much_it_takes(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct neardup *n = neardup_open(4, 1 << 20, NULL);
    for (int i = 0; i < 100000; i++) assert_int_equal(neardup_add(n, dice(&seed)), 0);
    assert_int_equal(neardup_seal(n), -1);
    assert_string_equal(fail_message(), "100000 distinct hashes are clustered in memory: give --memory 6M");
    neardup_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clusters_are_those_of_all_pairs),
        cmocka_unit_test(test_pairs_at_the_distance_are_joined_and_one_bit_more_are_not),
        cmocka_unit_test(test_no_hash_one_and_the_extremes),
        cmocka_unit_test(test_the_order_of_adding_changes_nothing),
        cmocka_unit_test(test_equal_hashes_cost_nothing),
        cmocka_unit_test(test_sets_made_to_be_costly_are_not),
        cmocka_unit_test(test_too_little_memory_is_told_with_how_much_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
