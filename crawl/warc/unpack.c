/* Stored bytes are kept from the start of the open member (at most WARC_REWIND_BYTES back): a member that was cut off swallows
 * the beginning of the next one before its decompressor notices, so the search for the next start must go back.
 *
 * Going back costs time that a hostile file could demand at every byte; so all rewinds together are bounded by the bytes of
 * the file read so far (REWIND_SHARE), and beyond that the search begins where the damage was noticed.
 */
#include "crawl/warc/unpack.h"

#include "crawl/warc/record.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    PIECE_BYTES = 128 << 10,       /* decompressed at once; a block of zstd's is no larger */
    ZSTD_HEADER_BYTES = 5,         /* of a frame, at first; less than any frame */
    ZSTD_BLOCK_HEADER_BYTES = 3,   /* RFC 8878 §3.1.1.2 */
    COMPACT_BYTES = 256 << 10,     /* used bytes are dropped when they are this many … and half of all */
    REWIND_SHARE = 4,              /* rewound bytes may be this many times those read, … */
    REWIND_ALLOWANCE = 64 << 20,   /* … and these */
    DICTIONARY_BYTES_MAX = 16 << 20,
};

struct warc_unpacker {
    struct warc_prober *prober;
    enum warc_kind kind;
    enum warc_follow follow;
    struct buf raw;        /* stored bytes, from `raw_offset` of the file on */
    size_t raw_at;         /* how many of them are used */
    uint64_t raw_offset;
    uint64_t member;       /* offset of the open or last member */
    uint64_t rewound;      /* bytes searched again, in this file */
    uint64_t search;       /* where unpack_resume() looks next; UINT64_MAX when it is not searching */
    bool open;             /* inside a member */
    bool ended, damaged;   /* tell BORDER, DAMAGED at the next call */
    const char *reason;
    z_stream gzip;
    ZSTD_DStream *zstd;
    size_t zstd_next;      /* bytes that it asks for */
};

struct warc_unpacker *unpack_new(struct warc_prober *prober)
{
    struct warc_unpacker *u = calloc(1, sizeof *u);
    if (!u || inflateInit2(&u->gzip, 15 + 16) != Z_OK) {
        free(u);
        fail_memory();
        return NULL;
    }
    u->prober = prober;
    buf_init(&u->raw, (size_t)WARC_REWIND_BYTES + WARC_FEED_BYTES_MAX + DICTIONARY_BYTES_MAX);
    return u;
}

void unpack_free(struct warc_unpacker *u)
{
    if (!u) return;
    inflateEnd(&u->gzip);
    ZSTD_freeDStream(u->zstd);
    buf_free(&u->raw);
    free(u);
}

void unpack_start(struct warc_unpacker *u, enum warc_kind kind, uint64_t offset)
{
    buf_clear(&u->raw);
    u->kind = kind;
    u->raw_at = 0;
    u->raw_offset = u->member = offset;
    u->search = UINT64_MAX;
    u->open = u->ended = u->damaged = false;
    if (kind != WARC_KIND_MORE) return;
    u->rewound = 0; /* another file */
    if (u->zstd) ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_and_parameters);
    warc_prober_forget(u->prober);
}

static struct str unused(const struct warc_unpacker *u) { return str_from_at(buf_str(&u->raw), u->raw_at); }
uint64_t unpack_offset(const struct warc_unpacker *u) { return u->raw_offset + u->raw_at; }
uint64_t unpack_member(const struct warc_unpacker *u) { return u->member; }
enum warc_kind unpack_kind(const struct warc_unpacker *u) { return u->kind; }
const char *unpack_reason(const struct warc_unpacker *u) { return u->reason; }
struct str unpack_strange(const struct warc_unpacker *u) { return unused(u); }
enum warc_follow unpack_follow(const struct warc_unpacker *u) { return u->follow; }

bool unpack_idle(const struct warc_unpacker *u)
{
    return !u->open && !u->ended && !u->damaged && u->raw_at == u->raw.n && u->search == UINT64_MAX;
}

enum warc_kind unpack_find_kind(struct warc_unpacker *u)
{
    if (u->kind == WARC_KIND_MORE) u->kind = warc_kind(u->prober, unused(u), u->follow == WARC_FILE_END);
    return u->kind;
}

/* Drops stored bytes that no search will go back to. */
static void drop_used(struct warc_unpacker *u)
{
    size_t keep = u->raw_at;
    if (u->kind != WARC_KIND_PLAIN && (u->open || u->ended || u->damaged)) {
        uint64_t member_at = u->member - u->raw_offset; /* never negative: see the next line */
        keep = u->raw_at > WARC_REWIND_BYTES ? u->raw_at - WARC_REWIND_BYTES : 0;
        if (u->member > u->raw_offset && member_at > keep) keep = (size_t)member_at;
    }
    if (u->search != UINT64_MAX) keep = (size_t)(u->search - u->raw_offset);
    if (keep < COMPACT_BYTES || keep < u->raw.n / 2) return;
    memmove(u->raw.p, u->raw.p + keep, u->raw.n - keep);
    u->raw.n -= keep;
    u->raw_at = u->raw_at > keep ? u->raw_at - keep : 0;
    u->raw_offset += keep;
}

int unpack_feed(struct warc_unpacker *u, struct str bytes, enum warc_follow follow)
{
    drop_used(u);
    u->follow = follow;
    return buf_add(&u->raw, bytes);
}

/* Where to look for the next start after damage in the member that starts at u->member. */
static void begin_search(struct warc_unpacker *u)
{
    uint64_t back = u->member + 1; /* never the same place again */
    uint64_t here = unpack_offset(u) > back ? unpack_offset(u) : back;
    if (here - back > WARC_REWIND_BYTES) back = here - WARC_REWIND_BYTES;
    if (back < u->raw_offset) back = u->raw_offset;
    uint64_t way = here - back;
    u->search = u->rewound + way > REWIND_SHARE * here + REWIND_ALLOWANCE ? here : back;
    u->rewound += here - u->search;
}

static enum unpack_event damage(struct warc_unpacker *u, const char *reason, size_t given)
{
    u->reason = reason;
    u->open = false;
    u->damaged = given > 0;
    begin_search(u);
    return given ? UNPACK_BYTES : UNPACK_DAMAGED;
}

static enum unpack_event cut(struct warc_unpacker *u)
{
    u->open = false;
    begin_search(u);
    return UNPACK_CUT;
}

static enum unpack_event strange(struct warc_unpacker *u)
{
    u->member = unpack_offset(u);
    begin_search(u);
    return UNPACK_STRANGE;
}

/* All input of an open member is used up. */
static enum unpack_event starved(struct warc_unpacker *u, size_t given)
{
    if (given) return UNPACK_BYTES;
    return u->follow == WARC_FILE_END ? cut(u) : UNPACK_MORE;
}

static enum unpack_event more_of_gzip(struct warc_unpacker *u, struct buf *plain)
{
    struct str in = unused(u);
    size_t room = plain->room - plain->n;
    if (room > UINT32_MAX) room = UINT32_MAX;
    u->gzip.next_in = (unsigned char *)(uintptr_t)in.p;
    u->gzip.avail_in = (unsigned)in.n;
    u->gzip.next_out = (unsigned char *)plain->p + plain->n;
    u->gzip.avail_out = (unsigned)room;
    int result = inflate(&u->gzip, Z_NO_FLUSH);
    size_t given = room - u->gzip.avail_out;
    u->raw_at += in.n - u->gzip.avail_in;
    plain->n += given;
    switch (result) {
    case Z_STREAM_END:
        u->open = false;
        u->ended = given > 0;
        return given ? UNPACK_BYTES : UNPACK_BORDER;
    case Z_OK: case Z_BUF_ERROR: return starved(u, given);
    case Z_MEM_ERROR: fail_memory(); return UNPACK_FAILED;
    default: return damage(u, u->gzip.msg ? u->gzip.msg : "damaged gzip member", given);
    }
}

/* A call that fails forgets what it gave before in the same call. So each is handed one part of the frame at most (a header, a
 * block), and has room for a whole block: then what comes out before damage does not depend on how much was fed. The library
 * asks for a block together with the header behind it. */
static enum unpack_event more_of_zstd(struct warc_unpacker *u, struct buf *plain)
{
    ZSTD_outBuffer out = {plain->p + plain->n, plain->room - plain->n, 0};
    size_t left;
    do {
        struct str raw = unused(u);
        size_t part = u->zstd_next > ZSTD_BLOCK_HEADER_BYTES ? u->zstd_next - ZSTD_BLOCK_HEADER_BYTES : u->zstd_next;
        ZSTD_inBuffer in = {raw.p, raw.n < part ? raw.n : part, 0};
        left = ZSTD_decompressStream(u->zstd, &out, &in);
        u->raw_at += in.pos;
        if (!ZSTD_isError(left)) u->zstd_next = left;
    } while (!ZSTD_isError(left) && left && !out.pos && u->raw_at < u->raw.n);
    plain->n += out.pos;
    if (ZSTD_isError(left)) return damage(u, ZSTD_getErrorName(left), out.pos);
    if (left) return starved(u, out.pos);
    u->open = false;
    u->ended = out.pos > 0;
    return out.pos ? UNPACK_BYTES : UNPACK_BORDER;
}

/* A skippable frame at the very start of the file with magic 0x184D2A5D holds a dictionary, itself perhaps a frame. */
static enum unpack_event read_dictionary(struct warc_unpacker *u, struct str frame)
{
    struct str content = str_from_at(frame, 8);
    struct buf unpacked;
    buf_init(&unpacked, DICTIONARY_BYTES_MAX);
    int result = 0;
    if (str_starts(content, STR("\x28\xb5\x2f\xfd"))) {
        result = buf_reserve(&unpacked, DICTIONARY_BYTES_MAX);
        size_t n = result < 0 ? 0 : ZSTD_decompress(unpacked.p, unpacked.room, content.p, content.n);
        if (ZSTD_isError(n)) {
            buf_free(&unpacked);
            return damage(u, "the dictionary at the start does not decompress", 0);
        }
        content = str_of(unpacked.p, n);
    }
    if (result == 0) result = warc_prober_dictionary(u->prober, content);
    if (result == 0) {
        size_t loaded = ZSTD_DCtx_loadDictionary(u->zstd, content.p, content.n);
        if (ZSTD_isError(loaded)) result = fail("zstd dictionary: %s", ZSTD_getErrorName(loaded));
    }
    buf_free(&unpacked);
    return result < 0 ? UNPACK_FAILED : UNPACK_BORDER;
}

/* At a border of a zstd file, at a skippable frame. */
static enum unpack_event skip_frame(struct warc_unpacker *u, struct str raw)
{
    if (raw.n < 8) return u->follow == WARC_FILE_END ? cut(u) : UNPACK_MORE;
    const unsigned char *b = (const unsigned char *)raw.p;
    size_t size = 8 + ((size_t)b[4] | (size_t)b[5] << 8 | (size_t)b[6] << 16 | (size_t)b[7] << 24);
    u->member = unpack_offset(u);
    if (size > DICTIONARY_BYTES_MAX) return damage(u, "a skippable frame larger than 16 MiB", 0);
    if (raw.n < size) return u->follow == WARC_FILE_END ? cut(u) : UNPACK_MORE;
    bool dictionary = unpack_offset(u) == 0 && b[0] == 0x5D; /* 0x184D2A5D, as the draft for .warc.zst has it */
    u->raw_at += size;
    return dictionary ? read_dictionary(u, str_of(raw.p, size)) : UNPACK_BORDER;
}

static bool is_skippable(struct str raw) /* magic 0x184D2A50 … 5F, RFC 8878 §3.1.2 */
{
    return raw.n >= 4 && (raw.p[0] & 0xF0) == 0x50 && memcmp(raw.p + 1, "\x2a\x4d\x18", 3) == 0;
}

static bool magic_begins(enum warc_kind kind, struct str raw)
{
    if (kind == WARC_KIND_GZIP) return str_starts(raw, STR("\x1f\x8b\x08"));
    return kind == WARC_KIND_ZSTD && (str_starts(raw, STR("\x28\xb5\x2f\xfd")) || is_skippable(raw));
}

static enum unpack_event open_zstd(struct warc_unpacker *u)
{
    if (!u->zstd) u->zstd = ZSTD_createDStream();
    if (!u->zstd) return fail_memory(), UNPACK_FAILED;
    struct str raw = unused(u);
    if (is_skippable(raw)) return skip_frame(u, raw);
    ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_only);
    u->zstd_next = ZSTD_HEADER_BYTES;
    u->open = true;
    return UNPACK_BYTES;
}

/* Between members: opens the next one. BYTES stands for success. */
static enum unpack_event open_member(struct warc_unpacker *u)
{
    struct str raw = unused(u);
    bool whole = u->follow == WARC_FILE_END;
    if (raw.n == 0) return whole ? UNPACK_END : UNPACK_MORE;
    if (raw.n < 4 && !whole) return UNPACK_MORE;
    if (!magic_begins(u->kind, raw)) return raw.n <= UNPACK_STRANGE_BYTES && !whole ? UNPACK_MORE : strange(u);
    if (u->kind == WARC_KIND_ZSTD) {
        uint64_t at = unpack_offset(u);
        enum unpack_event event = open_zstd(u);
        if (event == UNPACK_BYTES) u->member = at;
        return event;
    }
    inflateReset(&u->gzip);
    u->member = unpack_offset(u);
    u->open = true;
    return UNPACK_BYTES;
}

enum unpack_event unpack_more(struct warc_unpacker *u, struct buf *plain)
{
    if (u->damaged) return u->damaged = false, UNPACK_DAMAGED;
    if (u->ended) return u->ended = false, UNPACK_BORDER;
    if (u->kind == WARC_KIND_PLAIN) {
        struct str raw = unused(u);
        if (raw.n == 0) return u->follow == WARC_FILE_END ? UNPACK_END : UNPACK_MORE;
        if (raw.n > PIECE_BYTES) raw.n = PIECE_BYTES;
        u->raw_at += raw.n;
        return buf_add(plain, raw) < 0 ? UNPACK_FAILED : UNPACK_BYTES;
    }
    if (!u->open) {
        enum unpack_event event = open_member(u);
        if (event != UNPACK_BYTES) return event;
    }
    if (buf_reserve(plain, PIECE_BYTES) < 0) return UNPACK_FAILED;
    return u->kind == WARC_KIND_GZIP ? more_of_gzip(u, plain) : more_of_zstd(u, plain);
}

int unpack_border_is_start(struct warc_unpacker *u)
{
    struct str raw = unused(u);
    if (raw.n == 0) return u->follow == WARC_CONTINUES ? -1 : 1;
    if (raw.n < 4 && u->follow != WARC_FILE_END) return -1;
    if (!magic_begins(u->kind, raw)) return 1; /* no member: nothing that a record could go on in */
    return warc_starts(u->prober, u->kind, raw, u->follow == WARC_FILE_END, WARC_WANT_RECORD);
}

int unpack_resume(struct warc_unpacker *u)
{
    size_t at = (size_t)(u->search - u->raw_offset);
    bool whole = u->follow == WARC_FILE_END;
    enum warc_kind kind;
    int found = warc_find_start(u->prober, u->kind, buf_str(&u->raw), at, whole, WARC_WANT_RECORD, &at, &kind);
    if (found > 0) u->kind = kind;
    if (found == 0) at = u->raw.n;
    u->search = u->raw_offset + at;
    u->raw_at = at;
    if (found < 0 || (found == 0 && u->follow == WARC_CONTINUES)) return -1;
    u->search = UINT64_MAX;
    return found || u->follow == WARC_BORDER; /* a border is a start */
}
