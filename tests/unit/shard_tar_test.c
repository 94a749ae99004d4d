/* shard/tar.h: ustar out, any tar in, offsets that hold, damage that is said. */
#include "shard/tar.h"

#include "pipeline/base/fail.h"
#include "tests/unit/shared.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

struct memory_source {
    struct str rest;
    size_t piece;     /* bytes given at once */
    bool may_skip;
    uint64_t skipped; /* bytes that went by unread */
};

static int next_piece(void *context, struct str *piece)
{
    struct memory_source *source = context;
    size_t n = source->rest.n < source->piece ? source->rest.n : source->piece;
    *piece = str_of(source->rest.p, n);
    source->rest = str_from_at(source->rest, n);
    return 0;
}

static uint64_t skip_bytes(void *context, uint64_t bytes)
{
    struct memory_source *source = context;
    if (!source->may_skip || bytes > source->rest.n) return 0;
    source->rest = str_from_at(source->rest, bytes);
    source->skipped += bytes;
    return bytes;
}

static int append(void *context, struct str bytes) { return buf_add(context, bytes); }

static int refuse(void *context, struct str bytes)
{
    (void)bytes;
    size_t *left = context;
    return (*left)-- ? 0 : (fail)("the disk is full"); /* in parentheses: cmocka has a macro of that name */
}

/* Three members, the second empty; the archive's bytes in `out`. */
static void write_sample(struct buf *out, uint64_t offsets[3])
{
    struct tar_writer *w = tar_writer_open(append, out);
    assert_non_null(w);
    assert_int_equal(tar_writer_add(w, STR("000010005.jpg"), STR("\xff\xd8picture"), &offsets[0]), 0);
    assert_int_equal(out->n, tar_member_bytes(9));
    assert_int_equal(tar_writer_add(w, STR("000010005.json"), STR(""), &offsets[1]), 0);
    assert_int_equal(tar_writer_add(w, STR("000010005.txt"), STR("a caption"), &offsets[2]), 0);
    assert_int_equal(tar_writer_offset(w), out->n);
    assert_int_equal(tar_writer_finish(w), 0);
    tar_writer_close(w);
}

static void test_written_bytes_are_plain_ustar(void **state)
{
    (void)state;
    struct buf out;
    uint64_t offsets[3];
    buf_init(&out, 1 << 20);
    write_sample(&out, offsets);
    assert_int_equal(out.n, 1024 + 512 + 1024 + 1024);
    assert_int_equal(offsets[0], 512);
    assert_int_equal(offsets[1], 1536);
    assert_int_equal(offsets[2], 2048);
    const char *header = out.p;
    assert_string_equal(header, "000010005.jpg");
    assert_string_equal(header + 100, "000444 ");
    assert_memory_equal(header + 136, "00000000000 ", 12); /* mtime */
    assert_int_equal(header[156], '0');
    assert_memory_equal(header + 257, "ustar\00000winnow", 14);
    assert_memory_equal(out.p + 512, "\xff\xd8picture\0\0", 11);
    for (size_t i = out.n - 1024; i < out.n; i++) assert_int_equal(out.p[i], 0);
    buf_free(&out);
}

static void test_what_was_written_reads_back_in_any_pieces(void **state)
{
    (void)state;
    struct buf out, data;
    uint64_t offsets[3];
    static const char *const names[] = {"000010005.jpg", "000010005.json", "000010005.txt"};
    static const size_t sizes[] = {9, 0, 9};
    buf_init(&out, 1 << 20);
    buf_init(&data, 1 << 20);
    write_sample(&out, offsets);
    for (size_t piece = 1; piece <= out.n; piece = piece * 3 + 1) {
        struct memory_source source = {buf_str(&out), piece, piece % 2 == 0, 0};
        struct tar_reader *r = tar_reader_open(next_piece, skip_bytes, &source);
        assert_non_null(r);
        struct tar_member member;
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(tar_reader_next(r, &member), 1);
            assert_int_equal(member.size, sizes[i]);
            assert_int_equal(member.offset, offsets[i]);
            assert_true(str_eq(member.name, str_from(names[i])));
            if (i != 2) continue;
            buf_clear(&data);
            assert_int_equal(tar_reader_data(r, &data), 0);
            assert_true(str_eq(buf_str(&data), STR("a caption")));
        }
        assert_int_equal(tar_reader_next(r, &member), 0);
        assert_int_equal(tar_reader_next(r, &member), 0);
        assert_true(tar_reader_has_end_mark(r));
        assert_int_equal(tar_reader_passed(r), 0);
        tar_reader_close(r);
    }
    buf_free(&data);
    buf_free(&out);
}

static void test_names_that_a_reader_could_mistake_are_refused(void **state)
{
    (void)state;
    struct buf out;
    char longest[TAR_NAME_LIMIT + 1];
    memset(longest, 'n', sizeof longest);
    buf_init(&out, 1 << 20);
    struct tar_writer *w = tar_writer_open(append, &out);
    assert_int_equal(tar_writer_add(w, STR(""), STR("x"), NULL), -1);
    assert_int_equal(tar_writer_add(w, STR("a\nb"), STR("x"), NULL), -1);
    assert_int_equal(tar_writer_add(w, STR("k\xc3\xb6ln.jpg"), STR("x"), NULL), -1);
    assert_int_equal(tar_writer_add(w, str_of(longest, TAR_NAME_LIMIT + 1), STR("x"), NULL), -1);
    assert_int_equal(out.n, 0);
    assert_int_equal(tar_writer_add(w, str_of(longest, TAR_NAME_LIMIT), STR("x"), NULL), 0);
    tar_writer_close(w);
    buf_free(&out);
}

static void test_a_full_disk_keeps_its_own_sentence_and_closing_adds_nothing(void **state)
{
    (void)state;
    for (size_t writes = 0; writes < 3; writes++) {
        size_t left = writes;
        struct tar_writer *w = tar_writer_open(refuse, &left);
        assert_int_equal(tar_writer_add(w, STR("a.txt"), STR("text"), NULL), -1);
        assert_string_equal(fail_message(), "the disk is full");
        tar_writer_close(w);
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    struct tar_writer *w = tar_writer_open(append, &out);
    assert_int_equal(tar_writer_add(w, STR("a.txt"), STR("text"), NULL), 0);
    tar_writer_close(w);
    assert_int_equal(out.n, tar_member_bytes(4));
    buf_free(&out);
}

/* The outcome of reading `bytes` to its end: members, and 0 or -1. */
static int read_all(struct str bytes, size_t *members, bool *end_mark)
{
    struct memory_source source = {bytes, 700, true, 0};
    struct tar_reader *r = tar_reader_open(next_piece, skip_bytes, &source);
    *members = 0;
    *end_mark = false;
    if (!r) return -1;
    struct tar_member member;
    int more;
    struct buf data;
    buf_init(&data, 1 << 16);
    while ((more = tar_reader_next(r, &member)) > 0) {
        buf_clear(&data);
        if ((more = tar_reader_data(r, &data)) < 0) break;
        ++*members;
    }
    *end_mark = tar_reader_has_end_mark(r);
    buf_free(&data);
    tar_reader_close(r);
    return more;
}

static void test_a_cut_archive_never_passes_for_whole(void **state)
{
    (void)state;
    struct buf out;
    uint64_t offsets[3];
    buf_init(&out, 1 << 20);
    write_sample(&out, offsets);
    size_t whole = out.n - 1024, members;
    bool end_mark;
    for (size_t n = 1; n < out.n - 512; n += 37) {
        int end = read_all(str_of(out.p, n), &members, &end_mark);
        assert_true(end < 0 || !end_mark);
        assert_true(members <= 3);
    }
    assert_int_equal(read_all(str_of(out.p, whole), &members, &end_mark), 0);
    assert_int_equal(members, 3);
    assert_false(end_mark);
    assert_int_equal(read_all(buf_str(&out), &members, &end_mark), 0);
    assert_true(end_mark);
    buf_free(&out);
}

static void test_a_damaged_header_ends_the_reading_with_a_sentence(void **state)
{
    (void)state;
    struct buf out;
    uint64_t offsets[3];
    size_t members;
    bool end_mark;
    buf_init(&out, 1 << 20);
    write_sample(&out, offsets);
    out.p[1024 + 130] ^= 1; /* a digit of the second member's size: the checksum no longer fits */
    assert_int_equal(read_all(buf_str(&out), &members, &end_mark), -1);
    assert_int_equal(members, 1);
    assert_non_null(strstr(fail_message(), "damaged tar at byte 1"));
    assert_int_equal(read_all(STR("this is not a tar archive"), &members, &end_mark), -1);
    buf_free(&out);
}

/* Members of another program's shard: pax headers before each. */
static void check_foreign(const char *relative, size_t expected)
{
    const char *path = shared_path(relative);
    if (!path) skip();
    struct buf bytes, data;
    buf_init(&bytes, 64 << 20);
    buf_init(&data, 64 << 20);
    assert_int_equal(buf_read_file(&bytes, path), 0);
    struct memory_source source = {buf_str(&bytes), 4096, true, 0};
    struct tar_reader *r = tar_reader_open(next_piece, skip_bytes, &source);
    struct tar_member member;
    size_t members = 0;
    while (tar_reader_next(r, &member) > 0) {
        members++;
        assert_true(ascii_is_digit(member.name.p[0]));
        assert_int_equal(member.offset, member.header + 1536); /* pax header, its record, the ustar header */
        if (str_ends(member.name, STR(".jpg"))) {
            assert_memory_equal(bytes.p + member.offset, "\xff\xd8\xff", 3);
            continue;
        }
        buf_clear(&data);
        assert_int_equal(tar_reader_data(r, &data), 0);
        assert_true(str_eq(buf_str(&data), str_of(bytes.p + member.offset, member.size)));
    }
    assert_true(tar_reader_has_end_mark(r));
    assert_int_equal(members, expected);
    tar_reader_close(r);
    buf_free(&data);
    buf_free(&bytes);
}

static void test_pax_headers_of_img2dataset_are_passed(void **state)
{
    (void)state;
    check_foreign("data/peers/00000.tar", 9);
    check_foreign("data/peers/img2dataset-real/00000.tar", 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_bytes_are_plain_ustar),
        cmocka_unit_test(test_what_was_written_reads_back_in_any_pieces),
        cmocka_unit_test(test_names_that_a_reader_could_mistake_are_refused),
        cmocka_unit_test(test_a_full_disk_keeps_its_own_sentence_and_closing_adds_nothing),
        cmocka_unit_test(test_a_cut_archive_never_passes_for_whole),
        cmocka_unit_test(test_a_damaged_header_ends_the_reading_with_a_sentence),
        cmocka_unit_test(test_pax_headers_of_img2dataset_are_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
