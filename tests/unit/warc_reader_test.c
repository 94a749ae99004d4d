/* The readers of WARC files on real and odd files: what they find, and that pieces and chunks do not matter. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/shared.h"
#include "tests/unit/warc_packing.h"

#include <jansson.h>
#include <unistd.h>

static void load(struct buf *bytes, const char *path)
{
    buf_init(bytes, 1 << 30);
    assert_int_equal(buf_read_file(bytes, path), 0);
}

static void read_whole(struct buf *out, struct str file, size_t block_max)
{
    buf_init(out, 1 << 28);
    read_by_stream(out, file, SIZE_MAX / 2, block_max);
}

static void assert_same(const char *path, size_t by, struct buf *expected, struct buf *got)
{
    if (!str_eq(buf_str(expected), buf_str(got)))
        fail_msg("%s, %zu bytes a time:\n%.*s--- instead of\n%.*s", path, by, STR_ARG(buf_str(got)), STR_ARG(buf_str(expected)));
}

static size_t count_lines(struct str text, const char *containing, bool losses)
{
    size_t n = 0;
    while (text.n) {
        struct str line = str_cut(&text, '\n');
        n += str_starts(line, STR("LOST")) == losses && str_find(line, str_from(containing)) != SIZE_MAX;
    }
    return n;
}

static json_t *edge_files(void)
{
    const char *path = shared_path("data/conformance/warc-edge/expected.json");
    if (!path) skip();
    json_t *all = json_load_file(path, 0, NULL);
    assert_non_null(all);
    json_t *files = json_incref(json_object_get(all, "files"));
    json_decref(all);
    return files;
}

static const char *edge_path(const char *name)
{
    char relative[256];
    snprintf(relative, sizeof relative, "data/conformance/warc-edge/%s", name);
    const char *path = shared_path(relative);
    assert_non_null(path);
    return path;
}

static bool is_refused(const char *name) { return strstr(name, ".arc") || strstr(name, ".lz4"); }

static void every_edge_file_gives_the_expected_records_or_more(void **state)
{
    (void)state;
    json_t *files = edge_files(), *expected;
    const char *name;
    json_object_foreach(files, name, expected) {
        if (is_refused(name)) continue;
        struct buf bytes, out;
        load(&bytes, edge_path(name));
        read_whole(&out, buf_str(&bytes), 0);
        size_t records = count_lines(buf_str(&out), "", false), responses = count_lines(buf_str(&out), " response ", false);
        if ((json_int_t)records < json_integer_value(json_object_get(expected, "records")) ||
            (json_int_t)responses < json_integer_value(json_object_get(expected, "responses")))
            fail_msg("%s: %zu records, %zu responses", name, records, responses);
        buf_free(&bytes);
        buf_free(&out);
    }
    json_decref(files);
}

static void arc_and_lz4_are_refused_by_name(void **state)
{
    (void)state;
    json_t *files = edge_files(), *expected;
    const char *name;
    json_object_foreach(files, name, expected) {
        if (!is_refused(name)) continue;
        struct buf bytes, out;
        load(&bytes, edge_path(name));
        read_whole(&out, buf_str(&bytes), 0);
        assert_int_equal(count_lines(buf_str(&out), "refused", true), 1);
        assert_int_equal(count_lines(buf_str(&out), strstr(name, ".lz4") ? "LZ4" : "ARC", true), 1);
        assert_int_equal(count_lines(buf_str(&out), "", false), 0);
        buf_free(&bytes);
        buf_free(&out);
    }
    json_decref(files);
}

/* Pieces and chunks of several sizes give what the whole file gives. */
static void check_sizes(const char *path, const size_t *sizes, size_t count, size_t block_max)
{
    struct buf bytes, whole, other;
    load(&bytes, path);
    read_whole(&whole, buf_str(&bytes), block_max);
    buf_init(&other, 1 << 28);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&other);
        read_by_stream(&other, buf_str(&bytes), sizes[i], block_max);
        assert_same(path, sizes[i], &whole, &other);
        buf_clear(&other);
        read_by_chunks(&other, path, sizes[i], block_max, NULL);
        assert_same(path, sizes[i], &whole, &other);
    }
    buf_free(&bytes);
    buf_free(&whole);
    buf_free(&other);
}

static void pieces_and_chunks_of_edge_files_do_not_matter(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 100, 4096, 65536, 1 << 20};
    json_t *files = edge_files(), *expected;
    const char *name;
    json_object_foreach(files, name, expected) {
        bool large = strcmp(name, "clueweb-quirk.warc.gz") == 0;
        check_sizes(edge_path(name), sizes + (large ? 2 : 0), large ? 4 : 6, 0);
        if (!large) check_sizes(edge_path(name), sizes, 6, 1000); /* most blocks are over this limit */
    }
    json_decref(files);
}

static void pieces_and_chunks_of_real_crawls_do_not_matter(void **state)
{
    (void)state;
    const char *path = shared_path("data/warcs/real-crawls.warc.gz");
    if (!path) skip();
    static const size_t sizes[] = {1000, 4096, 65536, 1 << 20};
    check_sizes(path, sizes, 4, 0);
}

static void the_fast_reader_reads_what_is_as_it_should_be(void **state)
{
    (void)state;
    const char *path = shared_path("data/warcs/real-crawls.warc.gz");
    if (!path) skip();
    struct buf out;
    buf_init(&out, 1 << 28);
    size_t fast = 0;
    read_by_chunks(&out, path, 0, 0, &fast);
    assert_int_equal(fast, 177);
    assert_int_equal(count_lines(buf_str(&out), "", true), 0);
    buf_free(&out);
}

/* ---- the same records in every packing */

enum packing { PLAIN, ONE_MEMBER, CUT_ANYWHERE, ONE_FRAME, FRAME_A_RECORD, PACKINGS };

static void inflate_all(struct buf *plain, struct str members)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)members.p, .avail_in = (unsigned)members.n};
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    while (z.avail_in) {
        assert_int_equal(buf_reserve(plain, 1 << 20), 0);
        z.next_out = (unsigned char *)plain->p + plain->n;
        z.avail_out = 1 << 20;
        int result = inflate(&z, Z_NO_FLUSH);
        plain->n += (1 << 20) - z.avail_out;
        if (result == Z_STREAM_END) inflateReset(&z);
        else assert_int_equal(result, Z_OK);
    }
    inflateEnd(&z);
}

/* Appends the frames of a file whose records have the heads' offsets that a plain reading gives. */
static void put_frames(struct buf *out, struct str plain)
{
    struct warc_chunk *c = warc_chunk_new(NULL);
    struct warc_record r;
    warc_chunk_start(c, WARC_KIND_PLAIN, 0, plain, WARC_FILE_END);
    while (warc_chunk_next(c, &r) == WARC_EVENT_RECORD) put_frame(out, str_of(plain.p + r.offset, (size_t)r.stored));
    warc_chunk_free(c);
}

static void pack(struct buf *out, struct str plain, enum packing packing)
{
    switch (packing) {
    case PLAIN: assert_int_equal(buf_add(out, plain), 0); break;
    case ONE_MEMBER: put_member(out, plain, NULL); break;
    case ONE_FRAME: put_frame(out, plain); break;
    case FRAME_A_RECORD: put_frames(out, plain); break;
    default:
        for (size_t at = 0; at < plain.n; at += 50000) put_member(out, str_of(plain.p + at, plain.n - at < 50000 ? plain.n - at : 50000), NULL);
    }
}

/* A description without what depends on the packing: places and the oddities that tell of it. */
static void without_places(struct buf *out, struct str text)
{
    while (text.n) {
        struct str line = str_cut(&text, '\n');
        str_cut(&line, ' ');
        str_cut(&line, ' ');
        size_t end = str_find(line, STR(" shared-member"));
        size_t other = str_find(line, STR(" spans-members"));
        if (other < end) end = other;
        if (end < line.n) line.n = end;
        assert_int_equal(buf_add(out, line) | buf_byte(out, '\n'), 0);
    }
}

static void every_packing_gives_the_same_records(void **state)
{
    (void)state;
    const char *path = shared_path("data/warcs/real-crawls.warc.gz");
    if (!path) skip();
    struct buf members, plain, expected, file, described, got;
    load(&members, path);
    buf_init(&plain, 1 << 28), buf_init(&expected, 1 << 28), buf_init(&file, 1 << 28), buf_init(&described, 1 << 28), buf_init(&got, 1 << 28);
    inflate_all(&plain, buf_str(&members));
    read_by_stream(&described, buf_str(&members), 1 << 20, 0);
    without_places(&expected, buf_str(&described));
    assert_int_equal(count_lines(buf_str(&expected), "", false), 177);
    for (int packing = 0; packing < PACKINGS; packing++) {
        static const size_t sizes[] = {30000, 1 << 20};
        buf_clear(&file);
        pack(&file, buf_str(&plain), (enum packing)packing);
        const char *name = as_file(buf_str(&file));
        for (int i = 0; i < 2; i++) {
            buf_clear(&described), buf_clear(&got);
            read_by_chunks(&described, name, sizes[i], 0, NULL);
            without_places(&got, buf_str(&described));
            assert_same(name, (size_t)packing, &expected, &got);
        }
        unlink(name);
    }
    buf_free(&members), buf_free(&plain), buf_free(&expected), buf_free(&file), buf_free(&described), buf_free(&got);
}

/* A record's offset and stored length, cut out of the file, are that record alone. */
static void offset_and_length_are_a_record_of_their_own(void **state)
{
    (void)state;
    const char *path = shared_path("data/warcs/real-crawls.warc.gz");
    if (!path) skip();
    struct buf bytes, whole;
    load(&bytes, path);
    read_whole(&whole, buf_str(&bytes), 0);
    size_t checked = 0;
    for (struct str rest = buf_str(&whole); rest.n; checked++) {
        struct str line = str_cut(&rest, '\n');
        unsigned long long offset, inside, stored;
        assert_int_equal(sscanf(line.p, "%llu+%llu %llu ", &offset, &inside, &stored), 3);
        struct buf alone;
        read_whole(&alone, str_of(bytes.p + offset, (size_t)stored), 0);
        struct str got = buf_str(&alone);
        assert_int_equal(count_lines(got, "", false), 1);
        assert_int_equal(count_lines(got, "", true), 0);
        str_cut(&line, ' ');
        assert_true(str_find(got, line) != SIZE_MAX);
        buf_free(&alone);
    }
    assert_int_equal(checked, 177);
    buf_free(&bytes);
    buf_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_edge_file_gives_the_expected_records_or_more),
        cmocka_unit_test(arc_and_lz4_are_refused_by_name),
        cmocka_unit_test(pieces_and_chunks_of_edge_files_do_not_matter),
        cmocka_unit_test(pieces_and_chunks_of_real_crawls_do_not_matter),
        cmocka_unit_test(the_fast_reader_reads_what_is_as_it_should_be),
        cmocka_unit_test(every_packing_gives_the_same_records),
        cmocka_unit_test(offset_and_length_are_a_record_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
