/* Row files: tab-separated lines in zstd frames, the same on disk and in pipes. schemas/FORMAT.md §1–3 has every byte.
 *
 * Reading, in the call order; the middle two may run in several threads on different frames:
 *
 *     rows_open(&r, "a.rows.zst", &options);           reads the header line
 *     while ((more = rows_read(r, &frame)) > 0)        serial: one frame as stored
 *         rows_decode(r, &frame, &batch, 1);           parallel: decompresses and splits
 *     rows_close(r);                                   a cut stream was already reported by rows_read
 *
 * Writing:
 *
 *     rows_writer_new(&w, &columns, write_function, context, plain);
 *     rows_writer_add(w, lines, rows, &frames)         serial: cuts frames at 1 MiB of text
 *     rows_frame_compress(w, frame)                    parallel
 *     rows_writer_put(w, frame)                        serial: writes, counts
 *     rows_writer_flush(w, &frames), compress, put     the last frame
 *     rows_writer_finish(w, about)                     description, seek table
 */
#ifndef WINNOW_ROWS_H
#define WINNOW_ROWS_H

#include "pipeline/base/hash.h"
#include "pipeline/base/zframes.h"
#include "pipeline/rows/batch.h"

#include <jansson.h>

enum { ROWS_FRAME_BYTES = 1 << 20 };            /* a data frame ends with the line that brings it to this */
#define ROWS_DESCRIPTION_MAGIC 0x184D2A5Du      /* the skippable frame that holds the description */
#define ROWS_FORMAT "winnow-rows-1"

struct rows_open_options {
    bool quiet_plain; /* --plain-input: say nothing about input that is not winnow's own */
};

/* What stands in the description at the end of a row file. */
struct rows_description {
    uint64_t rows;
    char hash[33];              /* XXH3-128 of the uncompressed lines, header line included, as 32 hexadecimal digits */
    uint64_t *frame_rows;       /* rows of each data frame */
    size_t frames;
    json_t *json;               /* the whole object */
};

struct rows_reader;
struct rows_frame {             /* one unit of reading: a zstd frame, or about 1 MiB of plain lines */
    struct buf stored;          /* the zstd frame as read; empty for plain lines */
    struct buf text;            /* lines; the rows of a batch point into it */
    size_t index;               /* number of the data frame in its file, from 0 */
};
void rows_frame_init(struct rows_frame *frame);
void rows_frame_free(struct rows_frame *frame);

int rows_open(struct rows_reader **r, const char *path, const struct rows_open_options *options); /* "-" = standard input */
void rows_close(struct rows_reader *r);
const char *rows_name(const struct rows_reader *r);
const struct columns *rows_columns(const struct rows_reader *r);
bool rows_is_own(const struct rows_reader *r);          /* written by winnow: has, or must have, a description */
uint64_t rows_stored_size(const struct rows_reader *r); /* bytes of the file; 0 for a pipe */
uint64_t rows_stored_read(const struct rows_reader *r); /* bytes read so far, for progress */

int rows_read(struct rows_reader *r, struct rows_frame *frame);  /* 1, 0 at the end, -1; serial */
/* Fills `batch` (whose columns are rows_columns) with the frame's rows. `first_row` is the number that the frame's first row
 * has in messages: people count from 1. Parallel. */
int rows_decode(const struct rows_reader *r, struct rows_frame *frame, struct batch *batch, uint64_t first_row);

/* The description: of a regular file at once, of a pipe only after rows_read said 0; NULL (no sentence) when there is none. */
const struct rows_description *rows_description(const struct rows_reader *r);
/* XXH3-128 of all lines read so far of input without a description, to name it in a manifest. */
struct hash128 rows_hash(const struct rows_reader *r);
/* Restricts a regular file with a description to its data frames [first, last): the share of a task. Before any read. */
int rows_select_frames(struct rows_reader *r, size_t first, size_t last);

/* ---- writing */
struct rows_writer;
struct rows_out_frame {
    struct buf text, stored;    /* lines; the same compressed */
    struct zframe frame;
    uint64_t rows;
    bool header;                /* the header line: not a data frame */
};
struct rows_out_frames {        /* a list that keeps its memory; zero it; rows_out_frames_free */
    struct rows_out_frame *list;
    size_t count, room;
};
void rows_out_frames_free(struct rows_out_frames *frames);
typedef int rows_write_function(void *context, struct str bytes);

/* `columns` is copied. `plain`: lines without zstd and without a description. */
int rows_writer_new(struct rows_writer **w, const struct columns *columns, rows_write_function *write, void *context, bool plain);
void rows_writer_free(struct rows_writer *w);
/* Takes `rows` whole lines; frames that became full are added to `frames`. */
int rows_writer_add(struct rows_writer *w, struct str lines, uint64_t rows, struct rows_out_frames *frames);
int rows_writer_flush(struct rows_writer *w, struct rows_out_frames *frames); /* the last, unfull frame */
int rows_frame_compress(const struct rows_writer *w, struct rows_out_frame *frame);
int rows_writer_put(struct rows_writer *w, const struct rows_out_frame *frame);
/* Ends the file with the description and the seek table. `about` (borrowed, an object) has what the caller knows: stage,
 * parameters, inputs, packs; format, columns, rows, frame_rows and xxh3_128 are added. */
int rows_writer_finish(struct rows_writer *w, json_t *about);
uint64_t rows_writer_rows(const struct rows_writer *w);      /* rows put so far */
struct hash128 rows_writer_hash(const struct rows_writer *w); /* of the lines put so far */

#endif
