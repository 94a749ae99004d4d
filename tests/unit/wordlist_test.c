/* Word lists: ours, and other people's in their published forms. */
#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>
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
    read_text(&list, "\xEF\xBB\xBF" "bad\r\nworse\t3\r\n"); /* as some editors write */
    assert_int_equal(list.count, 2);
    assert_entry(&list, 0, "bad", 0);
    assert_entry(&list, 1, "worse", 3);
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

/* ---- wordfreq: "the" 10^-1.3, "of" and "é" 10^-1.31, as in its files */

#define HEADER "\x82\xA6" "format" "\xA2" "cB" "\xA7" "version" "\x01"
#define WORDS "\x91\xA3" "the" "\xDC\x00\x02\xA2" "of" "\xD9\x02" "\xC3\xA9"

/* `empty` empty arrays stand before the words. */
static void make_wordfreq(struct buf *out, unsigned empty)
{
    buf_init(out, 1 << 16);
    unsigned n = 3 + empty;
    const char head[] = {'\xDC', (char)(n >> 8), (char)n};
    assert_int_equal(buf_add(out, str_of(head, sizeof head)), 0);
    assert_int_equal(buf_add(out, STR(HEADER)), 0);
    for (unsigned i = 0; i < empty; i++) assert_int_equal(buf_byte(out, '\x90'), 0);
    assert_int_equal(buf_add(out, STR(WORDS)), 0);
}

static void check_wordfreq(struct buf *bytes)
{
    struct wordlist list;
    assert_int_equal(wordlist_take(&list, bytes, "list"), 0);
    assert_int_equal(list.count, 3);
    assert_true(str_eq(list.entries[0], STR("the")) && str_eq(list.entries[1], STR("of")) && str_eq(list.entries[2], STR("é")));
    assert_float_equal(list.numbers[0], 50118723.36, 0.01); /* 10^(9 - 1.3) */
    assert_float_equal(list.numbers[1], 48977881.94, 0.01);
    assert_true(list.numbers[1] == list.numbers[2]);
    wordlist_free(&list);
}

static void test_wordfreq_in_gzip_and_plain(void **state)
{
    (void)state;
    struct buf bytes, packed;
    make_wordfreq(&bytes, 130);
    buf_init(&packed, 1 << 16);
    assert_int_equal(buf_reserve(&packed, 1 << 12), 0);
    z_stream z = {.next_in = (unsigned char *)bytes.p, .avail_in = (unsigned)bytes.n, .next_out = (unsigned char *)packed.p, .avail_out = 1 << 12};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed.n = z.total_out;
    deflateEnd(&z);
    struct buf cut;
    buf_init(&cut, 1 << 16);
    assert_int_equal(buf_add(&cut, str_of(packed.p, packed.n - 1)), 0);
    struct wordlist list;
    assert_int_equal(wordlist_take(&list, &cut, "cut.gz"), -1);
    assert_non_null(strstr(fail_message(), "cut.gz: damaged gzip"));
    check_wordfreq(&packed);
    check_wordfreq(&bytes);
}

static void test_damaged_wordfreq_is_refused(void **state)
{
    (void)state;
    struct buf bytes;
    make_wordfreq(&bytes, 2);
    for (size_t n = 4; n < bytes.n; n++) { /* cut anywhere behind what tells its kind */
        struct buf cut;
        struct wordlist list;
        buf_init(&cut, 1 << 16);
        assert_int_equal(buf_add(&cut, str_of(bytes.p, n)), 0);
        if (wordlist_take(&list, &cut, "cut") == 0) fail_msg("%zu bytes of %zu were taken", n, bytes.n);
        assert_non_null(strstr(fail_message(), "cut: a damaged wordfreq list"));
    }
    static const struct { struct str bytes; const char *said; } others[] = {
        {STR("\x91\x82\xA6" "format" "\xA2" "xB" "\xA7" "version" "\x01"), "only cB"},
        {STR("\x91\x82\xA6" "format" "\xA2" "cB" "\xA7" "version" "\x02"), "of version 2"},
        {STR("\x91" HEADER "\x90"), "expected the end"},
        {STR("\x92" HEADER "\x91\x01"), "expected a string"},
        {STR("\x92" HEADER "\x91\xA1\xFF"), "UTF-8"},
        {STR("\x92" HEADER "\xDD\xFF\xFF\xFF\xFF"), "expected a string"},
        {STR("\x92" HEADER "\x91\xDB\xFF\xFF\xFF\xFFx"), "expected a string"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct buf one;
        struct wordlist list;
        buf_init(&one, 1 << 16);
        assert_int_equal(buf_add(&one, others[i].bytes), 0);
        assert_int_equal(wordlist_take(&list, &one, "one"), -1);
        if (!strstr(fail_message(), others[i].said)) fail_msg("%zu: %s", i, fail_message());
    }
    buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_and_numbers),
        cmocka_unit_test(test_counts_behind_spaces_where_all_lines_have_them),
        cmocka_unit_test(test_ldnoobw_as_published),
        cmocka_unit_test(test_vader_as_published),
        cmocka_unit_test(test_wordfreq_in_gzip_and_plain),
        cmocka_unit_test(test_damaged_wordfreq_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
