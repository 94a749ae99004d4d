/* The tensors of winnow's small model by what they are for (small_parts.c lists names and shapes). Private to filters/clip.
 *
 * A matrix NAME may lie in 8 bits: NAME.int8 [rows, columns] times NAME.scale [rows].
 */
#ifndef WINNOW_CLIP_SMALL_PARTS_H
#define WINNOW_CLIP_SMALL_PARTS_H

#include "filters/clip/parts.h"

/* What clip_parts_check and clip_part_read do for this layout; the latter knows the parts of the text tower. */
int small_parts_check(const struct clip_config *config, const struct weights *weights);
int small_part_read(const struct clip_config *config, const struct weights *weights, enum clip_part part, uint32_t layer, float *out);

/* Behind the features f of the picture tower: z = linear f + output gelu(hidden f) + vectors' softmax(scale classifier f). */
enum small_part {
    SMALL_PROJECTION_BIAS,  /* of the text tower: [embed] */
    SMALL_LINEAR_WEIGHT,    /* [embed, features] */
    SMALL_LINEAR_BIAS,      /* [embed] */
    SMALL_HIDDEN_WEIGHT,    /* [hidden, features] */
    SMALL_HIDDEN_BIAS,      /* [hidden] */
    SMALL_OUTPUT_WEIGHT,    /* [embed, hidden] */
    SMALL_CLASSIFIER_WEIGHT, /* [classes, features] */
    SMALL_CLASSIFIER_BIAS,  /* [classes] */
    SMALL_CLASS_VECTORS,    /* [classes, embed] */
    SMALL_CLASS_SCALE,      /* [1] */
    SMALL_PARTS
};
size_t small_size(const struct clip_config *config, enum small_part part); /* floats */
int small_read(const struct clip_config *config, const struct weights *weights, enum small_part part, float *out);

/* Convolutions by the picture tower's names, for convnet_open: the context is a struct small_source. */
#define SMALL_PICTURE "image."
struct small_source {
    const struct convnet_shape *net;
    const char *prefix; /* of all names: SMALL_PICTURE of the tower's own */
    const struct weights *weights;
};
int small_read_convolution(const void *source, enum convnet_part part, uint32_t block, bool bias, float *out);

#endif
