/* Every file of the hostile set in a process of its own: the outcome that hostile.tsv asks for, bounded time and memory. */
#include "crawl/image/image.h"
#include "tests/unit/shared.h"
#include "tests/unit/tarball.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 8, MEASURES_MEMORY = 0 }; /* and its allocator keeps what is freed */
#else
enum { SLOWER = 1, MEASURES_MEMORY = 1 };
#endif

struct row {
    struct str file, bytes, sniff, class, expected;
};

struct outcome {
    enum image_status status;
    struct image_info info;
    double seconds;   /* of processor time */
    long kib;         /* peak memory */
    bool crashed;
};

static unsigned wrong;

static void complain(const struct row *row, const struct outcome *o, const char *what)
{
    wrong++;
    print_message("%.*s: %s: status %s, %.2f s, %ld KiB; expected: %.*s\n", STR_ARG(row->file), what,
                  image_status_name(o->status), o->seconds, o->kib, STR_ARG(row->expected));
}

static void decode_in_child(struct str bytes, int pipe_end)
{
    struct outcome o = {0};
    struct image image = {0};
    image_probe(bytes, &image_limits_default, &o.info);
    o.crashed = image_decode(bytes, &image_limits_default, IMAGE_OVER_WHITE, &image, &o.status) < 0;
    if (write(pipe_end, &o, sizeof o) != (ssize_t)sizeof o) _exit(1);
    image_free(&image);
    _exit(0);
}

static struct outcome decode_alone(struct str bytes)
{
    struct outcome o = {.crashed = true};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) decode_in_child(bytes, ends[1]);
    close(ends[1]);
    if (read(ends[0], &o, sizeof o) != (ssize_t)sizeof o) o.crashed = true;
    close(ends[0]);
    int status;
    struct rusage usage;
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) o.crashed = true;
    o.seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
                (double)usage.ru_stime.tv_usec / 1e6;
    o.kib = usage.ru_maxrss;
    return o;
}

/* "< 0.2 s", "< 8 MB": the number behind the sign; `otherwise` where the text has none with that unit. */
static double bound(struct str text, const char *unit, double otherwise)
{
    for (size_t at = 0; (at = str_find(text, STR("< "))) != SIZE_MAX;) {
        text = str_from_at(text, at + 2);
        char copy[32], *end;
        snprintf(copy, sizeof copy, "%.*s", (int)(text.n < 20 ? text.n : 20), text.p);
        double value = strtod(copy, &end);
        if (*end == ' ' && strncmp(end + 1, unit, strlen(unit)) == 0) return value;
    }
    return otherwise;
}

static void check_outcome(const struct row *row, const struct outcome *o)
{
    bool may_fail = str_find(row->expected, STR("refuse")) != SIZE_MAX || str_find(row->expected, STR("unsupported")) != SIZE_MAX;
    bool may_succeed = str_starts(row->expected, STR("ok")) || str_find(row->expected, STR("or ok")) != SIZE_MAX;
    bool ok = o->status == IMAGE_OK;
    if (str_eq(row->class, STR("regression"))) may_fail = may_succeed = true;
    if (ok && !may_succeed) complain(row, o, "decoded");
    if (!ok && !may_fail) complain(row, o, "refused");
    if (str_starts(row->expected, STR("unsupported:")) && strncmp(image_status_name(o->status), "unsupported", 11) != 0)
        complain(row, o, "not called unsupported");
    if (str_find(row->expected, STR("orientation 6")) != SIZE_MAX && o->info.orientation != 6) complain(row, o, "orientation");
    if (str_find(row->expected, STR("orientation ignored")) != SIZE_MAX && o->info.orientation != 1) complain(row, o, "orientation");
    if (str_find(row->expected, STR("decided from the header")) != SIZE_MAX && o->status != IMAGE_TOO_MANY_PIXELS)
        complain(row, o, "not refused for its pixels");
}

static void check_file(const struct row *row, struct str bytes, long idle_kib)
{
    struct outcome o = decode_alone(bytes);
    if (o.crashed) {
        complain(row, &o, "crashed");
        return;
    }
    check_outcome(row, &o);
    if (o.seconds > SLOWER * bound(row->expected, "s", 2)) complain(row, &o, "slow");
    double most = bound(row->expected, "MB", 0) * 1000;
    if (most == 0) most = (double)o.info.memory / 1024 + 2048; /* the door's own estimate, and what codecs keep for ever */
    if (MEASURES_MEMORY && (double)(o.kib - idle_kib) > most) complain(row, &o, "large");
}

static bool find_row(struct str table, const char *name, struct row *row)
{
    while (table.n) {
        struct str line = str_cut(&table, '\n');
        row->file = str_cut(&line, '\t');
        row->bytes = str_cut(&line, '\t');
        row->sniff = str_cut(&line, '\t');
        row->class = str_cut(&line, '\t');
        row->expected = str_cut(&line, '\t');
        if (str_eq(row->file, str_from(name))) return true;
    }
    return false;
}

static void test_hostile_files_are_refused_or_decoded_within_limits(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/images/hostile.tsv");
    if (!path) skip();
    struct buf table;
    buf_init(&table, 1 << 20);
    assert_int_equal(buf_read_file(&table, path), 0);
    struct tarball tarball;
    assert_int_equal(tarball_open(&tarball, shared_path("data/conformance/images/hostile.tar.zst")), 0);
    assert_int_equal(image_versions(&table), 0); /* opens the module here, so that children do not pay for it */
    long idle_kib = decode_alone(STR("GIF89a")).kib;
    char name[101];
    struct str bytes;
    unsigned files = 0;
    while (tarball_next(&tarball, name, &bytes)) {
        struct row row;
        if (!find_row(buf_str(&table), name, &row)) fail_msg("%s is not in hostile.tsv", name);
        check_file(&row, bytes, idle_kib);
        files++;
    }
    print_message("%u hostile files\n", files);
    assert_true(files > 300);
    assert_int_equal(wrong, 0);
    tarball_close(&tarball);
    buf_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_files_are_refused_or_decoded_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
