/* Values that others stand for, read from plain rows. */
#include "pipeline/rows/key_map.h"

#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct key_map *read_map(const char *rows, uint64_t seed, size_t memory)
{
    char path[] = "/tmp/winnow-key-map-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, rows, strlen(rows)), strlen(rows));
    close(handle);
    struct key_map *m = key_map_read(path, "phash", "cluster", seed, memory);
    unlink(path);
    return m;
}

static void test_a_value_is_what_stands_for_it_or_itself(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct key_map *m = read_map("id\tphash\tcluster\n1\tb\ta\n2\ta\ta\n3\t\ta\n4\tc\t\n5\tb\ta\n", seed, 1 << 20);
        struct hash128 a = hash_xxh3_128(STR("a"), seed), b = hash_xxh3_128(STR("b"), seed), c = hash_xxh3_128(STR("c"), seed);
        struct str value;
        assert_non_null(m);
        assert_true(key_map_find(m, b, &value) && str_eq(value, STR("a")));
        assert_false(key_map_find(m, a, &value) || key_map_find(m, c, &value));
        assert_int_equal(hash128_compare(key_map_key(m, b), a), 0);
        assert_int_equal(hash128_compare(key_map_key(m, c), c), 0);
        key_map_free(m);
    }
}

static void test_what_cannot_be_is_told(void **state)
{
    (void)state;
    assert_null(read_map("id\tphash\tcluster\n1\tb\ta\n2\tb\tc\n", 0, 1 << 20));
    assert_non_null(strstr(fail_message(), "two clusters"));
    assert_null(read_map("id\tphash\n1\tb\n", 0, 1 << 20));
    assert_non_null(strstr(fail_message(), "'cluster'"));
    assert_null(key_map_read("/nowhere/at/all", "phash", "cluster", 0, 1 << 20));
}

static void test_more_than_memory_is_refused(void **state)
{
    (void)state;
    enum { ROWS = 3000, LINE = 64 };
    char *rows = malloc(ROWS * LINE), *to = rows + sprintf(rows, "id\tphash\tcluster\n");
    for (int i = 0; i < ROWS; i++) to += sprintf(to, "%d\t%d\tx%d\n", i, i, i / 2);
    struct key_map *m = read_map(rows, 0, 1 << 20);
    assert_non_null(m);
    key_map_free(m);
    assert_null(read_map(rows, 0, 1 << 16));
    assert_non_null(strstr(fail_message(), "--memory"));
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_what_stands_for_it_or_itself),
        cmocka_unit_test(test_what_cannot_be_is_told),
        cmocka_unit_test(test_more_than_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
