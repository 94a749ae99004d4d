/* EXIF orientation. Turning is a copy with strides: a step right in the result is a fixed step in the source. Sources that
 * are read by columns are walked in square tiles, so that a cache line is used whole before it is lost. */
#include "crawl/image/orientation.h"

#include "crawl/image/headers.h"

enum { TIFF_HEAD = 8, ENTRY_BYTES = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4,
       TILE = 32 /* pixels a side: 3 KiB of source and of result */ };

/* TIFF 6.0 §2: byte order, 42, offset of the first directory; a directory counts its 12-byte entries. */
unsigned orientation_of_exif(struct str exif)
{
    if (str_starts(exif, STR("Exif\0"))) exif = str_from_at(exif, 6);
    if (exif.n < TIFF_HEAD) return 1;
    bool little = str_starts(exif, STR("II*\0"));
    if (!little && !str_starts(exif, STR("MM\0*"))) return 1;
    uint32_t (*const read16)(const char *) = little ? read_le16 : read_be16;
    uint32_t (*const read32)(const char *) = little ? read_le32 : read_be32;
    size_t at = read32(exif.p + 4);
    if (at > exif.n - 2) return 1;
    size_t entries = read16(exif.p + at);
    at += 2;
    if (entries > (exif.n - at) / ENTRY_BYTES) entries = (exif.n - at) / ENTRY_BYTES;
    for (; entries; entries--, at += ENTRY_BYTES) {
        if (read16(exif.p + at) != TAG_ORIENTATION) continue;
        uint32_t type = read16(exif.p + at + 2), value = 0;
        if (type == TYPE_SHORT) value = read16(exif.p + at + 8);
        if (type == TYPE_LONG) value = read32(exif.p + at + 8);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

/* Copies a tile; `right` and `down` are the source's steps in bytes. */
static void turn_tile(const uint8_t *from, ptrdiff_t right, ptrdiff_t down, uint8_t *to, size_t to_row, uint32_t width,
                      uint32_t height)
{
    for (uint32_t y = 0; y < height; y++, from += down, to += to_row) {
        const uint8_t *source = from;
        for (uint32_t x = 0; x < width; x++, source += right) memcpy(to + 3 * (size_t)x, source, 3);
    }
}

int orientation_apply(const struct image *stored, unsigned orientation, struct image *upright)
{
    bool swaps = orientation_swaps(orientation);
    uint32_t width = swaps ? stored->height : stored->width, height = swaps ? stored->width : stored->height;
    if (image_set_size(upright, width, height) < 0) return -1;
    size_t row = (size_t)stored->width * 3, to_row = (size_t)width * 3;
    if (orientation < 2 || orientation > 8) {
        memcpy(upright->rgb, stored->rgb, image_bytes(stored));
        return 0;
    }
    /* which end of the stored rows and columns the upright picture's top left pixel lies at */
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t along_row = from_right ? -3 : 3, along_column = from_bottom ? -(ptrdiff_t)row : (ptrdiff_t)row;
    const uint8_t *first = stored->rgb + (from_right ? row - 3 : 0) + (from_bottom ? row * (stored->height - 1) : 0);
    ptrdiff_t right = swaps ? along_column : along_row, down = swaps ? along_row : along_column;
    for (uint32_t y = 0; y < height; y += TILE)
        for (uint32_t x = 0; x < width; x += TILE)
            turn_tile(first + right * (ptrdiff_t)x + down * (ptrdiff_t)y, right, down,
                      upright->rgb + y * to_row + 3 * (size_t)x, to_row, width - x < TILE ? width - x : TILE,
                      height - y < TILE ? height - y : TILE);
    return 0;
}
