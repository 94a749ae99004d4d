/* The tolerant reader of WARC files: bytes in, records and losses out, in order, in bounded memory.
 *
 *     warc_stream_start(s, 0);
 *     while (read(bytes)) {
 *         warc_stream_feed(s, bytes, last ? WARC_FILE_END : WARC_CONTINUES);
 *         while ((event = warc_stream_next(s, &record, &loss)) == WARC_EVENT_RECORD || event == WARC_EVENT_LOSS) ...
 *     }
 *
 * It reads WARC/1.0 and 1.1, plain, in gzip members or zstd frames: a record each, one for all, or cut anywhere. What it
 * returns depends on the file alone, never on the pieces in which the file is fed. It is also the definition of what a WARC
 * file holds: crawl/warc/chunk.h reads the usual case faster and in parallel, and gives up on everything else to this one.
 *
 * How a record's end is found, when the parts disagree:
 *  (1) A member's end ends the record, if what follows is a member that begins with a record, no member, or the file's end.
 *      Otherwise the record goes on in the next member.
 *  (2) Within that, Content-Length counts: behind the block must stand line ends and then a record, or a member's or the
 *      file's end.
 *  (3) If other bytes stand there, the block of a plain file (or of a record that does not start its member) is searched for
 *      a plausible head: found, the record ends before it. Not found, the bytes are reported and skipped up to the next
 *      plausible head or an end as in (1).
 *  (4) A record is lost when its head cannot be read, when the file ends inside it, or when its member is damaged; a record
 *      deep in a member of many is kept if the damage comes after it.
 */
#ifndef WINNOW_WARC_STREAM_H
#define WINNOW_WARC_STREAM_H

#include "crawl/warc/record.h"
#include "crawl/warc/unpack.h"

enum warc_event {
    WARC_EVENT_RECORD,
    WARC_EVENT_LOSS,
    WARC_EVENT_MORE,   /* feed more */
    WARC_EVENT_END,    /* all of the file is read, or the file is refused */
    WARC_EVENT_FAILED, /* out of memory; with a sentence */
};

/* Bytes that could not be read as records. */
struct warc_loss {
    uint64_t offset;  /* in the file as stored: of the bytes, or of the member that holds them */
    bool record;      /* at least one record was lost; else only bytes between records */
    bool cut;         /* the file ends inside a member or a record */
    bool refused;     /* not a file that can be read at all: ARC, LZ4, no WARC */
    char what[240];   /* what was found, and what was expected; may hold bytes of the file */
};

struct warc_limits {
    size_t block; /* ceiling of a block in bytes; 0 means WARC_BLOCK_BYTES */
};

struct warc_stream;

struct warc_stream *warc_stream_new(const struct warc_limits *limits); /* NULL with a sentence */
void warc_stream_free(struct warc_stream *s);

/* Begins at `offset` of a file of this kind, where a record starts. WARC_KIND_MORE: the file, or a range of it, begins here, and
 * the kind is found out from the bytes. Forgets everything else, save a zstd dictionary of the same file. */
void warc_stream_start(struct warc_stream *s, enum warc_kind kind, uint64_t offset);

/* The next bytes of the file; at most WARC_FEED_BYTES_MAX; they are copied. -1 with a sentence: out of memory. Only at the
 * start and after WARC_EVENT_MORE. */
int warc_stream_feed(struct warc_stream *s, struct str bytes, enum warc_follow follow);

/* The record's slices live until the next call. */
enum warc_event warc_stream_next(struct warc_stream *s, struct warc_record *record, struct warc_loss *loss);

/* After WARC_EVENT_MORE: whether everything fed is read and the next byte starts a record, so that another reader may take
 * over there. */
bool warc_stream_clean(const struct warc_stream *s);
enum warc_kind warc_stream_kind(const struct warc_stream *s);

#endif
