/* zstd in independent frames. Contexts are kept per thread: making one costs more than compressing a small frame. */
#include "pipeline/base/zframes.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

#define SEEK_TABLE_MAGIC 0x184D2A5Eu
#define SEEK_TABLE_FOOTER 0x8F92EAB1u
enum { FOOTER_BYTES = 9, ENTRY_BYTES = 12, ENTRY_BYTES_BARE = 8, SKIPPABLE_HEAD = 8 };

static pthread_key_t compressor_key, decompressor_key;
static pthread_once_t keys_once = PTHREAD_ONCE_INIT;

static void free_compressor(void *context) { ZSTD_freeCCtx(context); }
static void free_decompressor(void *context) { ZSTD_freeDCtx(context); }
static void make_keys(void)
{
    if (pthread_key_create(&compressor_key, free_compressor) || pthread_key_create(&decompressor_key, free_decompressor)) abort();
}

static ZSTD_CCtx *thread_compressor(void)
{
    pthread_once(&keys_once, make_keys);
    ZSTD_CCtx *context = pthread_getspecific(compressor_key);
    if (!context && (context = ZSTD_createCCtx())) pthread_setspecific(compressor_key, context);
    return context;
}

static ZSTD_DCtx *thread_decompressor(void)
{
    pthread_once(&keys_once, make_keys);
    ZSTD_DCtx *context = pthread_getspecific(decompressor_key);
    if (!context && (context = ZSTD_createDCtx())) pthread_setspecific(decompressor_key, context);
    return context;
}

void zframes_free(struct zframes *table)
{
    free(table->list);
    *table = (struct zframes){0};
}

int zframes_add(struct zframes *table, struct zframe frame)
{
    if (table->count == table->room) {
        size_t room = table->room ? table->room * 2 : 64;
        struct zframe *list = realloc(table->list, room * sizeof *list);
        if (!list) return fail_memory();
        table->list = list;
        table->room = room;
    }
    table->list[table->count++] = frame;
    return 0;
}

int zframe_compress(struct buf *out, struct str bytes, int level, struct zframe *frame)
{
    if (bytes.n > ZFRAME_BYTES_MAX) return fail("a frame of %zu bytes: at most %d are allowed", bytes.n, ZFRAME_BYTES_MAX);
    ZSTD_CCtx *context = thread_compressor();
    size_t bound = ZSTD_compressBound(bytes.n);
    if (!context || buf_reserve(out, bound) < 0) return fail_memory();
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t n = ZSTD_compress2(context, out->p + out->n, bound, bytes.p, bytes.n);
    if (ZSTD_isError(n)) return fail("zstd cannot compress: %s", ZSTD_getErrorName(n));
    out->n += n;
    if (frame) *frame = (struct zframe){(uint32_t)n, (uint32_t)bytes.n, (uint32_t)XXH64(bytes.p, bytes.n, 0)};
    return 0;
}

static void put_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (char)(v >> (8 * i));
}

static uint32_t get_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

int zframe_skippable(struct buf *out, uint32_t magic, struct str payload, struct zframe *frame)
{
    char head[SKIPPABLE_HEAD];
    if (payload.n > UINT32_MAX - SKIPPABLE_HEAD) return fail("a skippable frame of %zu bytes: too large", payload.n);
    put_u32(head, magic);
    put_u32(head + 4, (uint32_t)payload.n);
    if (buf_add(out, str_of(head, sizeof head)) < 0 || buf_add(out, payload) < 0) return -1;
    if (frame) *frame = (struct zframe){(uint32_t)(SKIPPABLE_HEAD + payload.n), 0, (uint32_t)XXH64(NULL, 0, 0)};
    return 0;
}

int zframes_table(struct buf *out, const struct zframes *table)
{
    size_t payload = table->count * ENTRY_BYTES + FOOTER_BYTES;
    if (payload > UINT32_MAX) return fail("a seek table of %zu frames: too large", table->count);
    if (buf_reserve(out, SKIPPABLE_HEAD + payload) < 0) return -1;
    char *p = out->p + out->n;
    put_u32(p, SEEK_TABLE_MAGIC);
    put_u32(p + 4, (uint32_t)payload);
    p += SKIPPABLE_HEAD;
    for (size_t i = 0; i < table->count; i++, p += ENTRY_BYTES) {
        put_u32(p, table->list[i].stored);
        put_u32(p + 4, table->list[i].bytes);
        put_u32(p + 8, table->list[i].checksum);
    }
    put_u32(p, (uint32_t)table->count);
    p[4] = (char)0x80; /* entries carry checksums */
    put_u32(p + 5, SEEK_TABLE_FOOTER);
    out->n += SKIPPABLE_HEAD + payload;
    return 0;
}

int zframe_decompress(struct buf *out, struct str stored, size_t limit)
{
    ZSTD_DCtx *context = thread_decompressor();
    if (!context) return fail_memory();
    unsigned long long size = ZSTD_getFrameContentSize(stored.p, stored.n);
    if (size == ZSTD_CONTENTSIZE_ERROR) return fail("not a zstd frame");
    if (size != ZSTD_CONTENTSIZE_UNKNOWN) {
        if (size > limit) return fail("a zstd frame of %llu bytes: at most %zu are read", size, limit);
        if (buf_reserve(out, (size_t)size + 1) < 0) return -1;
        size_t n = ZSTD_decompressDCtx(context, out->p + out->n, (size_t)size, stored.p, stored.n);
        if (ZSTD_isError(n)) return fail("damaged zstd frame: %s", ZSTD_getErrorName(n));
        out->n += n;
        return 0;
    }
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only); /* a frame of others, without its size: grow as it comes */
    ZSTD_inBuffer in = {stored.p, stored.n, 0};
    size_t before = out->n, more = 1;
    while (more) {
        size_t step = ZSTD_DStreamOutSize();
        if (out->n - before + step > limit + ZSTD_DStreamOutSize()) return fail("a zstd frame of more than %zu bytes", limit);
        if (buf_reserve(out, step) < 0) return -1;
        ZSTD_outBuffer o = {out->p + out->n, step, 0};
        more = ZSTD_decompressStream(context, &o, &in);
        if (ZSTD_isError(more)) return fail("damaged zstd frame: %s", ZSTD_getErrorName(more));
        if (more && o.pos == 0 && in.pos == in.size) return fail("a zstd frame that ends early");
        out->n += o.pos;
    }
    return 0;
}

size_t zframe_length(struct str bytes, uint32_t *skippable)
{
    *skippable = 0;
    if (bytes.n < 8) return 0;
    uint32_t magic = get_u32(bytes.p);
    if ((magic & 0xFFFFFFF0u) == 0x184D2A50u) {
        *skippable = magic;
        uint64_t length = SKIPPABLE_HEAD + (uint64_t)get_u32(bytes.p + 4);
        return length <= bytes.n ? (size_t)length : 0;
    }
    if (magic != ZSTD_MAGICNUMBER) return SIZE_MAX;
    size_t n = ZSTD_findFrameCompressedSize(bytes.p, bytes.n);
    if (!ZSTD_isError(n)) return n;
    return ZSTD_getErrorCode(n) == ZSTD_error_srcSize_wrong ? 0 : SIZE_MAX;
}

int zframes_read(struct zframes *table, int fd, uint64_t size)
{
    char footer[FOOTER_BYTES];
    if (size < FOOTER_BYTES + SKIPPABLE_HEAD) return 0;
    if (file_pread(fd, footer, sizeof footer, size - FOOTER_BYTES) < 0) return -1;
    if (get_u32(footer + 5) != SEEK_TABLE_FOOTER) return 0;
    uint32_t count = get_u32(footer);
    unsigned char flags = (unsigned char)footer[4];
    if (flags & 0x7C) return fail("seek table with unknown flags 0x%02x", flags);
    uint64_t entry = flags & 0x80 ? ENTRY_BYTES : ENTRY_BYTES_BARE, bytes = (uint64_t)count * entry;
    if (bytes + FOOTER_BYTES + SKIPPABLE_HEAD > size) return fail("seek table of %u frames does not fit its file", count);
    uint64_t start = size - FOOTER_BYTES - bytes - SKIPPABLE_HEAD, sum = 0;
    char *raw = malloc((size_t)bytes + SKIPPABLE_HEAD);
    if (!raw) return fail_memory();
    int result = file_pread(fd, raw, (size_t)bytes + SKIPPABLE_HEAD, start);
    if (result == 0 && get_u32(raw) != SEEK_TABLE_MAGIC) result = fail("seek table without its head");
    for (uint32_t i = 0; i < count && result == 0; i++) {
        const char *p = raw + SKIPPABLE_HEAD + i * entry;
        struct zframe frame = {get_u32(p), get_u32(p + 4), entry == ENTRY_BYTES ? get_u32(p + 8) : 0};
        sum += frame.stored;
        result = zframes_add(table, frame);
    }
    if (result == 0 && sum != start) result = fail("seek table: its frames make %llu bytes, the file has %llu",
                                                   (unsigned long long)sum, (unsigned long long)start);
    free(raw);
    return result < 0 ? -1 : 1;
}

int zframes_read_range(const struct zframes *table, int fd, uint64_t offset, uint64_t length, struct buf *out)
{
    uint64_t stored_at = 0, at = 0, end;
    if (__builtin_add_overflow(offset, length, &end)) return fail("a range beyond the end of the file");
    struct buf stored, text;
    buf_init(&stored, SIZE_MAX / 2);
    buf_init(&text, ZFRAME_BYTES_MAX);
    int result = 0;
    for (size_t i = 0; i < table->count && at < end && result == 0; i++) {
        struct zframe f = table->list[i];
        if (at + f.bytes > offset && f.bytes) {
            buf_clear(&stored);
            buf_clear(&text);
            if (buf_reserve(&stored, f.stored) < 0 || file_pread(fd, stored.p, f.stored, stored_at) < 0) result = -1;
            stored.n = f.stored;
            if (result == 0) result = zframe_decompress(&text, buf_str(&stored), f.bytes);
            if (result == 0 && text.n != f.bytes) result = fail("a zstd frame of %zu bytes where its table says %u", text.n, f.bytes);
            if (result == 0) {
                size_t from = offset > at ? (size_t)(offset - at) : 0, to = end - at < f.bytes ? (size_t)(end - at) : f.bytes;
                result = buf_add(out, str_of(text.p + from, to - from));
            }
        }
        at += f.bytes;
        stored_at += f.stored;
    }
    if (result == 0 && at < end) result = fail("a range beyond the end of the file");
    buf_free(&stored);
    buf_free(&text);
    return result;
}
