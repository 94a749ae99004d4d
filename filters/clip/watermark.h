/* Whether a picture carries a watermark: translucent lettering or a logo laid over it. A small convolutional network of winnow's own
 * on 320 x 320 pixels (reports/models/watermark.md tells how good it is). Private to filters.
 *
 *     struct watermark *mark = watermark_open("filters/clip/watermark/model.safetensors", matmul);
 *     struct watermark_work *work = watermark_work_new(mark);            one a thread
 *     if (watermark_pixels(work, &image, pixels) < 0) ...                WATERMARK_PIXELS bytes
 *     watermark_run(mark, work, pixels, n, probabilities);               [n]
 *
 * EfficientNet-Lite0's stem and first six blocks, and a block of one pixel's window that says of each of 20 x 20 places whether it
 * carries ink; the mean and the largest of these make the probability. Pixels: the whole picture squashed, bicubic, as Pillow does it. All is computed in single precision, the linear map in
 * double. A picture's result depends on it and the processor class alone. (filters/clip/train/watermark_train.py writes the file.)
 */
#ifndef WINNOW_CLIP_WATERMARK_H
#define WINNOW_CLIP_WATERMARK_H

#include "crawl/image/image.h"
#include "filters/clip/matmul.h"
#include "pipeline/base/hash.h"

enum { WATERMARK_SIDE = 320, WATERMARK_PIXELS = WATERMARK_SIDE * WATERMARK_SIDE * 3 };

struct watermark;
struct watermark_work;

struct watermark *watermark_open(const char *path, const struct matmul *matmul); /* NULL with a sentence that names file and tensor */
void watermark_close(struct watermark *mark);                    /* NULL is allowed */
struct hash128 watermark_digest(const struct watermark *mark);   /* of its numbers */

struct watermark_work *watermark_work_new(const struct watermark *mark); /* NULL with a sentence */
void watermark_work_free(struct watermark_work *work);           /* NULL is allowed */

/* 0; 1 with a sentence when the picture cannot be brought to that shape; -1: no memory. */
int watermark_pixels(struct watermark_work *work, const struct image *image, uint8_t *pixels);
/* `pixels`: n pictures one behind the other. 0, or -1 with a sentence. */
int watermark_run(const struct watermark *mark, struct watermark_work *work, const uint8_t *pixels, size_t n, float *probabilities);

#endif
