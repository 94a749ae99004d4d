/* MIME types against the published vectors; what counts as a page. */
#include "crawl/http/mime.h"
#include "pipeline/base/buf.h"
#include "tests/unit/shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void add_lower(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) assert_int_equal(buf_byte(out, ascii_lower(s.p[i])), 0);
}

static void add_value(struct buf *out, struct str value) /* mimesniff §4.5 */
{
    bool plain = value.n > 0;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_alpha(value.p[i]) && !ascii_is_digit(value.p[i]) && !strchr("!#$%&'*+-.^_`|~", value.p[i])) plain = false;
    if (!plain) assert_int_equal(buf_byte(out, '"'), 0);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\') assert_int_equal(buf_byte(out, '\\'), 0);
        assert_int_equal(buf_byte(out, value.p[i]), 0);
    }
    if (!plain) assert_int_equal(buf_byte(out, '"'), 0);
}

static void serialise(struct buf *out, const struct mime *mime, struct str input)
{
    add_lower(out, mime->type);
    assert_int_equal(buf_byte(out, '/'), 0);
    add_lower(out, mime->subtype);
    struct str rest = str_from_at(input, (size_t)(mime->subtype.p + mime->subtype.n - input.p));
    while (rest.n && rest.p[0] != ';') rest = str_from_at(rest, 1);
    struct str names[16];
    size_t count = 0;
    for (struct mime_parameter parameter; mime_next_parameter(&rest, &parameter);) {
        bool seen = false;
        for (size_t i = 0; i < count; i++) seen |= str_eq_nocase(names[i], parameter.name);
        if (seen) continue;
        assert_true(count < 16);
        names[count++] = parameter.name;
        char value[256];
        assert_true(parameter.value.n <= sizeof value);
        assert_int_equal(buf_byte(out, ';'), 0);
        add_lower(out, parameter.name);
        assert_int_equal(buf_byte(out, '='), 0);
        add_value(out, str_of(value, mime_unquote(&parameter, value)));
    }
}

static void test_published_vectors(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/mimesniff/mime-types.json");
    if (!path) skip();
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error), *one;
    assert_non_null(root);
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, one) {
        const char *input = json_string_value(json_object_get(one, "input"));
        const char *output = json_string_value(json_object_get(one, "output"));
        const char *encoding = json_string_value(json_object_get(one, "encoding"));
        struct mime mime;
        struct buf got;
        buf_init(&got, 4096);
        bool valid = mime_parse(&mime, str_from(input));
        assert_int_equal(valid, output != NULL);
        if (valid) serialise(&got, &mime, str_from(input));
        if (valid && !str_eq(buf_str(&got), str_from(output))) fail_msg("%s: got %.*s", input, STR_ARG(buf_str(&got)));
        if (strcmp(charset_name(mime.charset), encoding ? encoding : "") != 0)
            fail_msg("%s: got charset '%s'", input, charset_name(mime.charset));
        buf_free(&got);
    }
    assert_int_equal(i, 38);
    json_decref(root);
}

static struct mime updated(const char *first, const char *second)
{
    struct mime mime = {0};
    mime_update(&mime, str_from(first));
    mime_update(&mime, str_from(second));
    return mime;
}

static void test_last_valid_type_counts_and_inherits_the_charset_of_an_equal_one(void **state)
{
    (void)state;
    struct mime mime = updated("text/html;charset=gbk", "text/html");
    assert_int_equal(mime.charset, CHARSET_GBK);
    mime = updated("text/html;charset=gbk, */*", "bogus");
    assert_true(mime_is(&mime, STR("TEXT"), STR("html")));
    assert_int_equal(mime.charset, CHARSET_GBK);
    mime = updated("text/html;charset=gbk", "text/html;charset=bogus");
    assert_int_equal(mime.charset, CHARSET_NONE);
    mime = updated("text/html;charset=gbk", "text/plain");
    assert_true(mime_is(&mime, STR("text"), STR("plain")));
    assert_int_equal(mime.charset, CHARSET_NONE);
    mime = updated("text/html;x=\",text/plain\\\",\";charset=gbk", "");
    assert_true(mime_is(&mime, STR("text"), STR("html")));
    assert_int_equal(mime.charset, CHARSET_GBK);
    mime = updated("text/html;x=\"\\", NULL);
    assert_true(mime_is(&mime, STR("text"), STR("html")));
}

static void test_html_is_sniffed_by_its_first_tag(void **state)
{
    (void)state;
    assert_true(mime_sniff_html(STR("\xEF\xBB\xBF \r\n\t\f<!doctype HTML>")));
    assert_true(mime_sniff_html(STR("<A href=x>")));
    assert_true(mime_sniff_html(STR("<!-- x -->")));
    assert_true(mime_sniff_html(STR("<p>")));
    assert_false(mime_sniff_html(STR("<p")));
    assert_false(mime_sniff_html(STR("<pre>")));
    assert_false(mime_sniff_html(STR("<p\n>")));
    assert_false(mime_sniff_html(STR("<!DOCTYPE HTML\n>")));
    assert_false(mime_sniff_html(STR("text <p>")));
    assert_false(mime_sniff_html(STR("")));
    assert_false(mime_sniff_html(STR_ABSENT));
}

static bool page(const char *identified, const char *header, const char *body)
{
    struct mime mime = {0};
    mime_update(&mime, str_from(header));
    return mime_page_is_html(str_from(identified), &mime, str_from(body));
}

static void test_crawlers_type_decides_then_the_servers_then_the_body(void **state)
{
    (void)state;
    assert_true(page("text/html", "image/png", ""));
    assert_true(page("application/xhtml+xml", NULL, ""));
    assert_false(page("image/png", "text/html", "<p>"));
    assert_true(page(NULL, "Text/HTML; charset=x", "no tag"));
    assert_false(page(NULL, "image/png", "<p>"));
    assert_true(page(NULL, NULL, "<p>"));
    assert_true(page("", "text/plain", "<p>"));
    assert_true(page(NULL, "application/octet-stream", "<p>"));
    assert_false(page(NULL, "text/plain", "words"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_last_valid_type_counts_and_inherits_the_charset_of_an_equal_one),
        cmocka_unit_test(test_html_is_sniffed_by_its_first_tag),
        cmocka_unit_test(test_crawlers_type_decides_then_the_servers_then_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
