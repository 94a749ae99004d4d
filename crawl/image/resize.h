/* Resizing as img2dataset's users know it: geometry first, without pixels, then pixels.
 *
 *     struct resize_plan plan = resize_plan_for(&options, image.width, image.height);
 *     if (!resize_fits(&plan, &image_limits_default, RESIZE_SIDE_JPEG)) ... status too_large ...
 *     else if (plan.changes && resize_apply(&image, &plan, &result) < 0) return -1;
 *
 * The mode names a reference side, the shorter or the longer one. scale = size / reference in double; each side becomes
 * side * scale, rounded half to even, at least 1. Shrinking takes the area mean: each result pixel is the exact mean of the
 * rectangle that it covers, rounded half up. Enlarging takes Lanczos' window of 8 by 8 pixels, edge pixels repeated outside
 * (weights in 1/16384, rows between the passes in 1/64: results are integers, equal on every machine).
 */
#ifndef WINNOW_RESIZE_H
#define WINNOW_RESIZE_H

#include "crawl/image/image.h"

enum resize_mode {
    RESIZE_NO,                 /* as it is */
    RESIZE_KEEP_RATIO,         /* the shorter side becomes `size` */
    RESIZE_CENTER_CROP,        /* the same, then the middle size x size pixels */
    RESIZE_KEEP_RATIO_LARGEST, /* the longer side becomes `size` */
    RESIZE_BORDER,             /* the same, then white borders up to size x size */
};
#define RESIZE_MODE_CHOICES "no|keep_ratio|center_crop|keep_ratio_largest|border" /* in the enum's order */

enum resize_filter { RESIZE_FILTER_NONE, RESIZE_FILTER_AREA, RESIZE_FILTER_LANCZOS4 };

struct resize_options {
    enum resize_mode mode;
    uint32_t size;       /* pixels, at least 1 */
    bool only_if_bigger; /* a picture whose reference side is at most `size` stays as it is: no crop, no border either */
};

struct resize_plan {
    uint64_t resized_width, resized_height; /* after scaling; may exceed every limit, see resize_fits */
    uint32_t crop_x, crop_y;                /* what a crop leaves out at the left and the top */
    uint32_t pad_left, pad_top;             /* white before the picture; the rest goes to the right and the bottom */
    uint64_t width, height;                 /* of the result */
    enum resize_filter filter;
    bool changes;                           /* false: the result is the picture itself, untouched */
};

struct resize_plan resize_plan_for(const struct resize_options *options, uint32_t width, uint32_t height);

/* Longest side that an encoder can write. */
enum { RESIZE_SIDE_JPEG = 65500, RESIZE_SIDE_WEBP = 16383, RESIZE_SIDE_PNG = INT32_MAX };
/* Whether neither the scaled picture nor the result breaks `limits->pixels`, nor a side of the result `side_most`. */
bool resize_fits(const struct resize_plan *plan, const struct image_limits *limits, uint64_t side_most);

/* Makes the result. The plan fits, and was made for this picture; one that shrinks serves also for a smaller decoding of the
 * same picture that is still larger than the result. `result` is another plane. 0, or -1 out of memory. */
int resize_apply(const struct image *image, const struct resize_plan *plan, struct image *result);

#endif
