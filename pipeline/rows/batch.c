/* A batch of rows: splitting lines into cells, reading and setting cells, formatting.
 *
 * Splitting is the hot path of every stage: 16 bytes at a time, a mask of the bytes that matter (below 0x20, DEL,
 * backslash), one step per byte found. SSE2 belongs to every x86-64; elsewhere a table does the same. */
#include "pipeline/rows/batch.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char *const place_names[4] = {"src_file", "src_record", "src_image", "src_text"};

int batch_init(struct batch *b, const struct columns *columns, size_t memory)
{
    *b = (struct batch){.columns = columns};
    arena_init(&b->arena, memory);
    for (int i = 0; i < 4; i++) b->place_at[i] = columns_find(columns, str_from(place_names[i]));
    return 0;
}

void batch_reset(struct batch *b)
{
    b->count = 0;
    arena_reset(&b->arena);
}

void batch_free(struct batch *b)
{
    arena_free(&b->arena);
    free(b->rows);
    *b = (struct batch){0};
}

static struct row *next_row(struct batch *b)
{
    if (b->count == b->room) {
        size_t room = b->room ? b->room * 2 : 1024;
        struct row *rows = realloc(b->rows, room * sizeof *rows);
        if (!rows) return fail_memory(), NULL;
        b->rows = rows;
        b->room = room;
    }
    return &b->rows[b->count++];
}

static struct str *new_cells(struct batch *b)
{
    return arena_alloc(&b->arena, (b->columns->count ? b->columns->count : 1) * sizeof(struct str));
}

struct row *batch_add(struct batch *b)
{
    struct str *cells = new_cells(b);
    struct row *row = cells ? next_row(b) : NULL;
    if (!row) return NULL;
    memset(cells, 0, b->columns->count * sizeof *cells);
    *row = (struct row){.cells = cells};
    return row;
}

struct row *batch_pass(struct batch *b, const struct row *from)
{
    struct row copy = *from, *row = next_row(b); /* `from` may stand in this batch's own array */
    if (row) *row = copy;
    return row;
}

struct row *batch_widen(struct batch *b, const struct row *from, size_t columns)
{
    struct row copy = *from;
    struct str *cells = new_cells(b);
    struct row *row = cells ? next_row(b) : NULL;
    if (!row) return NULL;
    memcpy(cells, copy.cells, columns * sizeof *cells);
    memset(cells + columns, 0, (b->columns->count - columns) * sizeof *cells);
    *row = copy;
    row->cells = cells;
    if (copy.line_columns > columns) row->line = STR_ABSENT;
    return row;
}

/* ---- cells */

static bool is_special(uint32_t c)
{
    return c < 0x20 || c == '\\' || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

/* Bit i says that byte i of the 16 at p is below 0x20, DEL or a backslash. */
static unsigned marks(const char *p)
{
#ifdef __SSE2__
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    __m128i other = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(0x7F)), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, other));
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned char c = (unsigned char)p[i];
        mask |= (unsigned)(c < 0x20 || c == 0x7F || c == '\\') << i;
    }
    return mask;
#endif
}

/* The same of the bytes that may begin C1 (0xC2), U+2028 and U+2029 (0xE2). */
static unsigned lead_marks(const char *p)
{
#ifdef __SSE2__
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i lead = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)0xC2)), _mm_cmpeq_epi8(v, _mm_set1_epi8((char)0xE2)));
    return (unsigned)_mm_movemask_epi8(lead);
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < 16; i++) mask |= (unsigned)((unsigned char)p[i] == 0xC2 || (unsigned char)p[i] == 0xE2) << i;
    return mask;
#endif
}

static bool special_begins(struct str value, size_t i)
{
    unsigned char c = (unsigned char)value.p[i];
    if (c < 0x20 || c == '\\' || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < value.n) return (value.p[i + 1] & 0xE0) == 0x80; /* C1 */
    return c == 0xE2 && i + 2 < value.n && (unsigned char)value.p[i + 1] == 0x80 &&
           ((unsigned char)value.p[i + 2] | 1) == 0xA9; /* U+2028, U+2029 */
}

bool cell_needs_escape(struct str value)
{
    size_t at = 0;
    for (; at + 16 <= value.n; at += 16)
        for (unsigned mask = marks(value.p + at) | lead_marks(value.p + at); mask; mask &= mask - 1)
            if (special_begins(value, at + (size_t)__builtin_ctz(mask))) return true;
    for (; at < value.n; at++)
        if (special_begins(value, at)) return true;
    return false;
}

int cell_escape(struct buf *out, struct str value)
{
    for (size_t at = 0; at < value.n;) {
        size_t start = at;
        uint32_t c = utf8_next(value, &at);
        int result;
        if (c == UTF8_INVALID || !is_special(c)) result = buf_add(out, str_of(value.p + start, at - start));
        else if (c == '\t') result = buf_add(out, STR("\\t"));
        else if (c == '\n') result = buf_add(out, STR("\\n"));
        else if (c == '\r') result = buf_add(out, STR("\\r"));
        else if (c == '\\') result = buf_add(out, STR("\\\\"));
        else if (c < 0x80) result = buf_printf(out, "\\x%02X", (unsigned)c);
        else result = buf_printf(out, "\\u{%X}", (unsigned)c);
        if (result < 0) return -1;
    }
    return 0;
}

/* One escape at cell.p[*at] == '\\'; appends what it stands for and moves *at behind it. */
static int unescape_one(struct buf *out, struct str cell, size_t *at)
{
    struct str rest = str_from_at(cell, *at + 1);
    char kind = rest.n ? rest.p[0] : 0;
    if (kind == 't' || kind == 'n' || kind == 'r' || kind == '\\') {
        *at += 2;
        return buf_byte(out, kind == 't' ? '\t' : kind == 'n' ? '\n' : kind == 'r' ? '\r' : '\\');
    }
    if (kind == 'x' && rest.n >= 3 && ascii_hex(rest.p[1]) >= 0 && ascii_hex(rest.p[2]) >= 0) {
        *at += 4;
        return buf_byte(out, (char)(ascii_hex(rest.p[1]) * 16 + ascii_hex(rest.p[2])));
    }
    if (kind == 'u' && rest.n >= 4 && rest.p[1] == '{') {
        uint32_t c = 0;
        size_t i = 2;
        while (i < rest.n && i < 8 && ascii_hex(rest.p[i]) >= 0) c = c << 4 | (uint32_t)ascii_hex(rest.p[i++]);
        if (i > 2 && i < rest.n && rest.p[i] == '}') {
            *at += i + 2;
            return buf_code_point(out, c);
        }
    }
    *at += 1;
    return buf_byte(out, '\\');
}

int cell_unescape(struct buf *out, struct str cell)
{
    for (size_t at = 0; at < cell.n;) {
        const char *slash = memchr(cell.p + at, '\\', cell.n - at);
        size_t plain = slash ? (size_t)(slash - cell.p) : cell.n;
        if (buf_add(out, str_of(cell.p + at, plain - at)) < 0) return -1;
        at = plain;
        if (slash && unescape_one(out, cell, &at) < 0) return -1;
    }
    return 0;
}

struct str row_text(const struct row *row, size_t column, struct arena *scratch)
{
    struct str cell = row->cells[column];
    if ((row->line.p && column < row->line_columns && !row->escapes) || !cell.n || !memchr(cell.p, '\\', cell.n)) return cell;
    struct buf out = {.ceiling = cell.n}; /* escapes are never shorter than what they stand for */
    out.p = arena_alloc(scratch, cell.n);
    out.room = cell.n;
    if (!out.p || cell_unescape(&out, cell) < 0) return cell;
    return buf_str(&out);
}

int row_u64(const struct row *row, size_t column, uint64_t *out) { return str_to_u64(row->cells[column], out); }
int row_double(const struct row *row, size_t column, double *out) { return str_to_double(row->cells[column], out); }

static void mark_changed(struct row *row, size_t column)
{
    if (column < row->line_columns) row->line = STR_ABSENT;
}

int row_set(struct batch *b, struct row *row, size_t column, struct str value)
{
    if (value.n > CELL_BYTES_MAX)
        return fail("column %s: a value of %zu bytes: at most %d are stored", b->columns->list[column].name, value.n, CELL_BYTES_MAX);
    mark_changed(row, column);
    if (!cell_needs_escape(value)) {
        row->cells[column] = arena_copy(&b->arena, value);
        return row->cells[column].p ? 0 : -1;
    }
    struct buf escaped;
    buf_init(&escaped, (size_t)CELL_BYTES_MAX * 8);
    int result = cell_escape(&escaped, value);
    if (result == 0) row->cells[column] = arena_copy(&b->arena, buf_str(&escaped));
    buf_free(&escaped);
    return result < 0 || !row->cells[column].p ? -1 : 0;
}

static int set_plain(struct batch *b, struct row *row, size_t column, struct buf *number)
{
    mark_changed(row, column);
    row->cells[column] = arena_copy(&b->arena, buf_str(number));
    return row->cells[column].p ? 0 : -1;
}

int row_set_u64(struct batch *b, struct row *row, size_t column, uint64_t value)
{
    char space[20];
    struct buf number = {.p = space, .room = sizeof space, .ceiling = sizeof space};
    return buf_u64(&number, value) < 0 ? -1 : set_plain(b, row, column, &number);
}

int row_set_i64(struct batch *b, struct row *row, size_t column, int64_t value)
{
    char space[24];
    struct buf number = {.p = space, .room = sizeof space, .ceiling = sizeof space};
    return buf_i64(&number, value) < 0 ? -1 : set_plain(b, row, column, &number);
}

int row_set_double(struct batch *b, struct row *row, size_t column, double value)
{
    char space[400];
    struct buf number = {.p = space, .room = sizeof space, .ceiling = sizeof space};
    return buf_double(&number, value) < 0 ? -1 : set_plain(b, row, column, &number);
}

int row_set_place(struct batch *b, struct row *row, struct place place)
{
    const uint64_t parts[4] = {place.file, place.record, place.image, place.text};
    row->place = place;
    for (int i = 0; i < 4; i++)
        if (b->place_at[i] != SIZE_MAX && row_set_u64(b, row, b->place_at[i], parts[i]) < 0) return -1;
    return 0;
}

/* ---- lines to rows */

struct splitter {
    struct batch *batch;
    uint64_t first_row;
    struct row *row;     /* the row being filled; NULL between rows */
    size_t column;
    const char *line, *cell; /* where they begin */
    struct place last;
    bool any;
};

static int read_place(struct splitter *s)
{
    struct batch *b = s->batch;
    uint64_t part[4] = {0};
    for (int i = 0; i < 4; i++) {
        if (b->place_at[i] == SIZE_MAX) return 0;
        if (row_u64(s->row, b->place_at[i], &part[i]) < 0)
            return fail_usage("row %llu: %s is '%.*s', expected a number", (unsigned long long)(s->first_row + b->count - 1),
                              place_names[i], STR_ARG(s->row->cells[b->place_at[i]]));
    }
    s->row->place = (struct place){part[0], part[1], part[2], part[3]};
    if (s->any && place_compare(&s->last, &s->row->place) >= 0) {
        struct place a = s->row->place, z = s->last;
        return fail_usage("row %llu: place %llu.%llu.%llu.%llu after %llu.%llu.%llu.%llu: use winnow merge --renumber",
                          (unsigned long long)(s->first_row + b->count - 1), (unsigned long long)a.file,
                          (unsigned long long)a.record, (unsigned long long)a.image, (unsigned long long)a.text,
                          (unsigned long long)z.file, (unsigned long long)z.record, (unsigned long long)z.image,
                          (unsigned long long)z.text);
    }
    s->last = s->row->place;
    s->any = true;
    return 0;
}

/* A tab, a line feed, a backslash or a byte that must not be there, at `p`. */
static int step(struct splitter *s, const char *p)
{
    struct batch *b = s->batch;
    unsigned long long number = (unsigned long long)(s->first_row + b->count - (s->row ? 1 : 0));
    if (!s->row) {
        if (!(s->row = batch_add(b))) return -1;
        s->column = 0;
    }
    if (*p == '\\') {
        s->row->escapes = true;
        return 0;
    }
    if (*p != '\t' && *p != '\n')
        return fail("row %llu: byte 0x%02x in a cell: expected it escaped", number, (unsigned char)*p);
    if (s->column == b->columns->count) return fail("row %llu: more than %zu cells", number, b->columns->count);
    s->row->cells[s->column++] = str_of(s->cell, (size_t)(p - s->cell));
    s->cell = p + 1;
    if (*p == '\t') return 0;
    if (s->column != b->columns->count) return fail("row %llu: %zu cells, expected %zu", number, s->column, b->columns->count);
    if (p - s->line > ROW_BYTES_MAX) return fail("row %llu: longer than %d bytes", number, ROW_BYTES_MAX);
    s->row->line = str_of(s->line, (size_t)(p - s->line));
    s->row->line_columns = (unsigned)s->column;
    s->line = p + 1;
    int result = read_place(s);
    s->row = NULL;
    return result;
}

int batch_split(struct batch *b, struct str lines, uint64_t first_row)
{
    struct splitter s = {.batch = b, .first_row = first_row, .line = lines.p, .cell = lines.p};
    size_t at = 0;
    for (; at + 16 <= lines.n; at += 16)
        for (unsigned mask = marks(lines.p + at); mask; mask &= mask - 1)
            if (step(&s, lines.p + at + __builtin_ctz(mask)) < 0) return -1;
    for (; at < lines.n; at++) {
        unsigned char c = (unsigned char)lines.p[at];
        if ((c < 0x20 || c == 0x7F || c == '\\') && step(&s, lines.p + at) < 0) return -1;
    }
    if (s.row || s.line != lines.p + lines.n)
        return fail("row %llu: the line does not end", (unsigned long long)(first_row + b->count - (s.row ? 1 : 0)));
    return 0;
}

int batch_format(const struct batch *b, struct buf *out)
{
    size_t width = b->columns->count;
    for (size_t r = 0; r < b->count; r++) {
        const struct row *row = &b->rows[r];
        size_t before = out->n, column = 0;
        if (row->line.p) {
            if (buf_add(out, row->line) < 0) return -1;
            column = row->line_columns;
        }
        for (; column < width; column++)
            if ((column && buf_byte(out, '\t') < 0) || buf_add(out, row->cells[column]) < 0) return -1;
        if (out->n - before > ROW_BYTES_MAX) return fail("a row of %zu bytes: at most %d are stored", out->n - before, ROW_BYTES_MAX);
        if (buf_byte(out, '\n') < 0) return -1;
    }
    return 0;
}
