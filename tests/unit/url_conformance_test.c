/* crawl/url against the web platform's own cases: urltestdata, ada's extra cases, toascii, IdnaTestV2, percent-encoding.
 *
 * What differs stands in tests/data/url-differences.tsv, a line a case with its reason. A difference that is not listed fails
 * the test, and so does a listed one that is none any more. A failing run prints the lines as the file should have them. */
#include "crawl/charset/charset.h"
#include "crawl/url/url.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

static const char differences_path[] = "tests/data/url-differences.tsv";
static struct url_parser parser, base_parser;

/* ---- the list of differences ---- */

struct listed {
    struct buf text;
    unsigned found, expected, wrong; /* lines met by a case; lines of this source; differences that are not listed */
};

static bool of_source(struct str line, struct str source) { return str_eq(str_cut(&line, '\t'), source); }

static void open_list(struct listed *list, struct str source)
{
    *list = (struct listed){.found = 0};
    buf_init(&list->text, 1 << 20);
    if (buf_read_file(&list->text, differences_path) < 0) fail_msg("%s", fail_message());
    for (struct str rest = buf_str(&list->text); rest.n;) list->expected += of_source(str_cut(&rest, '\n'), source);
}

/* Notes a case whose result is not the expected one. */
static void differs(struct listed *list, struct str source, struct str name, struct str expected, struct str ours)
{
    struct buf line;
    buf_init(&line, 1 << 20);
    assert_int_equal(buf_printf(&line, "%.*s\t%.*s\t%.*s\t%.*s\t", STR_ARG(source), STR_ARG(name), STR_ARG(expected), STR_ARG(ours)), 0);
    for (struct str rest = buf_str(&list->text); rest.n;) {
        struct str listed = str_cut(&rest, '\n');
        if (!str_starts(listed, buf_str(&line)) || listed.n == line.n) continue; /* a line without a reason does not count */
        list->found++;
        buf_free(&line);
        return;
    }
    print_error("not listed: %.*sREASON\n", STR_ARG(buf_str(&line)));
    list->wrong++;
    buf_free(&line);
}

static void close_list(struct listed *list)
{
    buf_free(&list->text);
    assert_int_equal(list->wrong, 0);
    if (list->found != list->expected)
        fail_msg("%s lists %u differences of these cases, %u are real", differences_path, list->expected, list->found);
}

/* ---- cases ---- */

/* The file's array. Lone surrogates, which the suite uses for what a script could pass, become U+FFFD as in a USVString. */
static json_t *load_cases(const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "data/conformance/wpt-url/%s", name);
    const char *path = shared_path(relative);
    if (!path) return NULL;
    struct buf text;
    buf_init(&text, 64 << 20);
    if (buf_read_file(&text, path) < 0) fail_msg("%s", fail_message());
    for (size_t at = 0; at + 6 <= text.n; at++) {
        char *p = text.p + at;
        if (p[0] != '\\') continue;
        bool surrogate = p[1] == 'u' && (p[2] | 0x20) == 'd' && ascii_hex(p[3]) >= 8;
        bool pair = surrogate && ascii_hex(p[3]) < 12 && at + 12 <= text.n && p[6] == '\\' && p[7] == 'u' && (p[8] | 0x20) == 'd' &&
                    ascii_hex(p[9]) >= 12;
        if (surrogate && !pair) memcpy(p + 2, "fffd", 4);
        at += pair ? 11 : 1;
    }
    json_error_t error;
    json_t *cases = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &error);
    if (!cases) fail_msg("%s:%d: %s", name, error.line, error.text);
    buf_free(&text);
    return cases;
}

static struct str text_of(const json_t *object, const char *key) /* absent when it is null or not there */
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? str_of(json_string_value(value), json_string_length(value)) : STR_ABSENT;
}

/* As ASCII on one line: for the list. */
static void add_quoted(struct buf *out, struct str s)
{
    json_t *string = json_stringn(s.p, s.n);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    assert_non_null(quoted);
    assert_int_equal(buf_add(out, str_from(quoted)), 0);
    free(quoted);
    json_decref(string);
}

/* ---- urltestdata ---- */

static void add_expected_text(struct buf *out, struct str before, struct str s)
{
    assert_int_equal(buf_add(out, before), 0);
    assert_int_equal(buf_add(out, s), 0);
}

/* All that a case says about a URL in one line, so that one comparison checks every part. */
static void describe_expected(struct buf *out, const json_t *test)
{
    static const char *const parts[] = {"href", "protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) add_expected_text(out, i ? STR(" ") : STR(""), text_of(test, parts[i]));
    if (text_of(test, "origin").p) add_expected_text(out, STR(" "), text_of(test, "origin"));
}

static void describe(struct buf *out, const struct url *u, bool with_origin)
{
    add_expected_text(out, STR(""), u->href);
    add_expected_text(out, STR(" "), url_scheme(u));
    add_expected_text(out, STR(": "), url_username(u));
    add_expected_text(out, STR(" "), url_password(u));
    add_expected_text(out, STR(" "), url_host(u));
    add_expected_text(out, STR(" "), STR(""));
    if (u->port >= 0) assert_int_equal(buf_u64(out, url_port(u)), 0);
    add_expected_text(out, STR(" "), url_path(u));
    add_expected_text(out, url_query(u).n ? STR(" ?") : STR(" "), url_query(u)); /* the API's search and hash are "" when empty */
    add_expected_text(out, url_fragment(u).n ? STR(" #") : STR(" "), url_fragment(u));
    if (!with_origin) return;
    add_expected_text(out, STR(" "), STR(""));
    assert_int_equal(url_origin(out, u), 0);
}

static bool is_ours(struct str href) { return str_starts(href, STR("http:")) || str_starts(href, STR("https:")); }

struct counts {
    unsigned equal, other, skipped;
};

static void assert_parses_to_itself(const struct url *u)
{
    struct url again;
    struct buf href;
    buf_init(&href, URL_MAX);
    assert_int_equal(buf_add(&href, u->href), 0);
    assert_int_equal(url_parse(&parser, &again, NULL, buf_str(&href), NULL), URL_OK);
    assert_true(str_eq(again.href, buf_str(&href)));
    assert_true(again.path_at == u->path_at && again.query_at == u->query_at && again.fragment_at == u->fragment_at);
    buf_free(&href);
}

static void check_case(struct listed *list, struct str source, const json_t *test, struct counts *counts)
{
    struct url base, u;
    struct str input = text_of(test, "input"), base_input = text_of(test, "base");
    bool failure = json_is_true(json_object_get(test, "failure"));
    enum url_status base_status = base_input.p ? url_parse(&base_parser, &base, NULL, base_input, NULL) : URL_OK;
    bool has_base = base_input.p && base_status == URL_OK;
    enum url_status status = URL_RELATIVE;
    if (base_status == URL_OK || base_status == URL_OTHER_SCHEME) status = url_parse(&parser, &u, has_base ? &base : NULL, input, NULL);
    if (status == URL_OTHER_SCHEME && (failure || !is_ours(text_of(test, "href")))) {
        counts->other++;
        return;
    }
    if (status == URL_RELATIVE && base_status == URL_OTHER_SCHEME) { /* resolved against a base that is not ours */
        counts->skipped++;
        return;
    }
    struct buf expected, ours, name;
    buf_init(&expected, 1 << 20), buf_init(&ours, 1 << 20), buf_init(&name, 1 << 20);
    if (failure) add_expected_text(&expected, STR("failure"), STR(""));
    else describe_expected(&expected, test);
    if (status == URL_OK) describe(&ours, &u, text_of(test, "origin").p != NULL);
    else add_expected_text(&ours, STR("failure"), STR(""));
    if (status == URL_OK) assert_parses_to_itself(&u);
    add_quoted(&name, input);
    if (base_input.p) {
        add_expected_text(&name, STR(" base "), STR(""));
        add_quoted(&name, base_input);
    }
    if (str_eq(buf_str(&expected), buf_str(&ours))) counts->equal++;
    else differs(list, source, buf_str(&name), buf_str(&expected), buf_str(&ours));
    buf_free(&expected), buf_free(&ours), buf_free(&name);
}

static void check_url_cases(const char *file)
{
    json_t *cases = load_cases(file);
    if (!cases || !module_open("unicode")) skip();
    struct counts counts = {0};
    struct listed list;
    open_list(&list, str_from(file));
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (json_is_object(json_array_get(cases, i))) check_case(&list, str_from(file), json_array_get(cases, i), &counts);
    print_message("%s: %u equal, %u listed as differing, %u of other schemes, %u against bases of other schemes\n", file,
                  counts.equal, list.found, counts.other, counts.skipped);
    json_decref(cases);
    close_list(&list);
}

static void urls_of_the_web_platform_tests(void **state)
{
    (void)state;
    check_url_cases("urltestdata.json");
}

static void urls_of_adas_tests(void **state)
{
    (void)state;
    check_url_cases("ada_extra_urltestdata.json");
}

/* ---- hosts ---- */

/* The case's host inside a URL; what would end a host is escaped, as the suite does it. */
static void add_host_url(struct buf *out, struct str host)
{
    assert_int_equal(buf_add(out, STR("https://")), 0);
    for (size_t i = 0; i < host.n; i++) {
        bool ends = memchr("#/:?@[\\]", host.p[i], 8);
        assert_int_equal(ends ? buf_printf(out, "%%%02X", (unsigned)host.p[i]) : buf_byte(out, host.p[i]), 0);
    }
    assert_int_equal(buf_add(out, STR("/x")), 0);
}

static void check_host_cases(const char *file)
{
    json_t *cases = load_cases(file);
    if (!cases || !module_open("unicode")) skip();
    unsigned equal = 0;
    struct listed list;
    struct buf url, name;
    open_list(&list, str_from(file));
    buf_init(&url, 1 << 20), buf_init(&name, 1 << 20);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i);
        if (!json_is_object(test) || text_of(test, "input").n == 0) continue; /* https:///x has the host x */
        struct str expected = text_of(test, "output"), ours = STR("failure");
        if (!expected.p) expected = STR("failure");
        struct url u;
        buf_clear(&url), buf_clear(&name);
        add_host_url(&url, text_of(test, "input"));
        if (url_parse(&parser, &u, NULL, buf_str(&url), NULL) == URL_OK) ours = url_host(&u);
        add_quoted(&name, text_of(test, "input"));
        if (str_eq(expected, ours)) equal++;
        else differs(&list, str_from(file), buf_str(&name), expected, ours);
    }
    print_message("%s: %u equal, %u listed as differing\n", file, equal, list.found);
    buf_free(&url), buf_free(&name);
    json_decref(cases);
    close_list(&list);
}

static void hosts_of_toascii(void **state)
{
    (void)state;
    check_host_cases("toascii.json");
}

static void hosts_of_idna_test_v2(void **state)
{
    (void)state;
    check_host_cases("IdnaTestV2.json");
}

/* ---- queries in the page's charset ---- */

static void queries_of_percent_encoding(void **state)
{
    (void)state;
    json_t *cases = load_cases("percent-encoding.json");
    if (!cases) skip();
    struct listed list;
    struct buf url;
    open_list(&list, STR("percent-encoding.json"));
    buf_init(&url, 1 << 20);
    unsigned equal = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i), *expected;
        const char *label;
        if (!json_is_object(test)) continue;
        buf_clear(&url);
        add_expected_text(&url, STR("http://h/?"), text_of(test, "input"));
        json_object_foreach(json_object_get(test, "output"), label, expected) {
            enum charset charset = charset_from_label(str_from(label));
            struct url_query_encoder encoder = {.append = charset_encode_query, .charset = (int)charset};
            struct url u;
            assert_int_not_equal(charset, CHARSET_NONE);
            assert_int_equal(url_parse(&parser, &u, NULL, buf_str(&url), charset == CHARSET_UTF_8 ? NULL : &encoder), URL_OK);
            if (str_eq(url_query(&u), str_from(json_string_value(expected)))) equal++;
            else differs(&list, STR("percent-encoding.json"), str_from(label), str_from(json_string_value(expected)), url_query(&u));
        }
    }
    print_message("percent-encoding.json: %u equal, %u listed as differing\n", equal, list.found);
    buf_free(&url);
    json_decref(cases);
    close_list(&list);
}

static int open_parsers(void **state)
{
    (void)state;
    return url_parser_init(&parser) < 0 || url_parser_init(&base_parser) < 0;
}

static int close_parsers(void **state)
{
    (void)state;
    url_parser_free(&parser);
    url_parser_free(&base_parser);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_the_web_platform_tests), cmocka_unit_test(urls_of_adas_tests),
        cmocka_unit_test(hosts_of_toascii),               cmocka_unit_test(hosts_of_idna_test_v2),
        cmocka_unit_test(queries_of_percent_encoding),
    };
    return cmocka_run_group_tests(tests, open_parsers, close_parsers);
}
