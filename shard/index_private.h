/* What the files of the command `index` share: index.c (the command), index_steps.c (manifests to sums), index_removed.c (rows
 * that were removed). Nothing else includes this. */
#ifndef WINNOW_SHARD_INDEX_PRIVATE_H
#define WINNOW_SHARD_INDEX_PRIVATE_H

#include "pipeline/base/arena.h"
#include "shard/index_db.h"
#include "shard/loaders.h"

#include <jansson.h>

enum { LOSSES_INDEXED = 1000 }; /* of a step, the first ones, as a manifest lists them; `counts` has their number */

/* A list of texts of the arena. */
struct texts {
    const char **list;
    size_t count, room;
};
int texts_add(struct texts *texts, const char *text); /* the text is not copied; NULL is failure and fails */
void texts_free(struct texts *texts);                 /* the list, not the texts */

/* A step of the run: its manifests, and what they sum up to. */
struct index_step {
    const char *name;         /* 02-filter */
    struct texts manifests;   /* paths, by task */
    const char *stage;        /* NULL until a manifest was read */
    uint64_t behaviour;
    json_t *parameters;       /* those that all tasks agree on */
    json_t *filters;          /* rules with parameters and provenance, in order; NULL where the stage has none */
    json_t *rules, *counts;   /* name → rows */
    json_t *losses;           /* the first of them */
    uint64_t read, written, dropped, records, losses_total;
    struct texts dropped_files;
};

struct index_input {
    uint64_t src_file, size;
    const char *name, *hash;
};

struct index_run {
    struct arena arena;
    struct index_step *steps;
    size_t step_count, step_room;
    struct index_input *inputs;
    size_t input_count, input_room;
    struct index_shard *shards;  /* names in the arena */
    size_t shard_count, shard_room;
    struct texts sample_files;   /* row files of samples, by task */
    const char *shards_folder;   /* path of the folder of shards, with a slash at its end; NULL without shards */
    const char *meta_folder;     /* path of FOLDER.meta/ */
    bool many_tasks;             /* several tasks made the shards: none of them could write the loaders' indexes */
};

/* index_steps.c */
int index_run_find(struct index_run *run, const char *const *arguments, size_t count); /* OUT, or manifests */
int index_run_sum(struct index_run *run);                                              /* reads every manifest once */
int index_run_write(const struct index_run *run, struct index_builder *b);             /* all but samples and removed rows */
void index_run_free(struct index_run *run);

/* index_removed.c */
enum removed_mode { REMOVED_ROWS, REMOVED_SAMPLE, REMOVED_COUNTS };
struct removed_rows {
    enum removed_mode mode;
    uint64_t sample;        /* of each rule of each step */
    struct columns columns; /* of all dropped files together */
};
int removed_columns(struct removed_rows *r, const struct index_run *run); /* looks into the dropped files */
int removed_write(struct removed_rows *r, const struct index_run *run, struct index_builder *b);

/* Whether the person wants to stop: fails with a sentence. Asked now and then by long loops. */
int index_interrupted(void);

#endif
