/* Lists of pictures that other people made: TSV, CSV, JSON lines.
 *
 * A file is cut into pieces of whole records by one thread, and the pieces are read by many:
 *
 *     struct list_cut cut = list_cut(&shape, bytes, at_end);          serial: bytes[0 … cut.bytes) are whole records
 *
 *     struct list_reader r = {.shape = shape, .fields = fields, .field_count = 2, .rest = piece, .line = first_line, …};
 *     while ((got = list_next(&r, values)) != LIST_END)               parallel
 *         if (got == LIST_RECORD) ... values[0], values[1]
 *
 * TSV: lines of fields between tabs; no quotes, no escapes. CSV: RFC 4180, with quoted fields that may hold separators, line
 * feeds and doubled quotes; read with Python's leniency: a quote inside an unquoted field is a quote, text behind a closing
 * quote belongs to the field. JSON lines: an object a line. Lines end in LF or CR LF; the last may lack it; blank lines are
 * no records but count as lines. Values are slices of the piece, or of `scratch` where quotes or escapes had to go; they may
 * hold any bytes.
 */
#ifndef WINNOW_LISTS_LIST_H
#define WINNOW_LISTS_LIST_H

#include "pipeline/base/arena.h"
#include "pipeline/base/str.h"

enum {
    LIST_RECORD_MAX = 4 << 20, /* bytes of a record: rows hold 1 MiB, and a list may hold columns that nobody asked for */
    LIST_FIELDS_MAX = 1024,    /* fields of a TSV or CSV record */
};

enum list_format { LIST_TSV, LIST_CSV, LIST_JSONL };

struct list_shape {
    enum list_format format;
    char separator; /* of TSV and CSV; not LF, CR or a double quote */
};

/* The longest run of whole records at the beginning of `bytes`, which begin at a record. With `at_end` nothing follows, and
 * all of them are whole; bytes of LIST_RECORD_MAX or more without a whole record are up to the caller (list_skip). */
struct list_cut {
    size_t bytes;
    uint64_t lines;   /* line feeds in them, and one more for a last line without one */
    uint64_t records; /* that list_next will give of them, damaged ones too */
};
struct list_cut list_cut(const struct list_shape *shape, struct str bytes, bool at_end);

/* How a record is left that is too long, or whose quote is never closed: bytes up to and with the next LF at or after
 * `from`; SIZE_MAX when there is none. */
size_t list_skip(struct str bytes, size_t from);

struct list_field { /* what is wanted of each record */
    struct str name; /* JSON lines: the member's name */
    size_t index;    /* TSV, CSV: the field's number from 0 */
};

struct list_reader {
    struct list_shape shape;
    const struct list_field *fields;
    const struct str *names;  /* JSON lines: the fields' names alone */
    size_t field_count;
    size_t width;             /* TSV, CSV: fields of each record; another number is damage: a separator inside a text */
    struct str rest;          /* what is still to be read */
    uint64_t line, record;    /* number of the line at `rest`, from 1; number of the next record, from 0 */
    uint64_t record_line;     /* of the record that list_next gave last; that record's number is record - 1 */
    struct arena *scratch;
    char problem[96];         /* after LIST_BAD: a sentence */
};

enum list_result { LIST_RECORD, LIST_BAD, LIST_END };
/* The next record: values[i] is its field i, absent where JSON has none. */
enum list_result list_next(struct list_reader *r, struct str *values);

/* The fields of the TSV or CSV record at the beginning of `bytes` (a header line): their number, or SIZE_MAX when there are
 * more than `room`. *used: its bytes with the line feed. */
size_t list_split(const struct list_shape *shape, struct str bytes, struct str *fields, size_t room, size_t *used,
                  struct arena *scratch);

#endif
