/* A row and a chain for tests of filters: rules as lines, cells as name=value. */
#ifndef WINNOW_TESTS_FILTER_HELP_H
#define WINNOW_TESTS_FILTER_HELP_H

#include "filters/preset.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct judged {
    struct chain chain;
    struct filter_row *row;
    struct rule_counts counts[CHAIN_RULES];
    struct chain_outcome outcome;
    struct buf measured;
};

static inline void use_own_presets(void) { setenv("WINNOW_PRESETS", "filters/presets", 1); }

static inline void assert_done(int result)
{
    if (result < 0) fail_msg("%s", fail_message());
}

static inline struct judged *judge_new(void)
{
    use_own_presets();
    struct judged *j = calloc(1, sizeof *j);
    assert_non_null(j);
    assert_done(chain_init(&j->chain));
    buf_init(&j->measured, 1 << 20);
    return j;
}

static inline void judge_ready(struct judged *j)
{
    assert_done(chain_prepare(&j->chain, NULL, NULL));
    j->row = filter_row_new(&j->chain);
    assert_non_null(j->row);
}

/* A chain of one rule, "filter param=value ...". */
static inline struct judged *judge_rule(const char *rule)
{
    struct judged *j = judge_new();
    char line[4096];
    snprintf(line, sizeof line, "rule %s", rule);
    assert_done(preset_add_rule(&j->chain, line));
    judge_ready(j);
    return j;
}

static inline void judge_free(struct judged *j)
{
    filter_row_free(j->row);
    chain_free(&j->chain);
    buf_free(&j->measured);
    free(j);
}

/* Judges a row whose cells are given as pairs column, value, ended by NULL; columns nobody reads are ignored. The rule that
 * dropped it, or NULL. */
static inline const char *judge_row(struct judged *j, const char *first, ...) __attribute__((sentinel));
static inline const char *judge_row(struct judged *j, const char *first, ...)
{
    filter_row_begin(j->row);
    for (size_t i = 0; i < j->chain.column_count; i++) j->row->cells[i] = STR_ABSENT;
    va_list pairs;
    va_start(pairs, first);
    for (const char *name = first; name; name = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        for (size_t i = 0; i < j->chain.column_count; i++)
            if (strcmp(j->chain.columns[i], name) == 0 && *value) j->row->cells[i] = str_from(value);
    }
    va_end(pairs);
    assert_done(chain_judge(&j->chain, j->row, true, j->counts, &j->outcome));
    buf_clear(&j->measured);
    if (j->outcome.rule) filter_measured(&j->measured, &j->outcome.result, &j->outcome.rule->bounds);
    return j->outcome.rule ? j->outcome.rule->name : NULL;
}

static inline const char *measured(struct judged *j) { return buf_c_string(&j->measured); }

#define assert_kept(j, ...) assert_null(judge_row(j, __VA_ARGS__, NULL))
#define assert_dropped(j, ...) assert_non_null(judge_row(j, __VA_ARGS__, NULL))
/* Dropped, and this is what the row is told. */
#define assert_told(j, measure, ...) \
    do { \
        assert_non_null(judge_row(j, __VA_ARGS__, NULL)); \
        assert_string_equal(measured(j), measure); \
    } while (0)

#endif
