/* GIF blocks: the canvas and the number of frames. */
#include "crawl/image/headers.h"

enum { SCREEN_BYTES = 13 /* signature and logical screen descriptor */, DESCRIPTOR_BYTES = 9, EXTENSION = 0x21, IMAGE = 0x2C,
       TRAILER = 0x3B };

static size_t colour_table_bytes(char packed)
{
    return (packed & 0x80) ? (size_t)3 << ((packed & 7) + 1) : 0;
}

/* Moves behind a chain of sub-blocks (GIF89a §15); false when the bytes end first. */
static bool skip_sub_blocks(struct str bytes, size_t *at)
{
    while (*at < bytes.n) {
        size_t length = (uint8_t)bytes.p[(*at)++];
        if (length == 0) return true;
        if (length > bytes.n - *at) return false;
        *at += length;
    }
    return false;
}

/* The canvas is the logical screen, made larger where the first frame sticks out of it. */
static void first_frame(struct str descriptor, struct image_info *info)
{
    uint32_t right = read_le16(descriptor.p) + read_le16(descriptor.p + 4);
    uint32_t bottom = read_le16(descriptor.p + 2) + read_le16(descriptor.p + 6);
    if (right > info->width) info->width = right;
    if (bottom > info->height) info->height = bottom;
}

enum image_status gif_header(struct str bytes, struct image_info *info)
{
    if (bytes.n < SCREEN_BYTES) return IMAGE_TRUNCATED;
    info->width = read_le16(bytes.p + 6);
    info->height = read_le16(bytes.p + 8);
    size_t at = SCREEN_BYTES + colour_table_bytes(bytes.p[10]);
    uint32_t frames = 0;
    while (at < bytes.n) {
        char kind = bytes.p[at++];
        if (kind == TRAILER) break;
        if (kind == EXTENSION) {
            at++; /* its label */
        } else if (kind == IMAGE) {
            if (bytes.n - at < DESCRIPTOR_BYTES) break;
            struct str descriptor = str_of(bytes.p + at, DESCRIPTOR_BYTES);
            if (frames++ == 0) first_frame(descriptor, info);
            at += DESCRIPTOR_BYTES + colour_table_bytes(descriptor.p[8]) + 1; /* and the minimum code size */
        } else if (frames == 0) {
            return IMAGE_CORRUPT;
        } else {
            break; /* rubbish behind a frame: decoders stop here */
        }
        if (!skip_sub_blocks(bytes, &at)) break;
    }
    info->frames = frames ? frames : 1;
    info->memory = (uint64_t)info->width * info->height * 3 + (uint64_t)info->width * 2 + (64 << 10);
    if (frames == 0) return IMAGE_TRUNCATED;
    return info->width && info->height ? IMAGE_OK : IMAGE_CORRUPT;
}
