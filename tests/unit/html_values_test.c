/* Attribute values: srcset, character references, and which of an image's URLs stands for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "crawl/html/references.h"
#include "crawl/html/srcset.h"
#include "tests/unit/html_differences.h"
#include "tests/unit/shared.h"

/* ---- srcset ---- */

static struct html_candidate best_of(struct str srcset)
{
    struct html_candidate best = {.url = {"", 0}};
    html_srcset_best(srcset, &best);
    return best;
}

static void test_every_srcset_case_gives_its_candidate(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/wpt-srcset/cases.json");
    if (!path) skip();
    json_error_t error;
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, &error);
    assert_non_null(root);
    struct differences d;
    differences_open(&d, "srcset");
    const json_t *cases = json_object_get(root, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *value = json_array_get(json_array_get(cases, i), 0), *url = json_array_get(json_array_get(cases, i), 1);
        struct html_candidate best = best_of(str_of(json_string_value(value), json_string_length(value)));
        differences_note(&d, "cases.json", i, str_eq(best.url, str_from(json_string_value(url))), json_string_value(value));
    }
    print_message("%zu cases, %zu listed as different\n", json_array_size(cases), d.listed);
    assert_int_equal(json_array_size(cases), 93);
    assert_int_equal(differences_close(&d), 0);
    json_decref(root);
}

static void test_the_largest_width_wins_whatever_the_order(void **state)
{
    (void)state;
    struct html_candidate best = best_of(STR("a.jpg 320w, c.jpg 1280w,b.jpg 640w"));
    assert_true(str_eq(best.url, STR("c.jpg")));
    assert_int_equal(best.width, 1280);
    assert_true(str_eq(best_of(STR("a.jpg, b.jpg 1.5x, c.jpg 3x, d.jpg 3x")).url, STR("c.jpg")));
}

static void test_a_url_may_hold_commas_but_not_end_with_one(void **state)
{
    (void)state;
    struct str rest = STR("/t/w_300,h_200/a.jpg 300w, /t/w_600,h_400/a.jpg 600w,");
    struct html_candidate c;
    assert_true(html_srcset_next(&rest, &c));
    assert_true(str_eq(c.url, STR("/t/w_300,h_200/a.jpg")));
    assert_true(html_srcset_next(&rest, &c));
    assert_true(str_eq(c.url, STR("/t/w_600,h_400/a.jpg")));
    assert_false(html_srcset_next(&rest, &c));
}

/* ---- References ---- */

static void assert_decodes(struct str from, bool in_attribute, struct str to)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(html_decode_references(&out, from, in_attribute), 0);
    if (!str_eq(buf_str(&out), to)) fail_msg("%.*s became %.*s", STR_ARG(from), STR_ARG(buf_str(&out)));
    if (!html_needs_decoding(from)) assert_true(str_eq(from, to));
    buf_free(&out);
}

static void test_a_query_string_stays_in_an_attribute(void **state)
{
    (void)state;
    assert_decodes(STR("?a=1&copy=2&lang=en&amp;x&copyx&copy;"), true, STR("?a=1&copy=2&lang=en&x&copyx\u00a9"));
    assert_decodes(STR("&copy=2 &copyx &copy"), false, STR("\u00a9=2 \u00a9x \u00a9"));
}

static void test_the_longest_name_wins(void **state)
{
    (void)state;
    assert_decodes(STR("&notin; &notit; &not; &not"), false, STR("\u2209 \u00acit; \u00ac \u00ac"));
    assert_decodes(STR("&NotEqualTilde; &fjlig;"), true, STR("\u2242\u0338 fj"));
}

static void test_numbers_are_code_points_save_where_windows_1252_is_meant(void **state)
{
    (void)state;
    assert_decodes(STR("&#8364;&#x20aC;&#128;&#x96 &#65x"), true, STR("\u20ac\u20ac\u20ac\u2013 Ax"));
    assert_decodes(STR("&#0;&#xD800;&#x110000;&#99999999999999999999;"), true, STR("\ufffd\ufffd\ufffd\ufffd"));
    assert_decodes(STR("&#;&#x;&#xg;&;& &"), true, STR("&#;&#x;&#xg;&;& &"));
}

static void test_line_ends_and_nul_are_made_plain(void **state)
{
    (void)state;
    assert_decodes(STR("a\r\nb\rc\n\0d"), true, STR("a\nb\nc\n\ufffdd"));
    assert_decodes(STR("a\0b"), false, STR("a\0b"));
    assert_decodes(STR("&#13;&#10;"), true, STR("\r\n"));
}

static void test_a_full_buffer_is_said(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8);
    assert_int_equal(html_decode_references(&out, STR("&amp;&amp;&amp;&amp;&amp;&amp;&amp;&amp;&amp;"), true), -1);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_srcset_case_gives_its_candidate),
        cmocka_unit_test(test_the_largest_width_wins_whatever_the_order),
        cmocka_unit_test(test_a_url_may_hold_commas_but_not_end_with_one),
        cmocka_unit_test(test_a_query_string_stays_in_an_attribute),
        cmocka_unit_test(test_the_longest_name_wins),
        cmocka_unit_test(test_numbers_are_code_points_save_where_windows_1252_is_meant),
        cmocka_unit_test(test_line_ends_and_nul_are_made_plain),
        cmocka_unit_test(test_a_full_buffer_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
