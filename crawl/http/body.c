#include "crawl/http/body.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    SIZE_LINE_MAX = 4096,    /* of a chunk's size line with its extensions */
    PIECE_BYTES = 256 << 10, /* decompressed at once on the slow paths */
    CODINGS_MAX = 8,         /* more in one head are no real body */
    TEXT_LOOK = 256,         /* bytes that decide whether something is text */
};

void http_body_init(struct http_body *decoder, size_t limit)
{
    *decoder = (struct http_body){.limit = limit};
    for (int i = 0; i < 2; i++) buf_init(&decoder->buffer[i], limit);
}

void http_body_free(struct http_body *decoder)
{
    for (int i = 0; i < 2; i++) buf_free(&decoder->buffer[i]);
    if (decoder->deflate) libdeflate_free_decompressor(decoder->deflate);
    ZSTD_freeDCtx(decoder->zstd);
    decoder->deflate = NULL;
    decoder->zstd = NULL;
}

/* ---- chunks, RFC 9112 §7.1 */

/* Reads "1a2b;extension" CRLF at the start of `s`: bytes of the line, 0 when there is none such. */
static size_t chunk_line(struct str s, uint64_t *size)
{
    size_t n = 0;
    *size = 0;
    for (; n < s.n && n < 16 && ascii_hex(s.p[n]) >= 0; n++) *size = *size << 4 | (unsigned)ascii_hex(s.p[n]);
    if (n == 0) return 0;
    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t')) n++;
    if (n < s.n && s.p[n] != ';' && s.p[n] != '\r' && s.p[n] != '\n') return 0;
    const char *end = memchr(s.p + n, '\n', s.n - n < SIZE_LINE_MAX ? s.n - n : SIZE_LINE_MAX);
    return end ? (size_t)(end - s.p) + 1 : 0;
}

static size_t line_end(struct str s) /* CRLF or LF at the start: its bytes */
{
    if (s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n') return 2;
    return s.n >= 1 && s.p[0] == '\n';
}

/* Whether the body is really chunked: its first chunk ends where its size says. */
static bool chunks_chain(struct str body, bool truncated)
{
    uint64_t size;
    size_t line = chunk_line(body, &size);
    if (!line) return false;
    struct str rest = str_from_at(body, line);
    if (size == 0) return rest.n == 0 || line_end(rest) || memchr(rest.p, ':', rest.n < SIZE_LINE_MAX ? rest.n : SIZE_LINE_MAX);
    if (size > rest.n) return truncated;
    rest = str_from_at(rest, (size_t)size);
    if (rest.n == 0) return true;
    return line_end(rest) > 0;
}

static int join_chunks(struct buf *out, struct str body, unsigned *marks)
{
    buf_clear(out);
    *marks |= HTTP_BODY_CHUNKED;
    for (;;) {
        uint64_t size;
        size_t line = chunk_line(body, &size);
        if (!line) break;
        body = str_from_at(body, line);
        if (size == 0) return 0; /* trailers follow: nobody reads them */
        struct str data = str_of(body.p, size < body.n ? (size_t)size : body.n);
        if (out->n + data.n > out->ceiling) {
            data.n = out->ceiling - out->n;
            *marks |= HTTP_BODY_LIMITED;
        }
        if (buf_add(out, data) < 0) return -1;
        if (*marks & HTTP_BODY_LIMITED) return 0;
        body = str_from_at(body, (size_t)size < body.n ? (size_t)size : body.n);
        size_t end = line_end(body);
        if (!end) break;
        body = str_from_at(body, end);
    }
    if (body.n) *marks |= HTTP_BODY_DAMAGED; /* a missing last chunk alone is no damage */
    return 0;
}

/* ---- content codings, RFC 9110 §8.4 */

enum coding { CODING_NONE, CODING_UNKNOWN, CODING_GZIP, CODING_DEFLATE, CODING_ZSTD, CODING_BROTLI };

static enum coding coding_of(struct str name)
{
    if (str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip"))) return CODING_GZIP;
    if (str_eq_nocase(name, STR("deflate")) || str_eq_nocase(name, STR("x-deflate"))) return CODING_DEFLATE;
    if (str_eq_nocase(name, STR("br"))) return CODING_BROTLI;
    if (str_eq_nocase(name, STR("zstd"))) return CODING_ZSTD;
    return str_eq_nocase(name, STR("identity")) || str_eq_nocase(name, STR("none")) ? CODING_NONE : CODING_UNKNOWN;
}

/* Room for another piece; 0 when the limit is reached or memory ends (then *failed). */
static size_t room_for_piece(struct buf *out, bool *failed)
{
    size_t left = out->ceiling - out->n;
    size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
    *failed = piece && buf_reserve(out, piece) < 0;
    return *failed ? 0 : out->room - out->n;
}

/* Inflates piece by piece, keeping what comes before damage. `window`: 15 + 16 gzip (several members), 15 zlib, -15 raw. 1 for
 * bytes that cannot be deflate, 0, or -1. */
static int inflate_slowly(struct buf *out, struct str in, int window, unsigned *marks)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)in.p, .avail_in = (unsigned)in.n};
    if (in.n > UINT32_MAX || inflateInit2(&z, window) != Z_OK) return fail_memory();
    bool failed = false;
    int result = Z_OK;
    for (size_t room; result == Z_OK && (room = room_for_piece(out, &failed)) > 0;) {
        z.next_out = (unsigned char *)out->p + out->n;
        z.avail_out = (unsigned)(room < UINT32_MAX ? room : UINT32_MAX);
        result = inflate(&z, Z_NO_FLUSH);
        out->n = (size_t)((char *)z.next_out - out->p);
        if (result == Z_STREAM_END && window > 15 && z.avail_in >= 2 && z.next_in[0] == 0x1f && z.next_in[1] == 0x8b)
            result = inflateReset(&z);
    }
    inflateEnd(&z);
    if (result == Z_OK && !failed) *marks |= HTTP_BODY_LIMITED;
    else if (result != Z_STREAM_END) *marks |= HTTP_BODY_DAMAGED;
    return failed ? -1 : result == Z_DATA_ERROR;
}

/* Whole gzip members by libdeflate; 0 done, 1 try slowly, -1 memory. */
static int gunzip_fast(struct http_body *decoder, struct buf *out, struct str in)
{
    if (!decoder->deflate) decoder->deflate = libdeflate_alloc_decompressor();
    if (!decoder->deflate) return fail_memory();
    size_t room = in.n < out->ceiling / 8 ? in.n * 8 : out->ceiling;
    for (;;) {
        if (buf_reserve(out, room) < 0) return -1;
        size_t used, given;
        enum libdeflate_result result = libdeflate_gzip_decompress_ex(decoder->deflate, in.p, in.n, out->p, out->room, &used, &given);
        if (result == LIBDEFLATE_SUCCESS && (used == in.n || in.p[used] != '\x1f')) return out->n = given, 0;
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE || out->room >= out->ceiling) return 1;
        room = out->room > out->ceiling / 2 ? out->ceiling : out->room * 2;
    }
}

static int undo_gzip(struct http_body *decoder, struct buf *out, struct str in, unsigned *marks)
{
    int result = gunzip_fast(decoder, out, in);
    if (result <= 0) return result;
    buf_clear(out);
    return inflate_slowly(out, in, 15 + 16, marks) < 0 ? -1 : 0;
}

/* "deflate" is zlib's wrapper by the standard, and raw deflate from some servers. -2: neither. */
static int undo_deflate(struct buf *out, struct str in, unsigned *marks)
{
    const unsigned char *b = (const unsigned char *)in.p;
    unsigned own = 0;
    int window = in.n >= 2 && (b[0] & 15) == 8 && (b[0] * 256u + b[1]) % 31 == 0 ? 15 : -15;
    int result = inflate_slowly(out, in, window, &own);
    if (window < 0 && (result == 1 || out->n == 0)) return -2;
    *marks |= own;
    return result < 0 ? -1 : 0;
}

static int undo_zstd(struct http_body *decoder, struct buf *out, struct str in, unsigned *marks)
{
    if (!decoder->zstd) decoder->zstd = ZSTD_createDCtx();
    if (!decoder->zstd) return fail_memory();
    ZSTD_DCtx_reset(decoder->zstd, ZSTD_reset_session_only);
    ZSTD_inBuffer from = {in.p, in.n, 0};
    bool failed = false;
    size_t left = 1;
    for (size_t room; (left || from.pos < from.size) && (room = room_for_piece(out, &failed)) > 0;) {
        ZSTD_outBuffer to = {out->p + out->n, room, 0};
        size_t before = from.pos;
        left = ZSTD_decompressStream(decoder->zstd, &to, &from);
        if (ZSTD_isError(left)) break;
        out->n += to.pos;
        if (from.pos == before && to.pos == 0) break;
    }
    if (out->n == out->ceiling) *marks |= HTTP_BODY_LIMITED;
    else if (left) *marks |= HTTP_BODY_DAMAGED;
    return failed ? -1 : 0;
}

/* Brotli has no magic number; what fails before it gave anything was none: -2. */
static int undo_brotli(struct buf *out, struct str in, unsigned *marks)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    if (!state) return fail_memory();
    const uint8_t *next_in = (const uint8_t *)in.p;
    size_t in_left = in.n;
    bool failed = false;
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    for (size_t room; result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && (room = room_for_piece(out, &failed)) > 0;) {
        uint8_t *next_out = (uint8_t *)out->p + out->n;
        result = BrotliDecoderDecompressStream(state, &in_left, &next_in, &room, &next_out, NULL);
        out->n = (size_t)((char *)next_out - out->p);
    }
    BrotliDecoderDestroyInstance(state);
    if (failed) return -1;
    if (result == BROTLI_DECODER_RESULT_ERROR && out->n == 0) return -2;
    if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) *marks |= HTTP_BODY_LIMITED;
    else if (result != BROTLI_DECODER_RESULT_SUCCESS) *marks |= HTTP_BODY_DAMAGED;
    return 0;
}

/* Compressed bytes hold control characters within the first few, and a few alone are hardly UTF-8 or markup. */
static bool looks_like_text(struct str s)
{
    if (s.n > TEXT_LOOK) s.n = TEXT_LOOK;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && !ascii_is_space(s.p[i])) return false;
    return memchr(s.p, '<', s.n) || utf8_valid(s);
}

static bool may_be(enum coding coding, struct str in)
{
    switch (coding) {
    case CODING_GZIP: return str_starts(in, STR("\x1f\x8b\x08"));
    case CODING_ZSTD: return str_starts(in, STR("\x28\xb5\x2f\xfd"));
    case CODING_DEFLATE: case CODING_BROTLI: return in.n && !looks_like_text(in);
    default: return false;
    }
}

static int undo(struct http_body *decoder, enum coding coding, struct buf *out, struct str in, unsigned *marks)
{
    buf_clear(out);
    switch (coding) {
    case CODING_GZIP: return undo_gzip(decoder, out, in, marks);
    case CODING_DEFLATE: return undo_deflate(out, in, marks);
    case CODING_ZSTD: return undo_zstd(decoder, out, in, marks);
    default: return undo_brotli(out, in, marks);
    }
}

/* All codings that the head's Content-Encoding fields name, in the order applied. */
static size_t list_codings(const struct http_head *head, enum coding codings[CODINGS_MAX], unsigned *marks)
{
    size_t n = 0;
    for (unsigned i = 0; i < head->content_encoding.count; i++) {
        struct str rest = head->content_encoding.value[i], name;
        while (http_next_element(&rest, &name) && n < CODINGS_MAX) {
            enum coding coding = coding_of(name);
            if (coding == CODING_UNKNOWN) *marks |= HTTP_BODY_UNKNOWN;
            if (coding > CODING_UNKNOWN) codings[n++] = coding;
        }
    }
    return n;
}

static bool says_chunked(const struct http_head *head)
{
    for (unsigned i = 0; i < head->transfer_encoding.count; i++) {
        struct str rest = head->transfer_encoding.value[i], name;
        while (http_next_element(&rest, &name))
            if (str_eq_nocase(name, STR("chunked"))) return true;
    }
    return false;
}

struct str http_body_decode(struct http_body *decoder, const struct http_head *head, struct str body, bool truncated,
                            unsigned *marks)
{
    *marks = 0;
    int next = 0;
    if (head->transfer_encoding.count && says_chunked(head)) {
        if (!chunks_chain(body, truncated)) *marks |= HTTP_BODY_FALSE;
        else if (join_chunks(&decoder->buffer[next], body, marks) < 0) return STR_ABSENT;
        else body = buf_str(&decoder->buffer[next++]);
    }
    enum coding codings[CODINGS_MAX];
    for (size_t i = list_codings(head, codings, marks); i-- > 0;) {
        int result = may_be(codings[i], body) ? undo(decoder, codings[i], &decoder->buffer[next], body, marks) : -2;
        if (result == -1) return STR_ABSENT;
        if (result == -2) {
            *marks |= HTTP_BODY_FALSE;
            continue;
        }
        *marks |= HTTP_BODY_DECODED;
        body = buf_str(&decoder->buffer[next]);
        next = 1 - next;
    }
    return body;
}
