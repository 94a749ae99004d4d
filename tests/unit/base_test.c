/* Slices, buffers, arenas, sentences: what everything else stands on. */
#include "pipeline/base/arena.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#undef fail /* cmocka has a macro of that name */

static void assert_str(struct str s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void test_cut_takes_parts_and_ends_absent(void **state)
{
    (void)state;
    struct str rest = STR("a,,b");
    assert_str(str_cut(&rest, ','), "a");
    assert_str(str_cut(&rest, ','), "");
    assert_str(str_cut(&rest, ','), "b");
    assert_null(rest.p);
}

static void test_numbers_are_strict(void **state)
{
    (void)state;
    uint64_t n = 7;
    int64_t i = 7;
    double d = 7;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999999", "1e3"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_int_equal(str_to_u64(str_from(bad[k]), &n), -1);
    assert_int_equal(n, 7);
    assert_int_equal(str_to_u64(STR("18446744073709551615"), &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(str_to_i64(STR("-9223372036854775808"), &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(str_to_i64(STR("9223372036854775808"), &i), -1);
    static const char *const bad_reals[] = {"nan", "inf", "0x1p3", " 1", "1,5", "1e999", ""};
    for (size_t k = 0; k < sizeof bad_reals / sizeof *bad_reals; k++) assert_int_equal(str_to_double(str_from(bad_reals[k]), &d), -1);
    assert_int_equal(str_to_double(STR("-2.5e-3"), &d), 0);
    assert_true(d == -2.5e-3);
}

static void test_decimals_of_every_length_read_as_strtod_does(void **state)
{
    (void)state;
    uint64_t dice = 1;
    for (int i = 0; i < 100000; i++) {
        char text[48];
        double d;
        dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int whole = (int)(dice >> 60), behind = (int)(dice >> 56 & 15);
        snprintf(text, sizeof text, "%s%.*s.%.*s", dice >> 55 & 1 ? "-" : "", whole, "907134562998877", behind + 1, "0000271828182845904" + (dice >> 52 & 3));
        assert_int_equal(str_to_double(str_from(text), &d), 0);
        assert_true(d == strtod(text, NULL));
    }
}

static void test_sizes_know_their_units(void **state)
{
    (void)state;
    static const struct { const char *text; uint64_t bytes; } cases[] = {
        {"0", 0}, {"512", 512}, {"64k", 65536}, {"1.5G", 1610612736}, {"1GiB", 1073741824}, {"2MB", 2097152}, {"1b", 1}};
    uint64_t n;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(str_to_size(str_from(cases[i].text), &n), 0);
        assert_true(n == cases[i].bytes);
    }
    static const char *const bad[] = {"", "k", "1x", "1kk", "-1", "1e30", "99999999T"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(str_to_size(str_from(bad[i]), &n), -1);
}

static void test_distance_counts_slips(void **state)
{
    (void)state;
    assert_int_equal(str_distance(STR("filter"), STR("fitler")), 1);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
}

static void test_buf_stops_at_its_ceiling(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_add(&b, STR("12345678")), 0);
    assert_int_equal(buf_add(&b, STR("abc")), -1);
    assert_str(buf_str(&b), "12345678");
    assert_int_equal(buf_add(&b, STR("ab")), 0);
    assert_string_equal(buf_c_string(&b), "12345678ab");
    buf_free(&b);
}

static void test_doubles_are_shortest_and_read_back(void **state)
{
    (void)state;
    static const struct { double value; const char *text; } cases[] = {
        {0.1, "0.1"}, {1, "1"}, {-2.5, "-2.5"}, {1e21, "1000000000000000000000"}, {1e-7, "0.0000001"}, {0.30000000000000004, "0.30000000000000004"}, {-0.0, "0"}};
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear(&b);
        assert_int_equal(buf_double(&b, cases[i].value), 0);
        assert_str(buf_str(&b), cases[i].text);
    }
    srand(1);
    for (int i = 0; i < 20000; i++) {
        union { uint64_t bits; double value; } u = {.bits = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand()};
        if (!(u.value == u.value) || u.value > DBL_MAX || u.value < -DBL_MAX) continue;
        buf_clear(&b);
        assert_int_equal(buf_double(&b, u.value), 0);
        assert_true(strtod(buf_c_string(&b), NULL) == u.value);
    }
    buf_clear(&b);
    assert_int_equal(buf_float(&b, 0.1f), 0);
    assert_str(buf_str(&b), "0.1");
    buf_free(&b);
}

static void test_arena_reuses_its_blocks_and_holds_its_ceiling(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        size_t used = 0;
        for (int i = 0; i < 1000; i++) {
            char *p = arena_alloc(&a, (size_t)i % 300 + 1);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            memset(p, i, (size_t)i % 300 + 1);
            used += (size_t)i % 300 + 1;
        }
        assert_true(a.used >= used && a.used <= 1 << 20);
        arena_reset(&a);
    }
    assert_null(arena_alloc(&a, 2 << 20));
    assert_non_null(strstr(fail_message(), "limit"));
    assert_non_null(arena_alloc(&a, 500 << 10));
    arena_free(&a);
}

static void test_failures_keep_their_sentence_and_code(void **state)
{
    (void)state;
    assert_int_equal(fail("%s: record %d", "a.warc", 3), -1);
    assert_int_equal(fail_code(), EXIT_FAILED);
    fail_prefix("task %d: ", 7);
    assert_string_equal(fail_message(), "task 7: a.warc: record 3");
    fail_usage("unknown option");
    assert_int_equal(fail_code(), EXIT_USAGE);
}

static void test_messages_mask_what_could_move_the_cursor(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(log_mask(&b, STR("a\033[2J\n\xff\xe2\x80\xae caf\xc3\xa9")), 0);
    assert_str(buf_str(&b), "a\\x1b[2J\\x0a\\xff\\xe2\\x80\\xae caf\xc3\xa9");
    buf_free(&b);
}

static void test_ids_are_what_one_line_of_python_computes(void **state)
{
    (void)state;
    char id[33];
    hash_pair_id(STR("http://example.org/a.jpg"), STR("a cat on a mat"), id);
    assert_string_equal(id, "d00481f48178f886d767702b6cf83204");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_takes_parts_and_ends_absent),
        cmocka_unit_test(test_numbers_are_strict),
        cmocka_unit_test(test_decimals_of_every_length_read_as_strtod_does),
        cmocka_unit_test(test_sizes_know_their_units),
        cmocka_unit_test(test_distance_counts_slips),
        cmocka_unit_test(test_buf_stops_at_its_ceiling),
        cmocka_unit_test(test_doubles_are_shortest_and_read_back),
        cmocka_unit_test(test_arena_reuses_its_blocks_and_holds_its_ceiling),
        cmocka_unit_test(test_failures_keep_their_sentence_and_code),
        cmocka_unit_test(test_messages_mask_what_could_move_the_cursor),
        cmocka_unit_test(test_ids_are_what_one_line_of_python_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
