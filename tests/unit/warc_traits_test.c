/* What real files do against the standard, one trait a test: each file is read whole, byte by byte, and by chunks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/warc_packing.h"

#include <unistd.h>

enum { BLOCK_MAX = 4096 }; /* so that small files walk the paths of large blocks */

struct outcome {
    struct buf text;
    size_t records, losses, cuts;
};

/* What the file holds; all ways of reading must agree. */
static void read_file(struct outcome *o, struct buf *file)
{
    static const size_t sizes[] = {1, 10, 333, 65536};
    *o = (struct outcome){.records = 0};
    buf_init(&o->text, 1 << 26);
    read_by_stream(&o->text, buf_str(file), SIZE_MAX / 2, BLOCK_MAX);
    struct buf other;
    buf_init(&other, 1 << 26);
    const char *path = as_file(buf_str(file));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int way = 0; way < 2; way++) {
            if (way == 0 && file->n > 1 << 20 && sizes[i] < 333) continue; /* too slow by single bytes */
            buf_clear(&other);
            if (way == 0) read_by_stream(&other, buf_str(file), sizes[i], BLOCK_MAX);
            else read_by_chunks(&other, path, sizes[i], BLOCK_MAX, NULL);
            if (!str_eq(buf_str(&o->text), buf_str(&other)))
                fail_msg("%s by %zu:\n%.*s--- instead of\n%.*s", way ? "chunks" : "stream", sizes[i], STR_ARG(buf_str(&other)), STR_ARG(buf_str(&o->text)));
        }
    }
    unlink(path);
    buf_free(&other);
    for (struct str rest = buf_str(&o->text); rest.n;) {
        struct str line = str_cut(&rest, '\n');
        bool lost = str_starts(line, STR("LOST"));
        *(lost ? &o->losses : &o->records) += 1;
        o->cuts += lost && str_find(line, STR(" cut")) != SIZE_MAX;
    }
}

static void assert_says(const struct outcome *o, const char *text)
{
    if (str_find(buf_str(&o->text), str_from(text)) == SIZE_MAX) fail_msg("'%s' is not in\n%.*s", text, STR_ARG(buf_str(&o->text)));
}

static void assert_counts(const struct outcome *o, size_t records, size_t losses, size_t cuts)
{
    if (o->records != records || o->losses != losses || o->cuts != cuts)
        fail_msg("%zu records, %zu losses, %zu cuts, expected %zu, %zu, %zu:\n%.*s", o->records, o->losses, o->cuts, records, losses, cuts, STR_ARG(buf_str(&o->text)));
}

/* " 5 " and the CRC of a block, as descriptions have them. */
static void assert_block(const struct outcome *o, const char *block)
{
    char text[64];
    snprintf(text, sizeof text, " %zu %08lx", strlen(block), crc32(0, (const unsigned char *)block, (unsigned)strlen(block)));
    assert_says(o, text);
}

static void start(struct buf *file) { buf_init(file, 1 << 28); }
static void end(struct buf *file, struct outcome *o) { buf_free(file), buf_free(&o->text); }

/* A member of one record with any Content-Length line. */
static void put_member_with(struct buf *file, const char *uri, const char *length_line, const char *block)
{
    struct buf record;
    start(&record);
    put_record(&record, "resource", uri, length_line, block);
    put_member(file, buf_str(&record), NULL);
    buf_free(&record);
}

/* ---- Content-Length */

static void a_length_beyond_the_member_is_clipped_to_it(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_good_member(&file, "a", "first");
    put_member_with(&file, "b", "Content-Length: 3000\r\n", "second");
    put_good_member(&file, "c", "third");
    put_member_with(&file, "d", "Content-Length: 99999999999\r\n", "fourth");
    read_file(&o, &file);
    assert_counts(&o, 4, 0, 0);
    assert_block(&o, "second");
    assert_block(&o, "fourth");
    assert_says(&o, "length-long");
    end(&file, &o);
}

static void a_length_short_of_the_member_reports_the_rest(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_member_with(&file, "a", "Content-Length: 4\r\n", "some more than four");
    put_good_member(&file, "b", "next");
    read_file(&o, &file);
    assert_counts(&o, 2, 1, 0);
    assert_block(&o, "some");
    assert_block(&o, "next");
    assert_says(&o, "LOST 0: found ' more than four....', expected WARC/");
    end(&file, &o);
}

static void a_length_too_long_in_a_plain_file_ends_at_the_next_head(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_record(&file, "resource", "a", "Content-Length: 100\r\n", "short block");
    put_good(&file, "b", "next");
    put_record(&file, "resource", "c", "Content-Length: 77777777\r\n", "far beyond the limit");
    put_good(&file, "d", "last");
    read_file(&o, &file);
    assert_counts(&o, 4, 0, 0);
    assert_block(&o, "short block");
    assert_block(&o, "far beyond the limit");
    assert_block(&o, "last");
    end(&file, &o);
}

static void a_length_too_short_in_a_plain_file_skips_to_the_next_head(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_record(&file, "resource", "a", "Content-Length: 5\r\n", "five and more");
    put_good(&file, "b", "next");
    read_file(&o, &file);
    assert_counts(&o, 2, 1, 0);
    assert_block(&o, "five ");
    assert_block(&o, "next");
    end(&file, &o);
}

static void a_length_that_is_no_number_loses_the_record_only(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "Content-Length: -5\r\n", "Content-Length: 9223372036854775808\r\n", "Content-Length: 1 2\r\n",
                                        "Content-Length: +5\r\n", "Content-Length: 0x5\r\n", "Content-Length:\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        for (int gzip = 0; gzip < 2; gzip++) {
            struct buf file;
            struct outcome o;
            start(&file);
            if (gzip) put_member_with(&file, "a", lines[i], "block");
            else put_record(&file, "resource", "a", lines[i], "block");
            if (gzip) put_good_member(&file, "b", "next");
            else put_good(&file, "b", "next");
            read_file(&o, &file);
            assert_counts(&o, 1, 1, 0);
            assert_says(&o, "record: record lost:");
            assert_block(&o, "next");
            end(&file, &o);
        }
    }
}

static void the_first_of_two_lengths_counts(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_record(&file, "resource", "a", "Content-Length: 5\r\nWARC-Target-URI: later\r\nContent-Length: 50\r\n", "block");
    put_good(&file, "b", "next");
    read_file(&o, &file);
    assert_counts(&o, 2, 0, 0);
    assert_says(&o, "resource later 5 ");
    assert_says(&o, "field-twice");
    end(&file, &o);
}

/* ---- damage */

static void a_damaged_member_is_lost_and_the_next_is_found(void **state)
{
    (void)state;
    for (int where = 0; where < 3; where++) {
        struct buf file;
        struct outcome o;
        start(&file);
        put_good_member(&file, "a", "first");
        size_t begin = file.n;
        put_good_member(&file, "b", "second, which will be damaged");
        size_t last = file.n;
        put_good_member(&file, "c", "third");
        file.p[where == 0 ? last - 6 : where == 1 ? begin + 30 : begin + 1] ^= 0x55; /* its CRC, its bits, its magic number */
        read_file(&o, &file);
        assert_counts(&o, 2, 1, 0);
        assert_block(&o, "first");
        assert_block(&o, "third");
        end(&file, &o);
    }
}

static void a_member_that_was_cut_does_not_swallow_the_next(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_good_member(&file, "a", "first");
    put_good_member(&file, "b", "the second member will lose its last twenty bytes");
    file.n -= 20;
    put_good_member(&file, "c", "third");
    read_file(&o, &file);
    assert_counts(&o, 2, 1, 0);
    assert_block(&o, "third");
    end(&file, &o);
}

static void a_file_that_ends_inside_a_record_says_so(void **state)
{
    (void)state;
    struct buf members, plain;
    start(&members), start(&plain);
    put_good_member(&members, "a", "first");
    put_good(&plain, "a", "first");
    size_t whole_members = members.n, whole_plain = plain.n;
    put_good_member(&members, "b", "second");
    put_good(&plain, "b", "second");
    size_t all_members = members.n, all_plain = plain.n;
    for (size_t n = whole_members + 1; n < all_members; n++) {
        struct outcome o;
        members.n = n;
        read_file(&o, &members);
        if (n - whole_members < 3) assert_counts(&o, 1, 1, 0); /* too little to be a member */
        else assert_counts(&o, 1, 1, 1);
        buf_free(&o.text);
    }
    for (size_t n = whole_plain + 5; n < all_plain - 4; n++) {
        struct outcome o;
        plain.n = n;
        read_file(&o, &plain);
        assert_counts(&o, 1, 1, 1);
        buf_free(&o.text);
    }
    buf_free(&members);
    buf_free(&plain);
}

static void damage_deep_in_a_member_of_many_keeps_what_came_before(void **state)
{
    (void)state;
    struct buf plain, file;
    struct outcome o;
    start(&plain), start(&file);
    char block[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(block, sizeof block, "block %d %d", i, i * 7919);
        put_good(&plain, "many", block);
    }
    put_member(&file, buf_str(&plain), NULL);
    memset(file.p + file.n / 2, 0xFF, 500);
    put_good_member(&file, "z", "behind");
    read_file(&o, &file);
    assert_true(o.records > 500 && o.records < 2000);
    assert_true(o.losses >= 1 && o.losses < 20); /* what is decompressed before the damage shows may be anything */
    assert_block(&o, "behind");
    buf_free(&plain);
    end(&file, &o);
}

/* ---- between records */

static void missing_or_further_line_ends_are_borne(void **state)
{
    (void)state;
    static const char *const trailers[] = {"", "\r\n", "\n", "\n\n", "\r\n\r\n\r\n\n"};
    for (size_t i = 0; i < sizeof trailers / sizeof *trailers; i++) {
        struct buf file;
        struct outcome o;
        start(&file);
        put_good(&file, "a", "first");
        file.n -= 4;
        put(&file, trailers[i]);
        put_good(&file, "b", "second");
        read_file(&o, &file);
        assert_counts(&o, 2, 0, 0);
        assert_block(&o, "first");
        if (i < 3) assert_says(&o, "no-trailer");
        if (i == 4) assert_says(&o, "blank-lines");
        end(&file, &o);
    }
}

static void other_bytes_after_a_block_are_reported_once(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_good(&file, "a", "first");
    put(&file, "garbage\nWARC/ but no head\nand more\r\n");
    put_good(&file, "b", "second");
    read_file(&o, &file);
    assert_counts(&o, 2, 1, 0);
    assert_says(&o, "LOST 108: found 'garbage.WARC/ but no hea...', expected WARC/");
    end(&file, &o);
}

static void garbage_between_and_behind_members_is_reported_once(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put_good_member(&file, "a", "first");
    put_member(&file, STR(""), NULL); /* an empty member is nothing to report */
    put(&file, "\x1f\x8b\x08 in between");
    put_good_member(&file, "b", "second");
    for (int i = 0; i < 5000; i++) assert_int_equal(buf_byte(&file, 0), 0);
    read_file(&o, &file);
    assert_counts(&o, 2, 2, 0);
    end(&file, &o);
}

static void every_gzip_header_field_is_passed_over(void **state)
{
    (void)state;
    struct buf file, record;
    struct outcome o;
    start(&file), start(&record);
    put_good(&record, "a", "first");
    unsigned char extra[3000] = {'s', 'l', 8, 0};
    gz_header header = {.extra = extra, .extra_len = sizeof extra, .name = (unsigned char *)(uintptr_t)"name.warc",
                        .comment = (unsigned char *)(uintptr_t)"comment", .hcrc = 1};
    put_member(&file, buf_str(&record), &header);
    put_member(&file, buf_str(&record), &header);
    read_file(&o, &file);
    assert_counts(&o, 2, 0, 0);
    buf_free(&record);
    end(&file, &o);
}

static void a_record_may_span_members(void **state)
{
    (void)state;
    struct buf plain, file;
    struct outcome o;
    start(&plain), start(&file);
    put_good(&plain, "a", "first, over a border");
    put_good(&plain, "b", "second");
    for (size_t at = 0; at < plain.n; at += 17) put_member(&file, str_of(plain.p + at, plain.n - at < 17 ? plain.n - at : 17), NULL);
    read_file(&o, &file);
    assert_counts(&o, 2, 0, 0);
    assert_block(&o, "first, over a border");
    assert_says(&o, "spans-members");
    buf_free(&plain);
    end(&file, &o);
}

/* ---- heads */

static void bare_line_feeds_and_folds_are_read(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put(&file, "WARC/1.1\nWARC-Type: resource\r\ncontent-length: 5\nX-Fold: one\r\n  two\nno colon here\nWARC-Target-URI: u\n\nblock\n\n");
    put_good(&file, "b", "next");
    read_file(&o, &file);
    assert_counts(&o, 2, 0, 0);
    assert_says(&o, "resource u 5 ");
    assert_says(&o, "bare-lf");
    assert_says(&o, "field-folded");
    assert_says(&o, "line-no-colon");
    end(&file, &o);
}

static void a_head_line_over_the_ceiling_loses_the_record(void **state)
{
    (void)state;
    struct buf file;
    struct outcome o;
    start(&file);
    put(&file, "WARC/1.0\r\nContent-Length: 5\r\nX: ");
    assert_int_equal(buf_reserve(&file, 3 << 20), 0);
    memset(file.p + file.n, 'x', 3 << 20);
    file.n += 3 << 20;
    put(&file, "\r\n\r\nblock\r\n\r\n");
    put_good(&file, "b", "next");
    read_file(&o, &file);
    assert_counts(&o, 1, 1, 0);
    assert_says(&o, "LOST 0 record: record lost: found a head line longer than 1 MiB");
    assert_block(&o, "next");
    end(&file, &o);
}

static void a_block_over_the_limit_is_skipped(void **state)
{
    (void)state;
    char *large = malloc(BLOCK_MAX * 5);
    memset(large, 'x', BLOCK_MAX * 5);
    large[BLOCK_MAX * 5 - 1] = 0;
    for (int gzip = 0; gzip < 2; gzip++) {
        struct buf file;
        struct outcome o;
        start(&file);
        if (gzip) put_good_member(&file, "a", large);
        else put_good(&file, "a", large);
        if (gzip) put_good_member(&file, "b", "next");
        else put_good(&file, "b", "next");
        read_file(&o, &file);
        assert_counts(&o, 2, 0, 0);
        assert_says(&o, "skipped");
        assert_block(&o, "next");
        end(&file, &o);
    }
    free(large);
}

static void brackets_and_spaces_leave_the_uri(void **state)
{
    (void)state;
    struct warc_record r;
    struct buf scratch;
    const char *why;
    start(&scratch);
    struct str head = STR("WARC/1.0\r\nWARC-Target-URI: <http://a.example/x y>\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(warc_head_parse(&r, head, &why), 0);
    assert_int_equal(r.oddities, WARC_URI_BRACKETS | WARC_URI_SPACES | WARC_NO_TYPE);
    struct str uri = warc_uri(&r, &scratch);
    assert_true(str_eq(uri, STR("http://a.example/x%20y")));
    buf_free(&scratch);
}

static void no_border_stands_before_metadata_of_a_response(void **state)
{
    (void)state;
    struct buf file;
    start(&file);
    put_good(&file, "a", "first");
    size_t metadata = file.n;
    put_record(&file, "metadata", "a", "Content-Type: application/warc-fields\r\nContent-Length: 1\r\n", "x");
    size_t other = file.n;
    put_record(&file, "metadata", "a", "Content-Type: application/json\r\nContent-Length: 1\r\n", "x");
    struct warc_prober *p = warc_prober_new();
    size_t at;
    enum warc_kind kind;
    assert_int_equal(warc_find_start(p, WARC_KIND_PLAIN, buf_str(&file), 1, true, WARC_WANT_RECORD, &at, &kind), 1);
    assert_int_equal(at, metadata);
    assert_int_equal(warc_find_start(p, WARC_KIND_PLAIN, buf_str(&file), 1, true, WARC_WANT_BORDER, &at, &kind), 1);
    assert_int_equal(at, other);
    warc_prober_free(p);
    buf_free(&file);
}

static void a_zstd_dictionary_at_the_start_is_used(void **state)
{
    (void)state;
    struct buf file, record;
    struct outcome o;
    start(&file), start(&record);
    struct str dictionary = STR("WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: a\r\nWARC-Record-ID: <urn:x:a>\r\nContent-Length: 5\r\n");
    unsigned char head[8] = {0x5D, 0x2A, 0x4D, 0x18, (unsigned char)dictionary.n, 0, 0, 0};
    assert_int_equal(buf_add(&file, str_of((char *)head, 8)) | buf_add(&file, dictionary), 0);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    for (int i = 0; i < 3; i++) {
        buf_clear(&record);
        put_good(&record, "a", i ? "other" : "first");
        assert_int_equal(buf_reserve(&file, 4096), 0);
        size_t n = ZSTD_compress_usingDict(c, file.p + file.n, 4096, record.p, record.n, dictionary.p, dictionary.n, 3);
        assert_false(ZSTD_isError(n));
        file.n += n;
    }
    ZSTD_freeCCtx(c);
    read_file(&o, &file);
    assert_counts(&o, 3, 0, 0);
    assert_block(&o, "first");
    buf_free(&record);
    end(&file, &o);
}

static void what_is_no_warc_file_says_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *says;
    } files[] = {{"", "refused: the file is empty"}, {"<!DOCTYPE html>\n<p>", "found '<!DOCTYPE html>.<p>', expected WARC/"}};
    for (size_t i = 0; i < 2; i++) {
        struct buf file;
        struct outcome o;
        start(&file);
        put(&file, files[i].bytes);
        read_file(&o, &file);
        assert_counts(&o, 0, 1, 0);
        assert_says(&o, files[i].says);
        end(&file, &o);
    }
}

static void records_behind_garbage_at_the_start_are_found(void **state)
{
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        struct buf file;
        struct outcome o;
        start(&file);
        put(&file, "\xef\xbb\xbfsomething else\r\n");
        if (gzip) put_good_member(&file, "a", "first");
        else put_good(&file, "a", "first");
        read_file(&o, &file);
        assert_counts(&o, 1, 1, 0);
        end(&file, &o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_beyond_the_member_is_clipped_to_it),
        cmocka_unit_test(a_length_short_of_the_member_reports_the_rest),
        cmocka_unit_test(a_length_too_long_in_a_plain_file_ends_at_the_next_head),
        cmocka_unit_test(a_length_too_short_in_a_plain_file_skips_to_the_next_head),
        cmocka_unit_test(a_length_that_is_no_number_loses_the_record_only),
        cmocka_unit_test(the_first_of_two_lengths_counts),
        cmocka_unit_test(a_damaged_member_is_lost_and_the_next_is_found),
        cmocka_unit_test(a_member_that_was_cut_does_not_swallow_the_next),
        cmocka_unit_test(a_file_that_ends_inside_a_record_says_so),
        cmocka_unit_test(damage_deep_in_a_member_of_many_keeps_what_came_before),
        cmocka_unit_test(missing_or_further_line_ends_are_borne),
        cmocka_unit_test(other_bytes_after_a_block_are_reported_once),
        cmocka_unit_test(garbage_between_and_behind_members_is_reported_once),
        cmocka_unit_test(every_gzip_header_field_is_passed_over),
        cmocka_unit_test(a_record_may_span_members),
        cmocka_unit_test(bare_line_feeds_and_folds_are_read),
        cmocka_unit_test(a_head_line_over_the_ceiling_loses_the_record),
        cmocka_unit_test(a_block_over_the_limit_is_skipped),
        cmocka_unit_test(brackets_and_spaces_leave_the_uri),
        cmocka_unit_test(no_border_stands_before_metadata_of_a_response),
        cmocka_unit_test(a_zstd_dictionary_at_the_start_is_used),
        cmocka_unit_test(what_is_no_warc_file_says_what_it_is),
        cmocka_unit_test(records_behind_garbage_at_the_start_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
