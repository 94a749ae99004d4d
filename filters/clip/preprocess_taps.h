/* Pillow's resampling weights along one axis, for a window of the result. Private to preprocessing.
 *
 * Output pixel x of `out` has its centre at (x + 0.5) * in / out; the filter is widened by in / out where that shrinks. The
 * weights of the input pixels under it are made to add up to 1 in double and rounded to whole numbers of 2^-22, half away
 * from zero (spec: clip.md section 3).
 */
#ifndef WINNOW_CLIP_PREPROCESS_TAPS_H
#define WINNOW_CLIP_PREPROCESS_TAPS_H

#include "filters/clip/preprocess.h"
#include "filters/clip/preprocess_kernels.h"

struct taps {
    struct tap_span *spans;   /* one an output pixel of the window */
    struct tap_group *groups;
    double *scratch;          /* weights of one output pixel */
    size_t spans_room, groups_room, scratch_room;
    uint32_t from, to;        /* the input pixels that the window needs */
};

enum { TAPS_MOST = 1 << 24 }; /* groups of one axis: 256 MiB */

/* 0; 1 when the axis needs more than TAPS_MOST groups; -1 out of memory. `start` + `count` <= `out`; `count` >= 1. */
int taps_make(struct taps *t, enum preprocess_filter filter, uint32_t in, uint64_t out, uint64_t start, uint32_t count);
void taps_free(struct taps *t);

#endif
