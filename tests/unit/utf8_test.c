/* Validation in wide registers against the definition of UTF-8, at every place in a block; repair and counting. */
#include "pipeline/base/cpu.h"
#include "pipeline/base/utf8.h"
#include "pipeline/base/utf8_kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* By the table of well-formed byte sequences (Unicode, table 3-7), not by the decoder under test. */
static size_t well_formed(const unsigned char *p, size_t n) /* bytes of the sequence at p; 0 when it is ill-formed */
{
    static const struct {
        unsigned char lead_low, lead_high, second_low, second_high, bytes;
    } rows[] = {{0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
                {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (p[0] < rows[i].lead_low || p[0] > rows[i].lead_high) continue;
        if (n < rows[i].bytes) return 0;
        if (rows[i].bytes > 1 && (p[1] < rows[i].second_low || p[1] > rows[i].second_high)) return 0;
        for (size_t k = 2; k < rows[i].bytes; k++)
            if (p[k] < 0x80 || p[k] > 0xBF) return 0;
        return rows[i].bytes;
    }
    return 0;
}

static bool oracle(struct str s)
{
    for (size_t at = 0, step; at < s.n; at += step)
        if ((step = well_formed((const unsigned char *)s.p + at, s.n - at)) == 0) return false;
    return true;
}

static void assert_agree(struct str s)
{
    bool expected = oracle(s);
    if (utf8_valid_portable(s) != expected) fail_msg("portable: not %d", expected);
#if defined(__x86_64__)
    if (cpu_features() & CPU_AVX2 && utf8_valid_avx2(s) != expected) fail_msg("avx2: not %d", expected);
#endif
    assert_int_equal(utf8_valid(s), expected);
}

static const unsigned char borders[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
                                        0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
enum { BORDERS = sizeof borders };

static void test_every_sequence_of_border_bytes_is_judged_as_unicode_says(void **state)
{
    (void)state;
    char bytes[8];
    for (unsigned i = 0; i < BORDERS * BORDERS * BORDERS * BORDERS; i++) {
        for (unsigned k = 0, rest = i; k < 4; k++, rest /= BORDERS) bytes[k] = (char)borders[rest % BORDERS];
        for (size_t n = 1; n <= 4; n++) {
            struct str s = str_of(bytes, n);
            bool expected = oracle(s);
            assert_int_equal(utf8_valid_portable(s), expected);
#if defined(__x86_64__)
            if (cpu_features() & CPU_AVX2) assert_int_equal(utf8_valid_avx2(s), expected);
#endif
        }
    }
}

static void test_sequences_across_block_borders(void **state)
{
    (void)state;
    static const char *const sequences[] = {"é", "€", "😀", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xF0\x9F\x98",
                                            "\xC3", "\x80", "\xE2\x82\xAC\x80", "\xC3\xA9\xA9", "\xF5\x80\x80\x80", "\xE0\x9F\xBF"};
    char bytes[200];
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        size_t n = strlen(sequences[i]);
        for (size_t size = 60; size <= 130; size++)
            for (size_t at = 0; at + n <= size; at++) {
                memset(bytes, 'a', size);
                memcpy(bytes + at, sequences[i], n);
                assert_agree(str_of(bytes, size));
            }
    }
}

static void test_text_cut_anywhere(void **state)
{
    (void)state;
    struct str text = STR("Съешь ещё этих мягких 我能吞下玻璃而不伤身体 😀😀😀 naïveté, plain plain plain plain plain plain");
    for (size_t from = 0; from <= text.n; from++)
        for (size_t to = from; to <= text.n; to++) assert_agree(str_of(text.p + from, to - from));
}

static void test_error_deep_in_a_long_text_is_found(void **state)
{
    (void)state;
    size_t n = 10000;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t at = 0; at < n; at += 37) {
        for (size_t i = 0; i < n; i++) bytes[i] = "\xC3\xA9"[i & 1];
        assert_true(utf8_valid(str_of(bytes, n)));
        bytes[at] = 'x';
        assert_agree(str_of(bytes, n));
        assert_false(utf8_valid(str_of(bytes, n)));
    }
    free(bytes);
}

static void test_each_maximal_subpart_becomes_one_replacement(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(utf8_repair(&out, STR("a\xE2\x82z\xF0\x9F\x98\xED\xA0\x80\xFF")), 0);
    assert_true(str_eq(buf_str(&out), STR("a\uFFFDz\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD")));
    assert_int_equal(utf8_count(STR("a\xE2\x82z\xF0\x9F\x98\xED\xA0\x80\xFF")), 8);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sequence_of_border_bytes_is_judged_as_unicode_says),
        cmocka_unit_test(test_sequences_across_block_borders),
        cmocka_unit_test(test_text_cut_anywhere),
        cmocka_unit_test(test_error_deep_in_a_long_text_is_found),
        cmocka_unit_test(test_each_maximal_subpart_becomes_one_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
