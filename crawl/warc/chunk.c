/* A member is decompressed whole, then all its records are checked before the first is handed out: so giving up never leaves
 * half a member behind, and the tolerant reader can begin at the member's start.
 */
#include "crawl/warc/chunk.h"

#include "pipeline/base/fail.h"

#include <libdeflate.h>
#include <stdlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

enum {
    FIRST_ROOM = 1 << 20, /* of a member, at first: Common Crawl cuts pages at 1 MiB */
    TRAILER_MAX = 1024,   /* line ends behind a block; more are the tolerant reader's business */
};

enum { GZIP_HEADER_CHECK = 2 }; /* FHCRC (RFC 1952 §2.3.1), which libdeflate does not check and zlib does */

/* One record in plain bytes. */
struct framed {
    size_t start, block, block_end, next; /* positions; `next` is behind the line ends that follow */
    unsigned oddities;
};

struct warc_chunk {
    size_t block_max;
    struct libdeflate_decompressor *gzip;
    ZSTD_DCtx *zstd;
    struct warc_prober *prober;
    struct buf member[2];   /* decompressed members: the last one, and the kept one */
    int current, kept;      /* which is which; kept = -1: none */

    enum warc_kind kind;
    enum warc_follow follow;
    uint64_t offset;        /* of bytes.p in the file */
    struct str bytes;
    size_t at;              /* compressed: start of the next member; plain: of the next record */

    size_t member_at;       /* compressed: the member at hand begins here … */
    size_t text_at;         /* … and is handed out up to here */
    struct framed first;    /* its first record … */
    bool alone;             /* … is its only one */
};

struct warc_chunk *warc_chunk_new(const struct warc_limits *limits)
{
    struct warc_chunk *c = calloc(1, sizeof *c);
    if (!c) return fail_memory(), NULL;
    c->block_max = limits && limits->block ? limits->block : WARC_BLOCK_BYTES;
    for (int i = 0; i < 2; i++) buf_init(&c->member[i], c->block_max + WARC_HEAD_BYTES_MAX);
    c->gzip = libdeflate_alloc_decompressor();
    c->zstd = ZSTD_createDCtx();
    c->prober = warc_prober_new();
    if (!c->gzip || !c->zstd || !c->prober) {
        warc_chunk_free(c);
        return fail_memory(), NULL;
    }
    return c;
}

void warc_chunk_free(struct warc_chunk *c)
{
    if (!c) return;
    for (int i = 0; i < 2; i++) buf_free(&c->member[i]);
    libdeflate_free_decompressor(c->gzip);
    ZSTD_freeDCtx(c->zstd);
    warc_prober_free(c->prober);
    free(c);
}

void warc_chunk_start(struct warc_chunk *c, enum warc_kind kind, uint64_t offset, struct str bytes, enum warc_follow follow)
{
    c->kind = kind;
    c->offset = offset;
    c->bytes = bytes;
    c->follow = follow;
    c->at = c->member_at = c->text_at = 0;
    c->kept = -1;
    c->current = 0;
    for (int i = 0; i < 2; i++) buf_clear(&c->member[i]);
}

uint64_t warc_chunk_offset(const struct warc_chunk *c)
{
    bool inside = c->kind != WARC_KIND_PLAIN && c->text_at < c->member[c->current].n;
    return c->offset + (inside ? c->member_at : c->at);
}

void warc_chunk_keep(struct warc_chunk *c) { c->kept = c->current; }

/* Reads the record at `from`, which may stand behind line ends. `ends`: a record cannot go on behind text. False when it is
 * not as it should be. */
static bool frame(const struct warc_chunk *c, struct str text, size_t from, bool ends, struct framed *f, struct warc_record *r)
{
    f->start = from + warc_newlines(str_from_at(text, from));
    struct str rest = str_from_at(text, f->start);
    size_t at = 0, size;
    const char *why;
    if (warc_head_find(rest, &at, &size, &why) != WARC_HEAD_WHOLE) return false;
    if (warc_head_parse(r, str_of(rest.p, size), &why) < 0 || r->length > c->block_max) return false;
    f->block = f->start + size;
    f->oddities = 0;
    if (r->length > text.n - f->block) return false;
    f->block_end = f->block + (size_t)r->length;
    f->next = f->block_end;
    unsigned line_ends = 0;
    for (; f->next < text.n && (text.p[f->next] == '\n' || text.p[f->next] == '\r'); f->next++)
        line_ends += text.p[f->next] == '\n';
    if (line_ends != 2) f->oddities |= line_ends < 2 ? WARC_NO_TRAILER : WARC_BLANK_LINES;
    if (f->next - f->block_end > TRAILER_MAX) return false;
    if (f->next == text.n) return ends;
    return str_starts(str_from_at(text, f->next), STR("WARC/"));
}

/* Decompresses the member at c->at into `to`; its stored size, or 0 when that fails for whatever reason. */
static size_t gzip_member(struct warc_chunk *c, struct buf *to)
{
    struct str in = str_from_at(c->bytes, c->at);
    if (in.n < 4 || (in.p[3] & GZIP_HEADER_CHECK)) return 0;
    for (;;) {
        size_t used, given;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(c->gzip, in.p, in.n, to->p, to->room, &used, &given);
        if (result == LIBDEFLATE_SUCCESS) {
            to->n = given;
            return used;
        }
        size_t larger = to->room > to->ceiling / 2 ? to->ceiling : to->room * 2;
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE || larger <= to->room || buf_reserve(to, larger) < 0) return 0;
    }
}

static size_t zstd_frame(struct warc_chunk *c, struct buf *to)
{
    struct str in = str_from_at(c->bytes, c->at);
    size_t size = ZSTD_findFrameCompressedSize(in.p, in.n);
    if (ZSTD_isError(size) || ZSTD_getDictID_fromFrame(in.p, in.n)) return 0;
    ZSTD_frameHeader head; /* the stream refuses windows over its limit, which one shot does not need */
    if (ZSTD_getFrameHeader(&head, in.p, in.n) || head.windowSize > UINT64_C(1) << ZSTD_WINDOWLOG_LIMIT_DEFAULT) return 0;
    if (c->offset + c->at == 0 && in.p[0] == 0x5D) return 0; /* a dictionary, which the tolerant reader loads */
    unsigned long long bound = ZSTD_decompressBound(in.p, size);
    if (bound == ZSTD_CONTENTSIZE_ERROR || bound > to->ceiling || buf_reserve(to, (size_t)bound) < 0) return 0;
    size_t given = ZSTD_decompressDCtx(c->zstd, to->p, to->room, in.p, size);
    if (ZSTD_isError(given)) return 0;
    to->n = given;
    return size;
}

/* Makes the next member the current one, with all its records checked. */
static bool open_member(struct warc_chunk *c, struct warc_record *r)
{
    int into = c->kept == c->current ? 1 - c->current : c->current;
    struct buf *to = &c->member[into];
    buf_clear(to);
    if (buf_reserve(to, FIRST_ROOM < to->ceiling ? FIRST_ROOM : to->ceiling) < 0) return false;
    size_t size = c->kind == WARC_KIND_GZIP ? gzip_member(c, to) : zstd_frame(c, to);
    struct str text = buf_str(to);
    size_t records = 0;
    struct framed f = {.next = 0};
    bool empty = warc_newlines(text) == text.n;
    while (size && !empty && f.next < text.n) {
        if (!frame(c, text, f.next, true, &f, r)) size = 0;
        else if (!records++) c->first = f;
    }
    if (!size) {
        buf_clear(to);
        return false;
    }
    c->current = into;
    c->member_at = c->at;
    c->at += size;
    c->text_at = empty ? text.n : 0;
    c->alone = records == 1;
    return true;
}

static void hand_out(struct warc_chunk *c, struct str text, const struct framed *f, struct warc_record *r)
{
    r->block = str_of(text.p + f->block, f->block_end - f->block);
    r->oddities |= f->oddities;
    if (c->kind == WARC_KIND_PLAIN) {
        r->offset = c->offset + f->start;
        r->inside = 0;
        r->stored = f->next - f->start;
        return;
    }
    r->offset = c->offset + c->member_at;
    r->inside = f->start;
    r->stored = c->alone ? c->at - c->member_at : 0;
    if (!c->alone) r->oddities |= WARC_SHARED_MEMBER;
    if (f->start == c->first.start && f->start > 0) r->oddities |= WARC_BLANK_LINES;
}

static enum warc_event next_plain(struct warc_chunk *c, struct warc_record *r)
{
    if (c->at == c->bytes.n) return WARC_EVENT_END;
    struct framed f;
    if (!frame(c, c->bytes, c->at, c->follow != WARC_CONTINUES, &f, r)) return WARC_EVENT_MORE;
    hand_out(c, c->bytes, &f, r);
    if (f.start > c->at) r->oddities |= WARC_BLANK_LINES; /* only where the file begins with line ends */
    c->at = f.next;
    return WARC_EVENT_RECORD;
}

enum warc_event warc_chunk_next(struct warc_chunk *c, struct warc_record *r)
{
    if (c->kind == WARC_KIND_PLAIN) return next_plain(c, r);
    while (c->text_at == c->member[c->current].n) {
        if (c->at == c->bytes.n) return WARC_EVENT_END;
        if (!open_member(c, r)) return WARC_EVENT_MORE;
    }
    struct str text = buf_str(&c->member[c->current]);
    struct framed f = c->first;
    if (!c->alone) frame(c, text, c->text_at, true, &f, r); /* else *r holds it since open_member() */
    hand_out(c, text, &f, r);
    c->text_at = f.next;
    return WARC_EVENT_RECORD;
}
