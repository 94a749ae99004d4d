/* From a decoded picture to what the image tower takes: resize, crop, scale to mean 0 and deviation 1.
 *
 *     struct preprocess_work *work = preprocess_work_new();            one a thread
 *     uint8_t *pixels = malloc(preprocess_pixels_size(&config.preprocess));
 *     if (preprocess_pixels(&config.preprocess, work, &image, pixels) < 0) return -1;   [crop, crop, 3], 8 bits
 *     preprocess_normalise(&config.preprocess, pixels, planes);                         [3, crop, crop], floats
 *
 * Pixels equal those of Pillow 9.4 (to 12.3) byte for byte (spec: clip.md section 3): horizontal pass first, weights in 2^-22,
 * 8 bits between the passes. Only the rows and columns that the crop keeps are computed. The picture is RGB8, transparency
 * already laid over white by the decode door.
 */
#ifndef WINNOW_CLIP_PREPROCESS_H
#define WINNOW_CLIP_PREPROCESS_H

#include "crawl/image/image.h"

enum preprocess_mode {
    PREPROCESS_SHORTEST, /* the shorter side becomes `size`, then the middle crop x crop pixels */
    PREPROCESS_SQUASH,   /* both sides become `size`, then the middle crop x crop pixels */
    PREPROCESS_LONGEST,  /* the longer side becomes `size`, the rest is filled with 0 */
};
enum preprocess_filter { PREPROCESS_BICUBIC, PREPROCESS_BILINEAR };
enum preprocess_crop_rule {
    PREPROCESS_CROP_EVEN, /* rint((side - crop) / 2): torchvision, OpenAI, OpenCLIP */
    PREPROCESS_CROP_DOWN, /* (side - crop) / 2 rounded down: Hugging Face */
};

struct preprocess {
    enum preprocess_mode mode;
    enum preprocess_filter filter;
    enum preprocess_crop_rule crop_rule;
    uint32_t size; /* pixels, at least 1 */
    uint32_t crop; /* pixels a side of the result, 1 to size */
    float mean[3], deviation[3];
};

struct preprocess_work; /* memory that calls use again */
struct preprocess_work *preprocess_work_new(void); /* NULL with a sentence */
void preprocess_work_free(struct preprocess_work *work);

static inline size_t preprocess_pixels_size(const struct preprocess *p) { return (size_t)p->crop * p->crop * 3; }

/* Writes crop rows of crop pixels of 3 bytes and returns 0. 1 with a sentence when no square can be made of this picture: so
 * narrow that a side becomes 0 (PREPROCESS_LONGEST), or longer than about 800,000 pixels (PREPROCESS_SQUASH), or empty. -1 when
 * out of memory. Any thread with a work of its own. */
int preprocess_pixels(const struct preprocess *p, struct preprocess_work *work, const struct image *image, uint8_t *pixels);

/* Three planes [3, crop, crop]: (v / 255 - mean) / deviation in single precision, operation by operation. */
void preprocess_normalise(const struct preprocess *p, const uint8_t *pixels, float *planes);

/* The resizing alone: the whole picture at width x height, both at least 1. 0, 1 or -1 as preprocess_pixels. */
int preprocess_resize(struct preprocess_work *work, enum preprocess_filter filter, const struct image *image, uint32_t width,
                      uint32_t height, struct image *result);

/* The two in one: 0, 1 or -1 as preprocess_pixels. */
int preprocess_image(const struct preprocess *p, struct preprocess_work *work, const struct image *image, float *planes);

#endif
