/* The body of an HTTP response as a browser would have it: without transfer and content codings.
 *
 * Crawlers store bodies as they were sent, or decoded, and then often with the original header names still in the head. So a
 * coding is undone only when the head names it and the bytes prove it: chunk sizes that chain, a magic number that fits. What
 * turns out damaged on the way keeps what came before.
 *
 *     http_body_init(&decoder, 64 << 20);
 *     body = http_body_decode(&decoder, &head, str_from_at(block, head.size), record_was_truncated, &marks);
 *
 * The result is a slice of the input where there was nothing to undo, else of the decoder's buffers, which live until the
 * next call. One thread a decoder.
 */
#ifndef WINNOW_HTTP_BODY_H
#define WINNOW_HTTP_BODY_H

#include "crawl/http/message.h"
#include "pipeline/base/buf.h"

struct libdeflate_decompressor;
struct ZSTD_DCtx_s;

struct http_body {
    size_t limit;         /* of a decoded body in bytes; longer ones are cut */
    struct buf buffer[2]; /* each coding is undone from one into the other */
    struct libdeflate_decompressor *deflate; /* made when first needed, as the next one */
    struct ZSTD_DCtx_s *zstd;
};

enum http_body_mark {
    HTTP_BODY_CHUNKED = 1 << 0,  /* chunks were joined */
    HTTP_BODY_DECODED = 1 << 1,  /* a content coding was undone */
    HTTP_BODY_FALSE = 1 << 2,    /* the head names a coding that the bytes do not have */
    HTTP_BODY_DAMAGED = 1 << 3,  /* chunks or coding end too early or are damaged */
    HTTP_BODY_LIMITED = 1 << 4,  /* cut at the limit */
    HTTP_BODY_UNKNOWN = 1 << 5,  /* a coding nobody here knows: the body is as stored */
};

void http_body_init(struct http_body *decoder, size_t limit);
void http_body_free(struct http_body *decoder);

/* `truncated`: the crawler cut the body (WARC-Truncated), so that a first chunk may be longer than what is there. Absent with
 * a sentence when memory ends. */
struct str http_body_decode(struct http_body *decoder, const struct http_head *head, struct str body, bool truncated,
                            unsigned *marks);

#endif
