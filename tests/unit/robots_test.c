/* crawl/robots: robots.txt by the vectors of Google's parser and by RFC 9309, directives by the vectors of img2dataset, opt-out
 * lists. */
#include "crawl/robots/directives.h"
#include "crawl/robots/optout.h"
#include "crawl/robots/robots.h"
#include "pipeline/base/fail.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

static bool allowed(const char *text, const char *agent, const char *target)
{
    struct robots robots;
    assert_int_equal(robots_parse(&robots, str_from(text), str_from(agent)), 0);
    bool result = robots_allows(&robots, str_from(target));
    robots_free(&robots);
    return result;
}

static int64_t delay(const char *text)
{
    struct robots robots;
    assert_int_equal(robots_parse(&robots, str_from(text), STR("winnow")), 0);
    int64_t result = robots.crawl_delay_ms;
    robots_free(&robots);
    return result;
}

/* ---- robots.txt */

/* The vectors' strings hold one code point a byte. */
static struct str bytes_of(json_t *object, const char *name, char *out)
{
    struct str utf8 = str_of(json_string_value(json_object_get(object, name)), json_string_length(json_object_get(object, name)));
    size_t n = 0;
    for (size_t i = 0; i < utf8.n; i++) {
        unsigned char c = (unsigned char)utf8.p[i];
        out[n++] = (char)(c < 0x80 ? c : (c & 3) << 6 | ((unsigned char)utf8.p[++i] & 0x3f));
    }
    return str_of(out, n);
}

/* Path and query of a URL in any state, as the vectors' own parser takes it. */
static struct str target_of(struct str url)
{
    size_t scheme = str_find(url, STR("://"));
    if (scheme != SIZE_MAX) url = str_from_at(url, scheme + 3);
    const char *slash = url.n ? memchr(url.p, '/', url.n) : NULL;
    return slash ? str_from_at(url, (size_t)(slash - url.p)) : STR("/");
}

static void all_vectors_of_the_shared_folder_agree(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/robotstxt/cases.json");
    if (!path) skip();
    json_error_t error;
    json_t *cases = json_load_file(path, 0, &error), *one;
    assert_non_null(cases);
    size_t i, wrong = 0;
    static char text[1 << 16], agent[256], url[1 << 12];
    json_array_foreach(cases, i, one) {
        struct robots robots;
        struct str target = target_of(bytes_of(one, "url", url));
        assert_int_equal(robots_parse(&robots, bytes_of(one, "robots", text), bytes_of(one, "agent", agent)), 0);
        if (robots_allows(&robots, target) != json_is_true(json_object_get(one, "allowed"))) {
            print_error("case %zu (%s): %.*s\n", i, json_string_value(json_object_get(one, "test")), STR_ARG(target));
            wrong++;
        }
        robots_free(&robots);
    }
    json_decref(cases);
    assert_int_equal(i, 142);
    assert_int_equal(wrong, 0);
}

static void test_lines_end_in_any_way(void **state)
{
    (void)state;
    assert_false(allowed("\xEF\xBB\xBFUser-agent: *\rDisallow: /a\r\nDisallow: /b\n\rDisallow:/c", "winnow", "/a"));
    assert_false(allowed("\xEF\xBB\xBFUser-agent: *\rDisallow: /a\r\nDisallow: /b\n\rDisallow:/c", "winnow", "/b"));
    assert_false(allowed("\xEF\xBB\xBFUser-agent: *\rDisallow: /a\r\nDisallow: /b\n\rDisallow:/c", "winnow", "/c"));
}

static void test_a_group_that_names_us_counts_alone(void **state)
{
    (void)state;
    const char *text = "User-agent: *\nDisallow: /\nUser-agent: WINNOW/2.0\nUser-agent: other\nDisallow: /private\n";
    assert_true(allowed(text, "winnow", "/a"));
    assert_false(allowed(text, "winnow", "/private/a"));
    assert_false(allowed(text, "third", "/a"));
    assert_true(allowed("User-agent: winnowing\nDisallow: /\n", "winnow", "/a"));
}

static void test_escapes_compare_without_case_of_their_digits(void **state)
{
    (void)state;
    assert_false(allowed("User-agent: *\nDisallow: /%e3%83%84\n", "winnow", "/%E3%83%84"));
    assert_false(allowed("User-agent: *\nDisallow: /\xE3\x83\x84\n", "winnow", "/%e3%83%84"));
    assert_true(allowed("User-agent: *\nDisallow: /%2f\n", "winnow", "//"));
}

static void test_crawl_delay_is_that_of_the_group(void **state)
{
    (void)state;
    assert_int_equal(delay("User-agent: *\nCrawl-delay: 2.5\n"), 2500);
    assert_int_equal(delay("User-agent: *\nCrawl-delay: 9\nUser-agent: winnow\nCrawl-delay: 1\n"), 1000);
    assert_int_equal(delay("User-agent: *\nDisallow: /\n"), -1);
    assert_int_equal(delay("User-agent: *\nCrawl-delay: -3\n"), -1);
    assert_int_equal(delay("User-agent: *\nCrawl-delay: soon\n"), -1);
    assert_int_equal(delay("User-agent: *\nCrawl-delay: 1e12\n"), 86400000);
}

static void test_only_the_first_500_kib_are_parsed(void **state)
{
    (void)state;
    struct buf text;
    struct robots robots;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add(&text, STR("User-agent: *\nDisallow: /a\n")), 0);
    while (text.n < ROBOTS_BYTES_MAX) assert_int_equal(buf_add(&text, STR("# filler filler filler\n")), 0);
    assert_int_equal(buf_add(&text, STR("Disallow: /b\n")), 0);
    assert_int_equal(robots_parse(&robots, buf_str(&text), STR("winnow")), 0);
    assert_false(robots_allows(&robots, STR("/a")));
    assert_true(robots_allows(&robots, STR("/b")));
    robots_free(&robots);
    buf_free(&text);
}

/* Wildcards over a long path, as many as fit: either answered fast, or forbidden. */
static void test_hostile_patterns_take_bounded_time(void **state)
{
    (void)state;
    struct buf text, path;
    struct robots robots;
    buf_init(&text, 1 << 20);
    buf_init(&path, 1 << 20);
    assert_int_equal(buf_add(&text, STR("User-agent: *\n")), 0);
    while (text.n < ROBOTS_BYTES_MAX) assert_int_equal(buf_add(&text, STR("Disallow:*a*a*a*b$\n")), 0);
    assert_int_equal(buf_add(&path, STR("/")), 0);
    while (path.n < 60000) assert_int_equal(buf_byte(&path, 'a'), 0);
    assert_int_equal(robots_parse(&robots, buf_str(&text), STR("winnow")), 0);
    clock_t start = clock();
    assert_false(robots_allows(&robots, buf_str(&path)));
    assert_true(robots_allows(&robots, STR("/short")));
    assert_true(clock() - start < CLOCKS_PER_SEC);
    robots_free(&robots);
    buf_free(&text);
    buf_free(&path);
}

/* ---- directives */

/* img2dataset lets `none` pass, and takes "mybot " for another agent than "mybot"; winnow does neither. */
static bool differs_on_purpose(const char *header, const char *agent)
{
    return strcmp(header, "none") == 0 || (strcmp(header, "mybot : noai") == 0 && agent && strcmp(agent, "mybot") == 0);
}

static void x_robots_tag_agrees_with_img2dataset_but_for_two_cases(void **state)
{
    (void)state;
    const char *path = shared_path("data/peers/x_robots_tag.json");
    if (!path) skip();
    json_error_t error;
    json_t *cases = json_load_file(path, 0, &error), *one, *header;
    assert_non_null(cases);
    size_t i, k, different = 0;
    json_array_foreach(cases, i, one) {
        const char *agent = json_string_value(json_object_get(one, "user_agent_token"));
        unsigned said = 0;
        bool expected = json_is_true(json_object_get(one, "disallowed")), known = false;
        json_array_foreach(json_object_get(one, "headers"), k, header) {
            said |= directives_of(str_from(json_string_value(header)), agent ? str_from(agent) : STR_ABSENT);
            known |= differs_on_purpose(json_string_value(header), agent);
        }
        if (known) {
            different++;
            expected = !expected;
        }
        if ((said != 0) != expected) fail_msg("case %zu", i);
    }
    json_decref(cases);
    assert_int_equal(i, 15);
    assert_int_equal(different, 2);
}

static void test_directives_name_what_they_forbid(void **state)
{
    (void)state;
    struct str us = STR("winnow");
    assert_int_equal(directives_of(STR("NoAI, NoImageAI"), us), DIRECTIVE_NOAI | DIRECTIVE_NOIMAGEAI);
    assert_int_equal(directives_of(STR("index, follow, max-image-preview:large"), us), 0);
    assert_int_equal(directives_of(STR("max-snippet: 5, noindex"), us), DIRECTIVE_NOINDEX);
    assert_int_equal(directives_of(STR("googlebot: nofollow, noindex, winnow: noimageindex"), us), DIRECTIVE_NOIMAGEINDEX);
    assert_int_equal(directives_of(STR("winnow: nofollow, noai"), us), DIRECTIVE_NOAI);
    assert_int_equal(directives_of(STR("unavailable_after: Sat, 25 Jun 2030 15:00:00 GMT, noai"), us), DIRECTIVE_NOAI);
    assert_int_equal(directives_of(STR("nofollow, tdm-reservation: 1"), us), DIRECTIVE_TDM);
    assert_int_equal(directives_of(STR("tdm-reservation: 0"), us), 0);
    assert_int_equal(directives_of_tdm(STR(" 1 ")), DIRECTIVE_TDM);
    assert_string_equal(directive_name((enum directive)(DIRECTIVE_NOINDEX | DIRECTIVE_TDM)), "noindex");
}

/* ---- opt-out lists */

static bool listed(const struct optout *list, const char *href)
{
    static struct url_parser parser;
    struct url url;
    if (!parser.href.p) assert_int_equal(url_parser_init(&parser), 0);
    assert_int_equal(url_parse(&parser, &url, NULL, str_from(href), NULL), URL_OK);
    return optout_has(list, &url);
}

static void test_optout_knows_urls_domains_and_digests(void **state)
{
    (void)state;
    struct optout *list = optout_new();
    assert_non_null(list);
    const char *const lines[] = {"# owners", "", "HTTP://Example.org:80/a%20b.jpg#top", "sub.example.com\r", "*.wild.test",
                                 "10.1.2.3", "sub.example.com"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_int_equal(optout_add(list, str_from(lines[i])), 0);
    assert_int_equal(optout_seal(list), 0);
    assert_int_equal(optout_count(list), 4);
    assert_true(listed(list, "http://example.org/a%20b.jpg"));
    assert_true(listed(list, "http://example.org/a%20b.jpg#other"));
    assert_false(listed(list, "https://example.org/a%20b.jpg"));
    assert_false(listed(list, "http://example.org/"));
    assert_true(listed(list, "https://sub.example.com/x"));
    assert_true(listed(list, "https://a.b.sub.example.com./x"));
    assert_false(listed(list, "https://example.com/x"));
    assert_false(listed(list, "https://notsub.example.com/x"));
    assert_true(listed(list, "https://wild.test:8080/x"));
    assert_true(listed(list, "http://10.1.2.3/"));
    assert_false(listed(list, "http://3.10.1.2.3.test/"));
    optout_free(list);
    assert_false(listed(NULL, "http://example.org/"));
}

static void test_optout_takes_what_lists_say_beside_the_entry(void **state)
{
    (void)state;
    struct optout *list = optout_new();
    assert_non_null(list);
    const char *const lines[] = {".dotted.test", "noted.test # since 2024", "noted.test\t# again", " spaced.test ", "http://h.test/a b.jpg # one",
                                 "http://h.test/c.jpg#part # two", "b\xC3\xBC" "cher.test"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_int_equal(optout_add(list, str_from(lines[i])), 0);
    assert_int_equal(optout_seal(list), 0);
    assert_int_equal(optout_count(list), 6);
    assert_true(listed(list, "http://dotted.test/") && listed(list, "http://www.dotted.test/"));
    assert_true(listed(list, "http://noted.test/") && listed(list, "http://spaced.test/") && listed(list, "http://xn--bcher-kva.test/"));
    assert_true(listed(list, "http://h.test/a%20b.jpg") && listed(list, "http://h.test/c.jpg#other"));
    assert_false(listed(list, "http://h.test/"));
    optout_free(list);
}

static void test_optout_takes_digests_of_urls_and_domains(void **state)
{
    (void)state;
    struct optout *list = optout_new();
    assert_non_null(list);
    assert_int_equal(optout_add(list, STR("ACE08F82FF5BAAC3938CC37DE45B4B7D692447DD7D85CB7426C8C2EF9924C71A")), 0); /* http://one.test/x.png */
    assert_int_equal(optout_add(list, STR("a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce1947")), 0); /* example.com */
    assert_int_equal(optout_seal(list), 0);
    assert_true(listed(list, "http://www.example.com/x.png"));
    assert_true(listed(list, "http://one.test/x.png"));
    assert_false(listed(list, "http://one.test/y.png"));
    optout_free(list);
}

static void test_optout_names_the_line_that_is_no_entry(void **state)
{
    (void)state;
    struct optout *list = optout_new();
    assert_non_null(list);
    assert_int_equal(optout_add(list, STR("ftp://example.org/a")), -1);
    assert_int_equal(optout_add(list, STR("example.org/path")), -1);
    assert_int_equal(optout_add(list, STR("two words")), -1);
    /* none of these may pass for a domain that nobody has */
    assert_int_equal(optout_add(list, STR("owner\0.test")), -1);
    assert_int_equal(optout_add(list, STR("owner.test\tyes")), -1);
    assert_int_equal(optout_add(list, STR("\"owner.test\",2024")), -1);
    assert_int_equal(optout_add(list, STR("d41d8cd98f00b204e9800998ecf8427e")), -1); /* MD5 */
    assert_int_equal(optout_add(list, STR(".")), -1);
    assert_int_equal(optout_load(list, "/nonexistent/list"), -1);
    assert_non_null(strstr(fail_message(), "/nonexistent/list"));
    optout_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_vectors_of_the_shared_folder_agree),
        cmocka_unit_test(test_lines_end_in_any_way),
        cmocka_unit_test(test_a_group_that_names_us_counts_alone),
        cmocka_unit_test(test_escapes_compare_without_case_of_their_digits),
        cmocka_unit_test(test_crawl_delay_is_that_of_the_group),
        cmocka_unit_test(test_only_the_first_500_kib_are_parsed),
        cmocka_unit_test(test_hostile_patterns_take_bounded_time),
        cmocka_unit_test(x_robots_tag_agrees_with_img2dataset_but_for_two_cases),
        cmocka_unit_test(test_directives_name_what_they_forbid),
        cmocka_unit_test(test_optout_knows_urls_domains_and_digests),
        cmocka_unit_test(test_optout_takes_what_lists_say_beside_the_entry),
        cmocka_unit_test(test_optout_takes_digests_of_urls_and_domains),
        cmocka_unit_test(test_optout_names_the_line_that_is_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
