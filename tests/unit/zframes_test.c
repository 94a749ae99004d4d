/* zstd in independent frames: round trips, ranges, and files of other writers. */
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/zframes.h"
#include "tests/unit/shared.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Writes bytes to a nameless file and returns its descriptor. */
static int nameless(struct str bytes)
{
    char path[] = "/tmp/winnow-zframes-test-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    assert_int_equal(file_write_all(fd, bytes, path), 0);
    return fd;
}

static void make(struct buf *file, struct buf *plain)
{
    struct zframes table = {0};
    buf_init(file, 1 << 20);
    buf_init(plain, 1 << 20);
    for (int i = 0; i < 5; i++) {
        struct zframe frame;
        size_t from = plain->n;
        for (int k = 0; k < 1000 * (i + 1); k++) assert_int_equal(buf_printf(plain, "%d,", k * (i + 7)), 0);
        assert_int_equal(zframe_compress(file, str_from_at(buf_str(plain), from), ZFRAMES_LEVEL, &frame), 0);
        assert_int_equal(zframes_add(&table, frame), 0);
    }
    struct zframe note;
    assert_int_equal(zframe_skippable(file, 0x184D2A5Du, STR("note"), &note), 0);
    assert_int_equal(zframes_add(&table, note), 0);
    assert_int_equal(zframes_table(file, &table), 0);
    zframes_free(&table);
}

static void test_any_range_is_read_alone(void **state)
{
    (void)state;
    struct buf file, plain, part;
    make(&file, &plain);
    buf_init(&part, 1 << 20);
    int fd = nameless(buf_str(&file));
    struct zframes table = {0};
    assert_int_equal(zframes_read(&table, fd, file.n), 1);
    assert_int_equal(table.count, 6);
    srand(3);
    for (int i = 0; i < 200; i++) {
        size_t from = (size_t)rand() % plain.n, n = (size_t)rand() % (plain.n - from + 1);
        buf_clear(&part);
        assert_int_equal(zframes_read_range(&table, fd, from, n, &part), 0);
        assert_int_equal(part.n, n);
        assert_memory_equal(part.p, plain.p + from, n);
    }
    assert_int_equal(zframes_read_range(&table, fd, plain.n - 1, 2, &part), -1);
    assert_int_equal(zframes_read_range(&table, fd, UINT64_MAX, 2, &part), -1);
    zframes_free(&table);
    close(fd);
    buf_free(&file);
    buf_free(&plain);
    buf_free(&part);
}

static void test_a_table_that_lies_is_refused(void **state)
{
    (void)state;
    struct buf file, plain;
    make(&file, &plain);
    for (size_t at = file.n - 9 - 6 * 12; at < file.n; at++) { /* every byte of entries and footer */
        struct zframes table = {0};
        file.p[at] ^= 1;
        int fd = nameless(buf_str(&file));
        int found = zframes_read(&table, fd, file.n);
        /* sizes of the uncompressed side and checksums are met by reading; all else is noticed at once */
        if (found == 1) {
            struct buf out;
            buf_init(&out, 1 << 20);
            (void)zframes_read_range(&table, fd, 0, plain.n, &out);
            buf_free(&out);
        }
        zframes_free(&table);
        close(fd);
        file.p[at] ^= 1;
    }
    struct zframes table = {0};
    int fd = nameless(str_of(file.p, file.n - 1));
    assert_int_equal(zframes_read(&table, fd, file.n - 1), 0); /* no footer: no table */
    close(fd);
    buf_free(&file);
    buf_free(&plain);
}

static void test_files_of_other_writers_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"data/peers/seekable_checksum.zst", "data/peers/seekable_nochecksum.zst"};
    for (size_t i = 0; i < 2; i++) {
        const char *path = shared_path(names[i]);
        if (!path) skip();
        uint64_t size;
        struct zframes table = {0};
        assert_int_equal(file_size(path, &size), 0);
        int fd = open(path, O_RDONLY);
        assert_int_equal(zframes_read(&table, fd, size), 1);
        assert_int_equal(table.count, 4);
        uint64_t plain = 0;
        for (size_t f = 0; f < table.count; f++) plain += table.list[f].bytes;
        struct buf all;
        buf_init(&all, 1 << 20);
        assert_int_equal(zframes_read_range(&table, fd, 0, plain, &all), 0);
        assert_int_equal(all.n, plain);
        buf_free(&all);
        zframes_free(&table);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_range_is_read_alone),
        cmocka_unit_test(test_a_table_that_lies_is_refused),
        cmocka_unit_test(test_files_of_other_writers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
