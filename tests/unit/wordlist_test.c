/* Word lists: ours, and other people's in their published forms. */
#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zstd.h>

static void read_text(struct wordlist *list, const char *text)
{
    char path[] = "/tmp/wordlist_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int result = wordlist_read(list, path);
    unlink(path);
    if (result < 0) fail_msg("%s", fail_message());
}

static void assert_entry(const struct wordlist *list, size_t i, const char *entry, double number)
{
    assert_true(i < list->count);
    assert_true(str_eq(list->entries[i], str_from(entry)));
    assert_true(list->numbers[i] == number);
}

static void test_entries_and_numbers(void **state)
{
    (void)state;
    struct wordlist list;
    read_text(&list, "# ours\n\nbad word \nworse\t-2.5\textra\n#tag\n");
    assert_int_equal(list.count, 3);
    assert_entry(&list, 0, "bad word", 0);
    assert_entry(&list, 1, "worse", -2.5);
    assert_entry(&list, 2, "#tag", 0);
    wordlist_free(&list);
}

static void test_counts_behind_spaces_where_all_lines_have_them(void **state)
{
    (void)state;
    struct wordlist list;
    read_text(&list, "you 28787591\ni 27086011\nthe 22761659\n");
    assert_int_equal(list.count, 3);
    assert_entry(&list, 0, "you", 28787591);
    wordlist_free(&list);
    read_text(&list, "area 51\narea\n");
    assert_entry(&list, 0, "area 51", 0);
    wordlist_free(&list);
}

static void test_ldnoobw_as_published(void **state)
{
    (void)state;
    const char *path = shared_path("data/lang/ldnoobw-en.txt");
    if (!path) skip();
    struct wordlist list;
    assert_int_equal(wordlist_read(&list, path), 0);
    assert_true(list.count > 350 && list.count < 500);
    assert_entry(&list, 1, "2 girls 1 cup", 0);
    wordlist_free(&list);
}

static void test_vader_as_published(void **state)
{
    (void)state;
    const char *path = shared_path("data/lang/vader_lexicon.txt.zst");
    if (!path) skip();
    struct buf packed;
    buf_init(&packed, 1 << 24);
    assert_int_equal(buf_read_file(&packed, path), 0);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t n = ZSTD_decompress(text, (1 << 20) - 1, packed.p, packed.n);
    assert_false(ZSTD_isError(n));
    text[n] = 0;
    struct wordlist list;
    read_text(&list, text);
    assert_int_equal(list.count, 7520);
    assert_entry(&list, 0, "$:", -1.5);
    wordlist_free(&list);
    free(text);
    buf_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_and_numbers),
        cmocka_unit_test(test_counts_behind_spaces_where_all_lines_have_them),
        cmocka_unit_test(test_ldnoobw_as_published),
        cmocka_unit_test(test_vader_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
