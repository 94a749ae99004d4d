/* KEY.json and its neighbours. The layout resolves column names once; a row then costs one pass over its cells. */
#include "shard/sample.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

enum field_kind {
    FIELD_TEXT,   /* a column as a JSON string */
    FIELD_NUMBER, /* a column as a JSON number, null when absent */
    FIELD_FIXED,  /* the same text in all samples */
    FIELD_KEY,    /* the sample's key */
    FIELD_PLACE,  /* "file.record.image.text" */
    FIELD_EXIF,   /* img2dataset's JSON text of EXIF tags, of which winnow records the orientation */
};

struct sample_field {
    char *head;          /* ",\n    \"name\": " */
    size_t head_bytes;
    enum field_kind kind;
    size_t column;       /* SIZE_MAX where the rows lack it */
    struct str fixed;    /* FIELD_FIXED */
};

static const struct {
    const char *name;
    enum field_kind kind;
    const char *column;
    const char *fixed;
} standard[] = {
    {"caption", FIELD_TEXT, "text", NULL},
    {"url", FIELD_TEXT, "url", NULL},
    {"key", FIELD_KEY, NULL, NULL},
    {"status", FIELD_FIXED, NULL, "\"success\""},
    {"error_message", FIELD_FIXED, NULL, "null"},
    {"width", FIELD_NUMBER, "stored_width", NULL},
    {"height", FIELD_NUMBER, "stored_height", NULL},
    {"original_width", FIELD_NUMBER, "width", NULL},
    {"original_height", FIELD_NUMBER, "height", NULL},
    {"exif", FIELD_EXIF, "exif_orientation", NULL},
    {"sha256", FIELD_TEXT, "sha256", NULL},
    {"id", FIELD_TEXT, "id", NULL},
    {"place", FIELD_PLACE, NULL, NULL},
    {"page_url", FIELD_TEXT, "page_url", NULL},
    {"warc_date", FIELD_TEXT, "warc_date", NULL},
};
enum { STANDARD_FIELDS = sizeof standard / sizeof *standard };

static bool is_standard(struct str name)
{
    for (size_t i = 0; i < STANDARD_FIELDS; i++)
        if (str_eq(name, str_from(standard[i].name))) return true;
    return false;
}

static int add_field(struct sample_layout *layout, const char *name, enum field_kind kind, size_t column)
{
    struct sample_field *field = &layout->fields[layout->count];
    int n = asprintf(&field->head, "%s\n    \"%s\": ", layout->count ? "," : "{", name);
    if (n < 0) return fail_memory();
    field->head_bytes = (size_t)n;
    field->kind = kind;
    field->column = column;
    layout->count++;
    return 0;
}

/* Scores where `own` is false, else the columns that columns.def does not know. One with the name of a standard key would
 * give that key twice, so it stays out. */
static int add_further(struct sample_layout *layout, const struct columns *columns, bool own)
{
    for (size_t i = 0; i < columns->count; i++) {
        struct str name = str_from(columns->list[i].name);
        const struct column_definition *definition = column_definition(name);
        if (own ? definition != NULL : !definition || strcmp(definition->stage, "score") != 0) continue;
        if (is_standard(name)) continue;
        enum field_kind kind = columns->list[i].type == COLUMN_TEXT ? FIELD_TEXT : FIELD_NUMBER;
        if (add_field(layout, columns->list[i].name, kind, i) < 0) return -1;
    }
    return 0;
}

int sample_layout_init(struct sample_layout *layout, const struct columns *columns)
{
    *layout = (struct sample_layout){
        .text = columns_find(columns, STR("text")),
        .stored = columns_find(columns, STR("stored")),
    };
    static const char *const needed[] = {"url", "text", "stored"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (columns_find(columns, str_from(needed[i])) == SIZE_MAX)
            return fail_usage("a sample needs the column '%s': run 'winnow fetch' first", needed[i]);
    layout->fields = calloc(STANDARD_FIELDS + columns->count, sizeof *layout->fields);
    if (!layout->fields) return fail_memory();
    int result = 0;
    for (size_t i = 0; i < STANDARD_FIELDS && result == 0; i++) {
        size_t column = standard[i].column ? columns_find(columns, str_from(standard[i].column)) : SIZE_MAX;
        result = add_field(layout, standard[i].name, standard[i].kind, column);
        if (result == 0) layout->fields[i].fixed = str_from(standard[i].fixed);
    }
    if (result == 0) result = add_further(layout, columns, false);
    if (result == 0) result = add_further(layout, columns, true);
    if (result < 0) sample_layout_free(layout);
    return result;
}

void sample_layout_free(struct sample_layout *layout)
{
    for (size_t i = 0; i < layout->count; i++) free(layout->fields[i].head);
    free(layout->fields);
    *layout = (struct sample_layout){0};
}

static char *put_escape(char *p, unsigned unit) /* \uXXXX */
{
    static const char digits[] = "0123456789abcdef";
    *p++ = '\\';
    *p++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) *p++ = digits[unit >> shift & 15];
    return p;
}

static char *put_code_point(char *p, uint32_t c)
{
    static const char short_escapes[][2] = {{'"', '"'},  {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                            {'\t', 't'}, {'\f', 'f'},  {'\b', 'b'}};
    if (c == UTF8_INVALID) c = 0xFFFD;
    for (size_t i = 0; i < sizeof short_escapes / sizeof *short_escapes; i++)
        if (c == (uint32_t)short_escapes[i][0]) {
            *p++ = '\\';
            *p++ = short_escapes[i][1];
            return p;
        }
    if (c >= ' ' && c <= '~') {
        *p++ = (char)c;
        return p;
    }
    if (c < 0x10000) return put_escape(p, c);
    p = put_escape(p, 0xD800 + ((c - 0x10000) >> 10));
    return put_escape(p, 0xDC00 + ((c - 0x10000) & 0x3FF));
}

int sample_json_string(struct buf *out, struct str s)
{
    size_t room;
    if (__builtin_mul_overflow(s.n, (size_t)6, &room) || buf_reserve(out, room + 2) < 0) return -1; /* \u00XX: six for one */
    char *p = out->p + out->n;
    *p++ = '"';
    for (size_t at = 0; at < s.n;) {
        char c = s.p[at];
        if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
            *p++ = c;
            at++;
        } else {
            p = put_code_point(p, utf8_next(s, &at));
        }
    }
    *p++ = '"';
    out->n = (size_t)(p - out->p);
    return 0;
}

/* JSON's grammar of a number: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][-+]?[0-9]+)?, and what every reader can hold: whole numbers of 64
 * bits, others that are finite as doubles ("80e1253" is none). */
static bool is_json_number(struct str s)
{
    size_t i = 0;
    if (i < s.n && s.p[i] == '-') i++;
    size_t first = i;
    while (i < s.n && ascii_is_digit(s.p[i])) i++;
    if (i == first || (s.p[first] == '0' && i > first + 1)) return false;
    if (i == s.n) return i - first <= 18;
    if (s.p[i] == '.') {
        first = ++i;
        while (i < s.n && ascii_is_digit(s.p[i])) i++;
        if (i == first) return false;
    }
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        i++;
        if (i < s.n && (s.p[i] == '-' || s.p[i] == '+')) i++;
        first = i;
        while (i < s.n && ascii_is_digit(s.p[i])) i++;
        if (i == first) return false;
    }
    double finite;
    return i == s.n && str_to_double(s, &finite) == 0;
}

static int add_place(struct buf *out, const struct place *place)
{
    return buf_byte(out, '"') < 0 || buf_u64(out, place->file) < 0 || buf_byte(out, '.') < 0 ||
                   buf_u64(out, place->record) < 0 || buf_byte(out, '.') < 0 || buf_u64(out, place->image) < 0 ||
                   buf_byte(out, '.') < 0 || buf_u64(out, place->text) < 0 || buf_byte(out, '"') < 0
               ? -1
               : 0;
}

/* The names that exifread, and so img2dataset, gives to the orientations 1 … 8 (EXIF 2.3 §4.6.4). */
static int add_exif(struct buf *out, struct str orientation)
{
    static const char *const names[] = {
        "Horizontal (normal)", "Mirrored horizontal", "Rotated 180", "Mirrored vertical",
        "Mirrored horizontal then rotated 90 CCW", "Rotated 90 CW", "Mirrored horizontal then rotated 90 CW", "Rotated 90 CCW",
    };
    if (orientation.n != 1 || orientation.p[0] < '2' || orientation.p[0] > '8') return buf_add(out, STR("\"{}\""));
    const char *name = names[orientation.p[0] - '1'];
    return buf_add(out, STR("\"{\\\"Image Orientation\\\": \\\"")) < 0 || buf_add(out, str_from(name)) < 0 ||
                   buf_add(out, STR("\\\"}\"")) < 0
               ? -1
               : 0;
}

static int add_value(const struct sample_field *field, const struct row *row, struct str key, struct arena *scratch,
                     struct buf *out)
{
    struct str cell = field->column == SIZE_MAX ? STR_ABSENT : row->cells[field->column];
    switch (field->kind) {
    case FIELD_TEXT: return sample_json_string(out, cell.n ? row_text(row, field->column, scratch) : cell);
    case FIELD_NUMBER: return buf_add(out, is_json_number(cell) ? cell : STR("null"));
    case FIELD_FIXED: return buf_add(out, field->fixed);
    case FIELD_KEY: return sample_json_string(out, key);
    case FIELD_PLACE: return add_place(out, &row->place);
    case FIELD_EXIF: return add_exif(out, cell);
    }
    return fail("sample field without a kind");
}

int sample_json(const struct sample_layout *layout, const struct row *row, struct str key, struct arena *scratch,
                struct buf *out)
{
    for (size_t i = 0; i < layout->count; i++) {
        const struct sample_field *field = &layout->fields[i];
        if (buf_add(out, str_of(field->head, field->head_bytes)) < 0) return -1;
        if (add_value(field, row, key, scratch, out) < 0) return -1;
    }
    return buf_add(out, STR("\n}"));
}

struct str sample_extension(struct str format)
{
    static const char *const known[][2] = {{"jpeg", "jpg"}, {"jpg", "jpg"}, {"png", "png"}, {"webp", "webp"}, {"gif", "gif"},
                                           {"avif", "avif"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(format, str_from(known[i][0]))) return str_from(known[i][1]);
    return STR_ABSENT;
}

unsigned sample_index_digits(uint64_t samples_per_shard)
{
    unsigned digits = 1;
    for (uint64_t power = 10; power < samples_per_shard && digits < 19; power *= 10) digits++;
    return digits;
}

int sample_key(struct buf *out, uint64_t shard, uint64_t index, unsigned shard_digits, unsigned index_digits)
{
    uint64_t power = 1, number;
    for (unsigned i = 0; i < index_digits; i++) power *= 10;
    if (index >= power || __builtin_mul_overflow(shard, power, &number) || __builtin_add_overflow(number, index, &number))
        return fail("sample %llu of shard %llu has no key of %u digits", (unsigned long long)index, (unsigned long long)shard,
                    shard_digits + index_digits);
    return buf_printf(out, "%0*llu", (int)(shard_digits + index_digits), (unsigned long long)number);
}
