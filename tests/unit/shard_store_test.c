/* shard/shard_file.h and shard/store.h: what is written in pieces is read back in any parts; shard/shuffle.h. */
#include "shard/store.h"

#include "pipeline/base/fail.h"
#include "shard/shard_file.h"
#include "shard/shuffle.h"
#include "shard/tar.h"
#include "tests/unit/shared.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECES = 9, END_MARK = 1024 };

struct fixture {
    char folder[64], path[96];
    struct buf tar; /* what the shard holds, without its end mark */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/winnow-store-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->path, sizeof f->path, "%s/shard", f->folder);
    buf_init(&f->tar, 64 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    rmdir(f->folder);
    bool clean = access(f->folder, F_OK) != 0;
    buf_free(&f->tar);
    free(f);
    return clean ? 0 : -1;
}

/* Bytes that look like a tar to nobody, but shrink in places; piece 3 is empty. */
static void fill_piece(struct buf *piece, unsigned number)
{
    uint64_t x = number + 1;
    for (size_t i = 0, n = number == 3 ? 0 : 40000 * (number + 1); i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        assert_int_equal(buf_byte(piece, i % 1000 < 500 ? 'a' : (char)(x >> 56)), 0);
    }
}

static void write_shard(struct fixture *f, enum shard_compression compression)
{
    struct shard_file file;
    assert_int_equal(shard_file_open(&file, f->path, compression), 0);
    for (unsigned i = 0; i < PIECES; i++) {
        struct shard_piece piece = {0};
        buf_init(&piece.tar, 64 << 20);
        buf_init(&piece.stored, 64 << 20);
        fill_piece(&piece.tar, i);
        assert_int_equal(buf_add(&f->tar, buf_str(&piece.tar)), 0);
        assert_int_equal(shard_piece_pack(&piece, compression), 0);
        assert_int_equal(shard_file_add(&file, &piece), 0);
        assert_int_equal(file.tar_bytes, f->tar.n);
        buf_free(&piece.tar);
        buf_free(&piece.stored);
    }
    assert_int_equal(shard_file_end(&file), 0);
    assert_int_equal(file_publish(&file.file), 0);
    shard_file_discard(&file);
}

static void check_part(struct fixture *f, struct store *s, uint64_t offset, uint64_t length)
{
    struct buf out;
    buf_init(&out, 64 << 20);
    assert_int_equal(buf_add(&out, STR("before")), 0);
    assert_int_equal(store_read(s, offset, length, &out), 0);
    assert_int_equal(out.n, 6 + length);
    assert_memory_equal(out.p + 6, f->tar.p + offset, length);
    buf_free(&out);
}

static void read_back(struct fixture *f, enum shard_compression compression)
{
    write_shard(f, compression);
    struct store *s = store_open(f->path);
    assert_non_null(s);
    check_part(f, s, 0, f->tar.n);
    check_part(f, s, 1, 1);
    check_part(f, s, f->tar.n - 1, 1);
    check_part(f, s, 39999, 2); /* across a border of pieces */
    check_part(f, s, 0, 0);
    uint64_t x = 7;
    for (int i = 0; i < 40; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint64_t offset = (x >> 20) % f->tar.n, length = (x >> 40) % 70000;
        if (length > f->tar.n - offset) length = f->tar.n - offset;
        check_part(f, s, offset, length);
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(store_read(s, f->tar.n + END_MARK, 1, &out), -1);
    assert_non_null(strstr(fail_message(), f->path));
    assert_int_equal(store_read(s, UINT64_MAX, 2, &out), -1);
    assert_int_equal(store_read(s, 5, UINT64_MAX - 2, &out), -1);
    assert_int_equal(out.n, 0);
    buf_free(&out);
    store_close(s);
}

static void test_any_part_of_a_plain_shard(void **state) { read_back(*state, SHARD_NONE); }
static void test_any_part_of_a_zstd_shard(void **state) { read_back(*state, SHARD_ZSTD); }
static void test_any_part_of_a_gzip_shard(void **state) { read_back(*state, SHARD_GZIP); }

static void test_all_pieces_stream_through_the_tar_functions(void **state)
{
    struct fixture *f = *state;
    for (int compression = SHARD_NONE; compression <= SHARD_GZIP; compression++) {
        buf_clear(&f->tar);
        write_shard(f, (enum shard_compression)compression);
        struct store *s = store_open(f->path);
        struct str piece;
        size_t at = 0;
        do {
            assert_int_equal(store_next(s, &piece), 0);
            for (size_t i = 0; i < piece.n; i++)
                assert_int_equal(piece.p[i], at + i < f->tar.n ? f->tar.p[at + i] : 0);
            at += piece.n;
        } while (piece.n);
        assert_int_equal(at, f->tar.n + END_MARK);
        store_close(s);
    }
}

static void test_one_part_of_zstd_reads_one_frame(void **state)
{
    struct fixture *f = *state;
    uint64_t size;
    write_shard(f, SHARD_ZSTD);
    assert_int_equal(file_size(f->path, &size), 0);
    struct store *s = store_open(f->path);
    uint64_t before = store_bytes_read(s);
    check_part(f, s, 1000, 2000);
    uint64_t first = store_bytes_read(s) - before;
    assert_true(first < size / 20);
    check_part(f, s, 5000, 2000);
    assert_int_equal(store_bytes_read(s) - before, first); /* the frame was kept */
    store_close(s);
}

static void test_a_shard_cut_anywhere_gives_an_error_or_the_right_bytes(void **state)
{
    struct fixture *f = *state;
    for (int compression = SHARD_NONE; compression <= SHARD_GZIP; compression++) {
        uint64_t size;
        buf_clear(&f->tar);
        write_shard(f, (enum shard_compression)compression);
        assert_int_equal(file_size(f->path, &size), 0);
        for (uint64_t cut = size - 1; cut > 20; cut = cut * 2 / 3) {
            assert_int_equal(truncate(f->path, (off_t)cut), 0);
            struct store *s = store_open(f->path);
            struct buf out;
            buf_init(&out, 64 << 20);
            if (s && store_read(s, 10, 30000, &out) == 0) assert_memory_equal(out.p, f->tar.p + 10, 30000);
            buf_clear(&out); /* all of it only where nothing but the seek table, or the sum of gzip, was cut */
            if (s && store_read(s, 0, f->tar.n + END_MARK, &out) == 0) {
                assert_true(cut + (compression == SHARD_ZSTD ? 9 + 8 + 12 * PIECES : compression == SHARD_GZIP ? 10 : 0) >= size);
                assert_memory_equal(out.p, f->tar.p, f->tar.n);
            }
            buf_free(&out);
            store_close(s);
        }
    }
}

static void test_flipped_bytes_of_zstd_never_pass(void **state)
{
    struct fixture *f = *state;
    uint64_t size;
    write_shard(f, SHARD_ZSTD);
    assert_int_equal(file_size(f->path, &size), 0);
    for (uint64_t at = 3; at < size; at += size / 37) {
        FILE *file = fopen(f->path, "r+b");
        fseek(file, (long)at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, (long)at, SEEK_SET);
        fputc(byte ^ 0x10, file);
        fclose(file);
        struct store *s = store_open(f->path);
        struct buf out;
        buf_init(&out, 64 << 20);
        if (s && store_read(s, 0, f->tar.n, &out) == 0) assert_memory_equal(out.p, f->tar.p, f->tar.n);
        buf_free(&out);
        store_close(s);
        file = fopen(f->path, "r+b");
        fseek(file, (long)at, SEEK_SET);
        fputc(byte, file);
        fclose(file);
    }
}

static void check_foreign_frames(const char *relative)
{
    const char *path = shared_path(relative);
    if (!path) skip();
    struct store *s = store_open(path);
    assert_non_null(s);
    struct buf all, part;
    buf_init(&all, 64 << 20);
    buf_init(&part, 64 << 20);
    struct str piece;
    do {
        assert_int_equal(store_next(s, &piece), 0);
        assert_int_equal(buf_add(&all, piece), 0);
    } while (piece.n);
    assert_true(all.n > 100);
    for (size_t at = 0; at + 50 < all.n; at += all.n / 17 + 1) {
        buf_clear(&part);
        assert_int_equal(store_read(s, at, 50, &part), 0);
        assert_memory_equal(part.p, all.p + at, 50);
    }
    buf_free(&all);
    buf_free(&part);
    store_close(s);
}

static void test_seek_tables_of_others_with_and_without_checksums(void **state)
{
    (void)state;
    check_foreign_frames("data/peers/seekable_checksum.zst");
    check_foreign_frames("data/peers/seekable_nochecksum.zst");
}

static void test_a_shuffle_orders_by_seed_and_place_alone(void **state)
{
    (void)state;
    struct shuffle *s = shuffle_open(42, NULL);
    assert_non_null(s);
    struct buf line;
    buf_init(&line, 1 << 20);
    for (uint64_t i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof text, "row %llu", (unsigned long long)i);
        assert_int_equal(shuffle_add(s, str_from(text), &(struct place){1, i, 0, 2}), 0);
    }
    assert_int_equal(shuffle_seal(s), 0);
    assert_int_equal(shuffle_count(s), 1000);
    bool seen[1000] = {false};
    for (size_t i = 0; i < 1000; i++) {
        size_t added = shuffle_at(s, i);
        char text[32];
        snprintf(text, sizeof text, "row %zu\n", added);
        assert_false(seen[added]);
        seen[added] = true;
        buf_clear(&line);
        assert_int_equal(shuffle_line(s, added, &line), 0);
        assert_string_equal(buf_c_string(&line), text);
        if (i == 0) continue;
        struct place before = {1, shuffle_at(s, i - 1), 0, 2}, now = {1, added, 0, 2};
        assert_true(hash128_compare(shuffle_key(42, &before), shuffle_key(42, &now)) < 0);
    }
    buf_free(&line);
    shuffle_close(s);
}

/* xxh128 of 32 bytes with the seed, from the xxHash library's own XXH3_128bits_withSeed: the file format depends on it. */
static void test_the_key_of_a_shuffle_is_fixed(void **state)
{
    (void)state;
    char hex[33];
    hash128_hex(shuffle_key(0, &(struct place){0, 0, 0, 0}), hex);
    char zeros[32] = {0};
    char expected[33];
    hash128_hex(hash_xxh3_128(str_of(zeros, sizeof zeros), 0), expected);
    assert_string_equal(hex, expected);
    char place[32] = {3, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
    hash128_hex(shuffle_key(7, &(struct place){3, 270, 1, 2}), hex);
    hash128_hex(hash_xxh3_128(str_of(place, sizeof place), 7), expected);
    assert_string_equal(hex, expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_any_part_of_a_plain_shard),
        TEST(test_any_part_of_a_zstd_shard),
        TEST(test_any_part_of_a_gzip_shard),
        TEST(test_all_pieces_stream_through_the_tar_functions),
        TEST(test_one_part_of_zstd_reads_one_frame),
        TEST(test_a_shard_cut_anywhere_gives_an_error_or_the_right_bytes),
        TEST(test_flipped_bytes_of_zstd_never_pass),
        TEST(test_seek_tables_of_others_with_and_without_checksums),
        TEST(test_a_shuffle_orders_by_seed_and_place_alone),
        TEST(test_the_key_of_a_shuffle_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
