/* Cutting and splitting. Both follow field_end(), so that a piece never ends inside a record. */
#include "crawl/lists/list.h"

#include "crawl/lists/json.h"
#include "pipeline/base/fail.h"

#include <stdio.h>

/* Where the field at `at` ends: at a separator, a line feed or the end of the bytes; *closed is false when it begins with a
 * quote that is not closed. */
static size_t field_end(const struct list_shape *shape, struct str s, size_t at, bool *closed)
{
    *closed = true;
    if (shape->format == LIST_CSV && at < s.n && s.p[at] == '"') {
        for (at++;; at += 2) { /* from quote to quote; a doubled one goes on */
            const char *quote = at < s.n ? memchr(s.p + at, '"', s.n - at) : NULL;
            if (!quote) {
                *closed = false;
                return s.n;
            }
            at = (size_t)(quote - s.p);
            if (at + 1 == s.n || s.p[at + 1] != '"') break;
        }
        at++;
    }
    while (at < s.n && s.p[at] != shape->separator && s.p[at] != '\n') at++;
    return at;
}

static uint64_t count_line_feeds(struct str s)
{
    uint64_t count = 0;
    for (size_t i = 0; i < s.n; i++) count += s.p[i] == '\n';
    return count;
}

static bool is_blank(const struct list_shape *shape, struct str line)
{
    if (shape->format == LIST_JSONL) return str_trim(line).n == 0;
    return line.n == 0 || (line.n == 1 && line.p[0] == '\r');
}

/* Where the record at `from` ends: at its line feed, or s.n; *closed is false inside a quote. */
static size_t record_end(const struct list_shape *shape, struct str s, size_t from, bool *closed)
{
    *closed = true;
    if (shape->format != LIST_CSV) {
        const char *at = memchr(s.p + from, '\n', s.n - from);
        return at ? (size_t)(at - s.p) : s.n;
    }
    size_t end = from;
    while (end = field_end(shape, s, end, closed), end < s.n && s.p[end] != '\n') end++;
    return end;
}

struct list_cut list_cut(const struct list_shape *shape, struct str bytes, bool at_end)
{
    struct list_cut cut = {0};
    while (cut.bytes < bytes.n) {
        bool closed;
        size_t end = record_end(shape, bytes, cut.bytes, &closed);
        if (end == bytes.n && !at_end) break;
        struct str record = str_of(bytes.p + cut.bytes, end - cut.bytes);
        cut.records += !is_blank(shape, record);
        cut.lines += 1 + (shape->format == LIST_CSV ? count_line_feeds(record) : 0);
        if (end == bytes.n && record.n && record.p[record.n - 1] == '\n') cut.lines--; /* a quote that the end leaves open */
        cut.bytes = end < bytes.n ? end + 1 : end;
    }
    return cut;
}

size_t list_skip(struct str bytes, size_t from)
{
    const char *at = from < bytes.n ? memchr(bytes.p + from, '\n', bytes.n - from) : NULL;
    return at ? (size_t)(at - bytes.p) + 1 : SIZE_MAX;
}

/* The text of a quoted field: without its quotes, doubled ones single, and with what stands behind the closing one. */
static struct str unquote(struct str field, struct arena *scratch)
{
    const char *quote = memchr(field.p + 1, '"', field.n - 1);
    if (!quote) return str_from_at(field, 1); /* never closed: the end of the file */
    if (quote == field.p + field.n - 1) return str_of(field.p + 1, field.n - 2);
    char *text = arena_alloc(scratch, field.n), *to = text;
    if (!text) return STR_ABSENT;
    bool inside = true;
    for (size_t i = 1; i < field.n; i++) {
        if (inside && field.p[i] == '"') {
            inside = i + 1 < field.n && field.p[i + 1] == '"';
            if (!inside) continue;
            i++;
        }
        *to++ = field.p[i];
    }
    return str_of(text, (size_t)(to - text));
}

size_t list_split(const struct list_shape *shape, struct str bytes, struct str *fields, size_t room, size_t *used,
                  struct arena *scratch)
{
    size_t count = 0;
    for (size_t at = 0;;) {
        bool closed;
        size_t end = field_end(shape, bytes, at, &closed);
        bool last = end == bytes.n || bytes.p[end] == '\n';
        struct str field = str_of(bytes.p + at, end - at);
        if (last && field.n && field.p[field.n - 1] == '\r') field.n--;
        if (shape->format == LIST_CSV && field.n && field.p[0] == '"') field = unquote(field, scratch);
        if (count < room) fields[count] = field;
        count++;
        if (last) {
            *used = end < bytes.n ? end + 1 : end;
            return count <= room ? count : SIZE_MAX;
        }
        at = end + 1;
    }
}

static enum list_result bad(struct list_reader *r, const char *problem)
{
    snprintf(r->problem, sizeof r->problem, "%s", problem);
    return LIST_BAD;
}

static enum list_result next_fields(struct list_reader *r, struct str *values)
{
    struct str fields[LIST_FIELDS_MAX];
    size_t used, count = list_split(&r->shape, r->rest, fields, LIST_FIELDS_MAX, &used, r->scratch);
    r->record_line = r->line;
    r->line += count_line_feeds(str_of(r->rest.p, used));
    r->rest = str_from_at(r->rest, used);
    if (count == SIZE_MAX) return bad(r, "more than 1024 fields");
    if (count != r->width) {
        snprintf(r->problem, sizeof r->problem, "%zu field%s, expected %zu", count, count == 1 ? "" : "s", r->width);
        return LIST_BAD;
    }
    for (size_t i = 0; i < r->field_count; i++) {
        values[i] = fields[r->fields[i].index];
        if (!values[i].p) return bad(r, fail_message());
    }
    return LIST_RECORD;
}

static enum list_result next_object(struct list_reader *r, struct str *values)
{
    struct str line = str_cut(&r->rest, '\n');
    r->record_line = r->line++;
    const char *problem = json_pick(line, r->names, r->field_count, values, r->scratch);
    return problem ? bad(r, problem) : LIST_RECORD;
}

/* Moves over blank lines; false at the end. */
static bool skip_blank(struct list_reader *r)
{
    while (r->rest.n) {
        struct str rest = r->rest;
        if (!is_blank(&r->shape, str_cut(&rest, '\n'))) return true;
        r->rest = rest;
        r->line++;
    }
    return false;
}

enum list_result list_next(struct list_reader *r, struct str *values)
{
    if (!skip_blank(r)) return LIST_END;
    r->record++;
    return r->shape.format == LIST_JSONL ? next_object(r, values) : next_fields(r, values);
}
