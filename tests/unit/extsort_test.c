/* The external sort against qsort, with memory that forces runs and several passes, and with every write and every
 * allocation failing in turn. */
#include "pipeline/base/extsort.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/spill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- faults: this program's own pwrite and malloc stand before the library's --- */

static long writes_until_full = -1; /* -1: the disk never fills */
static int write_error = ENOSPC;

ssize_t pwrite64(int file, const void *bytes, size_t n, off64_t at)
{
    if (writes_until_full == 0) return errno = write_error, -1;
    if (writes_until_full > 0) writes_until_full--;
    return syscall(SYS_pwrite64, file, bytes, n, at);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ALLOCATIONS_CAN_FAIL = 0 }; /* the sanitizer owns malloc */
static long allocations_until_none = -1;
#else
enum { ALLOCATIONS_CAN_FAIL = 1 };
static long allocations_until_none = -1;
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);

static int refused(void)
{
    if (allocations_until_none == 0) return 1;
    if (allocations_until_none > 0) allocations_until_none--;
    return 0;
}
void *malloc(size_t n) { return refused() ? NULL : __libc_malloc(n); }
void *calloc(size_t count, size_t n) { return refused() ? NULL : __libc_calloc(count, n); }
void *realloc(void *p, size_t n) { return refused() ? NULL : __libc_realloc(p, n); }
#endif

/* --- records --- */

static uint64_t random_state;
static uint64_t next_random(void) /* splitmix64 */
{
    uint64_t z = (random_state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

enum order { RANDOM, RISING, FALLING, FEW_KEYS, ALL_EQUAL, ORGAN_PIPE, ORDERS };

static unsigned char *make_records(size_t count, size_t size, enum order order)
{
    unsigned char *records = test_calloc(count ? count : 1, size);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = order == RANDOM     ? next_random()
                         : order == RISING   ? i
                         : order == FALLING  ? count - i
                         : order == FEW_KEYS ? next_random() % 3
                         : order == ALL_EQUAL ? 7
                                              : (i < count / 2 ? i : count - i);
        unsigned char bytes[8];
        extsort_put_u64(bytes, value);
        memcpy(records + i * size, size < 8 ? bytes + 8 - size : bytes, size < 8 ? size : 8);
        for (size_t k = 8; k < size; k++) records[i * size + k] = (unsigned char)(order == ALL_EQUAL ? 1 : next_random());
    }
    return records;
}

static size_t oracle_size;
static int by_bytes(const void *a, const void *b) { return memcmp(a, b, oracle_size); }
static int by_last_byte_falling(const void *a, const void *b)
{
    return ((const unsigned char *)b)[oracle_size - 1] - ((const unsigned char *)a)[oracle_size - 1];
}
static int by_last_byte_then_bytes(const void *a, const void *b)
{
    int order = by_last_byte_falling(a, b);
    return order ? order : by_bytes(a, b);
}

/* sorts and compares with qsort; the bytes spilled */
static uint64_t check(size_t count, size_t size, size_t memory, enum order order, int with_compare)
{
    oracle_size = size;
    unsigned char *records = make_records(count, size, order);
    struct extsort *sort = extsort_open(memory, NULL, size, with_compare ? by_last_byte_falling : NULL);
    assert_non_null(sort);
    for (size_t i = 0; i < count; i++) assert_int_equal(extsort_add(sort, records + i * size), 0);
    assert_int_equal(extsort_count(sort), count);
    assert_int_equal(extsort_seal(sort), 0);
    qsort(records, count, size, with_compare ? by_last_byte_then_bytes : by_bytes);
    const void *record;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(extsort_next(sort, &record), 1);
        assert_memory_equal(record, records + i * size, size);
    }
    assert_int_equal(extsort_next(sort, &record), 0);
    assert_int_equal(extsort_next(sort, &record), 0);
    uint64_t spilled = extsort_spilled(sort);
    extsort_close(sort);
    test_free(records);
    return spilled;
}

static void test_order_equals_qsorts_whatever_comes_in(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 15, 16, 17, 18, 100, 1000, 5000}, sizes[] = {1, 3, 8, 9, 32};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (enum order order = RANDOM; order < ORDERS; order++) {
                assert_int_equal(check(counts[c], sizes[s], 64 << 20, order, 0), 0);
                assert_int_equal(check(counts[c], sizes[s], 64 << 20, order, 1), 0);
            }
}

static void test_memory_changes_nothing_but_the_spilling(void **state)
{
    (void)state;
    static const size_t memories[] = {0, 700, 4096, 30000};
    for (size_t m = 0; m < sizeof memories / sizeof *memories; m++)
        for (enum order order = RANDOM; order < ORDERS; order++) {
            assert_true(check(2000, 32, memories[m], order, 0) >= 2000 * 32);
            assert_true(check(2000, 9, memories[m], order, 1) >= 2000 * 9);
        }
}

static void test_more_runs_than_buffers_take_several_passes(void **state)
{
    (void)state;
    enum { COUNT = 4096, SIZE = 24 };
    uint64_t one_pass = check(COUNT, SIZE, 140 << 10, RANDOM, 0);
    assert_int_equal(one_pass, COUNT * SIZE);
    /* 16 records a run: 256 runs, merged two at a time, are written log2(256) = 8 times, the last merge not counted */
    uint64_t passes = check(COUNT, SIZE, 0, RANDOM, 0);
    assert_int_equal(passes, (uint64_t)COUNT * SIZE * 8);
}

static void test_large_records_are_sorted_too(void **state)
{
    (void)state;
    check(100, 65536, 1 << 20, RANDOM, 0);
    assert_null(extsort_open(1 << 20, NULL, 65537, NULL));
    assert_null(extsort_open(1 << 20, NULL, 0, NULL));
}

static void test_bad_cases_of_quicksort_stay_fast(void **state)
{
    (void)state;
    clock_t start = clock();
    for (enum order order = RISING; order < ORDERS; order++) check(100000, 8, 64 << 20, order, 0);
    /* about 0.1 s; a quadratic sort would take 5 * 10^10 comparisons */
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
}

/* --- failing --- */

static int sort_all(const unsigned char *records, size_t count, size_t size, size_t memory, const char *folder)
{
    struct extsort *sort = extsort_open(memory, folder, size, NULL);
    if (!sort) return -1;
    int got = 0;
    const void *record;
    for (size_t i = 0; i < count && got == 0; i++) got = extsort_add(sort, records + i * size);
    if (got == 0) got = extsort_seal(sort);
    size_t found = 0;
    while (got == 0 && (got = extsort_next(sort, &record)) > 0) found++, got = 0;
    if (got == 0) assert_int_equal(found, count);
    extsort_close(sort);
    return got;
}

static void test_every_write_may_fail(void **state)
{
    (void)state;
    unsigned char *records = make_records(256, 16, RANDOM);
    int status = -1, tried = 0;
    for (long n = 0; status < 0; n++, tried++) {
        writes_until_full = n;
        write_error = n % 2 ? ENOSPC : EIO;
        status = sort_all(records, 256, 16, 0, "/tmp");
        writes_until_full = -1;
        if (status == 0) break;
        assert_non_null(strstr(fail_message(), "cannot spill to '/tmp': "));
        if (n % 2) assert_non_null(strstr(fail_message(), "give --tmp or more --memory"));
        assert_int_equal(fail_code(), EXIT_FAILED);
    }
    assert_true(tried > 40);
    test_free(records);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL) skip();
    unsigned char *records = make_records(600, 16, RANDOM);
    int status = -1, tried = 0;
    for (long n = 0; status < 0; n++, tried++) {
        allocations_until_none = n;
        status = sort_all(records, 600, 16, 0, "/tmp");
        allocations_until_none = -1;
        if (status < 0) assert_string_equal(fail_message(), "out of memory");
    }
    assert_true(tried > 20);
    test_free(records);
}

static void test_a_file_size_limit_is_said_as_a_full_disk(void **state)
{
    (void)state;
    unsigned char *records = make_records(5000, 16, RANDOM);
    struct rlimit old, small = {20000, 20000};
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int status = sort_all(records, 5000, 16, 4096, "/tmp");
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, -1);
    assert_non_null(strstr(fail_message(), "cannot spill to '/tmp': file too large"));
    test_free(records);
}

static void test_a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    unsigned char *records = make_records(100, 16, RANDOM);
    assert_int_equal(sort_all(records, 100, 16, 0, "/nonexistent/folder"), -1);
    assert_string_equal(fail_message(), "cannot spill to '/nonexistent/folder': No such file or directory");
    assert_int_equal(sort_all(records, 10, 16, 1 << 20, "/nonexistent/folder"), 0); /* not needed: not touched */
    test_free(records);
}

static void test_spills_leave_no_names_behind(void **state)
{
    (void)state;
    char folder[] = "/tmp/extsort-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    unsigned char *records = make_records(1000, 16, RANDOM);
    struct extsort *sort = extsort_open(0, folder, 16, NULL);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(extsort_add(sort, records + i * 16), 0);
    assert_true(extsort_spilled(sort) > 0);
    assert_int_equal(rmdir(folder), 0); /* succeeds on an empty folder only, while the sort is at work */
    extsort_close(sort);
    test_free(records);
}

static void test_next_before_seal_is_refused(void **state)
{
    (void)state;
    struct extsort *sort = extsort_open(0, NULL, 4, NULL);
    const void *record;
    assert_int_equal(extsort_next(sort, &record), -1);
    extsort_close(sort);
    extsort_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_equals_qsorts_whatever_comes_in),
        cmocka_unit_test(test_memory_changes_nothing_but_the_spilling),
        cmocka_unit_test(test_more_runs_than_buffers_take_several_passes),
        cmocka_unit_test(test_large_records_are_sorted_too),
        cmocka_unit_test(test_bad_cases_of_quicksort_stay_fast),
        cmocka_unit_test(test_every_write_may_fail),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_a_file_size_limit_is_said_as_a_full_disk),
        cmocka_unit_test(test_a_folder_that_is_not_there_is_named),
        cmocka_unit_test(test_spills_leave_no_names_behind),
        cmocka_unit_test(test_next_before_seal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
