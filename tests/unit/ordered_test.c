/* Ordered threads: order, bounded memory, the earliest failure. */
#include "pipeline/base/fail.h"
#include "pipeline/base/ordered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* cmocka has a macro of that name */

enum { ITEMS = 8, NUMBERS = 2000 };

struct item {
    int number;
    uint64_t result;
};
struct shared {
    int made, taken, fail_from;
    atomic_int inside, most_inside;
    uint64_t results[NUMBERS];
};

static int make(void *shared, void *item, unsigned worker)
{
    (void)worker;
    struct shared *s = shared;
    if (s->made == NUMBERS) return 0;
    ((struct item *)item)->number = s->made++;
    return 1;
}

static int work(void *shared, void *argument, unsigned worker)
{
    (void)worker;
    struct shared *s = shared;
    struct item *item = argument;
    int inside = atomic_fetch_add(&s->inside, 1) + 1;
    if (inside > atomic_load(&s->most_inside)) atomic_store(&s->most_inside, inside);
    uint64_t x = (uint64_t)item->number + 1; /* uneven work: neighbours overtake one another */
    for (int i = 0; i < (item->number * 7919) % 5000; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    item->result = x;
    atomic_fetch_sub(&s->inside, 1);
    if (s->fail_from && item->number >= s->fail_from) return fail("item %d", item->number);
    return 0;
}

static int take(void *shared, void *argument, unsigned worker)
{
    (void)worker;
    struct shared *s = shared;
    struct item *item = argument;
    assert_int_equal(item->number, s->taken); /* in order, none missing */
    s->results[s->taken++] = item->result;
    return 0;
}

static const struct ordered_step steps[] = {{false, make}, {true, work}, {false, take}};

static int run(unsigned threads, struct shared *s)
{
    struct item items[ITEMS];
    void *list[ITEMS];
    for (int i = 0; i < ITEMS; i++) list[i] = &items[i];
    return ordered_run(threads, steps, 3, list, ITEMS, s);
}

static void test_results_come_in_order_for_any_number_of_threads(void **state)
{
    (void)state;
    struct shared *one = calloc(1, sizeof *one), *many = calloc(1, sizeof *many);
    assert_int_equal(run(1, one), 0);
    assert_int_equal(one->taken, NUMBERS);
    for (unsigned threads = 2; threads <= 7; threads += 5) {
        memset(many, 0, sizeof *many);
        assert_int_equal(run(threads, many), 0);
        assert_int_equal(many->taken, NUMBERS);
        assert_memory_equal(one->results, many->results, sizeof one->results);
        assert_true(many->most_inside <= (int)threads);
    }
    free(one);
    free(many);
}

static void test_the_earliest_failure_is_told_and_all_before_it_is_done(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 7; threads += 3) {
        struct shared *s = calloc(1, sizeof *s);
        s->fail_from = 500;
        assert_int_equal(run(threads, s), -1);
        assert_string_equal(fail_message(), "item 500");
        assert_int_equal(s->taken, 500);
        free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_come_in_order_for_any_number_of_threads),
        cmocka_unit_test(test_the_earliest_failure_is_told_and_all_before_it_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
