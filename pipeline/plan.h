/* The plan of a run: plain commands, step by step, that a person can print and run by hand.
 *
 * A step is one command over a number of tasks; tasks of a step do not depend on one another, a step depends on the ones
 * before it. Every command line follows from the recipe alone, before anything has run.
 */
#ifndef WINNOW_PLAN_H
#define WINNOW_PLAN_H

#include "filters/score_plan.h"
#include "pipeline/recipe.h"

#include <stdio.h>

enum { PLAN_STEPS_MAX = 64, PLAN_SCORES_MAX = 8 };

/* Which row files a step reads. */
enum plan_input {
    PLAN_CRAWL,   /* the recipe's inputs */
    PLAN_ROWS,    /* all row files of step `from`; the harness takes the task's share */
    PLAN_BUCKET,  /* bucket `task` of every task of step `from` */
    PLAN_NOTHING, /* the whole of OUT: index, report */
};

/* Of a score step. */
struct plan_score {
    struct score_plan foreseen;   /* as this machine will do it */
    const char *class;            /* processor class as planned; foreseen.class is another one only with any_machine */
};

struct plan_step {
    const char *name;             /* "02-filter": its folder in OUT */
    const struct command *command;
    struct recipe_list options;   /* beside what the plan adds: --task, -o, inputs */
    enum plan_input input;
    size_t from;                  /* step whose rows are read */
    uint64_t tasks;
    bool buckets;                 /* a task is a bucket: its output is named, not numbered by --task */
    const char *table;            /* of step `from` it reads the files NNNNN.TABLE.rows.zst; NULL: NNNNN.rows.zst */
    bool aside;                   /* what it writes is a table, or leads to one, and not the rows of the next step */
    const struct plan_score *score; /* of a score step, else NULL */
};

struct plan {
    const struct recipe *recipe;
    struct arena arena;
    const char *output;           /* OUT, without a slash at its end */
    struct plan_step steps[PLAN_STEPS_MAX];
    size_t count;
    uint64_t buckets;
    struct recipe_list counts;    /* "--counts=PATH" of every table of counts that earlier steps make */
    struct plan_score scores[PLAN_SCORES_MAX];
    size_t score_count;
    bool any_machine, looks_only;
};

enum plan_purpose {
    PLAN_TO_RUN,         /* this machine serves the processor class that an earlier plan in OUT fixed, or plan_make fails */
    PLAN_ON_ANY_MACHINE, /* where it does not, it computes in a class of its own */
    PLAN_TO_LOOK,        /* steps and tasks alone: no model is opened, no class fixed */
};
int plan_make(struct plan *plan, const struct recipe *recipe, const char *output, enum plan_purpose purpose); /* output: overrides the
                                                                                                                 recipe's */
void plan_free(struct plan *plan);
/* The command line of a task, "winnow" first; memory of `arena`. NULL-terminated; *argc without the NULL. */
char **plan_command(const struct plan *plan, size_t step, uint64_t task, struct arena *arena, size_t *argc);
/* The path of the manifest that says that this task is done; NULL where a step writes none (index, report). */
const char *plan_manifest(const struct plan *plan, size_t step, uint64_t task, struct arena *arena);
int plan_print(const struct plan *plan, FILE *out);  /* shell command lines */
int plan_json(const struct plan *plan, struct buf *out); /* plan.jsonl: versions, then a line a task */

#endif
