/* A picture by the five classes of GantMan's NSFW model: drawing, hentai, neutral, porn, sexy. MobileNetV2 on 224 x 224 pixels,
 * three dense layers behind it, a softmax. Private to filters.
 *
 *     struct nsfw *nsfw = nsfw_open("filters/clip/gantman/model.safetensors", matmul);
 *     struct nsfw_work *work = nsfw_work_new(nsfw);                      one a thread
 *     if (nsfw_pixels(work, &image, pixels) < 0) ...                     NSFW_PIXELS bytes
 *     nsfw_run(nsfw, work, pixels, n, probabilities);                    [n, NSFW_CLASSES]
 *
 * The file holds the Keras model's tensors under its names, in 8 bits (gantman/make_gantman.py); batch norms are folded here. All is
 * computed in single precision, the dense layers' sums in double. A picture's result depends on it and the processor class alone.
 *
 * Pixels are made as OBELICS' code makes them: the whole picture squashed to 224 x 224, bicubic, as Pillow does it; bytes to 0 ... 1.
 * (nsfw_model's own script takes the nearest pixel instead, nsfwjs a bilinear one.)
 */
#ifndef WINNOW_CLIP_NSFW_H
#define WINNOW_CLIP_NSFW_H

#include "crawl/image/image.h"
#include "filters/clip/matmul.h"
#include "pipeline/base/hash.h"

enum { NSFW_CLASSES = 5, NSFW_SIDE = 224, NSFW_PIXELS = NSFW_SIDE * NSFW_SIDE * 3 };
extern const char *const nsfw_classes[NSFW_CLASSES]; /* in the order of the probabilities: by the alphabet */

struct nsfw;
struct nsfw_work;

struct nsfw *nsfw_open(const char *path, const struct matmul *matmul); /* NULL with a sentence that names file and tensor */
void nsfw_close(struct nsfw *nsfw);                   /* NULL is allowed */
struct hash128 nsfw_digest(const struct nsfw *nsfw);  /* of its numbers */

struct nsfw_work *nsfw_work_new(const struct nsfw *nsfw); /* NULL with a sentence */
void nsfw_work_free(struct nsfw_work *work);              /* NULL is allowed */

/* 0; 1 with a sentence when the picture cannot be brought to that shape; -1: no memory. */
int nsfw_pixels(struct nsfw_work *work, const struct image *image, uint8_t *pixels);
/* `pixels`: n pictures one behind the other. Several at once are faster. 0, or -1 with a sentence. */
int nsfw_run(const struct nsfw *nsfw, struct nsfw_work *work, const uint8_t *pixels, size_t n, float *probabilities);

#endif
