/* Area means, rows first: the source rows under a row of cells are added up, weighted, in 32 bits, which walks memory in
 * order and suits vector units; then each cell takes its columns from that one row of sums. Pictures whose sums could pass
 * 32 bits (some are 1 pixel wide and millions high) go by the definition. */
#include "crawl/image/area.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>

enum { ROW_WEIGHT_MOST = 32767 }; /* kernels multiply by signed 16-bit numbers */

void area_cell(const struct image *image, uint32_t w, uint32_t h, uint32_t x, uint32_t y, uint64_t sums[3])
{
    struct area_span rows = area_span_of(y, image->height, h), columns = area_span_of(x, image->width, w);
    sums[0] = sums[1] = sums[2] = 0;
    for (uint64_t row = rows.first; row <= rows.last; row++) {
        uint64_t row_weight = row == rows.first ? rows.first_weight : row == rows.last ? rows.last_weight : h;
        const uint8_t *pixel = image->rgb + (row * image->width + columns.first) * 3;
        for (uint64_t column = columns.first; column <= columns.last; column++, pixel += 3) {
            uint64_t weight = row_weight * (column == columns.first ? columns.first_weight
                                            : column == columns.last ? columns.last_weight
                                                                     : w);
            for (unsigned c = 0; c < 3; c++) sums[c] += pixel[c] * weight;
        }
    }
}

struct area {
    const struct image *image;
    const struct resize_kernels *kernels;
    uint32_t w, h;
    uint32_t *sums;          /* one row of the source's width */
    struct area_span *spans; /* of the columns asked for */
    struct area_taps *taps;  /* the same; NULL where one of them is too long */
};

static bool row_sums_fit(const struct image *image, uint32_t h)
{
    return h <= ROW_WEIGHT_MOST && (uint64_t)image->height * 255 <= UINT32_MAX;
}

/* The spans' weights one by one; false where a span has too many. */
static bool write_taps(struct area *area, uint32_t columns)
{
    for (uint32_t x = 0; x < columns; x++) {
        const struct area_span *span = &area->spans[x];
        uint32_t last = span->last - span->first;
        if (last >= AREA_TAPS) return false;
        area->taps[x] = (struct area_taps){.first = span->first};
        for (uint32_t k = 1; k < last; k++) area->taps[x].weight[k] = area->w;
        area->taps[x].weight[last] = span->last_weight;
        area->taps[x].weight[0] = span->first_weight; /* the last, too, where there is one alone */
    }
    return true;
}

static int area_open(struct area *area, const struct image *image, uint32_t w, uint32_t h, uint32_t x, uint32_t columns)
{
    *area = (struct area){image, resize_kernels(), w, h, NULL, NULL, NULL};
    size_t samples = (size_t)image->width * 3;
    area->sums = malloc((samples + RESIZE_ROW_SLACK) * sizeof *area->sums);
    area->spans = malloc(columns * sizeof *area->spans);
    area->taps = malloc(columns * sizeof *area->taps);
    if (!area->sums || !area->spans || !area->taps) return fail_memory();
    memset(area->sums + samples, 0, RESIZE_ROW_SLACK * sizeof *area->sums);
    for (uint32_t i = 0; i < columns; i++) area->spans[i] = area_span_of((uint64_t)x + i, image->width, w);
    if (write_taps(area, columns)) return 0;
    free(area->taps);
    area->taps = NULL;
    return 0;
}

static void area_close(struct area *area)
{
    free(area->sums);
    free(area->spans);
    free(area->taps);
}

/* Adds up the source rows under the cells of row y. */
static void sum_rows(struct area *area, uint32_t y)
{
    struct area_span rows = area_span_of(y, area->image->height, area->h);
    size_t samples = (size_t)area->image->width * 3;
    const uint8_t *row = area->image->rgb + rows.first * samples;
    for (uint64_t i = rows.first; i <= rows.last; i += 2, row += 2 * samples) {
        uint32_t weight = i == rows.first ? rows.first_weight : i == rows.last ? rows.last_weight : area->h;
        bool pair = i < rows.last;
        uint32_t next = !pair ? 0 : i + 1 == rows.last ? rows.last_weight : area->h;
        area->kernels->area_rows(area->sums, row, pair ? row + samples : row, weight, next, samples, i == rows.first);
    }
}

static void sum_columns(const struct area *area, const struct area_span *span, uint64_t sums[3])
{
    const uint32_t *pixel = area->sums + 3 * (size_t)span->first;
    for (unsigned c = 0; c < 3; c++) sums[c] = (uint64_t)pixel[c] * span->first_weight;
    if (span->first == span->last) return;
    uint64_t between[3] = {0};
    pixel += 3;
    for (uint32_t i = span->first + 1; i < span->last; i++, pixel += 3)
        for (unsigned c = 0; c < 3; c++) between[c] += pixel[c];
    for (unsigned c = 0; c < 3; c++) sums[c] += between[c] * area->w + (uint64_t)pixel[c] * span->last_weight;
}

static void put_means(const uint64_t sums[3], uint64_t whole, double inverse, uint8_t *rgb)
{
    for (unsigned c = 0; c < 3; c++) rgb[c] = area_quotient((double)(sums[c] + whole / 2), inverse);
}

static void mean_columns(const struct area *area, size_t columns, uint64_t whole, double inverse, uint8_t *rgb)
{
    uint32_t half = (uint32_t)(whole / 2);
    if (area->taps) area->kernels->area_columns_short(area->sums, area->taps, columns, half, inverse, rgb);
    else area->kernels->area_columns(area->sums, area->spans, columns, area->w, half, inverse, rgb);
}

int area_means(const struct image *image, uint32_t w, uint32_t h, const struct area_window *window)
{
    uint64_t whole = (uint64_t)image->width * image->height, sums[3];
    double inverse = 1.0 / (double)whole;
    struct area area = {0};
    bool by_rows = row_sums_fit(image, h), narrow = whole * 256 <= UINT32_MAX; /* and room for the half that rounds */
    if (by_rows && area_open(&area, image, w, h, window->x, window->width) < 0) {
        area_close(&area);
        return -1;
    }
    for (uint32_t y = 0; y < window->height; y++) {
        uint8_t *rgb = window->rgb + y * window->row_bytes;
        if (by_rows) sum_rows(&area, window->y + y);
        if (by_rows && narrow) {
            mean_columns(&area, window->width, whole, inverse, rgb);
            continue;
        }
        for (uint32_t x = 0; x < window->width; x++, rgb += 3) {
            if (by_rows) sum_columns(&area, &area.spans[x], sums);
            else area_cell(image, w, h, window->x + x, window->y + y, sums);
            put_means(sums, whole, inverse, rgb);
        }
    }
    area_close(&area);
    return 0;
}

int area_sums(const struct image *image, uint32_t w, uint32_t h, uint64_t *sums)
{
    struct area area = {0};
    bool by_rows = row_sums_fit(image, h);
    if (by_rows && area_open(&area, image, w, h, 0, w) < 0) {
        area_close(&area);
        return -1;
    }
    for (uint32_t y = 0; y < h; y++) {
        if (by_rows) sum_rows(&area, y);
        for (uint32_t x = 0; x < w; x++, sums += 3) {
            if (by_rows) sum_columns(&area, &area.spans[x], sums);
            else area_cell(image, w, h, x, y, sums);
        }
    }
    area_close(&area);
    return 0;
}
