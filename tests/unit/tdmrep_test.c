/* crawl/robots/tdmrep: the report's own example, its rules of matching, and files that are none. */
#include "crawl/robots/tdmrep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool reserved(const char *file, const char *target)
{
    struct robots rules;
    assert_int_equal(tdmrep_parse(&rules, str_from(file)), 0);
    bool result = tdmrep_reserves(&rules, str_from(target));
    robots_free(&rules);
    return result;
}

/* Of a file with this one location. */
static bool reserved_by(const char *location, const char *target)
{
    char file[256];
    snprintf(file, sizeof file, "[{\"location\":\"%s\",\"tdm-reservation\":1}]", location);
    return reserved(file, target);
}

static void three_groups_of_files(void **state)
{
    (void)state;
    static const char file[] = "[{\"location\":\"/directory-a/\",\"tdm-reservation\":1},"
                               "{\"location\":\"/directory-b/html/\",\"tdm-reservation\":1,\"tdm-policy\":\"https://provider.test/p.json\"},"
                               "{\"location\":\"/directory-b/images/*.jpg\",\"tdm-reservation\":0}]";
    assert_true(reserved(file, "/directory-a/x.pdf"));
    assert_true(reserved(file, "/directory-b/html/x.html?y"));
    assert_false(reserved(file, "/directory-b/images/a/b.jpg"));
    assert_false(reserved(file, "/directory-b/images/b.png"));
    assert_false(reserved(file, "/"));
    assert_false(reserved(file, "/Directory-A/x.pdf"));
}

static void the_first_that_matches_decides_not_the_longest(void **state)
{
    (void)state;
    static const char free_first[] = "[{\"location\":\"/a\",\"tdm-reservation\":0},{\"location\":\"/a/long/path\",\"tdm-reservation\":1}]";
    static const char reserved_first[] = "[{\"location\":\"/a\",\"tdm-reservation\":1},{\"location\":\"/a/long/path\",\"tdm-reservation\":0}]";
    assert_false(reserved(free_first, "/a/long/path/x"));
    assert_true(reserved(reserved_first, "/a/long/path/x"));
}

static void patterns_are_those_of_robots_txt(void **state)
{
    (void)state;
    assert_true(reserved_by("/", "/x"));
    assert_true(reserved_by("*", "/x"));
    assert_true(reserved_by("*.jpg", "/a/b.jpg?size=1"));
    assert_true(reserved_by("/this/*/then", "/this/or/that/then/so"));
    assert_true(reserved_by("/this/path/exactly$", "/this/path/exactly"));
    assert_false(reserved_by("/this/path/exactly$", "/this/path/exactly/not"));
    assert_true(reserved_by("/*.png$", "/a.png"));
    assert_false(reserved_by("/*.png$", "/a.png?x"));
}

static void escapes_stand_for_bytes_where_they_may(void **state)
{
    (void)state;
    assert_true(reserved_by("/path/foo-%24", "/path/foo-$"));
    assert_true(reserved_by("/path/foo-%24", "/path/foo-%24x"));
    assert_false(reserved_by("/path/foo-%24", "/path/foo-"));
    assert_true(reserved_by("/%2A/x", "/*/x"));
    assert_false(reserved_by("/%2A/x", "/any/x"));
    assert_true(reserved_by("/%41%7eb", "/A~b"));
    assert_true(reserved_by("/A~b", "/%41%7Eb"));
    assert_false(reserved_by("/a%2Fb", "/a/b")); /* reserved: another path */
    assert_true(reserved_by("/a%2fb", "/a%2Fb"));
    assert_true(reserved_by("/pr\xC3\xA9", "/pr%C3%A9/x"));
    assert_true(reserved_by("/a$b", "/a$b"));
    assert_true(reserved_by("/100%", "/100%"));
}

static void what_owners_write_and_mean(void **state)
{
    (void)state;
    assert_true(reserved("{\"location\":\"/\",\"tdm-reservation\":1}", "/x"));
    assert_true(reserved("\xEF\xBB\xBF[{\"location\":\"/\",\"tdm-reservation\":1}]", "/x"));
    assert_true(reserved("[{\"location\":\"/\",\"tdm-reservation\":\"1\"}]", "/x"));
    assert_true(reserved("[{\"location\":\"/\",\"tdm-reservation\":true}]", "/x"));
    assert_true(reserved_by("https://owner.test/pictures/", "/pictures/x.jpg"));
    assert_true(reserved_by("https://owner.test", "/pictures/x.jpg"));
    assert_true(reserved_by("pictures/", "/pictures/x.jpg"));
}

static void what_is_no_reservation(void **state)
{
    (void)state;
    static const char *const files[] = {
        "", "null", "1", "[]", "{}", "[[]]", "[1,\"/\"]", "[{\"location\":\"/\"}]", "[{\"tdm-reservation\":1}]", "[{\"location\":\"/\",\"tdm-reservation\":0}]",
        "[{\"location\":\"/\",\"tdm-reservation\":2}]", "[{\"location\":1,\"tdm-reservation\":1}]", "[{\"location\":\"\",\"tdm-reservation\":1}]",
        "[{\"location\":\"/\",\"tdm-reservation\":1}", "<html>\"location\":\"/\",\"tdm-reservation\":1</html>", "\xff\xfe[",
        "[{\"location\":\"/\",\"tdm-reservation\":\"yes\"}]",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) assert_false(reserved(files[i], "/x"));
}

static void a_file_of_the_largest_size_is_bounded(void **state)
{
    (void)state;
    static char file[TDMREP_BYTES_MAX + 64];
    static const char rule[] = "{\"location\":\"*a*b*c\",\"tdm-reservation\":1},", last[] = "{\"location\":\"/\",\"tdm-reservation\":0}]";
    size_t n = 0;
    file[n++] = '[';
    while (n + sizeof rule + sizeof last < TDMREP_BYTES_MAX) {
        memcpy(file + n, rule, sizeof rule - 1);
        n += sizeof rule - 1;
    }
    memcpy(file + n, last, sizeof last - 1);
    n += sizeof last - 1;
    struct robots rules;
    assert_int_equal(tdmrep_parse(&rules, str_of(file, n)), 0);
    assert_true(rules.count > 10000);
    assert_false(tdmrep_reserves(&rules, STR("/x")));
    assert_true(tdmrep_reserves(&rules, STR("/a/b/c")));
    robots_free(&rules);
    memset(file + n, ' ', sizeof file - n); /* over the limit: as if it were not there */
    assert_int_equal(tdmrep_parse(&rules, str_of(file, sizeof file)), 0);
    assert_int_equal(rules.count, 0);
    robots_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_groups_of_files),
        cmocka_unit_test(the_first_that_matches_decides_not_the_longest),
        cmocka_unit_test(patterns_are_those_of_robots_txt),
        cmocka_unit_test(escapes_stand_for_bytes_where_they_may),
        cmocka_unit_test(what_owners_write_and_mean),
        cmocka_unit_test(what_is_no_reservation),
        cmocka_unit_test(a_file_of_the_largest_size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
