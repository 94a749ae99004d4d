/* Named sums beside an array of what was added: in memory, spilled, and in parts that are larger than memory. */
#include "filters/counts/named_sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NAMES = 20000, ADDED = 60000, LONG = 3000 };

/* Number i's name: most are short, each hundredth is long enough to span chunks. */
static struct str name_of(char room[LONG + 16], unsigned i)
{
    size_t n = (size_t)snprintf(room, 16, "name %u", i);
    if (i % 100 == 7) {
        memset(room + n, 'x', LONG);
        n += LONG;
    }
    return str_of(room, n);
}

static unsigned number_of(struct str name)
{
    unsigned i = 0;
    for (size_t at = 5; at < name.n && name.p[at] != 'x'; at++) i = i * 10 + (unsigned)(name.p[at] - '0');
    return i;
}

static unsigned step(unsigned *state) { return (*state = *state * 1664525 + 1013904223) >> 8; }

/* What comes back has to rise, and be `sums`. */
static void expect_sums(struct named_sums *n, const uint64_t *sums)
{
    char room[LONG + 16];
    struct hash128 key, last = {0, 0};
    struct str name;
    uint64_t sum, met = 0;
    int got;
    while ((got = named_sums_next(n, &key, &name, &sum)) > 0) {
        assert_true(met++ == 0 || hash128_compare(last, key) < 0);
        last = key;
        unsigned i = number_of(name);
        assert_true(i < NAMES && str_eq(name, name_of(room, i)));
        assert_int_equal(hash128_compare(key, hash_xxh3_128(name, 0)), 0);
        assert_int_equal(sum, sums[i]);
    }
    assert_int_equal(got, 0);
    uint64_t distinct = 0;
    for (unsigned i = 0; i < NAMES; i++) distinct += sums[i] > 0;
    assert_int_equal(met, distinct);
}

static void add_and_expect(size_t filling, size_t coming_back)
{
    uint64_t *sums = calloc(NAMES, sizeof *sums);
    struct named_sums *n = named_sums_open(filling, NULL);
    char room[LONG + 16];
    unsigned state = 1;
    assert_true(sums && n);
    for (int i = 0; i < ADDED; i++) {
        unsigned which = step(&state) % NAMES;
        uint64_t count = i % 50 == 0 ? UINT64_C(1) << 40 : 1 + step(&state) % 3;
        struct str name = name_of(room, which);
        sums[which] += count;
        assert_int_equal(named_sums_add(n, name, count), 0);
    }
    assert_int_equal(named_sums_seal(n, coming_back), 0);
    expect_sums(n, sums);
    named_sums_close(n);
    free(sums);
}

static void test_sums_in_memory(void **state) { (void)state, add_and_expect(64 << 20, 64 << 20); }
static void test_sums_that_are_spilled(void **state) { (void)state, add_and_expect(1, 1 << 20); }
static void test_parts_larger_than_memory_are_parted_again(void **state) { (void)state, add_and_expect(1 << 18, 1 << 10); }

/* Keys that agree in their first half, and names that share a key, in any order of adding. */
static void test_given_keys_keep_the_least_name(void **state)
{
    (void)state;
    static const struct {
        struct hash128 key;
        const char *name;
    } given[] = {{{7, 2}, "b"}, {{7, 1}, "z"}, {{7, 2}, "a"}, {{7, 1}, "z"}, {{7, 3}, ""}};
    for (size_t first = 0; first < 5; first++) {
        struct named_sums *n = named_sums_open(0, NULL);
        struct hash128 key;
        struct str name;
        uint64_t sum;
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(named_sums_add_keyed(n, given[(first + i) % 5].key, str_from(given[(first + i) % 5].name), 1), 0);
        assert_int_equal(named_sums_seal(n, 1 << 20), 0);
        static const char *const expected[] = {"z", "a", ""};
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(named_sums_next(n, &key, &name, &sum), 1);
            assert_true(key.high == 7 && key.low == i + 1 && str_eq(name, str_from(expected[i])));
            assert_int_equal(sum, i == 2 ? 1 : 2);
        }
        assert_int_equal(named_sums_next(n, &key, &name, &sum), 0);
        named_sums_close(n);
    }
}

static void test_nothing_added_gives_nothing(void **state)
{
    (void)state;
    struct named_sums *n = named_sums_open(1 << 20, NULL);
    struct hash128 key;
    struct str name;
    uint64_t sum;
    assert_int_equal(named_sums_seal(n, 1 << 20), 0);
    assert_int_equal(named_sums_next(n, &key, &name, &sum), 0);
    named_sums_close(n);
}

static void test_a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct named_sums *n = named_sums_open(0, "/nowhere/at/all");
    char room[LONG + 16];
    int result = 0;
    for (unsigned i = 0; i < NAMES && result == 0; i++) {
        struct str name = name_of(room, i);
        result = named_sums_add(n, name, 1);
    }
    assert_int_equal(result, -1);
    named_sums_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_in_memory),
        cmocka_unit_test(test_sums_that_are_spilled),
        cmocka_unit_test(test_parts_larger_than_memory_are_parted_again),
        cmocka_unit_test(test_given_keys_keep_the_least_name),
        cmocka_unit_test(test_nothing_added_gives_nothing),
        cmocka_unit_test(test_a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
