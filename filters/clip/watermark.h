/* Whether a picture carries a watermark: translucent lettering or a logo laid over it. A small convolutional network of winnow's own
 * on 448 x 448 pixels (reports/models/watermark.md tells how good it is). Private to filters.
 *
 *     struct watermark *mark = watermark_open("filters/clip/watermark/model.safetensors", matmul);
 *     struct watermark_work *work = watermark_work_new(mark);            one a thread
 *     if (watermark_pixels(work, &image, pixels) < 0) ...                WATERMARK_PIXELS bytes
 *     watermark_run(mark, work, pixels, n, probabilities);               [n]
 *
 * EfficientNet-Lite0's stem and first eight blocks, and a block that says of each of 28 x 28 places how surely it carries ink. The
 * features are relu6(3 (ink - t)) for eight steps t from -6 to 8; their means and maxima over all places go into a logistic. Pixels:
 * the whole picture squashed, bicubic, as Pillow does it. All is computed in single precision, the logistic in double. A picture's
 * result depends on it and the processor class alone. (filters/clip/train/watermark_train.py writes the file.)
 */
#ifndef WINNOW_CLIP_WATERMARK_H
#define WINNOW_CLIP_WATERMARK_H

#include "crawl/image/image.h"
#include "filters/clip/matmul.h"
#include "pipeline/base/hash.h"

enum { WATERMARK_SIDE = 448, WATERMARK_PIXELS = WATERMARK_SIDE * WATERMARK_SIDE * 3 };

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
