/* The convolutions of an ONNX file that holds Yahoo's open_nsfw: its graph held against what that network is, from the last node back to
 * the first. Private to open_nsfw.c and its tests. */
#ifndef WINNOW_CLIP_OPEN_NSFW_GRAPH_H
#define WINNOW_CLIP_OPEN_NSFW_GRAPH_H

#include <stdint.h>

#include "pipeline/base/str.h"

enum { OPEN_NSFW_CONVS = 53, OPEN_NSFW_FEATURES = 1024 };

enum open_nsfw_part {
    OPEN_NSFW_STEM,   /* 7 x 7, every second place */
    OPEN_NSFW_NARROW, /* of a block: 1 x 1 to few channels; every second place where a stage begins */
    OPEN_NSFW_MIDDLE, /* 3 x 3 */
    OPEN_NSFW_WIDEN,  /* 1 x 1 to many channels; what came into the block is added */
    OPEN_NSFW_TURN,   /* 1 x 1, of what came in, where a stage begins */
};

struct open_nsfw_conv {
    enum open_nsfw_part part;
    uint32_t in, out, kernel, stride;
    float *weights; /* [out, kernel, kernel, in], what follows folded in */
    float *bias;    /* [out] */
};

/* Fills all: the stem, then of each block its narrow, middle, widening and, if any, turning convolution; the classes' weights
 * [OPEN_NSFW_FEATURES, 2] and bias. -1 with a sentence that begins with `name`; free in either case. */
int open_nsfw_graph_read(const char *name, struct str bytes, struct open_nsfw_conv convs[OPEN_NSFW_CONVS],
                         float classes[2 * OPEN_NSFW_FEATURES], float class_bias[2]);
void open_nsfw_graph_free(struct open_nsfw_conv convs[OPEN_NSFW_CONVS]); /* their numbers alone; shapes stay */

#endif
