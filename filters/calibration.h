/* Bounds on similarity, carried over from one model to another: the bound that keeps an equal share of matched pairs.
 *
 * Similarities of two models are on scales of their own; what can be held against one another is the share of pairs that a bound
 * keeps. calibration_table.h has it of two kinds, by similarity:
 *   b32, l14  OpenAI's ViT-B/32 and ViT-L/14 on COYO-700M, as published: 747 million alternative texts of web pages with their
 *             pictures, kept by rules of form alone, no model's similarity among them
 *   builtin   the built-in model on open pairs of sources that its training never saw, each source counting alike
 * The pairs are not the same ones, so a bound carried over is a start, no substitute for running the rule's own model. It is made
 * by filters/clip/train/calibrate.py; how good it is stands in reports/models/calibration.md.
 */
#ifndef WINNOW_FILTERS_CALIBRATION_H
#define WINNOW_FILTERS_CALIBRATION_H

#include "pipeline/base/str.h"

struct calibrated {
    double bound; /* of the other model, to three places */
    double kept;  /* share of matched pairs that both bounds keep, 0 to 1 */
};

/* The bound of `to` that keeps as much as `bound` keeps of `from`; models are named as columns name them, "b32" of sim_b32. -1, no
 * sentence: of a model no shares are known, or the bound lies where practically all pairs or none are kept (beyond 1 in 1000), which
 * carries over nothing. */
int calibration_carry(struct str from, double bound, struct str to, struct calibrated *out);

#endif
