/* What the harness's own files share: stage.c (the run), stage_input.c (rows in, shares of a task), stage_output.c (rows out,
 * publishing), stage_report.c (counts, losses, messages), manifest.c. Nothing else includes this. */
#ifndef WINNOW_STAGE_PRIVATE_H
#define WINNOW_STAGE_PRIVATE_H

#include "pipeline/base/extsort.h"
#include "pipeline/progress.h"
#include "pipeline/stage.h"

#include <signal.h>
#include <stdatomic.h>

enum {
    OUTPUTS_MAX = 4100,          /* partition makes up to 4,096 buckets */
    BATCH_BYTES_MAX = 512 << 20, /* of one batch's cells; a frame of 1 MiB of one-byte cells makes 16 times its size */
    LOSSES_LISTED = 1000,        /* in a manifest; all are counted */
};

/* ---- counts by name: few names, so a list is searched */
struct tally {
    struct tally_entry {
        char *name;
        uint64_t n;
    } *list;
    size_t count, room;
};
int tally_add(struct tally *t, struct str name, uint64_t n);
int tally_merge(struct tally *t, const struct tally *from);
void tally_clear(struct tally *t); /* zeroes the numbers, keeps the names */
void tally_free(struct tally *t);

/* ---- rows in */
struct row_input {              /* one row file of the command line */
    const char *path;
    bool described;             /* a regular file with a description: rows, hash are known */
    uint64_t rows, size, first_row; /* first_row: over all inputs */
    char hash[33];
    size_t first_frame, last_frame; /* what this task reads; equal: nothing */
    uint64_t rows_before;       /* rows of the file before first_frame */
};
struct rows_in {
    struct row_input *files;
    size_t count, next;         /* next: file to open */
    struct rows_reader *reader; /* open one, NULL between files */
    struct place last;          /* of the last row in order */
    bool any;
    uint64_t row_number;        /* rows of the current file that were checked in order */
    uint64_t bytes_done;        /* of files that are closed */
    struct rows_reader *finished; /* read to its end, but items in flight may still name it: goes with the next item */
    bool delivered;             /* the open reader gave at least one frame */
    int spool;                  /* nameless copy of standard input for a second pass; 0: none */
    char spool_path[64];
};

/* ---- rows out */
struct stage_output {
    char *path;                 /* final name; NULL: standard output */
    char *name;                 /* in the manifest */
    struct columns columns;
    struct file_out file;
    struct rows_writer *writer;
    struct place last;          /* of the last row written */
    bool any, plain;
    struct extsort *ids;        /* of dropped rows: prefix and frame */
    uint32_t data_frames;
};

struct published {              /* a file that waits for its rename, or is there */
    char *temporary, *path, *name;
    uint64_t bytes, rows;
    char hash[33];
};

struct item_output {
    struct batch batch;         /* unused for output 0, whose batch is item->out */
    struct buf text;
    uint64_t rows;
    struct rows_out_frames frames;
};

struct message {                /* a line for stderr; a loss when `loss` */
    char *text;
    char *where;
    uint64_t offset;
    bool loss;
};

struct stage_item_private {
    struct stage_run *run;
    struct rows_frame frame;
    struct rows_reader *reader;
    struct rows_reader *finished; /* nobody needs it once this item is in order */
    bool decode_failed;
    struct batch dropped;
    struct item_output *outputs; /* run->own->output_count of them */
    struct tally rules, counts;
    struct message *messages;
    size_t message_count, message_room;
    uint64_t records, losses;
    bool damaged, skipped;
};

struct stage_private {
    struct stage_item *items;
    size_t item_count;
    struct rows_in in;
    struct stage_output *outputs[OUTPUTS_MAX]; /* 0: main; dropped: dropped_output */
    size_t output_count;
    int dropped_output;          /* -1: dropped rows are only counted */
    struct columns dropped_columns;
    size_t dropped_at[5];        /* rule measured bound also stage */
    struct published *published;
    size_t published_count;
    char *manifest_path;         /* NULL: none */
    json_t *inputs, *losses;
    struct tally rules, counts;
    uint64_t records, rows_read, rows_written, losses_total, dropped_rows;
    uint64_t next_sequence;
    _Atomic uint64_t bytes_read; /* for progress */
    atomic_bool limited;         /* --limit is reached */
    bool damaged, opened, reader_gone;
    json_t *table;               /* what inputs say of the table of counts that they are parts of; buckets pass it on */
    bool input_unknown;          /* a pipe among a source's inputs: never done already */
    struct progress progress;
    struct arena arena;
};

/* stage_input.c */
int stage_inputs_open(struct stage_run *run);   /* looks at all row files; fills run->in; selects the task's share */
int stage_inputs_begin(struct stage_run *run);  /* at the start of each pass */
int stage_inputs_next(struct stage_run *run, struct stage_item *item); /* serial: 1, 0, -1 */
int stage_inputs_decode(struct stage_item *item);                      /* parallel */
int stage_inputs_order(struct stage_run *run, struct stage_item *item); /* serial: places rise, rows are counted */
int stage_inputs_manifest(struct stage_run *run); /* names them in own->inputs; of a pipe after the last row */
void stage_inputs_close(struct stage_run *run);
int stage_arguments(struct stage_run *run);     /* of a source: @LIST, shares */

/* stage_output.c */
int stage_outputs_name(struct stage_run *run);  /* stems and paths, before open() */
int stage_output_main(struct stage_run *run);   /* output 0, before open() adds others; its columns come later */
int stage_outputs_open(struct stage_run *run);  /* after open(): columns are final */
int stage_item_format(struct stage_item *item);   /* parallel: rows → lines */
int stage_item_assemble(struct stage_item *item); /* serial: lines → frames */
int stage_item_compress(struct stage_item *item); /* parallel */
int stage_item_write(struct stage_item *item);    /* serial */
int stage_outputs_finish(struct stage_run *run);  /* last frames, descriptions, fsync */
int stage_outputs_publish(struct stage_run *run); /* renames, in order; then the manifest */
int stage_write_manifest(struct stage_run *run);
void stage_outputs_discard(struct stage_run *run);

/* stage_report.c */
int stage_item_report(struct stage_item *item);   /* serial: merges counts, prints messages */
void stage_item_free(struct stage_item *item);

/* stage.c */
json_t *stage_parameters(const struct stage_run *run);   /* all options that change the output; NULL on failure */
json_t *stage_manifest_key(const struct stage_run *run); /* what says that two manifests are of the same task */

#endif
