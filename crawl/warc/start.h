/* Where records begin: looking for them in bytes whose structure is not known (yet).
 *
 * Two need it: a reader that lost its way in damaged bytes, and whoever cuts a file into chunks for parallel parsing. Both
 * use the same test, so that they agree. In gzip and zstd files a start is the start of a member or frame whose first
 * decompressed bytes begin, after line ends, "WARC/"; in plain files it is a line with a head that is plausible
 * (warc_head_plausible). At most WARC_PROBE_BYTES are looked at, wherever the test runs, so its answer depends on nothing
 * else.
 */
#ifndef WINNOW_WARC_START_H
#define WINNOW_WARC_START_H

#include "pipeline/base/str.h"

enum warc_kind {
    WARC_KIND_MORE,    /* too few bytes to say */
    WARC_KIND_PLAIN,
    WARC_KIND_GZIP,    /* members: one a record, one for all, or cut anywhere */
    WARC_KIND_ZSTD,    /* frames, perhaps behind a dictionary in a skippable frame */
    WARC_KIND_UNKNOWN, /* none of these; there may still be records in it */
    WARC_KIND_ARC,     /* refused by name: ARC files, also in gzip … */
    WARC_KIND_LZ4,     /* … and LZ4 frames */
};

enum {
    WARC_KIND_BYTES = 4096,  /* warc_kind() never needs more */
    WARC_PROBE_BYTES = 4096, /* of the file, for one test */
};

/* What a start must be. */
enum warc_want {
    WARC_WANT_RECORD, /* any record */
    WARC_WANT_BORDER, /* a record before which a file may be cut: its type is known and it is no metadata record of
                         application/warc-fields, which belongs to the response before it */
};

struct warc_prober; /* decompressors for the first bytes; one thread */

struct warc_prober *warc_prober_new(void); /* NULL with a sentence */
void warc_prober_free(struct warc_prober *p);

/* What the file is, from its first bytes. `whole`: these are all there are. */
enum warc_kind warc_kind(struct warc_prober *p, struct str bytes, bool whole);

/* Whether a record starts at bytes.p: 1 yes, 0 no, -1 more bytes are needed (never when `whole`). */
int warc_starts(struct warc_prober *p, enum warc_kind kind, struct str bytes, bool whole, enum warc_want want);

/* The first start at or after `from`: 1 and *at; 0 when there is none in `bytes`; -1 when more bytes are needed to say: there
 * is none before *at. For kind UNKNOWN both plain and gzip starts count; *found says which it is. In a plain file a
 * start stands at the first byte or behind a line feed; `from` = 0 counts as such. */
int warc_find_start(struct warc_prober *p, enum warc_kind kind, struct str bytes, size_t from, bool whole, enum warc_want want,
                    size_t *at, enum warc_kind *found);

/* A zstd dictionary for frames that need one: the payload of the skippable frame at the start of the file. */
int warc_prober_dictionary(struct warc_prober *p, struct str dictionary);
void warc_prober_forget(struct warc_prober *p); /* the dictionary */

#endif
