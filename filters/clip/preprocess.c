/* Geometry of the three modes, then two passes over the window of the resized picture that the result shows. */
#include "filters/clip/preprocess.h"

#include <math.h>
#include <stdlib.h>

#include "filters/clip/preprocess_kernels.h"
#include "filters/clip/preprocess_taps.h"
#include "pipeline/base/fail.h"

/* Of the 8-bit rows between the passes: a squashed picture of 800,000 rows. */
static const size_t between_most = (size_t)512 << 20;

struct preprocess_work {
    struct taps across, down;
    uint8_t *between;  /* rows between the passes, of `stride` bytes; three spare ones and slack behind them */
    uint8_t *edge;     /* copies of the picture's last rows with slack behind them, and a row that nobody reads */
    size_t between_room, edge_room;
};

struct preprocess_work *preprocess_work_new(void)
{
    struct preprocess_work *work = calloc(1, sizeof *work);
    if (!work) fail_memory();
    return work;
}

void preprocess_work_free(struct preprocess_work *work)
{
    if (!work) return;
    taps_free(&work->across);
    taps_free(&work->down);
    free(work->between);
    free(work->edge);
    free(work);
}

/* ---- geometry ---- */

struct geometry {
    uint64_t width, height;   /* of the whole resized picture */
    uint64_t x, y;            /* where the window begins in it */
    uint32_t shown_width, shown_height;
    uint32_t left, top;       /* fill before the window in the result */
};

static uint64_t crop_start(enum preprocess_crop_rule rule, uint64_t side, uint32_t crop)
{
    uint64_t rest = side - crop;
    return rule == PREPROCESS_CROP_DOWN ? rest / 2 : (uint64_t)rint((double)rest / 2.0);
}

static struct geometry cropped(const struct preprocess *p, uint64_t width, uint64_t height)
{
    return (struct geometry){.width = width, .height = height, .x = crop_start(p->crop_rule, width, p->crop),
                             .y = crop_start(p->crop_rule, height, p->crop), .shown_width = p->crop, .shown_height = p->crop};
}

static uint64_t longer_side(uint32_t size, uint32_t longer, uint32_t shorter) /* truncated, as int() does */
{
    return (uint64_t)((double)((uint64_t)size * longer) / (double)shorter);
}

static struct geometry fitted(uint32_t size, uint32_t width, uint32_t height)
{
    double across = (double)width / size, down = (double)height / size, ratio = across > down ? across : down;
    uint32_t w = (uint32_t)rint((double)width / ratio), h = (uint32_t)rint((double)height / ratio);
    return (struct geometry){.width = w, .height = h, .shown_width = w, .shown_height = h, .left = (size - w) / 2,
                             .top = (size - h) / 2};
}

static struct geometry geometry_of(const struct preprocess *p, uint32_t width, uint32_t height)
{
    if (p->mode == PREPROCESS_SQUASH) return cropped(p, p->size, p->size);
    if (p->mode == PREPROCESS_LONGEST) return fitted(p->size, width, height);
    if (width <= height) return cropped(p, p->size, longer_side(p->size, height, width));
    return cropped(p, longer_side(p->size, width, height), p->size);
}

/* ---- passes ---- */

static int reserve(uint8_t **bytes, size_t n, size_t *room)
{
    if (n <= *room) return 0;
    uint8_t *grown = realloc(*bytes, n);
    if (!grown) return fail_memory();
    *bytes = grown;
    *room = n;
    return 0;
}

struct pass {
    const struct image *image;
    const struct geometry *g;
    struct preprocess_work *work;
    uint32_t from, rows; /* the picture's rows that are needed */
    size_t stride;       /* of the rows between */
};

/* A row of the picture that is readable for KERNEL_SLACK bytes behind it; the last rows are copied, copy `slot`. */
static const uint8_t *safe_row(const struct pass *p, uint32_t y, unsigned slot)
{
    size_t bytes = 3 * (size_t)p->image->width;
    const uint8_t *row = p->image->rgb + y * bytes;
    if ((size_t)(p->image->height - 1 - y) * bytes >= KERNEL_SLACK) return row;
    uint8_t *copy = p->work->edge + slot * (bytes + KERNEL_SLACK);
    memcpy(copy, row, bytes);
    memset(copy + bytes, 0, KERNEL_SLACK);
    return copy;
}

static int pass_across(const struct pass *p)
{
    const struct preprocess_kernels *kernels = preprocess_kernels();
    size_t copies = KERNEL_ROWS * (3 * (size_t)p->image->width + KERNEL_SLACK);
    if (reserve(&p->work->edge, copies + p->stride + KERNEL_SLACK, &p->work->edge_room) < 0) return -1;
    for (uint32_t y = 0; y < p->rows; y += KERNEL_ROWS) {
        const uint8_t *in[KERNEL_ROWS];
        uint8_t *out[KERNEL_ROWS];
        for (uint32_t i = 0; i < KERNEL_ROWS; i++) {
            bool real = y + i < p->rows; /* the last turn may lack rows: it takes the last one again */
            in[i] = safe_row(p, p->from + (real ? y + i : p->rows - 1), i);
            out[i] = real ? p->work->between + (y + i) * p->stride : p->work->edge + copies;
        }
        kernels->across(in, p->work->across.spans, p->work->across.groups, p->g->shown_width, out);
    }
    return 0;
}

static void copy_across(const struct pass *p)
{
    size_t bytes = 3 * (size_t)p->image->width;
    for (uint32_t y = 0; y < p->rows; y++)
        memcpy(p->work->between + y * p->stride, p->image->rgb + (p->from + y) * bytes + 3 * p->g->x,
               3 * (size_t)p->g->shown_width);
}

static void pass_down(const struct pass *p, uint8_t *result, size_t result_stride)
{
    const struct preprocess_kernels *kernels = preprocess_kernels();
    const struct taps *t = &p->work->down;
    uint8_t *row = p->work->between + (p->rows + TAPS_GROUP - 1) * p->stride;
    for (uint32_t y = 0; y < p->g->shown_height; y++) {
        const uint8_t *first = p->work->between + (t->spans[y].first - p->from) * p->stride;
        kernels->down(first, p->stride, &t->spans[y], t->groups, p->stride, row);
        memcpy(result + y * result_stride, row, 3 * (size_t)p->g->shown_width);
    }
}

static void copy_down(const struct pass *p, uint8_t *result, size_t result_stride)
{
    for (uint32_t y = 0; y < p->g->shown_height; y++)
        memcpy(result + y * result_stride, p->work->between + y * p->stride, 3 * (size_t)p->g->shown_width);
}

static int unfit(const struct image *image, const char *why)
{
    fail("a picture of %u x %u pixels %s", image->width, image->height, why);
    return 1;
}

/* Room for the rows between, three spare rows of zeros that the vertical pass may read, and the row it writes. */
static int reserve_between(const struct pass *p)
{
    size_t rows = (size_t)p->rows + TAPS_GROUP;
    if (rows > between_most / p->stride) return unfit(p->image, "is too long to be resized to a square");
    if (reserve(&p->work->between, rows * p->stride + KERNEL_SLACK, &p->work->between_room) < 0) return -1;
    memset(p->work->between + p->rows * p->stride, 0, (TAPS_GROUP - 1) * p->stride);
    return 0;
}

static int resample(struct pass *p, enum preprocess_filter filter, uint8_t *result, size_t result_stride)
{
    const struct geometry *g = p->g;
    struct preprocess_work *work = p->work;
    bool across = g->width != p->image->width, down = g->height != p->image->height;
    int made = across ? taps_make(&work->across, filter, p->image->width, g->width, g->x, g->shown_width) : 0;
    if (made == 0 && down) made = taps_make(&work->down, filter, p->image->height, g->height, g->y, g->shown_height);
    if (made != 0) return made < 0 ? -1 : unfit(p->image, "is too long to be resized to a square");
    p->from = down ? work->down.from : (uint32_t)g->y;
    p->rows = down ? work->down.to - work->down.from : g->shown_height;
    p->stride = (3 * (size_t)g->shown_width + KERNEL_STRIDE) / KERNEL_STRIDE * KERNEL_STRIDE; /* one byte over at least */
    int room = reserve_between(p);
    if (room != 0) return room;
    if (!across) copy_across(p);
    else if (pass_across(p) < 0) return -1;
    if (down) pass_down(p, result, result_stride);
    else copy_down(p, result, result_stride);
    return 0;
}

int preprocess_pixels(const struct preprocess *p, struct preprocess_work *work, const struct image *image, uint8_t *pixels)
{
    if (image->width == 0 || image->height == 0) return unfit(image, "has nothing to resize");
    struct geometry g = geometry_of(p, image->width, image->height);
    size_t row_bytes = 3 * (size_t)p->crop;
    if (g.width == 0 || g.height == 0) return unfit(image, "is so narrow that a side becomes 0");
    if (g.shown_width < p->crop || g.shown_height < p->crop) memset(pixels, 0, preprocess_pixels_size(p));
    struct pass pass = {.image = image, .g = &g, .work = work};
    return resample(&pass, p->filter, pixels + g.top * row_bytes + 3 * (size_t)g.left, row_bytes);
}

int preprocess_resize(struct preprocess_work *work, enum preprocess_filter filter, const struct image *image, uint32_t width,
                      uint32_t height, struct image *result)
{
    if (image->width == 0 || image->height == 0) return unfit(image, "has nothing to resize");
    if (image_set_size(result, width, height) < 0) return -1;
    struct geometry g = {.width = width, .height = height, .shown_width = width, .shown_height = height};
    struct pass pass = {.image = image, .g = &g, .work = work};
    return resample(&pass, filter, result->rgb, 3 * (size_t)width);
}

void preprocess_normalise(const struct preprocess *p, const uint8_t *pixels, float *planes)
{
    size_t n = (size_t)p->crop * p->crop;
    float table[3][256];
    for (unsigned c = 0; c < 3; c++)
        for (unsigned v = 0; v < 256; v++) table[c][v] = ((float)v / 255.0f - p->mean[c]) / p->deviation[c];
    for (size_t i = 0; i < n; i++, pixels += 3) {
        planes[i] = table[0][pixels[0]];
        planes[n + i] = table[1][pixels[1]];
        planes[2 * n + i] = table[2][pixels[2]];
    }
}

int preprocess_image(const struct preprocess *p, struct preprocess_work *work, const struct image *image, float *planes)
{
    uint8_t *pixels = malloc(preprocess_pixels_size(p));
    if (!pixels) return fail_memory();
    int result = preprocess_pixels(p, work, image, pixels);
    if (result == 0) preprocess_normalise(p, pixels, planes);
    free(pixels);
    return result;
}
