/* Many strings sought at once, and MetaCLIP's entries. */
#include "filters/text/automaton.h"
#include "filters/text/entry_list.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static size_t occurrences(const char *text, const char *entry) /* overlapping ones too */
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, entry)); p++) n++;
    return n;
}

static void test_the_automaton_finds_what_strstr_finds(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (int round = 0; round < 300; round++) {
        char strings[40][8], text[200];
        struct str list[40];
        size_t count = 0, found[40] = {0}, total = 0, expected = 0;
        for (int i = 0; i < 40; i++) {
            size_t n = 1 + (random = random * 1664525 + 1013904223) / 1000 % 5;
            for (size_t j = 0; j < n; j++) strings[count][j] = (char)('a' + (random = random * 1664525 + 1013904223) / 5000 % 3);
            strings[count][n] = 0;
            bool known = false;
            for (size_t k = 0; k < count; k++) known |= strcmp(strings[k], strings[count]) == 0;
            count += !known;
        }
        qsort(strings, count, sizeof *strings, (int (*)(const void *, const void *))strcmp);
        for (size_t i = 0; i < count; i++) list[i] = str_from(strings[i]);
        for (size_t j = 0; j < sizeof text - 1; j++) text[j] = (char)('a' + (random = random * 1664525 + 1013904223) / 7000 % 4);
        text[sizeof text - 1] = 0;
        struct automaton *a = automaton_new(list, count);
        assert_non_null(a);
        struct automaton_scan scan = {0};
        for (size_t hit; (hit = automaton_next(a, &scan, str_from(text))) != SIZE_MAX; total++) {
            assert_true(hit < count);
            found[hit]++;
        }
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(found[i], occurrences(text, strings[i]));
            expected += found[i];
        }
        assert_int_equal(total, expected);
        automaton_free(a);
    }
}

static char *write_list(const char *text)
{
    static char path[] = "/tmp/entries-XXXXXX";
    strcpy(path, "/tmp/entries-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

static size_t match(const struct entry_list *list, const char *text)
{
    struct buf room, found;
    size_t count;
    buf_init(&room, 1 << 20);
    buf_init(&found, 1 << 20);
    assert_int_equal(entry_list_match(list, str_from(text), &room, &found, &count), 0);
    buf_free(&room);
    buf_free(&found);
    return count;
}

static void test_entries_are_words_with_spaces_around(void **state)
{
    (void)state;
    char *path = write_list("cat\nblack cat\nNew York\nSt. Louis\n7\n");
    struct entry_list *list = entry_list_read(path, false);
    assert_non_null(list);
    unlink(path);
    assert_int_equal(match(list, "a black cat"), 2);
    assert_int_equal(match(list, "cat"), 1);
    assert_int_equal(match(list, " \t cat\n"), 1);
    assert_int_equal(match(list, "cat cat cat"), 1);       /* each entry once */
    assert_int_equal(match(list, "cats, concat"), 0);
    assert_int_equal(match(list, "Cat"), 0);               /* case counts */
    assert_int_equal(match(list, "cat.dog:7!"), 2);        /* marks part words */
    assert_int_equal(match(list, "cat-dog"), 0);           /* others do not */
    assert_int_equal(match(list, "in New York, 7"), 2);
    assert_int_equal(match(list, "New  York"), 0);         /* two spaces are two */
    assert_int_equal(match(list, "St. Louis"), 0);         /* as published: the mark is parted in the text alone */
    assert_int_equal(match(list, ""), 0);
    entry_list_free(list);
}

static void test_scripts_without_spaces_need_none(void **state)
{
    (void)state;
    char *path = write_list("猫\nแมว\nchat\n고양이\n");
    struct entry_list *list = entry_list_read(path, true), *english = entry_list_read(path, false);
    assert_non_null(list);
    assert_non_null(english);
    unlink(path);
    assert_int_equal(match(list, "黒い猫です"), 1);
    assert_int_equal(match(english, "黒い猫です"), 0);
    assert_int_equal(match(list, "ภาพแมวดำ"), 1);
    assert_int_equal(match(list, "chats"), 0);
    assert_int_equal(match(list, "검은고양이"), 0); /* Korean parts words by spaces */
    assert_int_equal(match(list, "검은 고양이"), 1);
    entry_list_free(list);
    entry_list_free(english);
}

static void test_counts_stand_behind_tabs_and_an_empty_list_is_refused(void **state)
{
    (void)state;
    char *path = write_list("# a comment\ncat\t30000\ndog\n");
    struct entry_list *list = entry_list_read(path, false);
    assert_non_null(list);
    assert_int_equal(list->count, 2);
    assert_int_equal(list->counts[0], 30000);
    assert_int_equal(list->counts[1], 0);
    entry_list_free(list);
    unlink(path);
    path = write_list("# nothing\n");
    assert_null(entry_list_read(path, false));
    assert_non_null(strstr(fail_message(), "no entries"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_automaton_finds_what_strstr_finds),
        cmocka_unit_test(test_entries_are_words_with_spaces_around),
        cmocka_unit_test(test_scripts_without_spaces_need_none),
        cmocka_unit_test(test_counts_stand_behind_tabs_and_an_empty_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
