/* A crawl file's stored bytes become plain ones: nothing to do, gzip members, or zstd frames; in any pieces, with bounded
 * memory. Below, "member" also means a zstd frame.
 *
 *     unpack_start(u, WARC_KIND_GZIP, 0);
 *     unpack_feed(u, bytes, WARC_CONTINUES);
 *     while ((event = unpack_more(u, &plain)) == UNPACK_BYTES) ...
 *
 * The caller learns where members end, since a member's end may decide where a record ends, and where the stored bytes are
 * damaged, with unpack_resume() to go on behind the damage.
 */
#ifndef WINNOW_WARC_UNPACK_H
#define WINNOW_WARC_UNPACK_H

#include "crawl/warc/start.h"
#include "pipeline/base/buf.h"

enum {
    WARC_FEED_BYTES_MAX = 64 << 20, /* of one call of unpack_feed */
    UNPACK_STRANGE_BYTES = 24,      /* unpack_strange() shows more than these, or all up to the file's end */
    WARC_REWIND_BYTES = 8 << 20,    /* how far back a start is looked for when a member turns out to be damaged */
};

/* What the caller knows of the bytes behind those that it hands over. */
enum warc_follow {
    WARC_CONTINUES, /* there may be more, of any kind */
    WARC_BORDER,    /* a record starts there (warc_starts says so) */
    WARC_FILE_END,  /* nothing */
};

enum unpack_event {
    UNPACK_BYTES,   /* bytes were appended */
    UNPACK_BORDER,  /* a member ended as it should; the next call goes on with what follows */
    UNPACK_MORE,    /* all bytes that were fed are used up */
    UNPACK_END,     /* the file ends between members (plain: it ends) */
    UNPACK_CUT,     /* the file ends inside a member */
    UNPACK_DAMAGED, /* a damaged member; unpack_reason() */
    UNPACK_STRANGE, /* between members: bytes that are no member */
    UNPACK_FAILED,  /* out of memory; with a sentence */
};

struct warc_unpacker;

struct warc_unpacker *unpack_new(struct warc_prober *prober); /* the prober is not owned. NULL with a sentence */
void unpack_free(struct warc_unpacker *u);

/* Forgets everything fed; the next byte fed stands at `offset` of the file, where a member starts. */
void unpack_start(struct warc_unpacker *u, enum warc_kind kind, uint64_t offset);
int unpack_feed(struct warc_unpacker *u, struct str bytes, enum warc_follow follow); /* copies */

enum unpack_event unpack_more(struct warc_unpacker *u, struct buf *plain);

/* After BORDER: does a record start (or the file end) there, so that the member's end is a record's end too? 1, 0, -1 for
 * feed more. */
int unpack_border_is_start(struct warc_unpacker *u);

/* Started with kind MORE, the unpacker only keeps what is fed; unpack_find_kind() settles the kind: MORE when it takes more
 * bytes to say. UNKNOWN makes unpack_more() answer STRANGE, and unpack_resume() then settles the kind. */
enum warc_kind unpack_find_kind(struct warc_unpacker *u);
enum warc_kind unpack_kind(const struct warc_unpacker *u);

/* After CUT, DAMAGED, STRANGE: looks for the next start behind the place that was told. 1: found, the unpacker stands there;
 * 0: there is none up to the file's end; -1: feed more. */
int unpack_resume(struct warc_unpacker *u);

bool unpack_idle(const struct warc_unpacker *u);          /* everything fed is used up, and no member is open */
enum warc_follow unpack_follow(const struct warc_unpacker *u); /* as fed last */
uint64_t unpack_offset(const struct warc_unpacker *u);    /* of the next stored byte to be used */
uint64_t unpack_member(const struct warc_unpacker *u);    /* where the open, or last, member or strange bytes start */
const char *unpack_reason(const struct warc_unpacker *u); /* what is damaged */
struct str unpack_strange(const struct warc_unpacker *u); /* the first bytes that are no member */

#endif
