/* A batch: some thousand consecutive rows in memory.
 *
 * Cells are kept as they are stored on disk, that is escaped (schemas/FORMAT.md §2): a stage that passes a row on copies
 * nothing. row_text() undoes the escapes of one cell when a stage wants to read it; row_set() applies them. A cell that
 * holds n == 0 is absent.
 *
 * Ownership: cells and lines live as long as their batch, or as long as the batch they were taken from where
 * batch_pass()/batch_widen() handed them on. One thread at a time.
 */
#ifndef WINNOW_BATCH_H
#define WINNOW_BATCH_H

#include "pipeline/base/arena.h"
#include "pipeline/base/buf.h"
#include "pipeline/rows/columns.h"

enum {
    CELL_BYTES_MAX = 64 << 10, /* unescaped; text is cut at a code point, a longer URL is a lost record */
    ROW_BYTES_MAX = 1 << 20,   /* as stored, without the line feed */
};

/* Where a row comes from; it names the row, and all streams rise by it. */
struct place {
    uint64_t file, record, image, text; /* src_file, src_record, src_image, src_text */
};
static inline int place_compare(const struct place *a, const struct place *b)
{
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    if (a->record != b->record) return a->record < b->record ? -1 : 1;
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    return (a->text > b->text) - (a->text < b->text);
}

struct row {
    struct str *cells;  /* one a column, escaped */
    struct str line;    /* the first `line_columns` cells as they stand in the file, with tabs; absent once one was changed */
    struct place place;
    unsigned line_columns;
    bool escapes;       /* some cell of the line holds a backslash */
};

struct batch {
    const struct columns *columns; /* not owned */
    struct arena arena;            /* of cells and values */
    struct row *rows;
    size_t count, room;
    size_t place_at[4];            /* the columns of the place; SIZE_MAX where absent */
};

int batch_init(struct batch *b, const struct columns *columns, size_t memory); /* memory: ceiling of the arena */
void batch_reset(struct batch *b);
void batch_free(struct batch *b);

struct row *batch_add(struct batch *b);                             /* a new row, all cells absent; NULL on failure */
struct row *batch_pass(struct batch *b, const struct row *row);      /* the same row, same columns; cells are shared */
struct row *batch_widen(struct batch *b, const struct row *row, size_t columns); /* row's first `columns` cells, then absent
                                                                        ones up to b->columns->count: for added columns */

/* The value of a cell without escapes; points into the cell, or into `scratch` where it had escapes. */
struct str row_text(const struct row *row, size_t column, struct arena *scratch);
int row_u64(const struct row *row, size_t column, uint64_t *out);    /* -1 (no sentence) when absent or not a number */
int row_double(const struct row *row, size_t column, double *out);

int row_set(struct batch *b, struct row *row, size_t column, struct str value); /* copies and escapes; -1 over 64 KiB */
int row_set_u64(struct batch *b, struct row *row, size_t column, uint64_t value);
int row_set_i64(struct batch *b, struct row *row, size_t column, int64_t value);
int row_set_double(struct batch *b, struct row *row, size_t column, double value);
int row_set_place(struct batch *b, struct row *row, struct place place); /* the four cells and row->place */

/* Splits lines (whole, each ending in LF) into rows of `b`; the bytes stay referenced, not copied. Checks the number of
 * cells, that no raw control byte stands in a cell, and that places rise. On failure the sentence begins "row N: " where N
 * counts from `first_row`. */
int batch_split(struct batch *b, struct str lines, uint64_t first_row);
int batch_format(const struct batch *b, struct buf *out);            /* appends every row as a line */

int cell_escape(struct buf *out, struct str value);                  /* appends */
int cell_unescape(struct buf *out, struct str cell);                 /* appends; damaged escapes stand for themselves */
bool cell_needs_escape(struct str value);

#endif
