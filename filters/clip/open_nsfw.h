/* Yahoo's open_nsfw: how probable it is that a picture is not safe for work. A residual network of 50 layers with half of the usual
 * channels, its numbers read from a user's ONNX file. Private to filters.
 *
 *     struct open_nsfw *net = open_nsfw_open("open_nsfw.onnx", matmul);
 *     struct open_nsfw_work *work = open_nsfw_work_new(net);             one a thread
 *     if (open_nsfw_pixels(work, &image, pixels) < 0) ...                OPEN_NSFW_PIXELS bytes
 *     open_nsfw_run(net, work, pixels, n, probabilities);                [n]
 *
 * From the file come numbers alone. Which network it is, is known here, and the file's nodes are held against it, from the last one back
 * to the first: a stem of 7 x 7, a largest of 3 x 3, stages of 3, 4, 6 and 3 blocks (1 x 1, 3 x 3, 1 x 1, what came in added), the mean,
 * two classes, a softmax. Additions, subtractions and products with constants behind a convolution are folded into it. Where zeros lie
 * around the stem's and the largest's input is Caffe's rule, not the file's. Any other graph is refused by what is not as expected.
 *
 * Pixels as the model's authors make them: 256 x 256, bilinear, to JPEG of quality 75 and back, the middle 224 x 224, blue first, less the
 * means of the training set. All is computed in single precision; a picture's result depends on it and the processor class alone.
 * Source: yahoo/open_nsfw (BSD-2-Clause), classify_nsfw.py and deploy.prototxt.
 */
#ifndef WINNOW_CLIP_OPEN_NSFW_H
#define WINNOW_CLIP_OPEN_NSFW_H

#include "crawl/image/image.h"
#include "filters/clip/matmul.h"
#include "pipeline/base/hash.h"

enum { OPEN_NSFW_SIDE = 224, OPEN_NSFW_PIXELS = OPEN_NSFW_SIDE * OPEN_NSFW_SIDE * 3 };

struct open_nsfw;
struct open_nsfw_work;

struct open_nsfw *open_nsfw_open(const char *path, const struct matmul *matmul); /* NULL with a sentence that names the file */
struct open_nsfw *open_nsfw_parse(const char *name, struct str bytes, const struct matmul *matmul); /* the same of a file's bytes */
void open_nsfw_close(struct open_nsfw *net);                 /* NULL is allowed */
struct hash128 open_nsfw_digest(const struct open_nsfw *net); /* of the file */

struct open_nsfw_work *open_nsfw_work_new(const struct open_nsfw *net); /* NULL with a sentence */
void open_nsfw_work_free(struct open_nsfw_work *work);                  /* NULL is allowed */

/* 0; 1 with a sentence when the picture cannot be brought to that shape; -1: no memory. */
int open_nsfw_pixels(struct open_nsfw_work *work, const struct image *image, uint8_t *pixels);
/* `pixels`: n pictures one behind the other, red first. 0, or -1 with a sentence. */
int open_nsfw_run(const struct open_nsfw *net, struct open_nsfw_work *work, const uint8_t *pixels, size_t n, float *probabilities);

#endif
