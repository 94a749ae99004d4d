/* One tower of a model, fast: pixels or tokens in, pooled rows and embeddings out.
 *
 *     struct tower *tower = tower_open(&config, weights, CLIP_IMAGE, CLIP_BF16, matmul, 1);
 *     struct tower_work *work = tower_work_new(tower);                 one a thread
 *     tower_images(tower, work, pixels, 16, NULL, embeddings);
 *
 * Inputs go through the blocks in groups of about 200 positions, whatever their number. In the last block keys and values are
 * made of all positions, everything behind them of the pooled rows alone, collected over several groups.
 * A result depends on its own input alone. (spec: clip.md sections 5 and 6.)
 */
#ifndef WINNOW_CLIP_TOWER_H
#define WINNOW_CLIP_TOWER_H

#include "filters/clip/clip.h"
#include "filters/clip/matmul.h"
#include "filters/clip/parts.h"

struct tower;
struct tower_work;

/* The position whose row is the text's (config.end_rule). */
size_t clip_end_position(const struct clip_config *config, const uint32_t *ids, size_t n);

/* `precision`: any but CLIP_REFERENCE. Nothing of config is kept; the weights must live as long as the tower, which reads the token
 * table where it lies. `threads` bring the weights into form. NULL with a sentence. */
struct tower *tower_open(const struct clip_config *config, const struct weights *weights, enum clip_side side,
                         enum clip_precision precision, const struct matmul *matmul, unsigned threads);
void tower_close(struct tower *t); /* NULL is allowed */
size_t tower_bytes(const struct tower *t);

struct tower_work *tower_work_new(const struct tower *t);
void tower_work_free(struct tower_work *w);

/* pixels: [n, image_size, image_size, 3]; pooled: [n, width], embedding: [n, embed], not normalised; either may be NULL. */
int tower_images(const struct tower *t, struct tower_work *w, const uint8_t *pixels, size_t n, float *pooled, float *embedding);

struct tower_text {
    const uint32_t *ids; /* each below the vocabulary */
    size_t n;            /* 1 to context; what stands behind the pooled position does not matter */
};
int tower_texts(const struct tower *t, struct tower_work *w, const struct tower_text *texts, size_t n, float *pooled,
                float *embedding);

#endif
