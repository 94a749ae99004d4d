/* pipeline/base/unicode: the text of a row, classes, case, words, hosts; the short cuts for ASCII against ICU itself. */
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/unicode_ops.h"
#include "pipeline/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CEILING = 1 << 20 };

static const struct unicode_module *library(void) { return module_open("unicode"); }

/* Needs the module: a build without ICU skips, it does not fail. */
#define NEED_LIBRARY()                                                                                                           \
    do                                                                                                                           \
        if (!library()) skip();                                                                                                  \
    while (0)

static void assert_str(struct str got, struct str expected)
{
    if (!str_eq(got, expected)) fail_msg("got '%.*s', expected '%.*s'", STR_ARG(got), STR_ARG(expected));
}

typedef int appending(struct buf *out, struct str in);
static void assert_gives(appending *function, struct str in, struct str expected)
{
    struct buf out;
    buf_init(&out, CEILING);
    assert_int_equal(buf_add(&out, STR("before:")), 0);
    if (function(&out, in) != 0) fail_msg("'%.*s': %s", STR_ARG(in), fail_message());
    assert_str(str_from_at(buf_str(&out), 7), expected);
    buf_free(&out);
}

/* A small generator, so that a failing case is the same on every run. */
static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u, *state >> 8; }

/* ---- text ---- */

static void text_folds_white_space_to_one_space_and_trims(void **state)
{
    (void)state;
    assert_gives(unicode_text, STR(""), STR(""));
    assert_gives(unicode_text, STR("  \t\r\n "), STR(""));
    assert_gives(unicode_text, STR("a"), STR("a"));
    assert_gives(unicode_text, STR(" a"), STR("a"));
    assert_gives(unicode_text, STR("a "), STR("a"));
    assert_gives(unicode_text, STR("A photograph of the old harbour"), STR("A photograph of the old harbour"));
    assert_gives(unicode_text, STR("A  photograph\n of\tthe old   harbour "), STR("A photograph of the old harbour"));
    assert_gives(unicode_text, STR("eight by  ten"), STR("eight by ten"));
    assert_gives(unicode_text, STR("1234567  90"), STR("1234567 90")); /* a pair of spaces across two words of the scan */
    assert_gives(unicode_text, STR("1234567 890"), STR("1234567 890"));
    assert_gives(unicode_text, STR("a\x1C" "b\x1F" "c"), STR("a b c"));
    assert_gives(unicode_text, STR("a\u00A0b\xC2\x85" "c\u2028d\u2029e\u3000f\u2003 g\u1680h\u205Fi\u202Fj"), STR("a b c d e f g h i j"));
    assert_gives(unicode_text, STR("\u3000\u00A0x\u3000"), STR("x"));
}

static void text_drops_controls_and_zero_width_characters(void **state)
{
    (void)state;
    assert_gives(unicode_text, STR("a\x01" "b\x7F" "c\xC2\x80" "d\xC2\x9F" "e"), STR("abcde"));
    assert_gives(unicode_text, STR("\uFEFFa\u200Bb\uFEFF"), STR("ab"));
    assert_gives(unicode_text, STR("a \u200B b"), STR("a b"));
    assert_gives(unicode_text, STR("\x1B[31mred"), STR("[31mred"));
}

static void text_replaces_damage_nul_and_noncharacters(void **state)
{
    (void)state;
    assert_gives(unicode_text, STR("a\0b"), STR("a\uFFFDb"));
    assert_gives(unicode_text, STR("a\xFF" "b\xC3"), STR("a\uFFFDb\uFFFD"));
    assert_gives(unicode_text, STR("\xE2\x82"), STR("\uFFFD")); /* one maximal subpart, one character */
    assert_gives(unicode_text, STR("\xED\xA0\x80"), STR("\uFFFD\uFFFD\uFFFD"));
    assert_gives(unicode_text, STR("\xEF\xBF\xBE\xEF\xB7\x90\xF4\x8F\xBF\xBF"), STR("\uFFFD\uFFFD\uFFFD"));
}

static void text_keeps_joiners_inside_words_only(void **state)
{
    (void)state;
    assert_gives(unicode_text, STR("می\u200Cخواهم"), STR("می\u200Cخواهم"));
    assert_gives(unicode_text, STR("\u200Cab\u200D"), STR("ab"));
    assert_gives(unicode_text, STR("ab\u200D\u200C cd"), STR("ab cd"));
    assert_gives(unicode_text, STR("ab \u200D cd"), STR("ab cd"));
    assert_gives(unicode_text, STR("a\u200D\u200Bb"), STR("a\u200Db"));
    assert_gives(unicode_text, STR("👩\u200D🚀 x"), STR("👩\u200D🚀 x"));
}

static void text_is_in_nfc(void **state)
{
    (void)state;
    NEED_LIBRARY();
    assert_gives(unicode_text, STR("Cafe\u0301  au lait"), STR("Caf\u00E9 au lait"));
    assert_gives(unicode_text, STR("e\u200B\u0301"), STR("\u00E9")); /* dropped first, then composed */
    assert_gives(unicode_text, STR("\u212B\u2126"), STR("\u00C5\u03A9"));
    assert_gives(unicode_text, STR("\u1100\u1161\u11A8"), STR("\uAC01"));
    assert_gives(unicode_text, STR("q\u0307\u0323"), STR("q\u0323\u0307")); /* marks in canonical order */
    assert_gives(unicode_text, STR("e\u200D\u0301"), STR("e\u200D\u0301"));
    assert_gives(unicode_text, STR("Größe, naïve, Łódź, Москва, 東京"), STR("Größe, naïve, Łódź, Москва, 東京"));
}

/* Pieces that meet every branch, glued at random: the result has no mark of what must be gone, and does not change again. */
static void text_is_a_fixed_point(void **state)
{
    (void)state;
    NEED_LIBRARY();
    static const struct str pieces[] = {
        STR(" "), STR("  "), STR("a"), STR("word"), STR("eightlet"), STR("\t"), STR("\x01"), STR("\u0301"), STR("e"), STR("\u200D"),
        STR("\u200C"), STR("\u200B"), STR("\u00A0"), STR("\u1100"), STR("\u1161"), STR("\xFF"), STR("\xE2\x82"), STR("\u0323"),
        STR("é"), STR("東"), STR("\u2126"), STR("\U0001D15E"), STR("\U0001F469"), STR("\0"), STR("\u0344"), STR("\uFEFF"),
    };
    struct buf in, once, twice;
    buf_init(&in, CEILING), buf_init(&once, CEILING), buf_init(&twice, CEILING);
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        buf_clear(&in), buf_clear(&once), buf_clear(&twice);
        for (uint32_t n = next_random(&seed) % 12; n; n--)
            assert_int_equal(buf_add(&in, pieces[next_random(&seed) % (sizeof pieces / sizeof *pieces)]), 0);
        assert_int_equal(unicode_text(&once, buf_str(&in)), 0);
        assert_int_equal(unicode_text(&twice, buf_str(&once)), 0);
        assert_str(buf_str(&twice), buf_str(&once));
        assert_true(utf8_valid(buf_str(&once)));
        assert_int_equal(str_find(buf_str(&once), STR("  ")), SIZE_MAX);
        assert_false(str_starts(buf_str(&once), STR(" ")) || str_ends(buf_str(&once), STR(" ")));
    }
    buf_free(&in), buf_free(&once), buf_free(&twice);
}

/* The scan by eight bytes against the definition, on ASCII of all kinds and lengths. */
static void ascii_text_is_what_the_definition_says(void **state)
{
    (void)state;
    static const char alphabet[] = "abcXYZ019 .,  \t\n\x01\x1C\x7F~!";
    struct buf out;
    buf_init(&out, CEILING);
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        char in[40], expected[40];
        size_t n = next_random(&seed) % sizeof in, m = 0;
        uint32_t rare = next_random(&seed) % 3; /* some rounds are nearly tidy, so that the long run is walked */
        bool space = false;
        for (size_t i = 0; i < n; i++) {
            size_t kinds = rare ? 12 : sizeof alphabet - 1;
            char c = in[i] = alphabet[next_random(&seed) % kinds];
            if (unicode_is_space((unsigned char)c)) space = true;
            else if (c >= 0x20 && c != 0x7F) {
                if (space && m) expected[m++] = ' ';
                space = false;
                expected[m++] = c;
            }
        }
        buf_clear(&out);
        assert_int_equal(unicode_text(&out, str_of(in, n)), 0);
        assert_str(buf_str(&out), str_of(expected, m));
    }
    buf_free(&out);
}

static void text_over_the_ceiling_fails_and_appends_nothing(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 10);
    assert_int_equal(buf_add(&out, STR("12345")), 0);
    assert_int_equal(unicode_text(&out, STR("a  bcdefg")), -1);
    assert_int_equal(unicode_text(&out, STR("\xFF\xFF")), -1);
    assert_str(buf_str(&out), STR("12345"));
    assert_int_equal(unicode_text(&out, STR("  abcde  ")), 0);
    assert_str(buf_str(&out), STR("12345abcde"));
    buf_free(&out);
}

/* ---- normal form, case ---- */

static void nfc_composes_long_and_short_texts(void **state)
{
    (void)state;
    NEED_LIBRARY();
    assert_gives(unicode_nfc, STR("plain"), STR("plain"));
    assert_gives(unicode_nfc, STR("A\u030A"), STR("\u00C5"));
    struct buf in, expected;
    buf_init(&in, CEILING), buf_init(&expected, CEILING);
    for (int i = 0; i < 5000; i++) { /* beyond what the stack holds */
        assert_int_equal(buf_add(&in, STR("xo\u0308")), 0);
        assert_int_equal(buf_add(&expected, STR("x\u00F6")), 0);
    }
    assert_gives(unicode_nfc, buf_str(&in), buf_str(&expected));
    buf_free(&in), buf_free(&expected);
}

/* What unicode.c never asks ICU about must be what ICU would not touch: alone, and between neighbours that compose. */
static void no_code_point_escapes_its_normal_form(void **state)
{
    (void)state;
    NEED_LIBRARY();
    struct buf ours, icu;
    buf_init(&ours, CEILING), buf_init(&icu, CEILING);
    for (uint32_t c = 1; c < 0x110000; c++) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        buf_clear(&ours), buf_clear(&icu);
        assert_int_equal(buf_byte(&icu, 'a'), 0);
        assert_int_equal(buf_code_point(&icu, c), 0);
        assert_int_equal(buf_code_point(&icu, c), 0);
        assert_int_equal(unicode_nfc(&ours, buf_str(&icu)), 0);
        assert_int_equal(library()->nfc_from(&icu, 0), 0);
        if (!str_eq(buf_str(&ours), buf_str(&icu))) fail_msg("U+%04X is normalised and was thought not to be", c);
    }
    buf_free(&ours), buf_free(&icu);
}

static void case_is_full_and_without_locale(void **state)
{
    (void)state;
    assert_gives(unicode_lower, STR("HTML 5"), STR("html 5"));
    assert_gives(unicode_fold, STR("HTML 5"), STR("html 5"));
    NEED_LIBRARY();
    assert_gives(unicode_lower, STR("ÀÉ STRASSE ΣΑΣ"), STR("àé strasse σας"));
    assert_gives(unicode_lower, STR("I İ"), STR("i i\u0307"));
    assert_gives(unicode_fold, STR("Straße ΣΑΣ ﬁ"), STR("strasse σασ fi"));
}

/* ---- classes ---- */

static void classes_are_pythons(void **state)
{
    (void)state;
    assert_int_equal(unicode_classes('a'), UNICODE_LETTER | UNICODE_LOWER | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes('Z'), UNICODE_LETTER | UNICODE_UPPER | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes('\n'), UNICODE_SPACE);
    assert_int_equal(unicode_classes(0x1F), UNICODE_SPACE);
    assert_int_equal(unicode_classes(' '), UNICODE_SPACE | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes(0), 0);
    assert_int_equal(unicode_classes(0x110000), 0);
    NEED_LIBRARY();
    assert_int_equal(unicode_ready(), 0);
    assert_int_equal(unicode_classes(0xA0), UNICODE_SPACE);
    assert_int_equal(unicode_classes(0x85), UNICODE_SPACE);
    assert_int_equal(unicode_classes(0x180E), 0); /* once a space, a format character since Unicode 6.3 */
    assert_int_equal(unicode_classes(0x01C5), UNICODE_LETTER | UNICODE_UPPER | UNICODE_PRINTABLE); /* titlecase */
    assert_int_equal(unicode_classes(0x0301), UNICODE_MARK | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes(0x0663), UNICODE_DIGIT | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes(0x2167), UNICODE_OTHER_NUMBER | UNICODE_PRINTABLE); /* the Roman numeral VIII */
    assert_int_equal(unicode_classes(0x20AC), UNICODE_SYMBOL | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes(0x3001), UNICODE_PUNCTUATION | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes(0x6771), UNICODE_LETTER | UNICODE_PRINTABLE);
    assert_int_equal(unicode_classes(0xE000), 0);
    size_t spaces = 0;
    for (uint32_t c = 0; c < 0x110000; c++) spaces += unicode_is_space(c);
    assert_int_equal(spaces, 29);
}

static void classes_of_ascii_are_icus(void **state)
{
    (void)state;
    NEED_LIBRARY();
    for (uint32_t c = 0; c < 128; c++) {
        unsigned expected = library()->classes(c) | (unicode_is_space(c) ? (unsigned)UNICODE_SPACE : 0);
        if (c == ' ') expected |= UNICODE_PRINTABLE; /* Python's one exception */
        assert_int_equal(unicode_classes(c), expected);
    }
}

/* ---- words ---- */

static void assert_words(const char *text, const char *expected)
{
    struct unicode_words words = {.at = 0};
    struct buf joined;
    buf_init(&joined, CEILING);
    assert_int_equal(unicode_words_begin(&words, str_from(text)), 0);
    for (struct str word; (word = unicode_words_next(&words)).p;) {
        if (joined.n) assert_int_equal(buf_byte(&joined, '|'), 0);
        assert_int_equal(buf_add(&joined, word), 0);
    }
    assert_null(unicode_words_next(&words).p);
    assert_str(buf_str(&joined), str_from(expected));
    unicode_words_end(&words);
    buf_free(&joined);
}

static void words_hold_a_letter_or_digit(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words("--- ... ___ !", "");
    assert_words("A cat, sat.", "A|cat|sat");
    assert_words("don't stop: it's 3.14 (or 1,000)!", "don't|stop|it's|3.14|or|1,000");
    assert_words("a.m. U.S.A. x_y e-mail", "a.m|U.S.A|x_y|e|mail");
    assert_words("IMG_0123.JPG 3rd", "IMG_0123|JPG|3rd");
    assert_words("me@example.org Title:Subtitle 16:9", "me|example.org|Title|Subtitle|16|9");
    NEED_LIBRARY();
    assert_words("naïve café – 5€", "naïve|café|5");
    assert_words("Ein Größenvergleich, l’été", "Ein|Größenvergleich|l’été");
    assert_words("é@b.@c a@b", "é|b|c|a|b");
    assert_words("東京タワーの写真", "東京タワー|の|写真"); /* by the dictionary */
    assert_words("👩‍🚀 ½", "");
}

static void one_struct_serves_ascii_and_other_texts_in_turn(void **state)
{
    (void)state;
    NEED_LIBRARY();
    struct unicode_words words = {.at = 0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(unicode_words_begin(&words, STR("één")), 0);
        assert_str(unicode_words_next(&words), STR("één"));
        assert_int_equal(unicode_words_begin(&words, STR("two three")), 0);
        assert_str(unicode_words_next(&words), STR("two"));
        assert_str(unicode_words_next(&words), STR("three"));
        assert_null(unicode_words_next(&words).p);
    }
    unicode_words_end(&words);
}

/* Random ASCII, rich in the characters of rules WB6-13: our borders are ICU's. */
static void ascii_words_are_icus(void **state)
{
    (void)state;
    NEED_LIBRARY();
    static const char alphabet[] = "aZ09.'_,;:\" -\t\n\r/@";
    uint32_t seed = 3;
    void *iterator = NULL;
    for (int round = 0; round < 30000; round++) {
        char text[24];
        size_t n = 1 + next_random(&seed) % (sizeof text - 1), from = 0;
        for (size_t i = 0; i < n; i++)
            text[i] = round % 8 ? alphabet[next_random(&seed) % (sizeof alphabet - 1)] : (char)(next_random(&seed) % 128);
        struct unicode_words words = {.at = 0};
        assert_int_equal(unicode_words_begin(&words, str_of(text, n)), 0);
        assert_int_equal(library()->words_begin(&iterator, str_of(text, n)), 0);
        for (size_t to; (to = library()->words_next(iterator)) != SIZE_MAX; from = to) {
            bool word = false;
            for (size_t i = from; i < to; i++) word |= ascii_is_alpha(text[i]) || ascii_is_digit(text[i]);
            if (word) assert_str(unicode_words_next(&words), str_of(text + from, to - from));
        }
        assert_null(unicode_words_next(&words).p);
    }
    library()->words_end(iterator);
}

/* ---- hosts ---- */

static void hosts_become_ascii(void **state)
{
    (void)state;
    assert_gives(unicode_domain_to_ascii, STR("WWW.Example.COM"), STR("www.example.com"));
    assert_gives(unicode_domain_to_ascii, STR("r3---sn-abc.googlevideo.com"), STR("r3---sn-abc.googlevideo.com"));
    assert_gives(unicode_domain_to_ascii, STR("XN--a"), STR("xn--a"));
    NEED_LIBRARY();
    assert_gives(unicode_domain_to_ascii, STR("Bücher.de"), STR("xn--bcher-kva.de"));
    assert_gives(unicode_domain_to_ascii, STR("faß.de"), STR("xn--fa-hia.de"));
    assert_gives(unicode_domain_to_ascii, STR("例え。テスト"), STR("xn--r8jz45g.xn--zckzah"));
    assert_gives(unicode_domain_to_ascii, STR("ＧＯ.com"), STR("go.com"));
}

static void bad_hosts_fail_and_append_nothing(void **state)
{
    (void)state;
    NEED_LIBRARY();
    static const struct str bad[] = {STR(""), STR("\u00AD"), STR("\u200D.example"), STR("xn--a.ß"), STR("\uFFFD.com"), STR("يa")};
    struct buf out;
    buf_init(&out, CEILING);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(unicode_domain_to_ascii(&out, bad[i]), -1);
        assert_int_equal(out.n, 0);
        assert_true(fail_message()[0] != 0);
    }
    assert_int_equal(buf_add(&out, STR("ü")), 0);
    while (out.n <= UNICODE_HOST_MAX) assert_int_equal(buf_byte(&out, 'a'), 0);
    struct buf unused;
    buf_init(&unused, CEILING);
    assert_int_equal(unicode_domain_to_ascii(&unused, buf_str(&out)), -1);
    assert_int_equal(unused.n, 0);
    buf_free(&out), buf_free(&unused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_folds_white_space_to_one_space_and_trims),
        cmocka_unit_test(text_drops_controls_and_zero_width_characters),
        cmocka_unit_test(text_replaces_damage_nul_and_noncharacters),
        cmocka_unit_test(text_keeps_joiners_inside_words_only),
        cmocka_unit_test(text_is_in_nfc),
        cmocka_unit_test(text_is_a_fixed_point),
        cmocka_unit_test(ascii_text_is_what_the_definition_says),
        cmocka_unit_test(text_over_the_ceiling_fails_and_appends_nothing),
        cmocka_unit_test(nfc_composes_long_and_short_texts),
        cmocka_unit_test(no_code_point_escapes_its_normal_form),
        cmocka_unit_test(case_is_full_and_without_locale),
        cmocka_unit_test(classes_are_pythons),
        cmocka_unit_test(classes_of_ascii_are_icus),
        cmocka_unit_test(words_hold_a_letter_or_digit),
        cmocka_unit_test(one_struct_serves_ascii_and_other_texts_in_turn),
        cmocka_unit_test(ascii_words_are_icus),
        cmocka_unit_test(hosts_become_ascii),
        cmocka_unit_test(bad_hosts_fail_and_append_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
