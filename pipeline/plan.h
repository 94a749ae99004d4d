/* The plan of a run: plain commands, step by step, that a person can print and run by hand.
 *
 * A step is one command over a number of tasks; tasks of a step do not depend on one another, a step depends on the ones
 * before it. Every command line follows from the recipe alone, before anything has run.
 */
#ifndef WINNOW_PLAN_H
#define WINNOW_PLAN_H

#include "pipeline/recipe.h"

#include <stdio.h>

enum { PLAN_STEPS_MAX = 64 };

/* Which row files a step reads. */
enum plan_input {
    PLAN_CRAWL,   /* the recipe's inputs */
    PLAN_ROWS,    /* all row files of step `from`; the harness takes the task's share */
    PLAN_BUCKET,  /* bucket `task` of every task of step `from` */
    PLAN_NOTHING, /* the whole of OUT: index, report */
};

struct plan_step {
    const char *name;             /* "02-filter": its folder in OUT */
    const struct command *command;
    struct recipe_list options;   /* beside what the plan adds: --task, -o, inputs */
    enum plan_input input;
    size_t from;                  /* step whose rows are read */
    uint64_t tasks;
    bool buckets;                 /* a task is a bucket: its output is named, not numbered by --task */
};

struct plan {
    const struct recipe *recipe;
    struct arena arena;
    const char *output;           /* OUT, without a slash at its end */
    struct plan_step steps[PLAN_STEPS_MAX];
    size_t count;
    uint64_t buckets;
};

int plan_make(struct plan *plan, const struct recipe *recipe, const char *output); /* output: overrides the recipe's */
void plan_free(struct plan *plan);
/* The command line of a task, "winnow" first; memory of `arena`. NULL-terminated; *argc without the NULL. */
char **plan_command(const struct plan *plan, size_t step, uint64_t task, struct arena *arena, size_t *argc);
/* The path of the manifest that says that this task is done; NULL where a step writes none (index, report). */
const char *plan_manifest(const struct plan *plan, size_t step, uint64_t task, struct arena *arena);
int plan_print(const struct plan *plan, FILE *out);  /* shell command lines */
int plan_json(const struct plan *plan, struct buf *out); /* plan.jsonl: versions, then a line a task */

#endif
