/* The funnel of a run: what went into each step, what came out, and which rule removed how much. The one model that all
 * renderings share; numbers come from manifests, added up over the tasks of a step.
 *
 *     struct funnel f;
 *     funnel_read(&f, "OUT");
 *     funnel_text(&f, &out);  or  funnel_json(&f, &out);      reports/render.h
 *     funnel_free(&f);
 *
 * Everything lives until funnel_free. Memory grows with rules and counts, not with tasks. Texts come from outside (names of
 * files, what was wrong with them): whoever prints them masks them.
 */
#ifndef WINNOW_REPORTS_FUNNEL_H
#define WINNOW_REPORTS_FUNNEL_H

#include "shard/steps.h"

enum { FUNNEL_LOSSES_LISTED = 1000 }; /* of a step; manifests list as many of a task */

enum alone { ALONE_UNKNOWN, ALONE_EXACT, ALONE_SAMPLED };

struct funnel_rule {
    const char *name;
    const char *filter, *bound, *place, *provenance, *source; /* NULL where the stage says nothing of it */
    json_t *parameters;    /* object of texts; NULL */
    const char *unserved;  /* why it was not asked; NULL when it was */
    const char *substitute; /* "sim_mine for sim_b32": another model's column was read instead; NULL: none was */
    const char *done_by;   /* the command that does it in its stead; NULL */
    uint64_t removed;      /* in order: each row counts for the first rule that it failed */
    uint64_t reached;      /* rows that the rules before left to it; 0 where the stage does not say */
    bool marked;           /* --mark: `removed` rows were marked and went on */
    enum alone alone_kind;
    uint64_t alone;        /* rows that it would have removed of all that reached the step */
    uint64_t sample;       /* ALONE_SAMPLED: rows, dropped before it, that it was asked of all the same to tell */
    uint64_t sample_failed; /* private to the reading: of those, failed it */
};

struct funnel_count {
    const char *name;
    uint64_t n;
};

struct funnel_loss {
    const char *file, *what; /* `what` begins with file and place */
    uint64_t offset;
};

struct funnel_step {
    const char *name, *stage;   /* "02-filter", "filter" */
    json_t *parameters;         /* of its first task */
    uint64_t behaviour;
    uint64_t tasks, tasks_done; /* `tasks`: as its manifests say */
    uint64_t inputs, input_bytes, output_bytes;
    uint64_t records;           /* of crawl files or lists; 0 for a stage that reads rows */
    uint64_t read, kept, dropped; /* rows; `kept` of shard: samples */
    bool reads_rows;            /* `read` is known */
    bool aside;                 /* what it writes is a table (counts, and what is made of them alone), no rows that go on */
    bool from_rows, from_tables; /* private to the reading: of which kinds its inputs are */
    struct funnel_rule *rules;
    size_t rule_count, rule_room;
    struct funnel_count *counts; /* what the stage counts by name, without what stands in rules */
    size_t count_count, count_room;
    struct funnel_loss *losses;  /* the first ones */
    size_t loss_count, loss_room;
    uint64_t losses_total;
    uint64_t tasks_limited;     /* ended early by --limit */
    uint64_t tasks_damaged;     /* met a crawl file that is none, empty or cut */
};

struct funnel {
    struct steps steps;
    struct funnel_step *list; /* one a step */
    size_t count;
    json_t *kept;             /* private: owns the parameters */
};

int funnel_read(struct funnel *f, const char *out);
void funnel_free(struct funnel *f); /* may be called on a zeroed struct */

/* What is not as it should be: calls `say` with a sentence each. Steps that lack tasks, that ended early, that met damage, what
 * fetching from the web was told not to heed, and rows that a step wrote and the next one did not read. */
int funnel_oddities(const struct funnel *f, int (*say)(void *context, const char *sentence), void *context);

#endif
