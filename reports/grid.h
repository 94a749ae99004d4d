/* A table of text for a terminal: cells are gathered, then laid out in columns as wide as their widest cell.
 *
 *     struct grid g;
 *     grid_init(&g, "lrr", 2);                     one letter a column: left or right; two spaces before each line
 *     grid_text(&g, STR("min_chars")); grid_u64(&g, 50); grid_printf(&g, "%.1f %%", share);
 *     grid_format(&g, &out);  grid_free(&g);
 *
 * Cells are masked (base/log.h): control characters, line ends and changes of direction cannot leave their cell. Widths count
 * code points. The last column is not padded. Functions return 0 or -1 with a sentence.
 */
#ifndef WINNOW_REPORTS_GRID_H
#define WINNOW_REPORTS_GRID_H

#include "pipeline/base/buf.h"

struct grid {
    const char *columns;   /* 'l' or 'r' each */
    size_t column_count, indent;
    struct buf text;       /* of all cells, one behind the other */
    struct buf ends;       /* size_t each: where a cell ends in text */
};

void grid_init(struct grid *g, const char *columns, size_t indent);
void grid_free(struct grid *g);
int grid_text(struct grid *g, struct str cell);
int grid_u64(struct grid *g, uint64_t cell);
int grid_printf(struct grid *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
int grid_format(const struct grid *g, struct buf *out); /* appends the lines; the number of cells is a multiple of the columns */

#endif
