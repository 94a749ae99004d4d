/* Pool, room and store of fetch: every job once, failures by index, memory bounded, pictures back as they were. */
#include "crawl/fetch/pool.h"
#include "crawl/fetch/store.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { THREADS = 4, JOBS = 1000, LISTS = 3 };

struct work {
    atomic_int runs[JOBS];
    size_t fails_at, fails_too; /* indices; JOBS for none */
};

static int run_once(void *shared, void *list, size_t index, unsigned worker)
{
    atomic_int *busy = shared;
    struct work *work = list;
    assert_int_equal(atomic_fetch_add(&busy[worker], 1), 0); /* a worker number belongs to one thread at a time */
    atomic_fetch_add(&work->runs[index], 1);
    atomic_fetch_sub(&busy[worker], 1);
    return index == work->fails_at || index == work->fails_too ? (fail)("job %zu", index) : 0; /* not cmocka's macro */
}

struct caller {
    pthread_t thread;
    struct pool *pool;
    struct work work;
    int result;
};

static void *call(void *argument)
{
    struct caller *caller = argument;
    caller->result = pool_run(caller->pool, &caller->work, JOBS);
    return NULL;
}

static void test_every_job_of_every_list_runs_once(void **state)
{
    (void)state;
    static atomic_int busy[THREADS];
    static struct caller callers[LISTS];
    struct pool *pool = pool_new(THREADS, run_once, busy);
    assert_non_null(pool);
    for (int i = 0; i < LISTS; i++) {
        callers[i] = (struct caller){.pool = pool, .work = {.fails_at = JOBS, .fails_too = JOBS}, .result = -1};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < LISTS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].result, 0);
        for (int j = 0; j < JOBS; j++) assert_int_equal(atomic_load(&callers[i].work.runs[j]), 1);
    }
    assert_int_equal(pool_run(pool, NULL, 0), 0);
    pool_free(pool);
}

static void test_the_lowest_failing_job_gives_its_sentence(void **state)
{
    (void)state;
    static atomic_int busy[THREADS];
    for (int round = 0; round < 50; round++) {
        static struct work work;
        memset(&work, 0, sizeof work);
        work.fails_at = 7;
        work.fails_too = 5;
        struct pool *pool = pool_new(THREADS, run_once, busy);
        assert_int_equal(pool_run(pool, &work, JOBS), -1);
        assert_string_equal(fail_message(), "job 5");
        pool_free(pool);
    }
}

struct guarded {
    struct room room;
    atomic_ullong held, most;
};

static int hold(void *shared, void *list, size_t index, unsigned worker)
{
    (void)list, (void)worker;
    struct guarded *g = shared;
    uint64_t bytes = index % 10 == 9 ? 500 : 10 + index % 30; /* some alone are more than there is */
    room_take(&g->room, bytes);
    unsigned long long now = atomic_fetch_add(&g->held, bytes) + bytes, most = atomic_load(&g->most);
    if (bytes <= 100)
        while (now > most && !atomic_compare_exchange_weak(&g->most, &most, now)) {}
    else assert_int_equal(now, bytes); /* then nobody else holds any */
    atomic_fetch_sub(&g->held, bytes);
    room_give(&g->room, bytes);
    return 0;
}

static void test_no_more_is_held_than_there_is_room_for(void **state)
{
    (void)state;
    static struct guarded g;
    room_init(&g.room, 100);
    struct pool *pool = pool_new(THREADS, hold, &g);
    assert_int_equal(pool_run(pool, NULL, JOBS), 0);
    assert_true(atomic_load(&g.most) <= 100);
    pool_free(pool);
    room_free(&g.room);
}

static void test_the_store_gives_back_what_was_put_in_memory_or_on_disk(void **state)
{
    (void)state;
    struct store store;
    struct stored places[100];
    char bytes[300];
    store_init(&store, 1000, NULL);
    for (int round = 0; round < 2; round++) {
        unsigned spilled = 0;
        for (size_t i = 0; i < 100; i++) {
            memset(bytes, (int)i, sizeof bytes);
            assert_int_equal(store_put(&store, str_of(bytes, i * 3), &places[i]), 0);
            spilled += places[i].spilled;
        }
        assert_true(spilled > 50 && spilled < 100);
        assert_true(store.memory.n <= 1000);
        for (size_t i = 100; i-- > 0;) {
            struct str found;
            memset(bytes, (int)i, sizeof bytes);
            assert_int_equal(store_get(&store, &places[i], &found), 0);
            assert_int_equal(found.n, i * 3);
            assert_true(str_eq(found, str_of(bytes, i * 3)));
        }
        store_clear(&store);
    }
    store_free(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_of_every_list_runs_once),
        cmocka_unit_test(test_the_lowest_failing_job_gives_its_sentence),
        cmocka_unit_test(test_no_more_is_held_than_there_is_room_for),
        cmocka_unit_test(test_the_store_gives_back_what_was_put_in_memory_or_on_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
