/* The towers as plain loops in double precision: what every faster path is held against.
 *
 *     struct reference *r = reference_open(&config, weights, CLIP_IMAGE);
 *     if (!r) return -1;
 *     reference_image(r, planes, NULL, embedding);         planes: [3, size, size]; embedding: config.embed numbers
 *     reference_close(r);
 *
 * Written to be read, so slow: about 4 s for a picture of ViT-B/32. Weights are used as the file has them (F16 and BF16 widened),
 * all arithmetic is double. (spec: clip.md section 5.)
 */
#ifndef WINNOW_CLIP_TOWER_REFERENCE_H
#define WINNOW_CLIP_TOWER_REFERENCE_H

#include "filters/clip/parts.h"

struct reference; /* one tower; immutable once open */

/* `config` and `weights` must live as long as it does not: nothing of them is kept. NULL with a sentence. */
struct reference *reference_open(const struct clip_config *config, const struct weights *weights, enum clip_side side);
void reference_close(struct reference *r); /* NULL is allowed */

/* `planes`: [3, image_size, image_size], normalised. `pooled`: width numbers, the class row behind the last LayerNorm;
 * `embedding`: embed numbers, not normalised. Either may be NULL. -1 with a sentence when out of memory. Any thread. */
int reference_image(const struct reference *r, const float *planes, double *pooled, double *embedding);
/* `ids`: n tokens, 1 to context, each below the vocabulary. The pooled row is that of the end token (clip_end_position). */
int reference_text(const struct reference *r, const uint32_t *ids, size_t n, double *pooled, double *embedding);

#endif
