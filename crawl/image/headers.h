/* Headers of picture files, read by hand: sizes must be known, and refused, before any decoder sees the bytes. Private to
 * crawl/image. Each function gets bytes with its format's magic and fills width, height, frames, orientation and memory;
 * it returns IMAGE_OK, IMAGE_TRUNCATED, IMAGE_CORRUPT or an IMAGE_UNSUPPORTED_*, with what it could read filled in.
 */
#ifndef WINNOW_IMAGE_HEADERS_H
#define WINNOW_IMAGE_HEADERS_H

#include "crawl/image/image.h"

enum image_status jpeg_header(struct str bytes, struct image_info *info); /* ITU-T T.81 annex B */
enum image_status png_header(struct str bytes, struct image_info *info);  /* PNG, third edition, §5 */
enum image_status webp_header(struct str bytes, struct image_info *info); /* RFC 9649 §2 */
enum image_status gif_header(struct str bytes, struct image_info *info);  /* GIF89a §18-20 */
enum image_status avif_header(struct str bytes, struct image_info *info); /* ISO/IEC 14496-12, 23008-12 */
/* Whether the last box at the top is longer than what is there. */
bool avif_is_cut(struct str bytes);

/* Big-endian and little-endian numbers at p; the caller has checked the length. */
static inline uint32_t read_be16(const char *p) { return (uint32_t)((uint8_t)p[0] << 8 | (uint8_t)p[1]); }
static inline uint32_t read_be32(const char *p) { return read_be16(p) << 16 | read_be16(p + 2); }
static inline uint32_t read_le16(const char *p) { return (uint32_t)((uint8_t)p[1] << 8 | (uint8_t)p[0]); }
static inline uint32_t read_le24(const char *p) { return read_le16(p) | (uint32_t)(uint8_t)p[2] << 16; }
static inline uint32_t read_le32(const char *p) { return read_le16(p) | read_le16(p + 2) << 16; }

#endif
