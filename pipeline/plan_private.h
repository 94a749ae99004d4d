/* What the files plan*.c share. */
#ifndef WINNOW_PLAN_PRIVATE_H
#define WINNOW_PLAN_PRIVATE_H

#include "pipeline/plan.h"

struct chain;

int plan_append(struct arena *arena, struct recipe_list *list, const char *item); /* item NULL: -1 */
/* One more step, which reads the rows of the last one that gives any. NULL with a sentence. */
struct plan_step *plan_add_step(struct plan *plan, const char *name, uint64_t tasks, enum plan_input input);
const char *plan_folder(const struct plan *plan, const struct plan_step *step, struct arena *arena);
uint64_t plan_crawl_tasks(const struct plan *plan); /* into how many the crawl is parted */

/* ---- plan_dedup.c: over one task, or, with buckets, an exchange: partition, dedup a bucket, merge. `by`: of a preset's rule, or
 * NULL; `options`: the recipe's. */
int plan_add_dedup(struct plan *plan, const char *by, const struct recipe_list *options);

/* ---- plan_counts.c: tables of counts.
 * Over one task `count` writes the tables; over several, parts, which are brought together table by table: with buckets
 * through partition, one count a bucket. The rows are those of the step before. */
int plan_add_counts(struct plan *plan, struct str what); /* as --what takes it: "images-per-text:10,unigrams:4" */
/* Whose rows are counted: the first that hold what is counted (a picture's content is known after fetch, what names became after the
 * filter that replaces them). */
enum plan_counted { PLAN_COUNTED_EXTRACTED, PLAN_COUNTED_FETCHED, PLAN_COUNTED_NAMED, PLAN_COUNTED };
/* The kinds that the served rules of a prepared chain read, as --what takes them; "" when they read none. */
int plan_counts_wanted(const struct chain *chain, enum plan_counted rows, struct buf *what);
int plan_give_counts(struct plan *plan, struct plan_step *step); /* to a filter step: all tables so far */

#endif
