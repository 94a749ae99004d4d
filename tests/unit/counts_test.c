/* The parts of count: words and pairs beside a slow count of the same, groups beside sorting, look-ups beside the table. */
#include "filters/counts/groups.h"
#include "filters/counts/lexicon.h"
#include "filters/counts/lookup.h"
#include "filters/counts/ngrams.h"
#include "filters/counts/table.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { SMALL = 1 << 20 };

static uint64_t dice(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- words */

struct expected { /* names, one a line, in any order */
    struct buf unigrams, bigrams;
};

static void expect_text(struct expected *e, struct str text)
{
    struct buf lower;
    struct unicode_words words = {.at = 0};
    struct str word, before = STR_ABSENT;
    buf_init(&lower, 1 << 20);
    assert_int_equal(unicode_lower(&lower, text), 0);
    assert_int_equal(unicode_words_begin(&words, buf_str(&lower)), 0);
    for (; (word = unicode_words_next(&words)).p; before = word) {
        assert_int_equal(buf_printf(&e->unigrams, "%.*s\n", STR_ARG(word)), 0);
        if (before.p) assert_int_equal(buf_printf(&e->bigrams, "%.*s %.*s\n", STR_ARG(before), STR_ARG(word)), 0);
    }
    unicode_words_end(&words);
    buf_free(&lower);
}

static uint64_t lines_equal_to(struct str lines, struct str name)
{
    uint64_t n = 0;
    while (lines.n) n += str_eq(str_cut(&lines, '\n'), name);
    return n;
}

static uint64_t lines_of(struct str lines)
{
    uint64_t n = 0;
    for (; lines.n; n++) str_cut(&lines, '\n');
    return n;
}

static void groups_are(struct groups *g, struct str lines)
{
    struct group group;
    struct hash128 last = {0, 0};
    uint64_t total = 0;
    assert_int_equal(groups_seal(g, SMALL), 0);
    for (bool any = false; groups_next(g, &group) > 0; any = true, last = group.key) {
        assert_true(!any || hash128_compare(last, group.key) < 0);
        assert_int_equal(hash128_compare(group.key, hash_xxh3_128(group.name, 0)), 0);
        assert_int_equal(group.count, lines_equal_to(lines, group.name));
        total += group.count;
    }
    assert_int_equal(total, lines_of(lines));
}

static void check_texts(const struct str *texts, size_t count)
{
    struct expected e;
    buf_init(&e.unigrams, 64 << 20);
    buf_init(&e.bigrams, 64 << 20);
    struct groups *unigrams = groups_open(GROUPS_NAMED_SUMS, 0, SMALL, NULL), *bigrams = groups_open(GROUPS_NAMED_SUMS, 0, SMALL, NULL);
    struct ngrams *n = ngrams_new(unigrams, bigrams, SMALL);
    assert_non_null(n);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ngrams_add(n, texts[i]), 0);
        expect_text(&e, texts[i]);
        if (i % 50 == 49) assert_int_equal(ngrams_flush(n), 0);
    }
    assert_int_equal(ngrams_flush(n), 0);
    groups_are(unigrams, buf_str(&e.unigrams));
    groups_are(bigrams, buf_str(&e.bigrams));
    ngrams_free(n);
    groups_close(unigrams);
    groups_close(bigrams);
    buf_free(&e.unigrams);
    buf_free(&e.bigrams);
}

static void test_words_are_those_of_unicode_words(void **state)
{
    (void)state;
    static const char alphabet[] = "aabcZ.Y''09,;:_-  !@[`{/\x7f";
    static char texts[400][40];
    struct str list[400];
    uint64_t seed = 3;
    for (size_t i = 0; i < 400; i++) {
        size_t n = dice(&seed) % sizeof *texts;
        for (size_t k = 0; k < n; k++) texts[i][k] = alphabet[dice(&seed) % (sizeof alphabet - 1)];
        list[i] = str_of(texts[i], n);
    }
    check_texts(list, 400);
}

static void test_other_letters_go_to_the_library(void **state)
{
    (void)state;
    if (unicode_ready() < 0) skip();
    const struct str texts[] = {STR("Straße STRASSE straße"), STR("Ünïcode’s İstanbul ΣΊΣΥΦΟΣ"), STR("東京 タワー"), STR("a.b \xC3\x89t\xC3\xA9"),
                                STR("é"), STR("no\xC2\xA0" "break e\xCC\x81"), STR(""), STR("plain again")};
    check_texts(texts, sizeof texts / sizeof *texts);
}

static void test_the_longest_texts_fit(void **state)
{
    (void)state;
    enum { LONG = 64 << 10 };
    char *words = malloc(LONG), *one = malloc(LONG);
    struct groups *unigrams = groups_open(GROUPS_NAMED_SUMS, 0, SMALL, NULL), *bigrams = groups_open(GROUPS_NAMED_SUMS, 0, SMALL, NULL);
    struct ngrams *n = ngrams_new(unigrams, bigrams, 0);
    for (size_t i = 0; i < LONG; i++) words[i] = i % 2 ? ' ' : (char)('a' + i / 2 % 26);
    memset(one, 'x', LONG);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ngrams_add(n, str_of(words, LONG)), 0);
        assert_int_equal(ngrams_add(n, str_of(one, LONG)), 0);
    }
    assert_int_equal(ngrams_add(n, str_of(one, LONG + 1)), -1);
    assert_int_equal(ngrams_flush(n), 0);
    struct group group;
    uint64_t keys = 0;
    assert_int_equal(groups_seal(unigrams, SMALL), 0);
    while (groups_next(unigrams, &group) > 0) {
        keys++;
        if (group.name.n == LONG) assert_int_equal(group.count, 5);
        else assert_in_range(group.count, 5 * (LONG / 2 / 26), 5 * (LONG / 2 / 26 + 1));
    }
    assert_int_equal(keys, 27);
    ngrams_free(n);
    groups_close(unigrams);
    groups_close(bigrams);
    free(words);
    free(one);
}

/* ---- groups */

static void test_members_are_distinct_and_the_least_are_kept(void **state)
{
    (void)state;
    for (uint64_t most = 0; most <= 12; most += 4) {
        struct groups *g = groups_open(GROUPS_MEMBERS, most, 1 << 16, NULL);
        struct combiner *a = combiner_new(g, 1 << 14), *b = combiner_new(g, 1 << 10);
        uint64_t seed = 9;
        for (int i = 0; i < 20000; i++) { /* 50 keys, 10 members of each even one, 3 of each odd one */
            uint64_t key = dice(&seed) % 50, member = dice(&seed) % (key % 2 ? 3 : 10);
            assert_int_equal(combiner_add_member(i % 3 ? a : b, (struct hash128){key, 1}, (struct hash128){5, member}), 0);
        }
        assert_int_equal(combiner_flush(a), 0);
        assert_int_equal(combiner_flush(b), 0);
        assert_int_equal(groups_seal(g, SMALL), 0);
        struct group group;
        for (uint64_t key = 0; key < 50; key++)
            for (uint64_t member = 0; member < (key % 2 ? 3u : most && most < 10 ? most : 10u); member++) {
                assert_int_equal(groups_next(g, &group), 1);
                assert_int_equal(group.key.high, key);
                assert_int_equal(group.member.low, member);
            }
        assert_int_equal(groups_next(g, &group), 0);
        combiner_free(a);
        combiner_free(b);
        groups_close(g);
    }
}

static void test_sums_add_up_over_flushes(void **state)
{
    (void)state;
    struct groups *g = groups_open(GROUPS_SUMS, 0, 1 << 14, NULL);
    struct combiner *c = combiner_new(g, 1 << 12);
    for (uint64_t i = 0; i < 30000; i++) assert_int_equal(combiner_add_count(c, (struct hash128){i % 700, 0}, i % 3), 0);
    assert_int_equal(combiner_flush(c), 0);
    assert_int_equal(groups_seal(g, SMALL), 0);
    uint64_t sums[700] = {0}, keys = 0;
    for (uint64_t i = 0; i < 30000; i++) sums[i % 700] += i % 3;
    struct group group;
    while (groups_next(g, &group) > 0) {
        assert_int_equal(group.count, sums[group.key.high]);
        keys++;
    }
    assert_int_equal(keys, 700);
    combiner_free(c);
    groups_close(g);
}

/* ---- threads */

struct adding {
    struct groups *unigrams, *bigrams, *members;
    int result;
};

static void *add_texts(void *argument)
{
    struct adding *a = argument;
    struct ngrams *n = ngrams_new(a->unigrams, a->bigrams, 0);
    struct combiner *c = combiner_new(a->members, 0);
    a->result = n && c ? 0 : -1;
    for (uint64_t i = 0; i < 3000 && a->result == 0; i++) {
        if (ngrams_add(n, STR("many threads add the same words")) < 0 || (i % 500 == 0 && ngrams_flush(n) < 0)) a->result = -1;
        if (combiner_add_member(c, (struct hash128){i % 7, 0}, (struct hash128){i % 11, 0}) < 0) a->result = -1;
    }
    if (a->result == 0 && (ngrams_flush(n) < 0 || combiner_flush(c) < 0)) a->result = -1;
    ngrams_free(n);
    combiner_free(c);
    return NULL;
}

static void test_threads_add_to_the_same_groups(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct adding shared = {groups_open(GROUPS_NAMED_SUMS, 0, 1 << 16, NULL), groups_open(GROUPS_NAMED_SUMS, 0, 1 << 16, NULL),
                            groups_open(GROUPS_MEMBERS, 0, 1 << 16, NULL), 0};
    struct adding of[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        of[i] = shared;
        assert_int_equal(pthread_create(&threads[i], NULL, add_texts, &of[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(of[i].result, 0);
    }
    struct group group;
    uint64_t words = 0, pairs = 0, members = 0;
    assert_int_equal(groups_seal(shared.unigrams, SMALL), 0);
    assert_int_equal(groups_seal(shared.bigrams, SMALL), 0);
    assert_int_equal(groups_seal(shared.members, SMALL), 0);
    for (; groups_next(shared.unigrams, &group) > 0; words++) assert_int_equal(group.count, 3000 * THREADS);
    for (; groups_next(shared.bigrams, &group) > 0; pairs++) assert_int_equal(group.count, 3000 * THREADS);
    for (; groups_next(shared.members, &group) > 0; members++) continue;
    assert_int_equal(words, 6);
    assert_int_equal(pairs, 5);
    assert_int_equal(members, 77);
    groups_close(shared.unigrams);
    groups_close(shared.bigrams);
    groups_close(shared.members);
}

/* ---- tables and look-ups */

static struct hash128 key_number(uint64_t i) { return (struct hash128){i / 3 * 7, i % 3 + 1}; } /* equal halves cross blocks */

static uint64_t small_count(uint64_t i) { return i % 100 + 1; }
static uint64_t any_count(uint64_t i) { return i % 7 == 3 ? UINT64_C(65530) + i * 5 : i % 41 + 1; } /* also beyond what stands in a table of ranks */

static void write_table(const char *path, uint64_t keys, uint64_t over, uint64_t (*count)(uint64_t))
{
    struct groups *g = groups_open(GROUPS_SUMS, 0, 1 << 20, NULL);
    struct combiner *c = combiner_new(g, 1 << 20);
    for (uint64_t i = 0; i < keys; i++) assert_int_equal(combiner_add_count(c, key_number(i), count(i)), 0);
    assert_int_equal(combiner_flush(c), 0);
    assert_int_equal(groups_seal(g, SMALL), 0);
    struct count_table_about about = {.want = {COUNT_URLS, over}};
    struct file_out file;
    assert_int_equal(file_create(&file, path), 0);
    assert_int_equal(count_table_write(g, &about, &file), 0);
    assert_int_equal(file_publish(&file), 0);
    file_discard(&file);
    combiner_free(c);
    groups_close(g);
}

static void test_a_look_up_finds_every_key_and_no_other(void **state)
{
    (void)state;
    char path[] = "/tmp/winnow-counts-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    const uint64_t sizes[] = {0, 1, 169, 170, 171, 5000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t memory = 1; memory <= 1 << 20; memory <<= 20) {
            const char *const paths[] = {path};
            struct count_lookups *l;
            struct count_cache *cache = count_cache_new();
            write_table(path, sizes[s], 0, small_count);
            assert_int_equal(count_lookups_open(&l, paths, 1), 0);
            assert_true(count_lookups_answer(l, COUNT_URLS, 0) && !count_lookups_answer(l, COUNT_HOSTS, 0));
            assert_int_equal(count_lookups_load(l, 1u << COUNT_URLS, memory, NULL), 0);
            for (uint64_t i = 0; i < sizes[s] + 300; i++)
                for (int again = 0; again < 2; again++) {
                    uint64_t count;
                    assert_int_equal(count_lookups_find(l, cache, COUNT_URLS, key_number(i), &count), 0);
                    assert_int_equal(count, i < sizes[s] ? i % 100 + 1 : 0);
                    struct hash128 beside = key_number(i);
                    beside.high++;
                    assert_int_equal(count_lookups_find(l, cache, COUNT_URLS, beside, &count), 0);
                    assert_int_equal(count, 0);
                }
            count_cache_free(cache);
            count_lookups_close(l);
        }
    unlink(path);
}

static int compare_falling(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first < second) - (first > second);
}

static void test_ranks_are_those_of_sorted_counts(void **state)
{
    (void)state;
    enum { KEYS = 300 };
    char path[] = "/tmp/winnow-counts-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    write_table(path, KEYS, 0, any_count);
    const char *const paths[] = {path};
    struct count_lookups *l;
    uint64_t counts[KEYS], got;
    for (uint64_t i = 0; i < KEYS; i++) counts[i] = any_count(i);
    qsort(counts, KEYS, sizeof *counts, compare_falling);
    assert_int_equal(count_lookups_open(&l, paths, 1), 0);
    for (uint64_t n = 1; n <= KEYS; n++) {
        assert_int_equal(count_lookups_rank(l, 1u << COUNT_URLS | 1u << COUNT_HOSTS, n, &got), 0);
        assert_int_equal(got, counts[n - 1]);
    }
    assert_int_equal(count_lookups_rank(l, 1u << COUNT_URLS, KEYS + 1, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(count_lookups_rank(l, 1u << COUNT_HOSTS, 1, &got), 0);
    assert_int_equal(got, 0);
    count_lookups_close(l);
    unlink(path);
}

static void test_a_bound_leaves_keys_out_and_is_told(void **state)
{
    (void)state;
    char path[] = "/tmp/winnow-counts-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    write_table(path, 1000, 60, small_count);
    struct count_table_about about;
    assert_int_equal(count_table_look(path, &about), 0);
    assert_int_equal(about.want.over, 60);
    assert_int_equal(about.keys, 400);
    assert_int_equal(about.total, 50500);
    assert_false(count_table_adds_up(&about));
    const char *const paths[] = {path};
    struct count_lookups *l;
    assert_int_equal(count_lookups_open(&l, paths, 1), 0);
    assert_true(count_lookups_answer(l, COUNT_URLS, 60) && count_lookups_answer(l, COUNT_URLS, 61));
    assert_false(count_lookups_answer(l, COUNT_URLS, 59));
    count_lookups_close(l);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_those_of_unicode_words),
        cmocka_unit_test(test_other_letters_go_to_the_library),
        cmocka_unit_test(test_the_longest_texts_fit),
        cmocka_unit_test(test_members_are_distinct_and_the_least_are_kept),
        cmocka_unit_test(test_sums_add_up_over_flushes),
        cmocka_unit_test(test_threads_add_to_the_same_groups),
        cmocka_unit_test(test_a_look_up_finds_every_key_and_no_other),
        cmocka_unit_test(test_ranks_are_those_of_sorted_counts),
        cmocka_unit_test(test_a_bound_leaves_keys_out_and_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
