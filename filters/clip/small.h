/* winnow's small model: a convolutional picture tower and a sentence encoder, behind the same door as any tower (tower.h).
 * Private to filters/clip.
 *
 * Pictures go through convnet.h; its features f are the pooled row, and the embedding is
 *
 *     linear f + output gelu(hidden f) + vectors' softmax(scale classifier f)
 *
 * whose last term asks a classifier what it sees and takes those classes' vectors. Texts go through blocks with norms behind what
 * is added; the mean over their positions, at length 1, is the pooled row, and its projection the embedding.
 * (spec: clip.md section 9.)
 */
#ifndef WINNOW_CLIP_SMALL_H
#define WINNOW_CLIP_SMALL_H

#include "filters/clip/clip.h"
#include "filters/clip/parts.h"
#include "filters/clip/tower.h"

struct small_picture;
struct small_picture_work;
struct small_picture *small_picture_open(const struct clip_config *config, const struct weights *weights, enum matmul_type type,
                                         const struct matmul *matmul); /* NULL with a sentence; nothing of config is kept */
void small_picture_close(struct small_picture *p); /* NULL is allowed */
size_t small_picture_bytes(const struct small_picture *p);
struct small_picture_work *small_picture_work_new(const struct small_picture *p);
void small_picture_work_free(struct small_picture_work *w);
/* As tower_images. */
int small_pictures(const struct small_picture *p, struct small_picture_work *w, const uint8_t *pixels, size_t n, float *pooled,
                   float *embedding);

struct small_text;
struct small_text_work;
struct small_text *small_text_open(const struct clip_config *config, const struct weights *weights, enum matmul_type type,
                                   const struct matmul *matmul);
void small_text_close(struct small_text *t);
size_t small_text_bytes(const struct small_text *t);
struct small_text_work *small_text_work_new(const struct small_text *t);
void small_text_work_free(struct small_text_work *w);
/* As tower_texts. */
int small_texts(const struct small_text *t, struct small_text_work *w, const struct tower_text *texts, size_t n, float *pooled,
                float *embedding);

/* Plain loops in double, as tower_reference.h has them. */
struct small_reference;
struct small_reference *small_reference_open(const struct clip_config *config, const struct weights *weights, enum clip_side side);
void small_reference_close(struct small_reference *r);
int small_reference_image(const struct small_reference *r, const float *planes, double *pooled, double *embedding);
int small_reference_text(const struct small_reference *r, const uint32_t *ids, size_t n, double *pooled, double *embedding);

#endif
