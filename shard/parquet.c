/* One data page a column and row group. Values gather in memory, levels as runs of equal ones; the thrift structs of the format are
 * written by hand in the compact protocol, of which a few types suffice. */
#include "shard/parquet.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <zstd.h>

enum {
    GROUP_ROWS = 1 << 16, GROUP_BYTES = 64 << 20, LEVEL = 1 /* of zstd */,
    COLUMN_BYTES_MAX = 1 << 30, FOOTER_BYTES_MAX = 1 << 30,
    THRIFT_I32 = 5, THRIFT_I64 = 6, THRIFT_BINARY = 8, THRIFT_LIST = 9, THRIFT_STRUCT = 12, /* compact protocol */
    TYPE_INT64 = 2, TYPE_DOUBLE = 5, TYPE_BYTE_ARRAY = 6, OPTIONAL = 1, UTF8 = 0, PLAIN = 0, RLE = 3, CODEC_ZSTD = 6, DATA_PAGE = 0,
};

struct column {
    const struct parquet_column *about;
    struct buf values, levels;  /* of the group; levels: runs that are complete */
    uint64_t run;               /* cells at the end with the same level */
    bool defined;               /* of the run */
};

struct parquet {
    struct column *columns;
    size_t count, next;         /* next: cell of the row */
    uint64_t rows, group_rows, group_bytes, offset;
    struct buf groups, page, packed, header;
    uint64_t group_count;
    int (*write)(void *context, struct str bytes);
    void *context;
};

/* ---- thrift, compact */

static int varint(struct buf *out, uint64_t n)
{
    for (; n >= 128; n >>= 7)
        if (buf_byte(out, (char)(n | 128)) < 0) return -1;
    return buf_byte(out, (char)n);
}

static uint64_t zigzag(int64_t n) { return (uint64_t)n << 1 ^ (uint64_t)(n >> 63); }

/* `delta`: how far the field's number lies behind the one before. */
static int field(struct buf *out, unsigned delta, unsigned type) { return buf_byte(out, (char)(delta << 4 | type)); }

static int field_number(struct buf *out, unsigned delta, unsigned type, uint64_t n)
{
    return field(out, delta, type) < 0 ? -1 : varint(out, zigzag((int64_t)n));
}

static int text(struct buf *out, const char *s) { return varint(out, strlen(s)) < 0 ? -1 : buf_add(out, str_from(s)); }

static int list(struct buf *out, unsigned type, uint64_t n)
{
    if (n < 15) return buf_byte(out, (char)(n << 4 | type));
    return buf_byte(out, (char)(0xf0 | type)) < 0 ? -1 : varint(out, n);
}

static int end(struct buf *out) { return buf_byte(out, 0); }

/* ---- output */

static int put(struct parquet *p, struct str bytes)
{
    p->offset += bytes.n;
    return p->write(p->context, bytes);
}

struct parquet *parquet_open(const struct parquet_column *columns, size_t count, int (*write)(void *context, struct str bytes), void *context)
{
    struct parquet *p = calloc(1, sizeof *p);
    if (!p) return fail_memory(), NULL;
    p->write = write;
    p->context = context;
    p->columns = calloc(count ? count : 1, sizeof *p->columns);
    p->count = count;
    struct buf *const all[] = {&p->groups, &p->page, &p->packed, &p->header};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) buf_init(all[i], FOOTER_BYTES_MAX);
    for (size_t i = 0; p->columns && i < count; i++) {
        p->columns[i].about = &columns[i];
        buf_init(&p->columns[i].values, COLUMN_BYTES_MAX);
        buf_init(&p->columns[i].levels, COLUMN_BYTES_MAX);
    }
    if (!p->columns) fail_memory();
    if (p->columns && put(p, STR("PAR1")) == 0) return p;
    parquet_close(p);
    return NULL;
}

void parquet_close(struct parquet *p)
{
    if (!p) return;
    for (size_t i = 0; p->columns && i < p->count; i++) {
        buf_free(&p->columns[i].values);
        buf_free(&p->columns[i].levels);
    }
    struct buf *const all[] = {&p->groups, &p->page, &p->packed, &p->header};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) buf_free(all[i]);
    free(p->columns);
    free(p);
}

/* ---- cells */

static int end_run(struct column *c)
{
    if (!c->run) return 0;
    if (varint(&c->levels, c->run << 1) < 0 || buf_byte(&c->levels, c->defined) < 0) return -1;
    c->run = 0;
    return 0;
}

static int level(struct column *c, bool defined)
{
    if (c->defined != defined && end_run(c) < 0) return -1;
    c->defined = defined;
    c->run++;
    return 0;
}

/* Appends the value and says whether there is one: 1, 0, -1. Numbers of this machine are little-endian, as the format's. */
static int add_value(struct column *c, struct str value)
{
    const uint32_t length = (uint32_t)value.n;
    int64_t whole;
    double number;
    if (!value.n) return 0;
    switch (c->about->type) {
    case PARQUET_TEXT:
        if (value.n > UINT32_MAX || buf_add(&c->values, str_of((const char *)&length, sizeof length)) < 0 || buf_add(&c->values, value) < 0) return -1;
        return 1;
    case PARQUET_INT64:
        if (str_to_i64(value, &whole) < 0) return 0;
        return buf_add(&c->values, str_of((const char *)&whole, sizeof whole)) < 0 ? -1 : 1;
    case PARQUET_DOUBLE:
        if (str_to_double(value, &number) < 0) return 0;
        return buf_add(&c->values, str_of((const char *)&number, sizeof number)) < 0 ? -1 : 1;
    }
    return 0;
}

/* ---- row groups */

/* Levels with their length before them, then values; compressed as one. */
static int make_page(struct parquet *p, struct column *c)
{
    if (end_run(c) < 0) return -1;
    const uint32_t levels = (uint32_t)c->levels.n;
    buf_clear(&p->page);
    if (buf_add(&p->page, str_of((const char *)&levels, sizeof levels)) < 0 || buf_add(&p->page, buf_str(&c->levels)) < 0 ||
        buf_add(&p->page, buf_str(&c->values)) < 0)
        return -1;
    buf_clear(&p->packed);
    if (buf_reserve(&p->packed, ZSTD_compressBound(p->page.n)) < 0) return -1;
    size_t n = ZSTD_compress(p->packed.p, ZSTD_compressBound(p->page.n), p->page.p, p->page.n, LEVEL);
    if (ZSTD_isError(n)) return fail("zstd: %s", ZSTD_getErrorName(n));
    p->packed.n = n;
    return 0;
}

static int make_page_header(struct parquet *p)
{
    struct buf *h = &p->header;
    buf_clear(h);
    bool bad = field_number(h, 1, THRIFT_I32, DATA_PAGE) < 0 || field_number(h, 1, THRIFT_I32, p->page.n) < 0 ||
               field_number(h, 1, THRIFT_I32, p->packed.n) < 0 || field(h, 2, THRIFT_STRUCT) < 0 ||
               field_number(h, 1, THRIFT_I32, p->group_rows) < 0 || field_number(h, 1, THRIFT_I32, PLAIN) < 0 ||
               field_number(h, 1, THRIFT_I32, RLE) < 0 || field_number(h, 1, THRIFT_I32, RLE) < 0 || end(h) < 0 || end(h) < 0;
    return bad ? -1 : 0;
}

static uint64_t type_of(const struct column *c)
{
    return c->about->type == PARQUET_INT64 ? TYPE_INT64 : c->about->type == PARQUET_DOUBLE ? TYPE_DOUBLE : TYPE_BYTE_ARRAY;
}

/* ColumnChunk with its ColumnMetaData, into the footer's row group. */
static int note_chunk(struct parquet *p, const struct column *c, uint64_t at)
{
    struct buf *g = &p->groups;
    bool bad = field_number(g, 2, THRIFT_I64, at) < 0 || field(g, 1, THRIFT_STRUCT) < 0 || field_number(g, 1, THRIFT_I32, type_of(c)) < 0 ||
               field(g, 1, THRIFT_LIST) < 0 || list(g, THRIFT_I32, 2) < 0 || varint(g, zigzag(PLAIN)) < 0 || varint(g, zigzag(RLE)) < 0 ||
               field(g, 1, THRIFT_LIST) < 0 || list(g, THRIFT_BINARY, 1) < 0 || text(g, c->about->name) < 0 ||
               field_number(g, 1, THRIFT_I32, CODEC_ZSTD) < 0 || field_number(g, 1, THRIFT_I64, p->group_rows) < 0 ||
               field_number(g, 1, THRIFT_I64, p->header.n + p->page.n) < 0 || field_number(g, 1, THRIFT_I64, p->header.n + p->packed.n) < 0 ||
               field_number(g, 2, THRIFT_I64, at) < 0 || end(g) < 0 || end(g) < 0;
    return bad ? -1 : 0;
}

static int flush_group(struct parquet *p)
{
    uint64_t bytes = 0;
    if (!p->group_rows) return 0;
    if (field(&p->groups, 1, THRIFT_LIST) < 0 || list(&p->groups, THRIFT_STRUCT, p->count) < 0) return -1;
    for (size_t i = 0; i < p->count; i++) {
        struct column *c = &p->columns[i];
        uint64_t at = p->offset;
        if (make_page(p, c) < 0 || make_page_header(p) < 0 || note_chunk(p, c, at) < 0) return -1;
        if (put(p, buf_str(&p->header)) < 0 || put(p, buf_str(&p->packed)) < 0) return -1;
        bytes += p->header.n + p->page.n;
        buf_clear(&c->values);
        buf_clear(&c->levels);
    }
    if (field_number(&p->groups, 1, THRIFT_I64, bytes) < 0 || field_number(&p->groups, 1, THRIFT_I64, p->group_rows) < 0 || end(&p->groups) < 0)
        return -1;
    p->group_count++;
    p->group_rows = p->group_bytes = 0;
    return 0;
}

int parquet_cell(struct parquet *p, struct str value)
{
    struct column *c = &p->columns[p->next];
    int there = add_value(c, value);
    if (there < 0 || level(c, there > 0) < 0) return -1;
    p->group_bytes += value.n + sizeof(uint32_t);
    if (++p->next < p->count) return 0;
    p->next = 0;
    p->rows++;
    p->group_rows++;
    return p->group_rows >= GROUP_ROWS || p->group_bytes >= GROUP_BYTES ? flush_group(p) : 0;
}

/* ---- the footer */

static int schema(struct parquet *p, struct buf *f)
{
    if (field(f, 1, THRIFT_LIST) < 0 || list(f, THRIFT_STRUCT, p->count + 1) < 0) return -1;
    if (field(f, 4, THRIFT_BINARY) < 0 || text(f, "schema") < 0 || field_number(f, 1, THRIFT_I32, p->count) < 0 || end(f) < 0) return -1;
    for (size_t i = 0; i < p->count; i++) {
        const struct column *c = &p->columns[i];
        if (field_number(f, 1, THRIFT_I32, type_of(c)) < 0 || field_number(f, 2, THRIFT_I32, OPTIONAL) < 0 || field(f, 1, THRIFT_BINARY) < 0 ||
            text(f, c->about->name) < 0)
            return -1;
        if (c->about->type == PARQUET_TEXT && /* converted_type UTF8, logicalType STRING {} */
            (field_number(f, 2, THRIFT_I32, UTF8) < 0 || field(f, 4, THRIFT_STRUCT) < 0 || field(f, 1, THRIFT_STRUCT) < 0 || end(f) < 0 || end(f) < 0))
            return -1;
        if (end(f) < 0) return -1;
    }
    return 0;
}

int parquet_finish(struct parquet *p)
{
    struct buf footer;
    if (flush_group(p) < 0) return -1;
    buf_init(&footer, FOOTER_BYTES_MAX);
    bool bad = field_number(&footer, 1, THRIFT_I32, 1) < 0 || schema(p, &footer) < 0 || field_number(&footer, 1, THRIFT_I64, p->rows) < 0 ||
               field(&footer, 1, THRIFT_LIST) < 0 || list(&footer, THRIFT_STRUCT, p->group_count) < 0 ||
               buf_add(&footer, buf_str(&p->groups)) < 0 || field(&footer, 2, THRIFT_BINARY) < 0 || text(&footer, "winnow " WINNOW_VERSION) < 0 ||
               end(&footer) < 0;
    const uint32_t length = (uint32_t)footer.n;
    int result = bad ? -1 : put(p, buf_str(&footer));
    if (result == 0) result = put(p, str_of((const char *)&length, sizeof length));
    if (result == 0) result = put(p, STR("PAR1"));
    buf_free(&footer);
    return result;
}
