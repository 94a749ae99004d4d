/* EXIF orientation: finding it, and turning pictures upright.
 *
 * Orientation 1 to 8 says where the stored first row and first column lie in the picture as it is to be seen (EXIF 2.32
 * §4.6.4 tag 0x0112): 1 top, left  2 top, right  3 bottom, right  4 bottom, left  5 left, top  6 right, top
 * 7 right, bottom  8 left, bottom. From 5 on, width and height change places.
 */
#ifndef WINNOW_ORIENTATION_H
#define WINNOW_ORIENTATION_H

#include "crawl/image/image.h"

/* The orientation in a block of EXIF data, with or without its leading "Exif\0\0"; 1 when there is no valid one. Looks at
 * the first directory alone and follows no pointer but that to it. */
unsigned orientation_of_exif(struct str exif);

static inline bool orientation_swaps(unsigned orientation) { return orientation >= 5 && orientation <= 8; }

/* Writes `stored`, turned upright, to `upright` (another plane). Orientations outside 2 to 8 copy. 0 or -1. */
int orientation_apply(const struct image *stored, unsigned orientation, struct image *upright);

#endif
