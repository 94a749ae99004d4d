/* One pair at a time, in buffers that are reused. */
#include "crawl/lists/pair.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <math.h>

enum {
    ID_DIGITS = 32,
    TEXT_BYTES_MAX = 16 << 20, /* of a record's text before it is cut to a cell: four times LIST_RECORD_MAX, for U+FFFD */
};

int pair_maker_init(struct pair_maker *maker)
{
    buf_init(&maker->text, TEXT_BYTES_MAX);
    buf_init(&maker->raw, TEXT_BYTES_MAX);
    return url_parser_init(&maker->parser);
}

void pair_maker_free(struct pair_maker *maker)
{
    url_parser_free(&maker->parser);
    buf_free(&maker->text);
    buf_free(&maker->raw);
}

static enum pair_result done(int result) { return result < 0 ? PAIR_FAILED : PAIR_MADE; }

static enum pair_result lost(struct pair_maker *maker, const char *problem)
{
    maker->problem = problem;
    return PAIR_LOST;
}

static struct str cut_to_cell(struct str text) { return str_of(text.p, utf8_cut(text, CELL_BYTES_MAX)); }

/* Sets `url`, and `url_raw` where it differs; *url points into the parser. */
static enum pair_result set_url(struct pair_maker *maker, struct batch *batch, struct row *row, const struct pair_columns *columns,
                                struct str found, struct str *url)
{
    if (str_trim(found).n == 0) return lost(maker, "no URL");
    struct url parsed;
    enum url_status status = url_parse(&maker->parser, &parsed, NULL, found, NULL);
    if (status == URL_FAILED) return PAIR_FAILED;
    if (status != URL_OK) return lost(maker, url_reason(status));
    *url = url_without_fragment(&parsed);
    _Static_assert((int)URL_MAX <= (int)CELL_BYTES_MAX, "a parsed URL fits a cell");
    if (row_set(batch, row, columns->url, *url) < 0) return PAIR_FAILED;
    if (str_eq(*url, found)) return PAIR_MADE;
    buf_clear(&maker->raw);
    if (utf8_repair(&maker->raw, found) < 0) return PAIR_FAILED;
    return done(row_set(batch, row, columns->url_raw, cut_to_cell(buf_str(&maker->raw))));
}

/* Sets `text`, and `text_raw` where it differs; *text points into the maker. */
static enum pair_result set_text(struct pair_maker *maker, struct batch *batch, struct row *row, const struct pair_columns *columns,
                                 struct str found, struct str *text)
{
    buf_clear(&maker->text);
    buf_clear(&maker->raw);
    if (unicode_text(&maker->text, found) < 0 || utf8_repair(&maker->raw, found) < 0) return PAIR_FAILED;
    maker->text_cut = maker->text.n > CELL_BYTES_MAX;
    *text = cut_to_cell(buf_str(&maker->text));
    while (text->n && text->p[text->n - 1] == ' ') text->n--; /* where the cut left one */
    struct str raw = cut_to_cell(buf_str(&maker->raw));
    if (row_set(batch, row, columns->text, *text) < 0) return PAIR_FAILED;
    return str_eq(raw, *text) ? PAIR_MADE : done(row_set(batch, row, columns->text_raw, raw));
}

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f')) return false;
    return s.n == ID_DIGITS;
}

enum pair_result pair_make(struct pair_maker *maker, struct batch *batch, struct row *row, const struct pair_columns *columns,
                           const struct pair *pair)
{
    struct str url, text = STR("");
    maker->text_cut = false;
    enum pair_result result = set_url(maker, batch, row, columns, pair->url, &url);
    if (result != PAIR_MADE) return result;
    if (pair->text.p && (result = set_text(maker, batch, row, columns, pair->text, &text)) != PAIR_MADE) return result;
    char id[ID_DIGITS + 1];
    if (is_id(pair->id)) return done(row_set(batch, row, columns->id, pair->id));
    hash_pair_id(url, text, id);
    return done(row_set(batch, row, columns->id, str_of(id, ID_DIGITS)));
}

/* Whole numbers often come through a float column: "512.0", "5.12e2". */
static bool whole_number(struct str value, double low, double high, double *number)
{
    return str_to_double(value, number) == 0 && *number == floor(*number) && *number >= low && *number < high;
}

static int set_number(struct batch *batch, struct row *row, size_t column, struct str value, bool *odd)
{
    uint64_t u;
    int64_t i;
    double d;
    switch (batch->columns->list[column].type) {
    case COLUMN_UNSIGNED:
        if (str_to_u64(value, &u) == 0) return row_set_u64(batch, row, column, u);
        if (whole_number(value, 0, 0x1p53, &d)) return row_set_u64(batch, row, column, (uint64_t)d);
        break;
    case COLUMN_SIGNED:
        if (str_to_i64(value, &i) == 0) return row_set_i64(batch, row, column, i);
        if (whole_number(value, -0x1p53, 0x1p53, &d)) return row_set_i64(batch, row, column, (int64_t)d);
        break;
    default:
        if (str_to_double(value, &d) == 0) return row_set_double(batch, row, column, d);
        break;
    }
    *odd = true;
    return 0;
}

enum pair_result pair_set(struct pair_maker *maker, struct batch *batch, struct row *row, size_t column, struct str value,
                          bool *odd)
{
    if (value.n == 0) return PAIR_MADE;
    if (batch->columns->list[column].type != COLUMN_TEXT) return done(set_number(batch, row, column, str_trim(value), odd));
    buf_clear(&maker->raw);
    if (utf8_repair(&maker->raw, value) < 0) return PAIR_FAILED;
    if (maker->raw.n > CELL_BYTES_MAX) return lost(maker, "a field of more than 64 KiB");
    return done(row_set(batch, row, column, buf_str(&maker->raw)));
}
