/* crawl/url: what a page's references become, part by part; hostile input; owners of hosts. */
#include "crawl/url/domain.h"
#include "crawl/url/host.h"
#include "crawl/url/url.h"
#include "pipeline/base/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct url_parser parser, base_parser;

static void assert_str(struct str got, struct str expected)
{
    if (!str_eq(got, expected)) fail_msg("got '%.*s', expected '%.*s'", STR_ARG(got), STR_ARG(expected));
}

static struct url base_of(const char *href)
{
    struct url base;
    assert_int_equal(url_parse(&base_parser, &base, NULL, str_from(href), NULL), URL_OK);
    return base;
}

static void assert_resolves(const char *base_href, struct str reference, const char *expected)
{
    struct url u, base;
    if (base_href) base = base_of(base_href);
    enum url_status status = url_parse(&parser, &u, base_href ? &base : NULL, reference, NULL);
    if (status != URL_OK) fail_msg("'%.*s': %s", STR_ARG(reference), url_reason(status));
    assert_str(u.href, str_from(expected));
}

static void assert_status(const char *input, enum url_status expected)
{
    struct url u;
    enum url_status status = url_parse(&parser, &u, NULL, str_from(input), NULL);
    if (status != expected) fail_msg("'%s': %s, expected %s", input, url_status_name(status), url_status_name(expected));
}

static void parts_are_slices_of_the_href(void **state)
{
    (void)state;
    struct url u = base_of("HTTPS://us%20er:pa:ss@Example.COM:8080/a/b?q=1#top");
    assert_str(u.href, STR("https://us%20er:pa%3Ass@example.com:8080/a/b?q=1#top"));
    assert_str(url_scheme(&u), STR("https"));
    assert_str(url_username(&u), STR("us%20er"));
    assert_str(url_password(&u), STR("pa%3Ass"));
    assert_true(url_has_userinfo(&u));
    assert_str(url_host(&u), STR("example.com"));
    assert_int_equal(url_port(&u), 8080);
    assert_str(url_path(&u), STR("/a/b"));
    assert_str(url_query(&u), STR("q=1"));
    assert_str(url_fragment(&u), STR("top"));
    assert_str(url_without_fragment(&u), STR("https://us%20er:pa%3Ass@example.com:8080/a/b?q=1"));
    assert_str(url_target(&u), STR("/a/b?q=1"));
    struct buf origin;
    buf_init(&origin, 100);
    assert_int_equal(url_origin(&origin, &u), 0);
    assert_str(buf_str(&origin), STR("https://example.com:8080"));
    buf_free(&origin);
}

static void parts_that_are_not_there_are_absent_or_empty(void **state)
{
    (void)state;
    struct url u = base_of("http://h");
    assert_str(u.href, STR("http://h/"));
    assert_int_equal(url_port(&u), 80);
    assert_int_equal(u.port, -1);
    assert_false(url_has_userinfo(&u));
    assert_int_equal(url_username(&u).n + url_password(&u).n, 0);
    assert_null(url_query(&u).p);
    assert_null(url_fragment(&u).p);
    u = base_of("http://h?#");
    assert_str(u.href, STR("http://h/?#"));
    assert_non_null(url_query(&u).p);
    assert_non_null(url_fragment(&u).p);
    u = base_of("http://user@h");
    assert_str(url_username(&u), STR("user"));
    assert_int_equal(url_password(&u).n, 0);
    u = base_of("http://:@h");
    assert_str(u.href, STR("http://h/"));
}

static void references_resolve_against_the_base(void **state)
{
    (void)state;
    static const char base[] = "http://u:p@a.b:81/c/d/e?q#f", *const cases[][2] = {
        {"", "http://u:p@a.b:81/c/d/e?q"},
        {"#x", "http://u:p@a.b:81/c/d/e?q#x"},
        {"?x", "http://u:p@a.b:81/c/d/e?x"},
        {"x", "http://u:p@a.b:81/c/d/x"},
        {"./x/", "http://u:p@a.b:81/c/d/x/"},
        {".", "http://u:p@a.b:81/c/d/"},
        {"..", "http://u:p@a.b:81/c/"},
        {"../../../x", "http://u:p@a.b:81/x"},
        {"/x//y/../z", "http://u:p@a.b:81/x//z"},
        {"\\x\\y", "http://u:p@a.b:81/x/y"},
        {"//h/x", "http://h/x"},
        {"\\/h/x", "http://h/x"},
        {"http:x", "http://u:p@a.b:81/c/d/x"}, /* the base's own scheme without slashes is a relative reference */
        {"https:x", "https://x/"},
        {"https:///////x", "https://x/"},
        {"a:b", NULL},
        {"./a:b", "http://u:p@a.b:81/c/d/a:b"},
        {"%2E%2e/%2e/x", "http://u:p@a.b:81/c/x"},
        {"..%2f", "http://u:p@a.b:81/c/d/..%2f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url u, against = base_of(base);
        if (cases[i][1]) assert_resolves(base, str_from(cases[i][0]), cases[i][1]);
        else assert_int_equal(url_parse(&parser, &u, &against, str_from(cases[i][0]), NULL), URL_OTHER_SCHEME);
    }
}

static void space_around_and_newlines_inside_are_dropped(void **state)
{
    (void)state;
    assert_resolves(NULL, STR(" \n\x01http://h/a b \t"), "http://h/a%20b");
    assert_resolves(NULL, STR("ht\ttp\n://\rh/a\r\n.jpg"), "http://h/a.jpg");
    assert_resolves("http://h/", STR("\x0C/x\x1F"), "http://h/x");
    assert_resolves("http://h/p", STR_ABSENT, "http://h/p");
}

static void each_part_has_its_own_percent_encode_set(void **state)
{
    (void)state;
    assert_resolves(NULL, STR("http://h/ \"#<>?`{}|^'~\\[]"), "http://h/%20%22#%3C%3E?%60{}|^'~\\[]");
    assert_resolves(NULL, STR("http://h/<>`{}|^'~[]%zz%41"), "http://h/%3C%3E%60%7B%7D|%5E'~[]%zz%41");
    assert_resolves(NULL, STR("http://h/? \"<>?`{}|^'~\\"), "http://h/?%20%22%3C%3E?`{}|^%27~\\");
    assert_resolves(NULL, STR("http://a b;=|[]^`{}'@:\"<>@h"), "http://a%20b%3B%3D%7C%5B%5D%5E%60%7B%7D'%40:%22%3C%3E@h/");
}

static void damaged_utf8_becomes_the_replacement_character(void **state)
{
    (void)state;
    assert_resolves(NULL, STR("http://h/\xE9t\xC3\xA9?\xFF#\xE2\x82"), "http://h/%EF%BF%BDt%C3%A9?%EF%BF%BD#%EF%BF%BD");
    assert_status("http://\xFF.com/", URL_BAD_DOMAIN);
    assert_status("http://%FF.com/", URL_BAD_DOMAIN);
}

static void addresses_are_written_one_way(void **state)
{
    (void)state;
    static const char *const same[] = {"http://127.0.0.1", "http://127.1", "http://0x7F.0.1", "http://2130706433", "http://0177.0.0.01.",
                                       "http://%31%32%37.1", "http://127.0x.000.1"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct url u = base_of(same[i]);
        assert_str(url_host(&u), STR("127.0.0.1"));
        assert_int_equal(u.host_kind, URL_IPV4);
    }
    struct url u = base_of("http://[2001:DB8:0:0:1:0:0:1]:80/");
    assert_str(u.href, STR("http://[2001:db8::1:0:0:1]/"));
    assert_int_equal(u.host_kind, URL_IPV6);
    assert_resolves(NULL, STR("http://[::127.0.0.1]"), "http://[::7f00:1]/");
    assert_resolves(NULL, STR("http://[1:2:3:4:5:6:7::]"), "http://[1:2:3:4:5:6:7:0]/");
    assert_status("http://1.2.3.256/", URL_BAD_IPV4);
    assert_status("http://1.2.3.4.5/", URL_BAD_IPV4);
    assert_status("http://a.0x/", URL_BAD_IPV4);
    assert_status("http://4294967296/", URL_BAD_IPV4);
    assert_status("http://99999999999999999999999999/", URL_BAD_IPV4);
    assert_status("http://[1:2:3:4:5:6:7]/", URL_BAD_IPV6);
    assert_status("http://[::1:2:3:4:5:6:7:8]/", URL_BAD_IPV6);
    assert_status("http://[:1]/", URL_BAD_IPV6);
    assert_status("http://[1::2::3]/", URL_BAD_IPV6);
    assert_status("http://[::1.2.3]/", URL_BAD_IPV6);
    assert_status("http://[::01.2.3.4]/", URL_BAD_IPV6);
    assert_status("http://[12345::]/", URL_BAD_IPV6);
    assert_status("http://[::1/", URL_BAD_IPV6);
}

static void what_is_no_url_says_why(void **state)
{
    (void)state;
    assert_status("data:image/gif;base64,R0lGODlhAQABAAAAACw=", URL_OTHER_SCHEME);
    assert_status("JavaScript:void(0)", URL_OTHER_SCHEME);
    assert_status("java\nscript:x", URL_OTHER_SCHEME);
    assert_status("ftp://h/", URL_OTHER_SCHEME);
    assert_status("httpss://h/", URL_OTHER_SCHEME);
    assert_status("pic.jpg", URL_RELATIVE);
    assert_status("1http://h", URL_RELATIVE);
    assert_status("", URL_RELATIVE);
    assert_status("http://", URL_NO_HOST);
    assert_status("http://u@/x", URL_NO_HOST);
    assert_status("http://:80/", URL_NO_HOST);
    assert_status("http://a b/", URL_BAD_DOMAIN);
    assert_status("http://a%20b/", URL_BAD_DOMAIN);
    assert_status("http://a<b/", URL_BAD_DOMAIN);
    assert_status("http://%zz/", URL_BAD_DOMAIN);
    assert_status("http://h:65536/", URL_BAD_PORT);
    assert_status("http://h:8a/", URL_BAD_PORT);
    assert_status("http://h:-1/", URL_BAD_PORT);
    for (int status = 0; status < URL_STATUS_COUNT; status++) {
        assert_true(url_reason((enum url_status)status)[0]);
        assert_true(url_status_name((enum url_status)status)[0]);
    }
}

static void ports_lose_zeros_and_the_schemes_default(void **state)
{
    (void)state;
    assert_resolves(NULL, STR("http://h:0000000000000080/"), "http://h/");
    assert_resolves(NULL, STR("https://h:80/"), "https://h:80/");
    assert_resolves(NULL, STR("http://h:0/"), "http://h:0/");
    assert_resolves(NULL, STR("http://h:/"), "http://h/");
}

static char *repeat(struct str head, struct str piece, size_t times, size_t *n)
{
    *n = head.n + piece.n * times;
    char *p = malloc(*n);
    assert_non_null(p);
    memcpy(p, head.p, head.n);
    for (size_t i = 0; i < times; i++) memcpy(p + head.n + i * piece.n, piece.p, piece.n);
    return p;
}

/* Beyond the limit a URL is refused whole, never cut; at the limit it is whole. */
static void long_urls_are_refused_never_cut(void **state)
{
    (void)state;
    static const struct {
        struct str piece;
        size_t bytes; /* of the piece in an href */
    } pieces[] = {{STR("a"), 1}, {STR("\xC3\xA9"), 6}, {STR(" "), 3}};
    struct str head = STR("http://h/x");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct str piece = pieces[i].piece;
        size_t fits = (URL_MAX - head.n - 1) / pieces[i].bytes, n;
        for (size_t over = 0; over < 2; over++) {
            char *p = repeat(head, piece, fits + 2 * over, &n);
            p[n - 1] = 'z'; /* no white space at the end; damages é, and that is as long */
            struct url u;
            assert_int_equal(url_parse(&parser, &u, NULL, str_of(p, n), NULL), over ? URL_TOO_LONG : URL_OK);
            free(p);
        }
    }
    size_t n;
    char *p = repeat(STR("data:"), STR("A"), 8 << 20, &n);
    struct url u;
    assert_int_equal(url_parse(&parser, &u, NULL, str_of(p, n), NULL), URL_OTHER_SCHEME);
    free(p);
    p = repeat(STR("http://h/"), STR("\n"), 1 << 20, &n); /* newlines do not count */
    p[n - 1] = 'x';
    assert_int_equal(url_parse(&parser, &u, NULL, str_of(p, n), NULL), URL_OK);
    assert_str(u.href, STR("http://h/x"));
    free(p);
}

static void other_letters_in_hosts_go_through_idna(void **state)
{
    (void)state;
    if (!module_open("unicode")) skip();
    assert_resolves(NULL, STR("http://Bücher.DE/ü"), "http://xn--bcher-kva.de/%C3%BC");
    assert_resolves(NULL, STR("http://b%C3%BCcher.de"), "http://xn--bcher-kva.de/");
    assert_resolves(NULL, STR("http://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.1/"), "http://127.0.0.1/"); /* full-width digits */
    assert_status("http://a\xE2\x84\x80/", URL_BAD_DOMAIN); /* U+2100 maps to "a/c": a slash must not enter the host */
}

static void owners_are_registrable_domains(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http://www.example.co.uk/", "example.co.uk"},     {"http://a.b.github.io/", "b.github.io"},
        {"http://github.io/", "github.io"},                 {"http://localhost/", "localhost"},
        {"http://www.example.com./", "example.com"},        {"http://1.2.3.4/", "1.2.3.4"},
        {"http://[::1]/", "[::1]"},                         {"http://x.unknown-suffix/", "x.unknown-suffix"},
        {"http://www.xn--85x722f.xn--55qx5d.cn/", "xn--85x722f.xn--55qx5d.cn"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url u = base_of(cases[i][0]);
        assert_str(url_registrable_domain(url_host(&u), u.host_kind), str_from(cases[i][1]));
    }
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
        cmocka_unit_test(parts_are_slices_of_the_href),
        cmocka_unit_test(parts_that_are_not_there_are_absent_or_empty),
        cmocka_unit_test(references_resolve_against_the_base),
        cmocka_unit_test(space_around_and_newlines_inside_are_dropped),
        cmocka_unit_test(each_part_has_its_own_percent_encode_set),
        cmocka_unit_test(damaged_utf8_becomes_the_replacement_character),
        cmocka_unit_test(addresses_are_written_one_way),
        cmocka_unit_test(what_is_no_url_says_why),
        cmocka_unit_test(ports_lose_zeros_and_the_schemes_default),
        cmocka_unit_test(long_urls_are_refused_never_cut),
        cmocka_unit_test(other_letters_in_hosts_go_through_idna),
        cmocka_unit_test(owners_are_registrable_domains),
    };
    return cmocka_run_group_tests(tests, open_parsers, close_parsers);
}
