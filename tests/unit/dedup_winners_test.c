/* Winners of groups of equal rows, against a loop that compares every row with every other. */
#include "filters/dedup/winners.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long writes_until_full = -1; /* -1: the disk never fills */

ssize_t pwrite64(int file, const void *bytes, size_t n, off64_t at)
{
    if (writes_until_full == 0) return errno = ENOSPC, -1;
    if (writes_until_full > 0) writes_until_full--;
    return syscall(SYS_pwrite64, file, bytes, n, at);
}

static uint64_t random_state = 1;
static uint64_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

static struct candidate candidate_of(uint64_t key, uint64_t rank, uint64_t row, bool outside)
{
    struct candidate c = {.key = {key, ~key}, .rank = rank, .row = row, .outside = outside};
    memcpy(c.id, &row, sizeof row);
    c.id[15] = outside;
    return c;
}

static bool beats(const struct candidate *a, const struct candidate *b)
{
    if (a->outside != b->outside) return a->outside;
    if (a->outside) return memcmp(a->id, b->id, WINNER_ID_BYTES) < 0;
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->row < b->row;
}

/* the candidate that wins over c, c itself when none does */
static const struct candidate *winner_of(const struct candidate *c, const struct candidate *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hash128_compare(all[i].key, c->key) == 0 && beats(&all[i], c)) c = &all[i];
    return c;
}

/* runs the losers of `all` past the quadratic answer; how many there are, -1 on failure */
static int check(const struct candidate *all, size_t count, size_t memory)
{
    struct winners *w = winners_open(memory, NULL);
    int status = w ? 0 : -1;
    for (size_t i = 0; i < count && status == 0; i++) status = winners_add(w, &all[i]);
    if (status == 0) status = winners_seal(w);
    struct loser loser;
    int losers = 0;
    for (uint64_t row = 0; row < count && status == 0; row++) {
        const struct candidate *c = NULL;
        for (size_t i = 0; i < count && !c; i++)
            if (!all[i].outside && all[i].row == row) c = &all[i];
        const struct candidate *winner = c ? winner_of(c, all, count) : NULL;
        if (winner == c) continue;
        int got = winners_next(w, &loser);
        if (got < 0) {
            status = -1;
            break;
        }
        assert_int_equal(got, 1);
        assert_int_equal(loser.row, row);
        assert_int_equal(loser.to_outside, winner->outside);
        assert_memory_equal(loser.winner, winner->id, WINNER_ID_BYTES);
        losers++;
    }
    if (status == 0) assert_int_equal(winners_next(w, &loser), 0);
    winners_close(w);
    return status < 0 ? -1 : losers;
}

static void test_first_row_wins(void **state)
{
    (void)state;
    struct candidate all[] = {candidate_of(5, 0, 2, false), candidate_of(5, 0, 0, false), candidate_of(7, 0, 1, false)};
    assert_int_equal(check(all, 3, 1 << 20), 1);
}

static void test_best_rank_wins_and_ties_fall_to_the_earlier_row(void **state)
{
    (void)state;
    struct candidate all[] = {candidate_of(5, 9, 0, false), candidate_of(5, 3, 1, false), candidate_of(5, 3, 2, false)};
    struct winners *w = winners_open(1 << 20, NULL);
    for (int i = 0; i < 3; i++) assert_int_equal(winners_add(w, &all[i]), 0);
    assert_int_equal(winners_seal(w), 0);
    struct loser loser;
    assert_int_equal(winners_next(w, &loser), 1);
    assert_int_equal(loser.row, 0);
    assert_memory_equal(loser.winner, all[1].id, WINNER_ID_BYTES);
    assert_int_equal(winners_next(w, &loser), 1);
    assert_int_equal(loser.row, 2);
    assert_int_equal(winners_next(w, &loser), 0);
    winners_close(w);
}

static void test_outside_wins_whatever_the_rank_and_never_loses(void **state)
{
    (void)state;
    struct candidate all[] = {candidate_of(5, 0, 0, false), candidate_of(5, UINT64_MAX, 7, true), candidate_of(5, UINT64_MAX, 8, true),
                              candidate_of(6, 0, 9, true)};
    assert_int_equal(check(all, 4, 1 << 20), 1);
}

static void test_winners_equal_the_quadratic_answer(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static struct candidate all[COUNT];
    for (int keys = 1; keys <= COUNT; keys *= 3) {
        for (size_t i = 0; i < COUNT; i++)
            all[i] = candidate_of(next_random() % (uint64_t)keys, next_random() % 3, i, next_random() % 16 == 0);
        for (size_t i = COUNT; i-- > 1;) { /* the order of adding does not matter */
            size_t k = next_random() % i;
            struct candidate held = all[i];
            all[i] = all[k];
            all[k] = held;
        }
        int in_memory = check(all, COUNT, 64 << 20);
        assert_true(in_memory >= 0);
        assert_int_equal(check(all, COUNT, 0), in_memory); /* spilling changes nothing */
    }
}

static void test_every_write_may_fail(void **state)
{
    (void)state;
    enum { COUNT = 120 };
    static struct candidate all[COUNT];
    for (size_t i = 0; i < COUNT; i++) all[i] = candidate_of(i % 10, 0, i, false);
    int status = -1, tried = 0;
    for (long n = 0; status < 0; n++, tried++) {
        writes_until_full = n;
        status = check(all, COUNT, 0);
        writes_until_full = -1;
        if (status < 0) assert_non_null(strstr(fail_message(), "disk full"));
    }
    assert_int_equal(status, COUNT - 10);
    assert_true(tried > 10);
}

static void test_ranks_order_numbers(void **state)
{
    (void)state;
    static const double rising[] = {-1e300, -2, -1.5, -1e-300, 0, 1e-300, 0.3, 1, 2, 1e300};
    for (size_t i = 1; i < sizeof rising / sizeof *rising; i++) {
        assert_true(rank_of_double(rising[i - 1], false) < rank_of_double(rising[i], false));
        assert_true(rank_of_double(rising[i - 1], true) > rank_of_double(rising[i], true));
        assert_true(rank_of_double(rising[i], false) < RANK_LAST && rank_of_double(rising[i], true) < RANK_LAST);
    }
    assert_true(rank_of_double(-0.0, false) == rank_of_double(0.0, false));
    assert_true(rank_of_unsigned(3, false) < rank_of_unsigned(4, false));
    assert_true(rank_of_unsigned(3, true) > rank_of_unsigned(4, true));
    assert_true(rank_of_unsigned((1ull << 53) + 1, true) < rank_of_unsigned(1ull << 53, true)); /* beyond a double's digits */
    assert_true(rank_of_unsigned(0, true) < RANK_LAST && rank_of_unsigned(UINT64_MAX, false) < RANK_LAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_row_wins),
        cmocka_unit_test(test_best_rank_wins_and_ties_fall_to_the_earlier_row),
        cmocka_unit_test(test_outside_wins_whatever_the_rank_and_never_loses),
        cmocka_unit_test(test_winners_equal_the_quadratic_answer),
        cmocka_unit_test(test_every_write_may_fail),
        cmocka_unit_test(test_ranks_order_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
