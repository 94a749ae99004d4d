#include "crawl/page/values.h"

#include "crawl/html/references.h"
#include "crawl/html/references.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

enum { VALUE_BYTES_MAX = 16 << 20 }; /* of one value; a page's title may be its rest */

void page_values_init(struct page_values *v, struct arena *arena)
{
    *v = (struct page_values){.arena = arena, .charset = CHARSET_UTF_8};
    buf_init(&v->bytes, VALUE_BYTES_MAX);
    buf_init(&v->utf8, VALUE_BYTES_MAX);
}

void page_values_free(struct page_values *v)
{
    buf_free(&v->bytes);
    buf_free(&v->utf8);
}

/* Into UTF-8; `raw` itself where it is that already. */
static struct str transcode(struct page_values *v, struct str raw)
{
    if (v->charset == CHARSET_UTF_8 ? utf8_valid(raw) : charset_is_ascii_compatible(v->charset) && utf8_is_ascii(raw)) return raw;
    buf_clear(&v->bytes);
    return charset_decode(&v->bytes, v->charset, raw) < 0 ? STR_ABSENT : buf_str(&v->bytes);
}

struct str page_value(struct page_values *v, struct str raw, bool text)
{
    if (!raw.n) return raw;
    if (raw.n > VALUE_BYTES_MAX / 4) raw.n = VALUE_BYTES_MAX / 4; /* transcoding at most triples it */
    struct str value = transcode(v, raw);
    if (!value.p) return STR_ABSENT;
    bool copied = value.p == v->bytes.p;
    if (html_needs_decoding(value)) {
        buf_clear(&v->utf8);
        if (html_decode_references(&v->utf8, value, !text) < 0) return STR_ABSENT;
        value = buf_str(&v->utf8);
        copied = true;
    }
    return copied ? arena_copy(v->arena, value) : value;
}

struct str page_pieces(struct page_values *v, const struct html_page *page, struct html_text text)
{
    struct buf joined;
    buf_init(&joined, VALUE_BYTES_MAX);
    struct str result = STR("");
    for (uint32_t i = 0; i < text.count; i++) {
        struct str piece = page_value(v, page->piece[text.first + i], true);
        if (!piece.p || buf_add(&joined, piece) < 0) result = STR_ABSENT;
    }
    if (result.p && joined.n) result = arena_copy(v->arena, buf_str(&joined));
    buf_free(&joined);
    return result;
}
