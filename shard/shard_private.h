/* What the files of the stage `shard` share: shard.c (samples, shards, the stage), shard_input.c (which rows, in which order,
 * in which groups), shard_rows.c (the rows of the samples). Nothing else includes this.
 *
 * Rows become samples in groups: some consecutive samples of one shard, made and compressed by one worker. Groups end where
 * the row's own lengths say, so they, and with them the frames of a compressed shard, are the same for any number of threads
 * or tasks. A sample's shard and number are known before its picture is read: one that cannot be read leaves a gap. */
#ifndef WINNOW_SHARD_PRIVATE_H
#define WINNOW_SHARD_PRIVATE_H

#include "pipeline/stage.h"
#include "shard/loaders.h"
#include "shard/pictures.h"
#include "shard/sample.h"
#include "shard/shard_file.h"
#include "shard/shuffle.h"
#include "shard/tar.h"
#include "shard/walk.h"

enum {
    GROUP_BYTES = 512 << 10,     /* a group ends with the sample that brings it to this: what a reader unpacks for one sample */
    GROUP_SAMPLES = 64,          /* at most: small pictures too are read a few at a time */
    SAMPLE_OVERHEAD = 4 << 10,   /* guess at headers, JSON, text and padding, in bytes */
    SHARD_DIGITS = 5,            /* of file names and keys, or more where there are more shards */
};

struct shard_options {
    const char *compress, *shuffle; /* shuffle: the seed; NULL without */
    uint64_t samples, max_bytes, shuffle_block;
};

/* Where a row's sample went. */
struct sample_at {
    uint64_t shard, index;
    uint64_t offset, length; /* in the uncompressed tar; length 0: no sample */
};

/* A block of a shuffled corpus, from when it is filled until the last of its groups is written. */
struct block {
    struct shuffle *rows;
    struct sample_at *at; /* by the row's number in the block */
    size_t handed_out;    /* rows that are in groups */
    size_t written;       /* rows whose groups are written */
};
void block_free(struct block *block); /* NULL is allowed */

/* An item's rows are item->in; what becomes of them stands here. */
struct group {
    struct sample_at *samples; /* one a row; offsets count from the group's begin until it is written */
    size_t room;
    struct block *block;       /* NULL without --shuffle */
    size_t first;              /* of its rows in the block's order */
    struct shard_piece piece;
};

struct shard_input {           /* belongs to `next` */
    struct walk *walk;
    uint64_t rows_left;        /* of this task; UINT64_MAX when a pipe does not tell */
    struct block *block;       /* the one that is being handed out; NULL between blocks */
    struct buf line;           /* the next row, with its line feed */
    bool line_ready;
    uint64_t shard, index;     /* of the next row */
    uint64_t shard_bytes;      /* with --max-bytes: of the samples of this shard so far */
    struct arena scratch;
    struct buf json;
};

struct shard_rows {            /* belongs to `emit`: FOLDER.meta/NNNNN.rows.zst */
    struct columns columns;
    size_t *cells;             /* columns of the input that are kept, in order */
    size_t cell_count;
    struct rows_writer *writer;
    struct rows_out_frames frames;
    struct file_out file;
    struct buf lines, line;
    struct batch batch;        /* one row of a shuffled block at a time */
};

struct shard_worker {
    struct pictures *pictures;
    struct tar_writer *tar;
    struct buf *into;          /* where `tar` writes */
    struct buf picture, json, name;
};

struct shard {
    enum shard_compression compression;
    uint64_t samples_per_shard;
    uint64_t block_rows, seed; /* block_rows: 0 without --shuffle */
    unsigned shard_digits, index_digits;
    struct sample_layout layout;
    struct shard_input input;
    struct shard_worker *workers;
    struct shard_rows rows;
    struct shard_file file;    /* the open shard */
    bool file_open;
    struct loader_shard now;   /* of the open shard */
    uint64_t now_number;
    struct loader_shard *shards;
    size_t shard_count, shard_room;
    uint64_t rows_read, rows_written;
};

/* shard_input.c */
int shard_input_open(struct stage_run *run);  /* opens the row files, names them in the manifest, takes the task's share */
int shard_input_next(struct stage_run *run, struct stage_item *item); /* fills a group: 1, 0, -1 */
void shard_input_close(struct shard_input *input);

/* shard_rows.c */
int shard_rows_open(struct stage_run *run);
int shard_rows_add(struct shard *s, const struct row *row, const struct sample_at *at); /* rows without a sample are left out */
int shard_rows_add_block(struct shard *s, const struct block *block);                   /* in row order */
int shard_rows_finish(struct stage_run *run); /* ends and publishes the file */
void shard_rows_close(struct shard_rows *rows);

/* shard.c */
int shard_sample_key(const struct shard *s, struct buf *out, uint64_t shard, uint64_t index);
const char *shard_meta_path(struct stage_run *run, const char *name); /* FOLDER.meta/NAME; NULL with a sentence */

#endif
