#include "reports/grid.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum { GRID_BYTES = 256 << 20, CELL_BYTES = 4096, COLUMNS = 16, GAP = 2 };

void grid_init(struct grid *g, const char *columns, size_t indent)
{
    *g = (struct grid){.columns = columns, .column_count = strlen(columns), .indent = indent};
    buf_init(&g->text, GRID_BYTES);
    buf_init(&g->ends, GRID_BYTES);
}

void grid_free(struct grid *g)
{
    buf_free(&g->text);
    buf_free(&g->ends);
}

int grid_text(struct grid *g, struct str cell)
{
    if (log_mask(&g->text, cell) < 0) return -1;
    size_t end = g->text.n;
    return buf_add(&g->ends, str_of((const char *)&end, sizeof end));
}

int grid_u64(struct grid *g, uint64_t cell) { return grid_printf(g, "%llu", (unsigned long long)cell); }

int grid_printf(struct grid *g, const char *format, ...)
{
    char text[CELL_BYTES]; /* a longer cell is cut */
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n < 0) return fail("a cell that cannot be printed");
    struct str cell = str_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    cell.n = utf8_cut(cell, cell.n);
    return grid_text(g, cell);
}

static size_t end_of(const struct grid *g, size_t cell)
{
    size_t end;
    memcpy(&end, g->ends.p + cell * sizeof end, sizeof end);
    return end;
}

static struct str cell_at(const struct grid *g, size_t cell)
{
    size_t start = cell ? end_of(g, cell - 1) : 0;
    return str_of(g->text.p + start, end_of(g, cell) - start);
}

static int spaces(struct buf *out, size_t n)
{
    for (; n; n--)
        if (buf_byte(out, ' ') < 0) return -1;
    return 0;
}

int grid_format(const struct grid *g, struct buf *out)
{
    size_t cells = g->ends.n / sizeof(size_t), widths[COLUMNS] = {0};
    for (size_t i = 0; i < cells; i++) {
        size_t width = utf8_count(cell_at(g, i)), *widest = &widths[i % g->column_count];
        if (width > *widest) *widest = width;
    }
    for (size_t i = 0; i < cells; i++) {
        size_t column = i % g->column_count, pad = widths[column] - utf8_count(cell_at(g, i));
        bool last = column + 1 == g->column_count, right = g->columns[column] == 'r';
        if (spaces(out, column ? GAP : g->indent) < 0 || spaces(out, right ? pad : 0) < 0 || buf_add(out, cell_at(g, i)) < 0) return -1;
        if (!last && spaces(out, right ? 0 : pad) < 0) return -1;
        while (last && out->n && out->p[out->n - 1] == ' ') out->n--; /* empty cells at the end of a line */
        if (last && buf_byte(out, '\n') < 0) return -1;
    }
    return 0;
}
