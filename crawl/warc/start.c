/* A gzip or zstd magic number occurs by chance in compressed bytes, so each is tried: a few bytes are decompressed into a
 * small buffer, and most false ones fail within the first. Candidates are found by memchr, which costs nothing beside the
 * decompression of the same bytes.
 */
#include "crawl/warc/start.h"

#include "crawl/warc/record.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

enum { HEAD_BYTES = 4096 }; /* decompressed for one test: the head of nearly every record */

struct warc_prober {
    z_stream gzip;
    ZSTD_DCtx *zstd;
    char out[HEAD_BYTES];
};

static const struct str gzip_magic = {"\x1f\x8b\x08", 3}; /* RFC 1952: the two magic bytes, and deflate */
static const struct str zstd_magic = {"\x28\xb5\x2f\xfd", 4}; /* RFC 8878 §3.1.1 */
static const struct str lz4_magic = {"\x04\x22\x4d\x18", 4};
static const struct str arc_line = {"filedesc://", 11};
static const struct str warc_name = {"WARC/", 5};

struct warc_prober *warc_prober_new(void)
{
    struct warc_prober *p = calloc(1, sizeof *p);
    if (!p || inflateInit2(&p->gzip, 15 + 16) != Z_OK) { /* largest window, gzip wrapper */
        free(p);
        fail_memory();
        return NULL;
    }
    p->zstd = ZSTD_createDCtx();
    if (!p->zstd) {
        warc_prober_free(p);
        fail_memory();
        return NULL;
    }
    return p;
}

void warc_prober_free(struct warc_prober *p)
{
    if (!p) return;
    inflateEnd(&p->gzip);
    ZSTD_freeDCtx(p->zstd);
    free(p);
}

int warc_prober_dictionary(struct warc_prober *p, struct str dictionary)
{
    size_t result = ZSTD_DCtx_loadDictionary(p->zstd, dictionary.p, dictionary.n);
    return ZSTD_isError(result) ? fail("zstd dictionary: %s", ZSTD_getErrorName(result)) : 0;
}

void warc_prober_forget(struct warc_prober *p) { ZSTD_DCtx_reset(p->zstd, ZSTD_reset_session_and_parameters); }

/* How far the decompression of a few first bytes got. */
enum first_end {
    FIRST_FULL,    /* as many as there was room for */
    FIRST_WHOLE,   /* the member has no more */
    FIRST_STARVED, /* more input would give more */
    FIRST_DAMAGED,
};

static enum first_end first_of_gzip(struct warc_prober *p, struct str bytes, size_t room, struct str *out)
{
    inflateReset(&p->gzip);
    p->gzip.next_in = (unsigned char *)(uintptr_t)bytes.p; /* zlib does not write there */
    p->gzip.avail_in = (unsigned)bytes.n;
    p->gzip.next_out = (unsigned char *)p->out;
    p->gzip.avail_out = (unsigned)room;
    int result = inflate(&p->gzip, Z_SYNC_FLUSH);
    *out = str_of(p->out, room - p->gzip.avail_out);
    if (result == Z_STREAM_END) return FIRST_WHOLE;
    if (result != Z_OK && result != Z_BUF_ERROR) return FIRST_DAMAGED;
    return p->gzip.avail_out ? FIRST_STARVED : FIRST_FULL;
}

static enum first_end first_of_zstd(struct warc_prober *p, struct str bytes, size_t room, struct str *out)
{
    ZSTD_DCtx_reset(p->zstd, ZSTD_reset_session_only);
    ZSTD_inBuffer in = {bytes.p, bytes.n, 0};
    ZSTD_outBuffer to = {p->out, room, 0};
    enum first_end end = FIRST_FULL;
    while (to.pos < to.size && end == FIRST_FULL) {
        size_t before = in.pos + to.pos;
        size_t left = ZSTD_decompressStream(p->zstd, &to, &in);
        if (ZSTD_isError(left)) end = FIRST_DAMAGED;
        else if (left == 0) end = FIRST_WHOLE;
        else if (in.pos + to.pos == before) end = FIRST_STARVED;
    }
    *out = str_of(p->out, to.pos);
    return end;
}

/* Whether a head may be cut off before: the type must stand in what was seen of it. */
static bool head_is_border(struct str head)
{
    struct str type = warc_block_field(head, STR("WARC-Type"));
    if (!type.n) return false;
    if (!str_eq_nocase(type, STR("metadata"))) return true;
    struct str content = warc_block_field(head, STR("Content-Type"));
    return content.n && !str_starts_nocase(content, STR("application/warc-fields"));
}

/* The part of a head that is in `s`: to its blank line, else all whole lines. */
static struct str head_part(struct str s)
{
    size_t at = 0, size = 0;
    const char *why;
    if (warc_head_find(s, &at, &size, &why) == WARC_HEAD_WHOLE) return str_of(s.p, size);
    return str_of(s.p, at);
}

static int plain_starts(struct str bytes, bool whole, enum warc_want want)
{
    int plausible = warc_head_plausible(bytes);
    if (plausible < 0) return whole ? 0 : -1;
    if (plausible == 0 || want == WARC_WANT_RECORD) return plausible;
    if (bytes.n < WARC_PROBE_BYTES && !whole) return -1;
    return head_is_border(head_part(str_of(bytes.p, bytes.n < WARC_PROBE_BYTES ? bytes.n : WARC_PROBE_BYTES)));
}

static int member_starts(struct warc_prober *p, enum warc_kind kind, struct str bytes, bool whole, enum warc_want want)
{
    struct str magic = kind == WARC_KIND_GZIP ? gzip_magic : zstd_magic;
    if (!str_starts(bytes, str_of(magic.p, bytes.n < magic.n ? bytes.n : magic.n))) return 0;
    if (kind == WARC_KIND_GZIP && bytes.n > 3 && ((unsigned char)bytes.p[3] & 0xE0)) return 0; /* reserved flags */
    if (bytes.n < 4) return whole ? 0 : -1;
    if (bytes.n >= WARC_PROBE_BYTES) bytes.n = WARC_PROBE_BYTES, whole = true;

    for (size_t room = 64;; room = HEAD_BYTES) { /* most false candidates end with the first few bytes */
        struct str first;
        enum first_end end = kind == WARC_KIND_GZIP ? first_of_gzip(p, bytes, room, &first)
                                                    : first_of_zstd(p, bytes, room, &first);
        first = str_from_at(first, warc_newlines(first));
        bool begins = str_starts(first, warc_name);
        if (!begins && !str_starts(warc_name, first)) return 0;
        if (begins && want == WARC_WANT_RECORD) return 1;
        if (end == FIRST_DAMAGED) return 0;
        if (end == FIRST_STARVED && !whole) return -1;
        if (end != FIRST_FULL || room == HEAD_BYTES) return begins && head_is_border(head_part(first));
    }
}

int warc_starts(struct warc_prober *p, enum warc_kind kind, struct str bytes, bool whole, enum warc_want want)
{
    return kind == WARC_KIND_PLAIN ? plain_starts(bytes, whole, want) : member_starts(p, kind, bytes, whole, want);
}

/* The next place from `from` on where a start of this kind could be; SIZE_MAX when there is none. */
static size_t next_candidate(enum warc_kind kind, struct str bytes, size_t from)
{
    if (from >= bytes.n) return SIZE_MAX;
    if (kind == WARC_KIND_PLAIN) {
        if (from == 0 && bytes.p[0] == 'W') return 0;
        size_t line = from ? from - 1 : 0;
        for (const char *at; line < bytes.n && (at = memchr(bytes.p + line, '\n', bytes.n - line));) {
            size_t next = (size_t)(at - bytes.p) + 1;
            if (next == bytes.n || bytes.p[next] == 'W') return next;
            line = next;
        }
        return SIZE_MAX;
    }
    struct str magic = kind == WARC_KIND_GZIP ? gzip_magic : zstd_magic;
    size_t found = str_find(str_from_at(bytes, from), magic);
    if (found != SIZE_MAX) return from + found;
    for (size_t n = magic.n - 1; n; n--) /* the magic number may be cut by the end */
        if (bytes.n - from >= n && str_ends(bytes, str_of(magic.p, n))) return bytes.n - n;
    return SIZE_MAX;
}

int warc_find_start(struct warc_prober *p, enum warc_kind kind, struct str bytes, size_t from, bool whole, enum warc_want want,
                    size_t *at, enum warc_kind *found)
{
    const enum warc_kind kinds[2] = {kind == WARC_KIND_UNKNOWN ? WARC_KIND_PLAIN : kind, WARC_KIND_GZIP};
    int best = 0;
    for (int k = 0; k < (kind == WARC_KIND_UNKNOWN ? 2 : 1); k++) {
        size_t end = best ? *at : SIZE_MAX; /* of two kinds the earlier start wins */
        for (size_t next = next_candidate(kinds[k], bytes, from); next != SIZE_MAX && next < end;
             next = next_candidate(kinds[k], bytes, next + 1)) {
            int starts = warc_starts(p, kinds[k], str_from_at(bytes, next), whole, want);
            if (!starts) continue;
            best = starts;
            *at = next;
            *found = kinds[k];
            break;
        }
    }
    return best;
}

enum warc_kind warc_kind(struct warc_prober *p, struct str bytes, bool whole)
{
    if (bytes.n > WARC_KIND_BYTES) bytes.n = WARC_KIND_BYTES;
    if (bytes.n == WARC_KIND_BYTES) whole = true;
    if (bytes.n < arc_line.n && !whole) return WARC_KIND_MORE;
    if (str_starts(bytes, lz4_magic)) return WARC_KIND_LZ4;
    if (str_starts(bytes, arc_line)) return WARC_KIND_ARC;
    if (str_starts(bytes, zstd_magic)) return WARC_KIND_ZSTD;
    if (bytes.n >= 4 && (bytes.p[0] & 0xF0) == 0x50 && memcmp(bytes.p + 1, "\x2a\x4d\x18", 3) == 0)
        return WARC_KIND_ZSTD; /* a skippable frame: 0x184D2A50 … 5F */
    if (str_starts(bytes, gzip_magic)) {
        struct str first;
        enum first_end end = first_of_gzip(p, bytes, 64, &first);
        if (str_starts(first, arc_line)) return WARC_KIND_ARC;
        return first.n < arc_line.n && end == FIRST_STARVED && !whole ? WARC_KIND_MORE : WARC_KIND_GZIP;
    }
    size_t blank = warc_newlines(bytes);
    int plain = warc_head_plausible(str_from_at(bytes, blank));
    if (plain < 0) return whole ? WARC_KIND_UNKNOWN : WARC_KIND_MORE;
    return plain ? WARC_KIND_PLAIN : WARC_KIND_UNKNOWN;
}
