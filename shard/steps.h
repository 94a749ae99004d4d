/* The steps of a run as its folder tells them: which there are, in order, and the manifest of each finished task.
 *
 *     struct steps s;
 *     steps_open(&s, "OUT");
 *     for (size_t i = 0; i < s.count; i++)
 *         for (size_t t = 0; t < s.list[i].task_count; t++) json_t *m = steps_manifest(&s, i, t); … json_decref(m);
 *     steps_close(&s);
 *
 * Steps are OUT's folders NN-STAGE by number, then the shards (schemas/FORMAT.md §8). A folder that itself holds manifests, such
 * as a stage typed by hand with -o FOLDER/ leaves, is a run of one step. Manifests are read one at a time: a run may have a
 * hundred thousand. Nothing is changed; a run may still be going on.
 */
#ifndef WINNOW_SHARD_STEPS_H
#define WINNOW_SHARD_STEPS_H

#include "pipeline/base/arena.h"

#include <jansson.h>

struct step {
    const char *name;    /* "02-filter", "shards" */
    const char *folder;  /* where its manifests stand, with a slash at its end */
    uint64_t *tasks;     /* numbers of the tasks that have a manifest, rising */
    size_t task_count;
    bool shards;         /* FOLDER.meta/ of the shards */
};

struct steps {
    struct arena arena;
    const char *out;     /* without a slash at its end */
    struct step *list;
    size_t count;
    bool itself;         /* the folder is no run's, but of one step */
};

int steps_open(struct steps *s, const char *out); /* -1: no such folder, or no manifest in it */
void steps_close(struct steps *s);                /* may be called on a zeroed struct */

/* The manifest of the `task`-th finished task of a step: its path, in the arena `a`; read, and then the caller's. NULL with a sentence. */
const char *steps_manifest_path(const struct steps *s, size_t step, size_t task, struct arena *a);
json_t *steps_manifest(const struct steps *s, size_t step, size_t task);
/* The path of an output that a manifest names, in the arena `a`. NULL with a sentence. */
const char *steps_output_path(const struct steps *s, size_t step, json_t *output, struct arena *a);

/* The name of the `src_file`-th file of the run's input list, in the arena `a`: from the manifests of the first step. NULL
 * (no sentence) where no manifest names it. */
const char *steps_input_name(const struct steps *s, uint64_t src_file, struct arena *a);

/* The path of the file of shard `number`, in the arena `a`. NULL (no sentence) when there is none. */
const char *steps_shard_path(const struct steps *s, uint64_t number, struct arena *a);

/* ---- manifests */

uint64_t manifest_u64(json_t *object, const char *key);       /* 0 where absent */
const char *manifest_text(json_t *object, const char *key);   /* NULL where absent */
uint64_t manifest_rows(json_t *manifest, const char *key);     /* "read", "written" or "dropped" of `rows` */
bool output_is_rows(json_t *output);                           /* a row file of rows that go on: NAME.rows.zst */

#endif
