/* The readers of WARC files on any bytes: they end, stay inside their bounds, and agree with one another, whatever the pieces
 * and wherever the file is cut. The first byte gives the size of pieces. */
#include "tests/unit/warc_packing.h"

enum { BLOCK_MAX = 1000, TEXT_MAX = 1 << 26 };

/* As crawl/input does, but in memory: chunks of about `size` bytes, each fast reader's result joined. */
static void read_in_chunks(struct buf *out, struct str file, size_t size)
{
    const struct warc_limits limits = {BLOCK_MAX};
    struct warc_prober *p = warc_prober_new();
    struct warc_chunk *c = warc_chunk_new(&limits);
    struct warc_join *j = warc_join_new(&limits);
    struct warc_record record;
    struct warc_loss loss;
    enum warc_kind kind = warc_kind(p, file, true), found;
    bool starts = kind == WARC_KIND_PLAIN || kind == WARC_KIND_GZIP || kind == WARC_KIND_ZSTD, border = starts;
    warc_join_begin(j, kind, 0);
    for (size_t at = 0, next = 0; next < file.n || at == 0; at = next) {
        bool cut = starts && at + size < file.n && warc_find_start(p, kind, file, at + size, true, WARC_WANT_BORDER, &next, &found) > 0;
        if (!cut) next = starts || at + size > file.n ? file.n : at + size;
        enum warc_follow follow = next == file.n ? WARC_FILE_END : cut ? WARC_BORDER : WARC_CONTINUES;
        struct str bytes = str_of(file.p + at, next - at);
        uint64_t from = at;
        if (border && warc_join_takes(j, at)) {
            warc_chunk_start(c, kind, at, bytes, follow);
            while (warc_chunk_next(c, &record) == WARC_EVENT_RECORD) describe_record(out, &record);
            from = warc_chunk_offset(c);
        }
        border = cut;
        if (warc_join_feed(j, at, bytes, from, follow) < 0) abort();
        for (enum warc_event event; (event = warc_join_next(j, &record, &loss)) != WARC_EVENT_MORE && event != WARC_EVENT_END;) {
            if (event == WARC_EVENT_FAILED) abort();
            if (event == WARC_EVENT_RECORD) describe_record(out, &record);
            if (event == WARC_EVENT_LOSS) describe_loss(out, &loss);
        }
        if (next == file.n) break;
    }
    warc_prober_free(p);
    warc_chunk_free(c);
    warc_join_free(j);
}

static void check(const char *way, size_t size, struct buf *expected, struct buf *got)
{
    if (str_eq(buf_str(expected), buf_str(got))) return;
    fprintf(stderr, "%s of %zu:\n%.*s--- instead of\n%.*s", way, size, STR_ARG(buf_str(got)), STR_ARG(buf_str(expected)));
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    size_t piece = (size_t)data[0] * 3 + 1;
    struct str file = str_of((const char *)data + 1, size - 1);
    struct buf whole, other;
    buf_init(&whole, TEXT_MAX);
    buf_init(&other, TEXT_MAX);
    read_by_stream(&whole, file, SIZE_MAX / 2, BLOCK_MAX);
    read_by_stream(&other, file, piece, BLOCK_MAX);
    check("pieces", piece, &whole, &other);
    buf_clear(&other);
    read_in_chunks(&other, file, piece);
    check("chunks", piece, &whole, &other);
    buf_free(&whole);
    buf_free(&other);
    return 0;
}
