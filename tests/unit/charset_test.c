/* Decoders and encoders against the standard's labels and the published vectors, then the corners that vectors leave out. */
#include "crawl/charset/charset.h"
#include "pipeline/base/utf8.h"
#include "tests/unit/shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { CEILING = 1 << 20 };

static void read_vector(struct buf *b, const char *name, const char *suffix)
{
    char relative[128];
    snprintf(relative, sizeof relative, "data/conformance/whatwg-encoding/%s%s.txt", name, suffix);
    const char *path = shared_path(relative);
    if (!path) skip();
    buf_init(b, CEILING);
    assert_int_equal(buf_read_file(b, path), 0);
}

/* ---- decoding */

static void assert_decodes(enum charset charset, struct str bytes, struct str expected)
{
    struct buf out;
    buf_init(&out, CEILING);
    assert_int_equal(charset_decode(&out, charset, bytes), 0);
    if (!str_eq(buf_str(&out), expected))
        fail_msg("%s: got \"%.*s\", expected \"%.*s\"", charset_name(charset), STR_ARG(buf_str(&out)), STR_ARG(expected));
    buf_free(&out);
}

/* Line by line, so that a failure names its line; then as one text. */
static void check_in_vector(enum charset charset, const char *name)
{
    struct buf in, ref;
    read_vector(&in, name, "_in");
    read_vector(&ref, name, "_in_ref");
    struct str in_rest = buf_str(&in), ref_rest = buf_str(&ref);
    for (size_t lines = 0; ref_rest.p; lines++) {
        struct str line = str_cut(&in_rest, '\n'), expected = str_cut(&ref_rest, '\n');
        assert_decodes(charset, line, expected);
    }
    assert_null(in_rest.p);
    assert_decodes(charset, buf_str(&in), buf_str(&ref));
    buf_free(&in);
    buf_free(&ref);
}

static void test_big5_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_BIG5, "big5"); }
static void test_euc_kr_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_EUC_KR, "euc_kr"); }
static void test_gb18030_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_GB18030, "gb18030"); }
static void test_gbk_decodes_as_gb18030(void **state) { (void)state; check_in_vector(CHARSET_GBK, "gb18030"); }
static void test_iso_2022_jp_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_ISO_2022_JP, "iso_2022_jp"); }
static void test_jis0208_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_EUC_JP, "jis0208"); }
static void test_jis0212_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_EUC_JP, "jis0212"); }
static void test_shift_jis_in_vectors(void **state) { (void)state; check_in_vector(CHARSET_SHIFT_JIS, "shift_jis"); }

static json_t *load_json(const char *relative)
{
    const char *path = shared_path(relative);
    if (!path) skip();
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    assert_non_null(root);
    return root;
}

static void test_every_label_names_its_charset(void **state)
{
    (void)state;
    json_t *groups = load_json("data/conformance/whatwg-encoding/encodings.json"), *group, *encoding, *label;
    size_t i, j, k, checked = 0;
    json_array_foreach(groups, i, group)
        json_array_foreach(json_object_get(group, "encodings"), j, encoding)
            json_array_foreach(json_object_get(encoding, "labels"), k, label) {
                enum charset charset = charset_from_label(str_from(json_string_value(label)));
                assert_string_equal(charset_name(charset), json_string_value(json_object_get(encoding, "name")));
                checked++;
            }
    assert_int_equal(checked, 219);
    json_decref(groups);
}

static void test_every_single_byte_follows_its_index(void **state)
{
    (void)state;
    json_t *indexes = load_json("data/conformance/whatwg-encoding/indexes.json");
    for (enum charset charset = CHARSET_SINGLE_FIRST; charset <= CHARSET_SINGLE_LAST; charset++) {
        char key[32] = {0};
        for (size_t i = 0; charset_name(charset)[i]; i++) key[i] = ascii_lower(charset_name(charset)[i]);
        json_t *index = json_object_get(indexes, charset == CHARSET_ISO_8859_8_I ? "iso-8859-8" : key);
        assert_int_equal(json_array_size(index), 128);
        for (unsigned byte = 0; byte < 256; byte++) {
            json_t *entry = byte < 128 ? NULL : json_array_get(index, byte - 128);
            uint32_t expected = byte < 128 ? byte : json_is_null(entry) ? 0xFFFD : (uint32_t)json_integer_value(entry);
            struct buf want;
            buf_init(&want, 16);
            assert_int_equal(buf_code_point(&want, expected), 0);
            char c = (char)byte;
            assert_decodes(charset, str_of(&c, 1), buf_str(&want));
            buf_free(&want);
        }
    }
    json_decref(indexes);
}

static void test_labels_ignore_case_and_ascii_space_but_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(charset_from_label(STR(" \t\r\n\fShift-JIS\f ")), CHARSET_SHIFT_JIS);
    assert_int_equal(charset_from_label(STR("LATIN1")), CHARSET_WINDOWS_1252);
    assert_int_equal(charset_from_label(STR("ISO_8859-9:1989")), CHARSET_WINDOWS_1254);
    assert_int_equal(charset_from_label(STR("utf-7")), CHARSET_NONE);
    assert_int_equal(charset_from_label(STR("\vutf-8")), CHARSET_NONE);
    assert_int_equal(charset_from_label(STR("utf-8\0")), CHARSET_NONE);
    assert_int_equal(charset_from_label(STR("")), CHARSET_NONE);
    assert_int_equal(charset_from_label(STR_ABSENT), CHARSET_NONE);
    assert_int_equal(charset_from_label(STR("cseucpkdfmtjapanese-and-more")), CHARSET_NONE);
}

static void test_ascii_after_a_lead_byte_is_kept(void **state)
{
    (void)state;
    assert_decodes(CHARSET_BIG5, STR("\x81<b>"), STR("\uFFFD<b>"));
    assert_decodes(CHARSET_BIG5, STR("\x81@"), STR("\uFFFD@"));       /* a pair without an entry */
    assert_decodes(CHARSET_EUC_KR, STR("\xA1\"x"), STR("\uFFFD\"x"));
    assert_decodes(CHARSET_EUC_JP, STR("\x8F\xA1>"), STR("\uFFFD>"));
    assert_decodes(CHARSET_SHIFT_JIS, STR("\xFC'"), STR("\uFFFD'"));
    assert_decodes(CHARSET_GB18030, STR("\x81\x30\x81\x22"), STR("\uFFFD" "0\uFFFD\""));
    assert_decodes(CHARSET_EUC_JP, STR("\x8F\x80z"), STR("\uFFFDz")); /* not ASCII: consumed with its lead */
}

static void test_a_text_that_ends_inside_a_character_has_one_error(void **state)
{
    (void)state;
    assert_decodes(CHARSET_GB18030, STR("a\x81"), STR("a\uFFFD"));
    assert_decodes(CHARSET_GB18030, STR("a\x81\x30"), STR("a\uFFFD"));
    assert_decodes(CHARSET_GB18030, STR("a\x81\x30\x81"), STR("a\uFFFD"));
    assert_decodes(CHARSET_BIG5, STR("\xA4"), STR("\uFFFD"));
    assert_decodes(CHARSET_EUC_JP, STR("\x8F\xA1"), STR("\uFFFD"));
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B$B!"), STR("\uFFFD"));
    assert_decodes(CHARSET_UTF_16LE, STR("a\0\x3D\xD8\x3D"), STR("a\uFFFD"));
    assert_decodes(CHARSET_UTF_16BE, STR("\0a\0"), STR("a\uFFFD"));
}

static void test_gb18030_four_bytes(void **state)
{
    (void)state;
    assert_decodes(CHARSET_GB18030, STR("\x81\x30\x81\x30\x84\x31\xA4\x39\x90\x30\x81\x30"), STR("\xC2\x80\uFFFF\U00010000"));
    assert_decodes(CHARSET_GB18030, STR("\x81\x35\xF4\x37"), STR("\uE7C7"));
    assert_decodes(CHARSET_GB18030, STR("\xE3\x32\x9A\x35\xE3\x32\x9A\x36"), STR("\U0010FFFF\uFFFD"));
    assert_decodes(CHARSET_GB18030, STR("\x84\x31\xA5\x30"), STR("\uFFFD")); /* the gap above U+FFFF */
    assert_decodes(CHARSET_GBK, STR("\x80\xFF\xA3\xA0"), STR("\u20AC\uFFFD\u3000"));
}

static void test_big5_letters_with_a_combining_mark(void **state)
{
    (void)state;
    assert_decodes(CHARSET_BIG5, STR("\x88\x62\x88\x64\x88\xA3\x88\xA5"), STR("\u00CA\u0304\u00CA\u030C\u00EA\u0304\u00EA\u030C"));
    assert_decodes(CHARSET_BIG5, STR("\x87\x40\x80\xFF"), STR("\u43F0\uFFFD\uFFFD"));
}

static void test_shift_jis_user_defined_characters_are_private(void **state)
{
    (void)state;
    assert_decodes(CHARSET_SHIFT_JIS, STR("\xF0\x40\xF9\xFC\xB1\x80\xA0"), STR("\uE000\uE757\uFF71\xC2\x80\uFFFD"));
}

static void test_iso_2022_jp_state(void **state)
{
    (void)state;
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B(J\\~a\x1B(B\\~"), STR("\u00A5\u203Ea\\~"));
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B(I1\x1B(B1"), STR("\uFF711"));
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B$B\x1B(Ba"), STR("\uFFFDa")); /* an empty stretch is an error */
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B$Xa"), STR("\uFFFD$Xa"));
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B$B0!\x1B$@0!"), STR("亜亜"));
    assert_decodes(CHARSET_ISO_2022_JP, STR("\x1B$B0\x1B(Ba\x0E\x80"), STR("\uFFFDa\uFFFD\uFFFD"));
}

static void test_utf_16_surrogates(void **state)
{
    (void)state;
    assert_decodes(CHARSET_UTF_16LE, STR("\x3D\xD8\x00\xDE"), STR("\U0001F600"));
    assert_decodes(CHARSET_UTF_16BE, STR("\xD8\x3D\xDE\x00\xDE\x00\xD8\x00\x00z"), STR("\U0001F600\uFFFD\uFFFDz"));
}

static void test_replacement_user_defined_and_utf_8(void **state)
{
    (void)state;
    assert_decodes(charset_from_label(STR("hz-gb-2312")), STR("~{any text~}"), STR("\uFFFD"));
    assert_decodes(CHARSET_REPLACEMENT, STR(""), STR(""));
    assert_decodes(CHARSET_X_USER_DEFINED, STR("a\x80\xFF"), STR("a\uF780\uF7FF"));
    assert_decodes(CHARSET_UTF_8, STR("\xF0\x9F\x98\xE2\x82\xAC\xED\xA0\x80"), STR("\uFFFD\u20AC\uFFFD\uFFFD\uFFFD"));
}

static void test_only_wide_and_stateful_charsets_hide_markup(void **state)
{
    (void)state;
    for (enum charset charset = CHARSET_NONE + 1; charset < CHARSET_COUNT; charset++) {
        struct buf out;
        buf_init(&out, CEILING);
        assert_int_equal(charset_decode(&out, charset, STR("\x1B$B<!\x1B(B")), 0);
        bool same = str_eq(buf_str(&out), STR("\x1B$B<!\x1B(B"));
        assert_int_equal(charset_is_ascii_compatible(charset), same);
        buf_free(&out);
    }
}

static void test_full_buffer_is_a_failure(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    assert_int_equal(charset_decode(&out, CHARSET_WINDOWS_1252, STR("\x80\x80")), -1);
    assert_true(out.n <= 4);
    buf_free(&out);
}

/* ---- encoding */

static void encode(struct buf *out, enum charset charset, struct str text) /* unmapped code points as HTML forms do */
{
    struct charset_encoder encoder = {.charset = charset};
    unsigned char bytes[CHARSET_ENCODED_MAX];
    for (size_t at = 0; at < text.n;) {
        uint32_t unmapped, c = utf8_next(text, &at);
        unsigned n = charset_encode(&encoder, c, bytes, &unmapped);
        assert_true(n <= CHARSET_ENCODED_MAX);
        assert_int_equal(buf_add(out, str_of((char *)bytes, n)), 0);
        if (unmapped) assert_int_equal(buf_printf(out, "&#%u;", unmapped), 0);
    }
    assert_int_equal(buf_add(out, str_of((char *)bytes, charset_encode_end(&encoder, bytes))), 0);
}

static void check_out_vector(enum charset charset, const char *name)
{
    struct buf in, ref, out;
    read_vector(&in, name, "_out");
    read_vector(&ref, name, "_out_ref");
    buf_init(&out, CEILING);
    struct str in_rest = buf_str(&in), ref_rest = buf_str(&ref);
    for (size_t line = 1; ref_rest.p; line++) {
        struct str text = str_cut(&in_rest, '\n'), expected = str_cut(&ref_rest, '\n');
        buf_clear(&out);
        encode(&out, charset, text);
        if (!str_eq(buf_str(&out), expected)) fail_msg("%s: line %zu: \"%.*s\"", charset_name(charset), line, STR_ARG(text));
    }
    assert_null(in_rest.p);
    buf_free(&in);
    buf_free(&ref);
    buf_free(&out);
}

static void test_big5_out_vectors(void **state) { (void)state; check_out_vector(CHARSET_BIG5, "big5"); }
static void test_euc_kr_out_vectors(void **state) { (void)state; check_out_vector(CHARSET_EUC_KR, "euc_kr"); }
static void test_gb18030_out_vectors(void **state) { (void)state; check_out_vector(CHARSET_GB18030, "gb18030"); }
static void test_iso_2022_jp_out_vectors(void **state) { (void)state; check_out_vector(CHARSET_ISO_2022_JP, "iso_2022_jp"); }
static void test_jis0208_out_vectors(void **state) { (void)state; check_out_vector(CHARSET_EUC_JP, "jis0208"); }
static void test_shift_jis_out_vectors(void **state) { (void)state; check_out_vector(CHARSET_SHIFT_JIS, "shift_jis"); }

/* Every code point that a charset can say comes back from its own decoder, save those folded on purpose. */
static void test_encoded_text_decodes_to_itself(void **state)
{
    (void)state;
    struct buf text, bytes, back;
    buf_init(&text, 16);
    buf_init(&bytes, 64);
    buf_init(&back, 64);
    for (enum charset charset = CHARSET_NONE + 1; charset < CHARSET_COUNT; charset++) {
        if (charset == CHARSET_REPLACEMENT || charset == CHARSET_UTF_16BE || charset == CHARSET_UTF_16LE) continue;
        bool japanese = charset == CHARSET_EUC_JP || charset == CHARSET_SHIFT_JIS || charset == CHARSET_ISO_2022_JP;
        for (uint32_t c = 1; c < 0x30000; c += c < 0x10000 ? 1 : 7) {
            if (c >= 0xD800 && c <= 0xDFFF) continue;
            if (japanese && (c == 0xA5 || c == 0x203E || c == 0x2212 || (c >= 0xFF61 && c <= 0xFF9F))) continue;
            if (charset == CHARSET_GB18030 || charset == CHARSET_GBK)
                if (c >= 0xE78D && c <= 0xE864) continue; /* 18 of them stand for characters that have moved */
            buf_clear(&text), buf_clear(&bytes), buf_clear(&back);
            assert_int_equal(buf_code_point(&text, c), 0);
            encode(&bytes, charset, buf_str(&text));
            if (str_find(buf_str(&bytes), STR("&#")) != SIZE_MAX) continue;
            assert_int_equal(charset_decode(&back, charset, buf_str(&bytes)), 0);
            if (!str_eq(buf_str(&back), buf_str(&text))) fail_msg("%s: U+%04X", charset_name(charset), c);
        }
    }
    buf_free(&text);
    buf_free(&bytes);
    buf_free(&back);
}

static void assert_query(enum charset charset, struct str query, struct str expected)
{
    struct buf out;
    buf_init(&out, CEILING);
    assert_int_equal(charset_encode_query(&out, charset, query), 0);
    if (!str_eq(buf_str(&out), expected))
        fail_msg("%s: got %.*s, expected %.*s", charset_name(charset), STR_ARG(buf_str(&out)), STR_ARG(expected));
    buf_free(&out);
}

static void test_query_is_encoded_in_the_pages_charset(void **state)
{
    (void)state;
    assert_query(CHARSET_UTF_8, STR("q=é x'\"<>#%41&~`{}|^"), STR("q=%C3%A9%20x%27%22%3C%3E%23%41&~`{}|^"));
    assert_query(CHARSET_WINDOWS_1252, STR("q=é€ж"), STR("q=%E9%80%26%231078%3B"));
    assert_query(CHARSET_SHIFT_JIS, STR("\u2020"), STR("%81%F5"));
    assert_query(CHARSET_SHIFT_JIS, STR("ソ=\u00A5\uFF71"), STR("%83\\=\\%B1")); /* the trail byte is a backslash */
    assert_query(CHARSET_EUC_KR, STR("\U0001F600"), STR("%26%23128512%3B"));
    assert_query(CHARSET_ISO_2022_JP, STR("\u00A5"), STR("%1B(J\\%1B(B"));
    assert_query(CHARSET_ISO_2022_JP, STR("亜\x0E"), STR("%1B$B0!%1B(B%26%2365533%3B"));
    assert_query(CHARSET_UTF_16LE, STR("é"), STR("%C3%A9"));
    assert_query(CHARSET_REPLACEMENT, STR("é"), STR("%C3%A9"));
    assert_query(CHARSET_GBK, STR("€\uE5E5"), STR("%80%26%2358853%3B"));
    assert_query(CHARSET_GB18030, STR("€\uE78D\u1E3F\U0001F600"), STR("%A2%E3%A6%D9%A8%BC%949%FC6"));
    assert_query(CHARSET_GBK, STR("\U0001F600"), STR("%26%23128512%3B"));
    assert_query(CHARSET_BIG5, STR("十"), STR("%A4Q")); /* of two places the later one */
    assert_query(CHARSET_UTF_8, STR("\xE9"), STR("%EF%BF%BD"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_big5_in_vectors),
        cmocka_unit_test(test_euc_kr_in_vectors),
        cmocka_unit_test(test_gb18030_in_vectors),
        cmocka_unit_test(test_gbk_decodes_as_gb18030),
        cmocka_unit_test(test_iso_2022_jp_in_vectors),
        cmocka_unit_test(test_jis0208_in_vectors),
        cmocka_unit_test(test_jis0212_in_vectors),
        cmocka_unit_test(test_shift_jis_in_vectors),
        cmocka_unit_test(test_every_label_names_its_charset),
        cmocka_unit_test(test_every_single_byte_follows_its_index),
        cmocka_unit_test(test_labels_ignore_case_and_ascii_space_but_nothing_else),
        cmocka_unit_test(test_ascii_after_a_lead_byte_is_kept),
        cmocka_unit_test(test_a_text_that_ends_inside_a_character_has_one_error),
        cmocka_unit_test(test_gb18030_four_bytes),
        cmocka_unit_test(test_big5_letters_with_a_combining_mark),
        cmocka_unit_test(test_shift_jis_user_defined_characters_are_private),
        cmocka_unit_test(test_iso_2022_jp_state),
        cmocka_unit_test(test_utf_16_surrogates),
        cmocka_unit_test(test_replacement_user_defined_and_utf_8),
        cmocka_unit_test(test_only_wide_and_stateful_charsets_hide_markup),
        cmocka_unit_test(test_full_buffer_is_a_failure),
        cmocka_unit_test(test_big5_out_vectors),
        cmocka_unit_test(test_euc_kr_out_vectors),
        cmocka_unit_test(test_gb18030_out_vectors),
        cmocka_unit_test(test_iso_2022_jp_out_vectors),
        cmocka_unit_test(test_jis0208_out_vectors),
        cmocka_unit_test(test_shift_jis_out_vectors),
        cmocka_unit_test(test_encoded_text_decodes_to_itself),
        cmocka_unit_test(test_query_is_encoded_in_the_pages_charset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
