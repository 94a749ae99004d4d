/* The key of a row: what is equal, what has no key, and that its hash is what the header says. */
#include "pipeline/base/fail.h"
#include "pipeline/rows/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct columns columns;
    struct batch batch;
    struct arena scratch;
};

static struct row *row_of(struct fixture *f, const char *line) /* one line with its tabs and line feed */
{
    columns_init(&f->columns);
    assert_int_equal(columns_parse(&f->columns, STR("url\ttext\tsha256")), 0);
    assert_int_equal(batch_init(&f->batch, &f->columns, 1 << 20), 0);
    arena_init(&f->scratch, 1 << 20);
    assert_int_equal(batch_split(&f->batch, str_from(line), 1), 0);
    return &f->batch.rows[0];
}

static void release(struct fixture *f)
{
    batch_free(&f->batch);
    columns_free(&f->columns);
    arena_free(&f->scratch);
}

/* false: no key */
static bool hash_of(const char *by, uint64_t seed, const char *line, struct hash128 *hash)
{
    struct fixture f;
    struct row *row = row_of(&f, line);
    struct row_key key;
    assert_int_equal(row_key_parse(&key, by, &f.columns, seed), 0);
    bool keyed = row_key_hash(&key, row, &f.scratch, hash);
    release(&f);
    return keyed;
}

static bool same(const char *by, const char *a, const char *b)
{
    struct hash128 first, second;
    assert_true(hash_of(by, 0, a, &first));
    assert_true(hash_of(by, 0, b, &second));
    return hash128_compare(first, second) == 0;
}

static void test_one_column_is_the_hash_of_its_value(void **state)
{
    (void)state;
    struct hash128 hash;
    assert_true(hash_of("text", 7, "u\ta\\tb\t\n", &hash));
    assert_int_equal(hash128_compare(hash, hash_xxh3_128(STR("a\tb"), 7)), 0);
    assert_int_not_equal(hash128_compare(hash, hash_xxh3_128(STR("a\tb"), 8)), 0);
}

static void test_several_columns_stand_behind_their_lengths(void **state)
{
    (void)state;
    struct hash128 hash;
    assert_true(hash_of("url+text", 0, "ab\tc\t\n", &hash));
    assert_int_equal(hash128_compare(hash, hash_xxh3_128(STR("\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c"), 0)), 0);
    assert_false(same("url+text", "ab\tc\t\n", "a\tbc\t\n"));
}

static void test_escapes_do_not_count(void **state)
{
    (void)state;
    assert_true(same("url+text", "u\ta\\nb\t\n", "u\ta\\x0Ab\t\n"));
    assert_false(same("url+text", "u\ta\\nb\t\n", "u\ta\\\\nb\t\n"));
}

static void test_absent_values_have_no_key_save_the_text(void **state)
{
    (void)state;
    struct hash128 hash;
    assert_false(hash_of("sha256", 0, "u\tt\t\n", &hash));
    assert_false(hash_of("text+sha256", 0, "u\tt\t\n", &hash));
    assert_true(hash_of("url+text", 0, "u\t\t\n", &hash));
    assert_true(hash_of("text", 0, "u\t\t\n", &hash));
}

static void test_values_of_64_kib_are_hashed_whole(void **state)
{
    (void)state;
    static char a[CELL_BYTES_MAX + 8];
    memset(a, 'a', CELL_BYTES_MAX);
    memcpy(a + CELL_BYTES_MAX, "\tt\t\n", 5);
    struct hash128 first, second;
    assert_true(hash_of("url+text", 0, a, &first));
    a[CELL_BYTES_MAX - 1] = 'b';
    assert_true(hash_of("url+text", 0, a, &second));
    assert_int_not_equal(hash128_compare(first, second), 0);
}

static void test_bad_keys_are_usage_errors(void **state)
{
    (void)state;
    static const struct {
        const char *by, *message;
    } bad[] = {
        {"", "'': expected names of columns joined by '+'"},
        {"url+", "'url+': expected names of columns joined by '+'"},
        {"phash", "the rows have no column 'phash': run 'winnow fetch' first"},
        {"url+colour", "the rows have no column 'colour'"},
        {"url+url+url+url+url+url+url+url+url+url+url+url+url+url+url+url+url",
         "'url+url+url+url+url+url+url+url+url+url+url+url+url+url+url+url+url': more than 16 columns"},
    };
    struct fixture f;
    row_of(&f, "u\tt\t\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct row_key key;
        assert_int_equal(row_key_parse(&key, bad[i].by, &f.columns, 0), -1);
        assert_string_equal(fail_message(), bad[i].message);
        assert_int_equal(fail_code(), EXIT_USAGE);
    }
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_column_is_the_hash_of_its_value),
        cmocka_unit_test(test_several_columns_stand_behind_their_lengths),
        cmocka_unit_test(test_escapes_do_not_count),
        cmocka_unit_test(test_absent_values_have_no_key_save_the_text),
        cmocka_unit_test(test_values_of_64_kib_are_hashed_whole),
        cmocka_unit_test(test_bad_keys_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
