/* A perceptual hash of 64 bits: equal pictures have equal ones, copies that were scaled or compressed again differ in a few
 * bits. Defined to the bit, so that anybody can compute it (tests/data/phash.py does in 40 lines):
 *
 *   1. pixels   the decoded picture, upright, alpha over white; W x H, 8 bits (fetch may decode fewer: FORMAT.md)
 *   2. grid     32 x 32 cells, each the exact mean m of the area that it covers (area.h), of luma
 *               L = (299 R + 587 G + 114 B) / 1000, unrounded; pictures smaller than the grid alike
 *   3. DCT-II   F(v, u) = sum over y, x of m(y, x) cos(pi (2x + 1) u / 64) cos(pi (2y + 1) v / 64), in double, unscaled,
 *               for u, v from 0 to 7; then rounded to a multiple of 1/1024 (half away from zero), since sums that should
 *               be 0, in flat or symmetrical pictures, are not quite
 *   4. median   of the 64 numbers, F(0, 0) among them: half the sum of the 32nd and the 33rd in order
 *   5. bits     F(v, u) > median; v = 0 first, in it u = 0 first, the first bit the highest
 */
#ifndef WINNOW_PHASH_H
#define WINNOW_PHASH_H

#include "crawl/image/image.h"

/* Of an upright picture. 0, or -1 out of memory. As text: 16 hexadecimal digits, "%016" PRIx64. */
int phash_of(const struct image *image, uint64_t *hash);

#endif
