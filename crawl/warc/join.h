/* Puts the chunks of a file together again: takes what the fast reader found where the cut was right, and reads on with the
 * tolerant one where it was not, or where the fast one gave up. The result is that of the tolerant reader alone.
 *
 * Serial, chunk by chunk in the file's order:
 *
 *     warc_join_begin(j, kind, 0);
 *     for each chunk {
 *         uint64_t from = chunk.offset;
 *         if (warc_join_takes(j, chunk.offset)) { use the fast reader's records; from = where it gave up, or the end }
 *         if (warc_join_feed(j, chunk.offset, chunk.bytes, from, follow) < 0) return -1;
 *         while ((event = warc_join_next(j, &record, &loss)) == RECORD or LOSS) ...       until MORE or END
 *     }
 *
 * A chunk in which the fast reader should not even be tried (not cut at a start; a file without starts) is handed over with
 * from = chunk.offset.
 */
#ifndef WINNOW_WARC_JOIN_H
#define WINNOW_WARC_JOIN_H

#include "crawl/warc/stream.h"

struct warc_join;

struct warc_join *warc_join_new(const struct warc_limits *limits); /* NULL with a sentence */
void warc_join_free(struct warc_join *j);

/* At the start of each file, or of a range of it that begins with a record at `offset`. `kind` as warc_kind() says. */
void warc_join_begin(struct warc_join *j, enum warc_kind kind, uint64_t offset);

/* Whether everything before `offset` is read and a record starts there, so that the fast reader's result counts. */
bool warc_join_takes(const struct warc_join *j, uint64_t offset);

/* The chunk's bytes, all of them, and from which offset on they are still to be read. */
int warc_join_feed(struct warc_join *j, uint64_t offset, struct str bytes, uint64_t from, enum warc_follow follow);

/* As warc_stream_next(); END only at the file's end. */
enum warc_event warc_join_next(struct warc_join *j, struct warc_record *record, struct warc_loss *loss);

#endif
