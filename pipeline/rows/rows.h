/* Row files: tab-separated lines in zstd frames, the same on disk and in pipes. schemas/FORMAT.md §1–3 has every byte.
 *
 * Reading, in the call order; the middle two may run in several threads on different frames:
 *
 *     rows_open(&r, "a.rows.zst", &options);           reads the header line
 *     while ((more = rows_read(r, &frame)) > 0)        serial: one frame as stored
 *         rows_decode(r, &frame, &batch);              parallel: decompresses and splits
 *     rows_close(r);                                   frees; a cut stream was already reported by rows_read
 *
 * Writing:
 *
 *     rows_writer_new(&w, &columns, write_function, context, plain);
 *     rows_writer_add(w, lines, count, &frames)        serial: cuts frames at 1 MiB of text
 *     rows_frame_compress(frame)                       parallel
 *     rows_writer_put(w, frame)                        serial: writes, counts
 *     rows_writer_finish(w, description)               last frame, description, seek table
 */
#ifndef WINNOW_ROWS_H
#define WINNOW_ROWS_H

#include "pipeline/base/hash.h"
#include "pipeline/rows/batch.h"

enum { ROWS_FRAME_BYTES = 1 << 20 };            /* a data frame ends with the line that brings it to this */
#define ROWS_DESCRIPTION_MAGIC 0x184D2A5Du      /* the skippable frame that holds the description */
#define ROWS_FORMAT "winnow-rows-1"

struct rows_open_options {
    bool quiet_plain; /* --plain-input: say nothing about input that is not winnow's own */
};

/* What stands in the description at the end of a row file. */
struct rows_description {
    uint64_t rows;
    struct hash128 hash;        /* XXH3-128 of the uncompressed lines, header line included */
    uint64_t *frame_rows;       /* rows of each data frame */
    size_t frames;
    char *packs;                /* pack folder relative to the row file, "" when there is none */
    char *json;                 /* the whole text */
    bool limited;               /* written under --limit */
};

struct rows_reader;
struct rows_frame {             /* one unit of reading: a zstd frame or about 1 MiB of plain lines */
    struct buf stored;          /* bytes as read */
    struct buf text;            /* decompressed lines; rows point into it */
    uint64_t first_row;         /* ordinal of its first row in the file, from 0; exact where a description is at hand or all
                                   earlier frames were decoded in order, else counted later: see rows_count */
    bool compressed;
};
void rows_frame_init(struct rows_frame *frame);
void rows_frame_free(struct rows_frame *frame);

int rows_open(struct rows_reader **r, const char *path, const struct rows_open_options *options); /* "-" = standard input */
void rows_close(struct rows_reader *r);
const char *rows_name(const struct rows_reader *r);
const struct columns *rows_columns(const struct rows_reader *r);
bool rows_is_own(const struct rows_reader *r);   /* written by winnow: has, or must have, a description */
uint64_t rows_stored_size(const struct rows_reader *r); /* 0 for a pipe */
uint64_t rows_stored_read(const struct rows_reader *r); /* for progress */
int rows_read(struct rows_reader *r, struct rows_frame *frame);  /* 1, 0 at the end, -1 */
int rows_decode(const struct rows_reader *r, struct rows_frame *frame, struct batch *batch);
/* The description: of a file at once (read from its end; NULL without sentence when it has none), of a pipe at its end. */
const struct rows_description *rows_description(struct rows_reader *r);
/* Restricts the reader to the data frames [first, last) of a file with a description: shares of a task. */
int rows_select_frames(struct rows_reader *r, size_t first, size_t last);

struct rows_writer;
struct rows_out_frame {
    struct buf text, stored;
    uint64_t rows;
    bool data;                  /* false: the header line */
};
struct rows_out_frames {        /* a growing list that is reused */
    struct rows_out_frame *list;
    size_t count, room;
};
typedef int rows_write_function(void *context, struct str bytes);

int rows_writer_new(struct rows_writer **w, const struct columns *columns, rows_write_function *write, void *context, bool plain);
void rows_writer_free(struct rows_writer *w);
int rows_writer_add(struct rows_writer *w, struct str lines, uint64_t rows, struct rows_out_frames *frames);
int rows_writer_flush(struct rows_writer *w, struct rows_out_frames *frames); /* what is left, as a last frame */
int rows_frame_compress(const struct rows_writer *w, struct rows_out_frame *frame);
int rows_writer_put(struct rows_writer *w, struct rows_out_frame *frame);
/* `description`: a JSON object without its braces' content known to the writer (format, rows, frame_rows, columns, hash are
 * added); sorted keys. */
int rows_writer_finish(struct rows_writer *w, const char *description_json);
uint64_t rows_writer_rows(const struct rows_writer *w);
void rows_out_frames_free(struct rows_out_frames *frames);

#endif
