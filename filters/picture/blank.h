/* Pictures that show nothing: of one colour, spacers, tiles that say that there is no picture. Plain measures of the pixels, and what
 * they make together with the built-in model's classes of pictures.
 *
 *     float measures[BLANK_MEASURES];
 *     blank_measure(&image, measures);                               where the picture is decoded
 *     double p = blank_probability(measures, kinds);                 kinds: the model's probabilities in the order of blank_kinds
 *
 * Measures are taken on a lattice of at most 512 x 512 pixels, in whole numbers, so that they are the same on any machine. The
 * probability is a logistic function of few numbers (train/fit_blank.py); 0.5 is where it was fitted to divide. How well it does:
 * reports/models/blank.md.
 */
#ifndef WINNOW_PICTURE_BLANK_H
#define WINNOW_PICTURE_BLANK_H

#include "crawl/image/image.h"

enum blank_measure {
    BLANK_COLOURS,    /* different colours, of 4 bits a channel: 1 … 4096 */
    BLANK_LARGEST,    /* share of pixels that have the most frequent one: 0 … 1 */
    BLANK_EDGES,      /* mean difference in luma between a pixel and the next ones, right and below: 0 … 255 */
    BLANK_FLAT,       /* share of 16 x 16 fields in which luma differs by at most 8: 0 … 1 */
    BLANK_SATURATION, /* mean of the largest channel less the smallest: 0 … 255 */
    BLANK_SIDE,       /* the shorter side, pixels */
    BLANK_MEASURES
};
extern const char *const blank_measure_names[BLANK_MEASURES]; /* as columns: "picture_colours" … */

enum { BLANK_KINDS = 6 };
extern const char *const blank_kinds[BLANK_KINDS]; /* "drawing", "logo", "painting", "photo", "placeholder", "screenshot" */

void blank_measure(const struct image *image, float measures[BLANK_MEASURES]); /* a picture of at least one pixel */
double blank_probability(const float measures[BLANK_MEASURES], const double kinds[BLANK_KINDS]);

#endif
