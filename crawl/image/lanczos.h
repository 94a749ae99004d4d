/* Enlarging by Lanczos' window of eight pixels (a = 4). Private to crawl/image. */
#ifndef WINNOW_LANCZOS_H
#define WINNOW_LANCZOS_H

#include "crawl/image/image.h"

/* Computes the window (x, y, width, height) of the picture scaled to w x h, into rows that are row_bytes apart. 0 or -1. */
struct lanczos_window {
    uint32_t x, y, width, height;
    uint8_t *rgb;
    size_t row_bytes;
};
int lanczos_scale(const struct image *image, uint32_t w, uint32_t h, const struct lanczos_window *window);

#endif
