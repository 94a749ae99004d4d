/* Limits: every rule that compares a number, asked again of the rows, to see how the number lies around the limit and what
 * another limit would keep.
 *
 *     limits_open(&l, &funnel, rows);                one struct limit a rule, in the funnel's order
 *     for each file: limits_columns(&l, columns);
 *     for each row: limits_row(&l, row, end, …);
 *     limits_close(&l);
 *
 * A rule is asked of every row that reached its step, whatever an earlier rule of the step said, by the same code and parameters
 * as in the run (filters/table.h; the parameters stand in the manifests). Costly rules are asked of one row in 2^k, chosen by the
 * hash of the id, so that at most COSTLY_ROWS are; all their counts are then of that sample.
 *
 * Rows fall into classes. What another limit would keep follows from them: of rows that pass as things are, and of those that
 * only this rule of its step kept out, the ones that would pass. Rows let in would still meet the rules of later steps, so with
 * them it is a most; without them it is exact.
 */
#ifndef WINNOW_REPORTS_STATS_LIMITS_H
#define WINNOW_REPORTS_STATS_LIMITS_H

#include "filters/chain.h"
#include "reports/funnel.h"
#include "reports/stats_bins.h"
#include "reports/stats_examples.h"

enum limit_class {
    LIMIT_KEPT,   /* passes, and is in the corpus */
    LIMIT_PASSED, /* passes, and another rule keeps it out */
    LIMIT_ONLY,   /* fails, and no other rule of the step that was asked */
    LIMIT_FAILED, /* fails, and another rule of the step as well */
    LIMIT_MARKED, /* fails, and was only marked: it is in the corpus */
};
enum { COSTLY_ROWS = 200000, LIMIT_OPTIONS = 20, LIMIT_EXAMPLES = 5 };

/* One limit that might stand there instead. */
struct limit_option {
    struct bounds bounds;
    double at;              /* the side that differs */
    bool high;              /* that side is the upper one */
    bool own;               /* the run's own limit */
    char text[40];          /* ">= 5", as in bounds of rules: ">=5" */
    char from[160];         /* names of the presets that have it, separated by ", " */
    uint64_t passes;        /* rows of the step's input, by this rule alone */
    uint64_t kept, only;    /* of those: in the corpus; LIMIT_ONLY */
};

struct limit {
    size_t step;                    /* in the funnel */
    const struct funnel_rule *rule; /* there */
    const struct rule *asked;
    const char *unit, *what;        /* of the filter: "pixels", "the shorter side: …" */
    const char *columns[2];         /* that a rule with column= reads, those of the stand-in where one served it; NULL: none */
    bool integer;
    unsigned level;                 /* asked of one row in 2^level */
    struct bins bins;               /* by enum limit_class */
    uint64_t rows;                  /* asked, and a number found */
    uint64_t without;               /* asked, and no number there */
    uint64_t disagree;              /* rows whose fate is another than the rule says now: 0 unless lists or code changed */
    struct limit_option options[LIMIT_OPTIONS];
    size_t option_count;            /* rising, the lower side's first */
    struct examples inside, outside; /* nearest to the limit: of the corpus, and of what this rule dropped */
};

struct limits_step;
struct limits {
    struct limit *list;
    size_t count;
    struct limits_step *steps;
    size_t step_count;
    size_t unasked;                 /* rules with a number that could not be asked again: a list is gone */
};

int limits_open(struct limits *l, const struct funnel *f, uint64_t rows); /* `rows`: about how many will come */
void limits_close(struct limits *l); /* may be called on a zeroed struct */
/* Whether an option says more than the run's own limit: a number near by that lets through just what that does says nothing. */
bool limit_option_tells(const struct limit *l, const struct limit_option *o);
int limits_columns(struct limits *l, const struct columns *columns);

struct limits_row {
    const struct row *row;
    const struct example_columns *at;
    size_t end;            /* step that dropped it; SIZE_MAX: in the corpus */
    struct str rule, also; /* of a dropped row */
    uint64_t hash, same;   /* of its id; of its URL */
    double unsafe;
};
int limits_row(struct limits *l, const struct limits_row *r, struct arena *scratch);

double decimal_value(struct decimal d);
/* private: fills l->options of a rule from its own limits, from the presets' and from numbers near by (stats_options.c) */
struct published;
struct published *published_open(void); /* the rules of all presets that can be read; NULL out of memory */
void published_close(struct published *p);
void limit_options(struct limit *l, const struct published *published);

#endif
