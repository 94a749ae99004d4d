/* Whether 8-bit products are near enough for a model: a tower is run beside one in bf16 over inputs that never change, so that every
 * task of a run comes to the same answer. (spec: clip.md section 7: cosine to bf16 of at least .998.)
 *
 * The pictures are made: soft colours, edges, stripes, checks, noise. Outlier channels, which are what 8 bits cannot bear, are in
 * the model's weights and show with them; how real pictures fare was not measured: no real weights are at hand.
 */
#ifndef WINNOW_CLIP_INT8_CHECK_H
#define WINNOW_CLIP_INT8_CHECK_H

#include "filters/clip/tower.h"

#define INT8_COSINE_LEAST 0.998

enum { INT8_CHECK_INPUTS = 8 };

/* The least cosine of the two towers' embeddings over the inputs. `texts`: INT8_CHECK_INPUTS of them, of text towers. -1 with a
 * sentence. */
int int8_check(const struct clip_config *config, enum clip_side side, const struct tower *int8, const struct tower *bf16,
               const struct tower_text *texts, double *least);
/* The texts, for the tokenizer. */
const char *int8_check_text(size_t i);

#endif
