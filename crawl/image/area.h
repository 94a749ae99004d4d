/* Area means: a picture of W x H pixels seen through a grid of w x h cells, each the exact mean of what it covers.
 *
 * Along one axis, count in units of 1/w of a source pixel: source pixel i covers [i * w, (i + 1) * w), cell x covers
 * [x * W, (x + 1) * W), and the weight of i in x is the length of their overlap, a whole number; a cell's weights add up to
 * W. In two dimensions weights multiply and add up to W * H. It holds for enlarging, too. Private to crawl/image.
 */
#ifndef WINNOW_AREA_H
#define WINNOW_AREA_H

#include "crawl/image/image.h"
#include "crawl/image/resize_kernels.h"

static inline struct area_span area_span_of(uint64_t cell, uint32_t source, uint32_t cells)
{
    uint64_t from = cell * source, to = from + source; /* in 1/cells of a source pixel */
    uint64_t first = from / cells, last = (to - 1) / cells;
    if (first == last) return (struct area_span){(uint32_t)first, (uint32_t)last, source, 0};
    return (struct area_span){(uint32_t)first, (uint32_t)last, (uint32_t)((first + 1) * cells - from),
                              (uint32_t)(to - last * cells)};
}

/* What part of the grid to compute, and where to put it. */
struct area_window {
    uint32_t x, y, width, height; /* cells */
    uint8_t *rgb;                 /* of the window's first cell */
    size_t row_bytes;             /* from one row of cells to the next */
};
/* Means of a w x h grid, rounded half up. 0, or -1 out of memory. */
int area_means(const struct image *image, uint32_t w, uint32_t h, const struct area_window *window);

/* Unrounded: sums[3 * (y * w + x) + channel], to be divided by W * H. 0, or -1 out of memory. */
int area_sums(const struct image *image, uint32_t w, uint32_t h, uint64_t *sums);

/* The same by the definition, cell by cell: slow where cells overlap much, but for pictures of any shape; the oracle of the
 * tests, too. `sums` has three numbers. */
void area_cell(const struct image *image, uint32_t w, uint32_t h, uint32_t x, uint32_t y, uint64_t sums[3]);

#endif
