/* The tensors of a CLIP model by what they are for, whatever layout the file has.
 *
 *     size_t n = clip_part_size(&config, CLIP_IMAGE, CLIP_QKV_WEIGHT);           3 * width * width
 *     if (clip_part_read(&config, weights, CLIP_IMAGE, CLIP_QKV_WEIGHT, layer, out) < 0) return -1;
 *
 * Every part has one form here: linear weights are [out, in]; q, k, v are stacked in this order; projections are
 * [embed, width]; the patch weight is [width, 3 * patch * patch] with channel, row, column in this order.
 */
#ifndef WINNOW_CLIP_PARTS_H
#define WINNOW_CLIP_PARTS_H

#include "filters/clip/config.h"

enum clip_side { CLIP_IMAGE, CLIP_TEXT };

enum clip_part {
    /* of a side: the layer is not looked at */
    CLIP_TOKENS,          /* text only: [vocabulary, width] */
    CLIP_CLASS,           /* image only: [width] */
    CLIP_PATCHES,         /* image only: [width, 3 * patch * patch] */
    CLIP_POSITIONS,       /* [1 + grid^2, width]; text: [context, width] */
    CLIP_LN_PRE_WEIGHT,   /* image only: [width] */
    CLIP_LN_PRE_BIAS,
    CLIP_LN_POST_WEIGHT,  /* before the projection: [width] */
    CLIP_LN_POST_BIAS,
    CLIP_PROJECTION,      /* [embed, width] */
    /* of a layer */
    CLIP_LN_1_WEIGHT,     /* before attention: [width] */
    CLIP_LN_1_BIAS,
    CLIP_QKV_WEIGHT,      /* [3 * width, width] */
    CLIP_QKV_BIAS,        /* [3 * width] */
    CLIP_OUT_WEIGHT,      /* after attention: [width, width] */
    CLIP_OUT_BIAS,        /* [width] */
    CLIP_LN_2_WEIGHT,     /* before the MLP: [width] */
    CLIP_LN_2_BIAS,
    CLIP_FC1_WEIGHT,      /* [mlp, width] */
    CLIP_FC1_BIAS,        /* [mlp] */
    CLIP_FC2_WEIGHT,      /* [width, mlp] */
    CLIP_FC2_BIAS,        /* [width] */
    CLIP_PARTS
};

bool clip_part_exists(enum clip_side side, enum clip_part part);
bool clip_part_is_of_layer(enum clip_part part);
size_t clip_part_size(const struct clip_config *config, enum clip_side side, enum clip_part part); /* floats */

/* Writes clip_part_size floats. -1 with a sentence when a number is not finite; presence and shapes were checked by
 * clip_config_open. Any thread. */
int clip_part_read(const struct clip_config *config, const struct weights *weights, enum clip_side side, enum clip_part part,
                   uint32_t layer, float *out);

/* The tensor of a part of a side that is one in every layout (all but CLIP_PROJECTION, which some turn), as it lies in the file. NULL
 * with a sentence. */
const struct tensor *clip_part_tensor(const struct clip_config *config, const struct weights *weights, enum clip_side side,
                                      enum clip_part part);

/* Every tensor that the configuration asks for is there with its shape and a float type, and no other but known buffers
 * (position_ids, attn_mask, the scalars of OpenAI's archives). What clip_config_open calls. */
int clip_parts_check(const struct clip_config *config, const struct weights *weights);

#endif
