/* The serial half of reading lists: files become pieces of whole records, which many threads then read (list.h).
 *
 *     struct list_feed *feed = list_feed_new(&wishes);
 *     list_feed_open(feed, "cc12m.tsv.gz");
 *     while ((more = list_feed_next(feed, &piece)) > 0) ... hand `piece` to a thread; reuse it afterwards
 *     list_feed_close(feed);                        the file; then the next one may be opened
 *     list_feed_free(feed);
 *
 * Memory: a piece is about 1 MiB, or one record of up to LIST_RECORD_MAX. Functions return -1 with a sentence.
 */
#ifndef WINNOW_LISTS_FEED_H
#define WINNOW_LISTS_FEED_H

#include "crawl/lists/input.h"
#include "crawl/lists/list.h"

enum { LIST_PIECE_BYTES = 1 << 20 };

struct list_wishes {        /* what every file's records are asked for */
    int format;             /* enum list_format, or -1: by the file's name */
    char separator;         /* of TSV and CSV; 0: tab, comma */
    bool header;            /* TSV, CSV: the first record names the fields */
    const struct str *names; /* of the wanted fields; without a header and in TSV, CSV only their number counts */
    const size_t *places;   /* TSV, CSV without a header: the field's number */
    size_t count;
    size_t width;           /* TSV, CSV without a header: fields of a record */
};

/* A run of whole records, and how the file goes on where it is not well. */
struct list_piece {
    struct buf bytes;
    struct list_reader reader; /* ready but for `scratch` */
    const char *lost;   /* NULL, or why the record behind the piece is left out; */
    uint64_t lost_line; /* it begins there */
    const char *damage; /* NULL, or why the file ends here, before its end; */
    uint64_t damage_at; /* at that offset of its stored bytes */
};
void list_piece_init(struct list_piece *piece);
void list_piece_free(struct list_piece *piece);

struct list_feed;
struct list_feed *list_feed_new(const struct list_wishes *wishes); /* NULL with a sentence; `wishes` stays referenced */
void list_feed_free(struct list_feed *feed);                       /* NULL is allowed; frees what pieces refer to */

int list_feed_open(struct list_feed *feed, const char *path); /* "-": standard input */
int list_feed_next(struct list_feed *feed, struct list_piece *piece); /* 1, 0 at the end of the file, -1 */
void list_feed_close(struct list_feed *feed);
const struct list_input *list_feed_input(const struct list_feed *feed); /* of the open file: name, sizes, hash */

/* The format that a name tells: .tsv .tab .csv .jsonl .ndjson .json, before .gz or .zst; -1 for others. */
int list_format_of_name(struct str name);

#endif
