/* The harness of row stages.
 *
 * A stage is one file: an options table, the columns it needs and makes, and a few callbacks. The harness reads frames, runs
 * N workers, keeps order, counts, shows progress, handles signals, --task i/N, --limit, -o, dropped rows, manifests and
 * atomic publishing.
 *
 *     next   serial     fills the item's input; the harness reads rows when it is NULL
 *     work   parallel   item->in → item->out, item drops
 *     emit   serial     in order: what must be sequential (offsets in a pack, checks across items)
 *
 * To add a stage NAME: write WING/NAME.c with `const struct command command_NAME` whose .stage points at a `struct stage`;
 * add its line to pipeline/commands.def; describe new columns in schemas/columns.def. Tests that will check it:
 * tests/e2e/help_test.py runs its example, tests/e2e/columns_test.py its columns, tests/e2e/threads_test.py equal bytes.
 *
 * Threads: each callback but `work` is called by one thread at a time; `next` may run beside `emit`, on a later item, so state
 * that both touch needs a lock or an atomic. `work` runs many times at once, with different items and different `worker` numbers
 * (0 … threads-1), so per-worker state needs none.
 * All callbacks return 0, or -1 after fail(); `next` returns 1 when it filled the item, 0 at the end.
 */
#ifndef WINNOW_STAGE_H
#define WINNOW_STAGE_H

#include "pipeline/base/file.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"
#include "pipeline/rows/rows.h"

#include <jansson.h>

struct stage_run;

/* One unit of work: about 1 MiB of rows, or whatever a source puts into `user`. Items are reused. */
struct stage_item {
    uint64_t sequence;    /* 0, 1, 2 … in input order */
    struct batch in;      /* rows read; empty for a source */
    struct batch out;     /* rows to write; the stage fills it. Its columns are run->out */
    void *user;           /* from stage->item_new; NULL without it */
    struct arena scratch; /* reset before each work(); for values needed until the item is written */
    struct stage_item_private *own;
};

struct stage {
    int behaviour;      /* raised by the author when the same input would give other rows */
    const char *needs;  /* columns that must be in the input, separated by spaces; "" for a source */
    const char *hint;   /* what to run for them: "run 'winnow fetch' first" */
    bool source;        /* arguments are not row files: the stage opens them itself in next() */
    bool sink;          /* writes no rows: files of its own through stage_publish; the manifest goes to FOLDER.meta/ */
    bool buckets;       /* writes rows only to outputs that open() adds; needs -o */
    bool drops;         /* may drop rows: gets --dropped */
    const char *drops_with; /* columns that dropped rows have before the usual five, separated by spaces; stage_drop_cell sets them */
    bool plain;         /* rows to standard output are always plain lines: a window for people */
    bool makes_packs;   /* writes packs: run->packs is where they go */
    unsigned passes;    /* times that the rows are walked; 0 means 1. A pipe is spooled. Only the last pass writes */
    size_t run_size;    /* bytes of run->state, zeroed */

    int (*prepare)(struct stage_run *run); /* before any thread exists; may be NULL, as all below but work */
    int (*open)(struct stage_run *run);    /* run->in is known; adds columns to run->out, which begins as a copy of run->in;
                                              makes no files: the work may prove to be done already */
    void *(*item_new)(struct stage_run *run);
    void (*item_free)(void *user);
    int (*next)(struct stage_run *run, struct stage_item *item);
    int (*work)(struct stage_run *run, struct stage_item *item, unsigned worker);
    int (*emit)(struct stage_run *run, struct stage_item *item);
    int (*finish)(struct stage_run *run);  /* all items are through, outputs not yet published: last files, last rows */
    int (*parameters)(const struct stage_run *run, json_t *parameters); /* adds what else decides the output besides the values
                                              of options, such as contents of files that they name; after open */
    int (*manifest)(struct stage_run *run, json_t *manifest); /* adds keys to the manifest (sorted later; no floats) */
    void (*close)(struct stage_run *run);  /* always called once open was, also after a failure */
};

/* Options every row stage has (pipeline/stage_options.c has the table; -o and its kin). */
struct stage_options {
    const char *output;        /* -o: file, folder ending in '/', or "-" */
    uint64_t threads;          /* 0 = all cores */
    uint64_t memory;           /* bytes that bound windows, sorts, finished pictures */
    const char *tmp;           /* where to spill */
    const char *task;          /* "i/N" */
    uint64_t limit;            /* stop after so many rows written; 0 = no limit */
    const char *dropped;       /* file for dropped rows; in a folder they are always kept */
    double tolerate;           /* share of the input that may be unreadable before exit 3 */
    const char *packs;         /* pack folder */
    bool plain, plain_input, quiet, force;
};

struct stage_run {
    const struct stage *stage;
    const struct command_line *line;
    const void *options;               /* the stage's own options struct */
    const struct stage_options *common;
    void *state;                       /* run_size bytes of the stage's own */
    struct columns in, out;
    unsigned passes;                   /* times that the rows are walked: the stage's, unless prepare() asks for more */
    unsigned pass;                     /* 0 … passes-1 */
    unsigned threads;                  /* workers */
    uint64_t task, tasks;              /* --task task/tasks; 0 of 1 without */
    const char *const *inputs;         /* of a source: this task's share of the arguments, each @LIST replaced by its lines */
    size_t input_count;
    uint64_t first_input;              /* ordinal of inputs[0] in the whole list: the base of src_file */
    const char *packs;                 /* resolved pack folder; NULL when none is known */
    const char *output_folder;         /* with -o FOLDER/: its path with the '/', else NULL */
    const char *output_stem;           /* "NNNNN" in a folder, file name without .rows.zst for a file, NULL for stdout */
    struct stage_private *own;
};

/* ---- rows, from work() */
/* Drops the input row `row`: counted under `rule`, and kept in the dropped file with measured value and bound (escaped by
 * the harness). `also`: other rules that failed it, separated by spaces. */
int stage_drop(struct stage_run *run, struct stage_item *item, const struct row *row, struct str rule, struct str measured,
               struct str bound, struct str also);
/* Sets a cell of the row that stage_drop has dropped last, in a column of drops_with. Number 0 means absent. */
int stage_drop_cell(struct stage_item *item, const char *column, uint64_t value);
/* Adds to a named count of the manifest (`counts`). `name` is copied. From work() or emit(). */
int stage_count(struct stage_item *item, const char *name, uint64_t n);
/* One unit of input that was read (a record, a row): the base of --tolerate. The harness counts rows itself. */
void stage_read(struct stage_item *item, uint64_t records);
/* A loss: damaged input that was skipped. Printed on stderr in input order, counted, listed in the manifest. `where`: file
 * name; `offset`: byte offset, or row or line number as `unit` says ("offset", "row", "line"). */
int stage_loss(struct stage_item *item, const char *where, const char *unit, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Where row `index` of item->in comes from: its file's name, and its number there, counted from 1; for stage_loss. From emit(),
 * where the numbers are known. */
const char *stage_input_row(const struct stage_item *item, size_t index, uint64_t *number);
/* The input itself is not whole (not a crawl file, empty, cut): exit code 3 whatever --tolerate says. */
void stage_damaged(struct stage_item *item);
/* Says a line on stderr unless --quiet; in input order, from work(), emit(). */
int stage_say(struct stage_item *item, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- further outputs */
/* Opens a second row output (a bucket, the table of pictures) beside the main one: NAME is appended to the stem:
 * "NNNNN" + ".pictures.zst". Needs -o. Returns an index for stage_out(), or -1. From open(). */
int stage_output_add(struct stage_run *run, const char *suffix, const struct columns *columns);
struct batch *stage_out(struct stage_item *item, int output); /* the item's batch for that output; 0 is item->out */
/* Takes over a finished file of the stage's own (base/file): it is fsynced and closed now, and renamed and listed in the
 * manifest (size, hash, rows) when all outputs of the run are published. `out` is empty afterwards, also on failure. */
int stage_publish(struct stage_run *run, struct file_out *out, uint64_t rows);
/* The same for a file that already stands under its final name (a pack): synced and listed. */
int stage_published(struct stage_run *run, struct file_out *out, uint64_t rows);

/* ---- the input list of sources */
/* Names a row file that a source reads by itself. */
int stage_row_input(struct stage_run *run, const struct rows_reader *reader, const char *path);
/* Names an input of a source in the manifest; from open(), in order. Crawl files: file_ends_hash gives size and hash. The
 * harness does it for rows. A source that names none (a pipe) is never skipped as done. */
int stage_input(struct stage_run *run, const char *name, uint64_t size, struct hash128 hash);
int stage_input_pipe(struct stage_run *run, const char *name); /* content unknown beforehand: such a run is never done already */
/* How manifests name a file of the run itself: by the last two parts of its path, "01-extract/00000.rows.zst". What stands
 * above depends on the machine. Points into `path`. */
const char *stage_short_name(const char *path);
void stage_progress_total(struct stage_run *run, uint64_t bytes);  /* what there is to read, when known */
void stage_progress(struct stage_run *run, uint64_t bytes);        /* read so far */
bool stage_stopping(const struct stage_run *run);                  /* a signal came, or --limit is reached */
struct arena *stage_arena(struct stage_run *run);                  /* lives as long as the run; serial callbacks only */

int stage_main(const struct command_line *line); /* runs a stage; the exit code */
const struct option *stage_option_table(void);   /* the options that every row stage has */

#endif
