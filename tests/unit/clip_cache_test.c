/* The embedding cache: what was put in comes out, damaged files are left aside, files merge. */
#include "filters/clip/cache.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { EMBED = 5, WIDTH = 3, MEMORY = 1 << 20 };

static char folder[64];
static const struct cache_key key = {.model = {1, 2}, .precision = "f32", .class = "cpu-avx2", .embed = EMBED, .width = WIDTH};

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/winnow-cache-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 ? 0 : -1;
}

static void name_of(unsigned number, unsigned char name[CACHE_NAME])
{
    char picture[32];
    int n = snprintf(picture, sizeof picture, "picture %u", number);
    cache_name(name, str_of(picture, (size_t)n));
}

static void write_pictures(const char *stem, const struct cache_key *k, unsigned from, unsigned to)
{
    struct cache_writer *w = cache_writer_open(folder, stem, k, MEMORY, NULL);
    assert_non_null(w);
    for (unsigned i = from; i < to; i++) {
        unsigned char name[CACHE_NAME];
        const float embedding[EMBED] = {(float)i, 1, 2, 3, -0.0f}, pooled[WIDTH] = {0.1f, (float)i / 7, 9};
        name_of(i, name);
        assert_int_equal(cache_writer_add(w, name, embedding, pooled), 0);
    }
    if (cache_writer_publish(w) < 0) fail_msg("%s", fail_message());
    cache_writer_close(w);
}

static void check_pictures(const struct cache *cache, unsigned from, unsigned to, bool there)
{
    for (unsigned i = from; i < to; i++) {
        unsigned char name[CACHE_NAME];
        const float embedding[EMBED] = {(float)i, 1, 2, 3, -0.0f}, pooled[WIDTH] = {0.1f, (float)i / 7, 9};
        name_of(i, name);
        const float *found = cache_find(cache, name);
        assert_int_equal(found != NULL, there);
        if (!found) continue;
        assert_memory_equal(found, embedding, sizeof embedding);
        assert_memory_equal(found + EMBED, pooled, sizeof pooled);
    }
}

static struct cache *opened(const struct cache_key *k)
{
    struct cache *cache = cache_open(folder, k);
    if (!cache) fail_msg("%s", fail_message());
    return cache;
}

static void test_what_was_put_in_comes_out(void **state)
{
    (void)state;
    write_pictures("00000", &key, 0, 1000);
    write_pictures("00001", &key, 900, 1500);
    struct cache *cache = opened(&key);
    assert_int_equal(cache_files(cache), 2);
    assert_int_equal(cache_records(cache), 1600);
    check_pictures(cache, 0, 1500, true);
    check_pictures(cache, 1500, 1600, false);
    cache_close(cache);
}

static void test_a_task_that_runs_again_keeps_what_it_had(void **state)
{
    (void)state;
    write_pictures("00000", &key, 0, 10);
    write_pictures("00000", &key, 5, 20);
    write_pictures("00000", &key, 0, 0); /* nothing new: the file stays */
    struct cache *cache = opened(&key);
    assert_int_equal(cache_files(cache), 1);
    assert_int_equal(cache_records(cache), 20);
    check_pictures(cache, 0, 20, true);
    cache_close(cache);
}

static void test_other_keys_are_other_caches(void **state)
{
    (void)state;
    write_pictures("00000", &key, 0, 10);
    struct cache_key others[4] = {key, key, key, key};
    others[0].model.low++;
    others[1].precision = "bf16";
    others[2].class = "cpu-avx512";
    others[3].width++;
    for (size_t i = 0; i < 4; i++) {
        struct cache *cache = opened(&others[i]);
        assert_int_equal(cache_files(cache), 0);
        check_pictures(cache, 0, 10, false);
        cache_close(cache);
    }
}

static void test_files_merge_into_one(void **state)
{
    (void)state;
    write_pictures("00000", &key, 0, 100);
    write_pictures("00001", &key, 50, 150);
    write_pictures("00002", &key, 140, 200);
    struct cache_key other = key;
    other.precision = "bf16";
    write_pictures("00000", &other, 0, 7);
    assert_int_equal(cache_merge(folder, MEMORY, NULL), 4);
    struct cache *cache = opened(&key);
    assert_int_equal(cache_files(cache), 1);
    assert_int_equal(cache_records(cache), 200);
    check_pictures(cache, 0, 200, true);
    cache_close(cache);
    assert_int_equal(cache_merge(folder, MEMORY, NULL), 2);
    cache = opened(&key);
    assert_int_equal(cache_records(cache), 200);
    cache_close(cache);
    cache = opened(&other);
    check_pictures(cache, 0, 7, true);
    cache_close(cache);
    struct cache_summary *list;
    size_t count;
    assert_int_equal(cache_survey(folder, &list, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].records + list[1].records, 207);
    assert_int_equal(list[0].files + list[1].files, 2);
    free(list);
}

/* Whatever is found is right, and a file whose shape is wrong gives nothing. */
static void check_what_is_found(const struct cache *cache, unsigned records)
{
    unsigned found = 0;
    for (unsigned i = 0; i < records; i++) {
        unsigned char name[CACHE_NAME];
        const float embedding[EMBED] = {(float)i, 1, 2, 3, -0.0f}, pooled[WIDTH] = {0.1f, (float)i / 7, 9};
        name_of(i, name);
        const float *numbers = cache_find(cache, name);
        found += numbers != NULL;
        if (!numbers) continue;
        assert_memory_equal(numbers, embedding, sizeof embedding);
        assert_memory_equal(numbers + EMBED, pooled, sizeof pooled);
    }
    if (!cache_files(cache)) assert_int_equal(found, 0);
}

/* Every bit of a small file in turn, and every length. */
static void test_a_damaged_file_is_left_aside(void **state)
{
    (void)state;
    char command[200], path[200];
    write_pictures("00000", &key, 0, 3);
    snprintf(command, sizeof command, "ls %s/*.emb", folder);
    FILE *list = popen(command, "r");
    assert_non_null(fgets(path, sizeof path, list));
    pclose(list);
    path[strcspn(path, "\n")] = 0;
    struct buf whole;
    buf_init(&whole, 1 << 20);
    assert_int_equal(buf_read_file(&whole, path), 0);
    int terminal = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO); /* it says so each time */
    for (size_t at = 0; at < 2 * whole.n; at += 5) {
        struct file_out out = {.fd = -1};
        size_t flip = at < whole.n ? at : SIZE_MAX, n = at < whole.n ? whole.n : at - whole.n;
        if (flip != SIZE_MAX) whole.p[flip] ^= (char)(1 << at % 8);
        assert_int_equal(file_create(&out, path), 0);
        assert_int_equal(file_write(&out, str_of(whole.p, n)), 0);
        assert_int_equal(file_publish(&out), 0);
        file_discard(&out);
        if (flip != SIZE_MAX) whole.p[flip] ^= (char)(1 << at % 8);
        struct cache *cache = opened(&key);
        check_what_is_found(cache, 3);
        cache_close(cache);
        struct cache_summary *summary = NULL;
        size_t keys = 0;
        assert_int_equal(cache_survey(folder, &summary, &keys), 0);
        assert_int_equal(keys, 1);
        assert_int_equal(summary[0].damaged, 1);
        free(summary);
    }
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    close(nowhere);
    buf_free(&whole);
    write_pictures("00000", &key, 0, 3); /* and replaced */
    struct cache *cache = opened(&key);
    check_pictures(cache, 0, 3, true);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_put_in_comes_out, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_task_that_runs_again_keeps_what_it_had, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_other_keys_are_other_caches, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_files_merge_into_one, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_left_aside, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
