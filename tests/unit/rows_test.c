/* Rows: escapes, splitting, frames, whole and cut streams. */
#include "pipeline/base/fail.h"
#include "pipeline/rows/rows.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char header[] = "id\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text";

/* ---- cells */

static void test_every_special_character_comes_back(void **state)
{
    (void)state;
    static const char all[] = "\t\n\r\\\x01\x1b\x7f\xc2\x80\xc2\x9f\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa plain caf\xc3\xa9";
    struct buf escaped, back;
    buf_init(&escaped, 1000);
    buf_init(&back, 1000);
    assert_int_equal(cell_escape(&escaped, str_of(all, sizeof all - 1)), 0);
    assert_string_equal(buf_c_string(&escaped),
                        "\\t\\n\\r\\\\\\x01\\x1B\\x7F\\u{80}\\u{9F}\xc2\xa0\\u{2028}\\u{2029}\xe2\x80\xaa plain caf\xc3\xa9");
    assert_int_equal(cell_unescape(&back, buf_str(&escaped)), 0);
    assert_int_equal(back.n, sizeof all - 1);
    assert_memory_equal(back.p, all, back.n);
    buf_free(&escaped);
    buf_free(&back);
}

static void test_damaged_escapes_stand_for_themselves(void **state)
{
    (void)state;
    static const char *const cells[] = {"\\", "\\q", "\\x", "\\x1", "\\xg1", "\\u", "\\u{", "\\u{}", "\\u{12", "\\u{1234567}", "a\\"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        struct buf out;
        buf_init(&out, 100);
        assert_int_equal(cell_unescape(&out, str_from(cells[i])), 0);
        assert_string_equal(buf_c_string(&out), cells[i]);
        buf_free(&out);
    }
}

/* ---- batches */

static int split(const char *lines)
{
    struct columns columns;
    struct batch batch;
    columns_init(&columns);
    assert_int_equal(columns_parse(&columns, str_from(header)), 0);
    batch_init(&batch, &columns, 1 << 20);
    int result = batch_split(&batch, str_from(lines), 1);
    batch_free(&batch);
    columns_free(&columns);
    return result;
}

static void test_damaged_lines_are_told_with_their_row(void **state)
{
    (void)state;
    static const struct { const char *lines, *message; } cases[] = {
        {"a\tb\t0\t0\t0\n", "row 1: 5 cells, expected 6"},
        {"a\tb\t0\t0\t0\t0\tz\n", "row 1: more than 6 cells"},
        {"a\tb\t0\t0\t0\t0\na\tb\t0\t1\t0\t0", "row 2: the line does not end"},
        {"a\tb\t0\t0\t0\t0\na\tb\033\t0\t1\t0\t0\n", "row 2: byte 0x1b in a cell: expected it escaped"},
        {"a\tb\t0\t0\t0\t0\na\tb\t0\tx\t0\t0\n", "row 2: src_record is 'x', expected a number"},
        {"a\tb\t0\t5\t0\t0\na\tb\t0\t5\t0\t0\n", "row 2: place 0.5.0.0 after 0.5.0.0: use winnow merge --renumber"},
        {"a\tb\t1\t0\t0\t0\na\tb\t0\t9\t0\t0\n", "row 2: place 0.9.0.0 after 1.0.0.0: use winnow merge --renumber"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(split(cases[i].lines), -1);
        assert_string_equal(fail_message(), cases[i].message);
    }
    assert_int_equal(split("a\tb\t0\t9\t0\t0\na\tb\t0\t10\t0\t0\n"), 0); /* as numbers, not as text */
    assert_int_equal(split(""), 0);
}

static void test_columns_refuse_bad_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "Id", "1a", "a-b", "a b", "select", "table", "id\tid"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct columns columns;
        columns_init(&columns);
        assert_int_equal(columns_parse(&columns, str_from(bad[i])), -1);
        columns_free(&columns);
    }
}

/* ---- files */

struct bytes {
    struct buf buf;
};
static int collect(void *context, struct str bytes) { return buf_add(&((struct bytes *)context)->buf, bytes); }

/* `rows` rows as a row file in memory, handed over in pieces of `piece` rows. */
static void make_file(struct bytes *out, uint64_t rows, uint64_t piece)
{
    struct columns columns;
    struct rows_writer *w;
    struct rows_out_frames frames = {0};
    columns_init(&columns);
    assert_int_equal(columns_parse(&columns, str_from(header)), 0);
    buf_init(&out->buf, 64 << 20);
    assert_int_equal(rows_writer_new(&w, &columns, collect, out, false), 0);
    struct buf lines;
    buf_init(&lines, 64 << 20);
    for (uint64_t r = 0; r < rows; r += piece) {
        buf_clear(&lines);
        uint64_t n = rows - r < piece ? rows - r : piece;
        for (uint64_t i = r; i < r + n; i++)
            buf_printf(&lines, "%032llx\ta text of some length number %llu\t0\t%llu\t0\t0\n", (unsigned long long)i,
                       (unsigned long long)(i * 7919 % 1000), (unsigned long long)i);
        frames.count = 0;
        assert_int_equal(rows_writer_add(w, buf_str(&lines), n, &frames), 0);
        if (r + n == rows) assert_int_equal(rows_writer_flush(w, &frames), 0);
        for (size_t f = 0; f < frames.count; f++) {
            assert_int_equal(rows_frame_compress(w, &frames.list[f]), 0);
            assert_int_equal(rows_writer_put(w, &frames.list[f]), 0);
        }
    }
    json_t *about = json_pack("{s:s}", "stage", "test");
    assert_int_equal(rows_writer_finish(w, about), 0);
    assert_int_equal(rows_writer_rows(w), rows);
    json_decref(about);
    rows_out_frames_free(&frames);
    rows_writer_free(w);
    buf_free(&lines);
    columns_free(&columns);
}

static void write_file(const char *path, struct str bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

/* Rows read from a file of these bytes; -1 on failure. */
static int64_t read_rows(struct str bytes)
{
    char path[] = "/tmp/winnow-rows-test-XXXXXX";
    close(mkstemp(path));
    write_file(path, bytes);
    const struct rows_open_options quiet = {.quiet_plain = true};
    struct rows_reader *r;
    struct rows_frame frame;
    struct batch batch;
    int64_t rows = 0;
    if (rows_open(&r, path, &quiet) < 0) return unlink(path), -1;
    rows_frame_init(&frame);
    batch_init(&batch, rows_columns(r), 64 << 20);
    int more;
    while ((more = rows_read(r, &frame)) > 0 && (more = rows_decode(r, &frame, &batch, (uint64_t)rows + 1)) == 0)
        rows += (int64_t)batch.count;
    batch_free(&batch);
    rows_frame_free(&frame);
    rows_close(r);
    unlink(path);
    return more < 0 ? -1 : rows;
}

static void test_bytes_do_not_depend_on_pieces(void **state)
{
    (void)state;
    struct bytes a, b;
    make_file(&a, 40000, 40000);
    make_file(&b, 40000, 37);
    assert_int_equal(a.buf.n, b.buf.n);
    assert_memory_equal(a.buf.p, b.buf.p, a.buf.n);
    assert_int_equal(read_rows(buf_str(&a.buf)), 40000);
    buf_free(&a.buf);
    buf_free(&b.buf);
}

static void test_a_stream_cut_anywhere_is_never_taken_as_whole(void **state)
{
    (void)state;
    struct bytes a;
    make_file(&a, 30000, 1000);
    struct str whole = buf_str(&a.buf);
    for (size_t n = whole.n - 1; n > 64; n = n > 4000 ? n - n / 23 : n - 61) assert_int_equal(read_rows(str_of(whole.p, n)), -1);
    /* exactly between two frames: the seek table lists where they end */
    size_t at = 0;
    uint32_t skippable = 0;
    while (!skippable) {
        size_t length = zframe_length(str_from_at(whole, at), &skippable);
        assert_true(length > 0 && length != SIZE_MAX);
        if (at) assert_int_equal(read_rows(str_of(whole.p, at)), -1);
        at += length;
    }
    buf_free(&a.buf);
}

static void test_two_files_joined_are_refused(void **state)
{
    (void)state;
    struct bytes a;
    make_file(&a, 10, 10);
    struct buf twice;
    buf_init(&twice, 1 << 20);
    buf_add(&twice, buf_str(&a.buf));
    buf_add(&twice, buf_str(&a.buf));
    assert_int_equal(read_rows(buf_str(&twice)), -1);
    assert_non_null(strstr(fail_message(), "two row files joined"));
    buf_free(&twice);
    buf_free(&a.buf);
}

static void test_a_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct bytes a;
    make_file(&a, 5000, 5000);
    srand(7);
    for (int i = 0; i < 200; i++) {
        size_t at = (size_t)rand() % a.buf.n;
        char bit = (char)(1 << rand() % 8);
        a.buf.p[at] ^= bit;
        int64_t rows = read_rows(buf_str(&a.buf));
        /* bits that nothing depends on (unused flags, the skipped table's checksums) may leave all rows as they were */
        assert_true(rows == -1 || rows == 5000);
        a.buf.p[at] ^= bit;
    }
    buf_free(&a.buf);
}

static void test_plain_lines_of_others_are_taken(void **state)
{
    (void)state;
    assert_int_equal(read_rows(STR("a\tb\n1\t2\n3\t4\n")), 2);
    assert_int_equal(read_rows(STR("a\tb\n1\t2\n3\t4")), 2); /* the last line feed may be missing */
    assert_int_equal(read_rows(STR("a\tb\n1\t2\n3\n")), -1);
    assert_int_equal(read_rows(STR("")), -1);
    assert_int_equal(read_rows(STR("no line feed")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_special_character_comes_back),
        cmocka_unit_test(test_damaged_escapes_stand_for_themselves),
        cmocka_unit_test(test_damaged_lines_are_told_with_their_row),
        cmocka_unit_test(test_columns_refuse_bad_names),
        cmocka_unit_test(test_bytes_do_not_depend_on_pieces),
        cmocka_unit_test(test_a_stream_cut_anywhere_is_never_taken_as_whole),
        cmocka_unit_test(test_two_files_joined_are_refused),
        cmocka_unit_test(test_a_flipped_bit_is_noticed),
        cmocka_unit_test(test_plain_lines_of_others_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
