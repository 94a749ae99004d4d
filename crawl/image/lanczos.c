/* Enlarging, columns first: each source row becomes a row of the result's width in 1/64, the last eight of them are kept in a
 * ring, and each result row is a weighted sum of eight. Result pixel x lies at (x + 1/2) * W / w - 1/2 in the source; its
 * taps are the eight pixels around, weighted by sinc(t) * sinc(t / 4) and scaled to add up to 16384. */
#include "crawl/image/lanczos.h"

#include "crawl/image/resize_kernels.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

enum { ONE = 16384, EDGE = 4 /* pixels repeated before and behind a row */ };

static double window_at(double t)
{
    if (fabs(t) < 1e-9) return 1;
    if (fabs(t) >= 4) return 0;
    return sin(M_PI * t) * sin(M_PI * t / 4) * 4 / (M_PI * M_PI * t * t);
}

static struct lanczos_taps taps_at(uint64_t position, uint32_t source, uint32_t result)
{
    /* 2 * result * (place in the source), shifted by 2 * result to stay positive: it is at least -1/2 */
    uint64_t place = (2 * position + 1) * source + result;
    uint64_t left = place / (2 * (uint64_t)result); /* pixel at or left of it, plus 1 */
    double fraction = (double)(place % (2 * (uint64_t)result)) / (2.0 * result), weight[LANCZOS_TAPS], sum = 0;
    for (int k = 0; k < LANCZOS_TAPS; k++) sum += weight[k] = window_at(fraction + 3 - k);
    struct lanczos_taps taps = {.first = (uint32_t)left - 1 + EDGE - 3};
    int left_over = ONE, largest = 0;
    for (int k = 0; k < LANCZOS_TAPS; k++) {
        taps.weight[k] = (int16_t)lrint(weight[k] / sum * ONE);
        left_over -= taps.weight[k];
        if (taps.weight[k] > taps.weight[largest]) largest = k;
    }
    taps.weight[largest] = (int16_t)(taps.weight[largest] + left_over);
    return taps;
}

struct scaler {
    const struct image *image;
    const struct resize_kernels *kernels;
    const struct lanczos_window *window;
    struct lanczos_taps *taps;    /* of the window's columns */
    uint8_t *padded;              /* one source row with repeated edges */
    int16_t *ring;                /* LANCZOS_TAPS rows of row_room samples */
    size_t row_room;
    int64_t row_in[LANCZOS_TAPS]; /* which source row each holds; -1 for none */
};

/* The source row `at` (outside the picture: the nearest) as a row of the result's width. */
static const int16_t *scaled_row(struct scaler *s, int64_t at)
{
    int64_t last = (int64_t)s->image->height - 1;
    int64_t row = at < 0 ? 0 : at > last ? last : at;
    size_t slot = (size_t)row % LANCZOS_TAPS;
    int16_t *out = s->ring + slot * s->row_room;
    if (s->row_in[slot] == row) return out;
    size_t row_bytes = (size_t)s->image->width * 3;
    const uint8_t *source = s->image->rgb + (size_t)row * row_bytes;
    for (unsigned i = 0; i < EDGE; i++) {
        memcpy(s->padded + 3 * i, source, 3);
        memcpy(s->padded + 3 * EDGE + row_bytes + 3 * i, source + row_bytes - 3, 3);
    }
    memcpy(s->padded + 3 * EDGE, source, row_bytes);
    s->kernels->lanczos_row(s->padded, s->taps, s->window->width, out);
    s->row_in[slot] = row;
    return out;
}

int lanczos_scale(const struct image *image, uint32_t w, uint32_t h, const struct lanczos_window *window)
{
    struct scaler s = {.image = image, .kernels = resize_kernels(), .window = window};
    size_t samples = (size_t)window->width * 3;
    s.row_room = samples + RESIZE_ROW_SLACK;
    s.taps = malloc(window->width * sizeof *s.taps);
    s.padded = calloc((size_t)image->width * 3 + 2 * 3 * EDGE + RESIZE_ROW_SLACK, 1);
    s.ring = calloc(LANCZOS_TAPS * s.row_room, sizeof *s.ring);
    int result = s.taps && s.padded && s.ring ? 0 : fail_memory();
    for (unsigned i = 0; i < LANCZOS_TAPS; i++) s.row_in[i] = -1;
    for (uint32_t x = 0; result == 0 && x < window->width; x++) s.taps[x] = taps_at((uint64_t)window->x + x, image->width, w);
    for (uint32_t y = 0; result == 0 && y < window->height; y++) {
        struct lanczos_taps down = taps_at((uint64_t)window->y + y, image->height, h);
        const int16_t *rows[LANCZOS_TAPS];
        for (unsigned k = 0; k < LANCZOS_TAPS; k++) rows[k] = scaled_row(&s, (int64_t)down.first - EDGE + k);
        s.kernels->lanczos_column(rows, down.weight, samples, window->rgb + y * window->row_bytes);
    }
    free(s.taps);
    free(s.padded);
    free(s.ring);
    return result;
}
