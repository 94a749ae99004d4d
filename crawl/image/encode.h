/* Writing pictures: RGB8 planes to files of one of three formats. The same pixels and quality give the same bytes (of one
 * library version).
 */
#ifndef WINNOW_ENCODE_H
#define WINNOW_ENCODE_H

#include "crawl/image/image.h"

#define ENCODE_FORMAT_CHOICES "jpg|png|webp"
enum { ENCODE_QUALITY_DEFAULT = 92 };

/* "jpg", "png" or "webp" (what choices and file name endings say); IMAGE_FORMAT_NONE for anything else. */
enum image_format encode_format(struct str name);
const char *encode_extension(enum image_format format); /* "jpg" of IMAGE_JPEG; "gif", "avif" of what is kept as it came */
uint64_t encode_side_most(enum image_format format);    /* longest side that the format can hold, in pixels */

/* Appends the picture as one file. JPEG: baseline, 4:2:0, the standard's Huffman tables; WebP: lossy; quality 0 to 100 for
 * both. PNG: 8-bit RGB, zlib's default level; quality is ignored. 0, or -1 with a sentence; then `out` is as before. */
int encode_image(const struct image *image, enum image_format format, int quality, struct buf *out);

#endif
