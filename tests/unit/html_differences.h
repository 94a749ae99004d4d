/* The list of conformance cases that are not followed: tests/data/html-differences.tsv, lines of suite, file, number of the
 * case in it (from 0), reason. A case that differs must stand there, and one that stands there must differ. */
#ifndef WINNOW_TESTS_HTML_DIFFERENCES_H
#define WINNOW_TESTS_HTML_DIFFERENCES_H

#include "pipeline/base/buf.h"

struct differences {
    struct buf file;
    const char *suite;
    size_t listed;     /* lines of the suite */
    size_t met;        /* listed cases that did differ */
    size_t unexplained, stale;
};

static inline void differences_open(struct differences *d, const char *suite)
{
    *d = (struct differences){.suite = suite};
    buf_init(&d->file, 1 << 20);
    if (buf_read_file(&d->file, "tests/data/html-differences.tsv") < 0) fail_msg("tests/data/html-differences.tsv is missing");
    struct str rest = buf_str(&d->file);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');
        d->listed += str_eq(str_cut(&line, '\t'), str_from(suite));
    }
}

static inline bool differences_listed(const struct differences *d, const char *file, size_t number)
{
    struct str rest = buf_str(&d->file);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');
        uint64_t listed;
        if (!str_eq(str_cut(&line, '\t'), str_from(d->suite)) || !str_eq(str_cut(&line, '\t'), str_from(file))) continue;
        if (str_to_u64(str_cut(&line, '\t'), &listed) == 0 && listed == number) return true;
    }
    return false;
}

static inline void differences_note(struct differences *d, const char *file, size_t number, bool passes, const char *what)
{
    bool listed = differences_listed(d, file, number);
    d->met += listed && !passes;
    if (!passes && !listed) {
        d->unexplained++;
        print_error("differs: %s\t%s\t%zu\t%s\n", d->suite, file, number, what ? what : "");
    }
    if (passes && listed) {
        d->stale++;
        print_error("listed, but does not differ: %s\t%s\t%zu\n", d->suite, file, number);
    }
}

/* How many differences are unexplained, stale, or listed for cases that do not exist. */
static inline size_t differences_close(struct differences *d)
{
    size_t wrong = d->unexplained + d->stale + (d->listed - d->met - d->stale);
    buf_free(&d->file);
    return wrong;
}

#endif
