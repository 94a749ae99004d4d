/* The fast reader: one chunk of a WARC file, beside others that read other chunks.
 *
 * A file is cut where warc_find_start(WARC_WANT_BORDER) says that a record starts. That is nearly always right, and
 * warc_join (join.h) finds out when it was not. This reader takes whole members at once (libdeflate, zstd), and plain records
 * where they lie. It gives up at the first thing that is not as it should be, without having handed out anything that
 * stream.h would see differently:
 *
 *     warc_chunk_start(c, kind, offset, bytes, WARC_BORDER);
 *     while (warc_chunk_next(c, &record) == WARC_EVENT_RECORD) ...
 *     if (warc_chunk_offset(c) < offset + bytes.n) the tolerant reader must go on from there
 *
 * Bytes are not copied. One thread a reader; no allocation once its buffers have grown to the largest record.
 */
#ifndef WINNOW_WARC_CHUNK_H
#define WINNOW_WARC_CHUNK_H

#include "crawl/warc/stream.h"

struct warc_chunk;

struct warc_chunk *warc_chunk_new(const struct warc_limits *limits); /* NULL with a sentence */
void warc_chunk_free(struct warc_chunk *c);

/* `bytes` stand at `offset` of the file, where a record starts, and live until the reading ends. */
void warc_chunk_start(struct warc_chunk *c, enum warc_kind kind, uint64_t offset, struct str bytes, enum warc_follow follow);

/* RECORD, END (all read), or MORE (gave up). The record's slices live until the next call, or as warc_chunk_keep() says. */
enum warc_event warc_chunk_next(struct warc_chunk *c, struct warc_record *record);

/* Keeps the record that was handed out last until the next call of keep, or the start of the next chunk. */
void warc_chunk_keep(struct warc_chunk *c);

uint64_t warc_chunk_offset(const struct warc_chunk *c); /* of the file: everything before it was handed out */

#endif
