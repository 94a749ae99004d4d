/* WebP's RIFF chunks: canvas, animation frames, EXIF. */
#include "crawl/image/headers.h"
#include "crawl/image/orientation.h"

enum { RIFF_BYTES = 12, CHUNK_HEAD = 8, VP8X_BYTES = 10, FLAG_ALPHA = 0x10 };

/* RFC 6386 §9.1: a key frame's tag, start code, 14-bit width and height with two bits of scaling each. */
static enum image_status lossy_header(struct str data, struct image_info *info)
{
    if (data.n < 10) return IMAGE_TRUNCATED;
    if ((data.p[0] & 1) || memcmp(data.p + 3, "\x9d\x01\x2a", 3) != 0) return IMAGE_CORRUPT;
    info->width = read_le16(data.p + 6) & 0x3fff;
    info->height = read_le16(data.p + 8) & 0x3fff;
    return IMAGE_OK;
}

/* RFC 9649 §3.4 */
static enum image_status lossless_header(struct str data, struct image_info *info)
{
    if (data.n < 5) return IMAGE_TRUNCATED;
    if (data.p[0] != 0x2f) return IMAGE_CORRUPT;
    uint32_t bits = read_le32(data.p + 1);
    info->width = (bits & 0x3fff) + 1;
    info->height = (bits >> 14 & 0x3fff) + 1;
    return IMAGE_OK;
}

/* RFC 9649 §2.7: counts frames and finds EXIF in the chunks behind VP8X. A cut tail ends the walk: the decoder will say so
 * if pixels are missing. */
static void walk_chunks(struct str bytes, size_t at, struct image_info *info)
{
    uint32_t frames = 0;
    while (bytes.n - at >= CHUNK_HEAD) {
        struct str type = str_of(bytes.p + at, 4);
        uint64_t length = read_le32(bytes.p + at + 4);
        at += CHUNK_HEAD;
        uint64_t padded = length + (length & 1);
        if (str_eq(type, STR("ANMF"))) frames++;
        if (str_eq(type, STR("EXIF")) && length <= bytes.n - at)
            info->orientation = orientation_of_exif(str_of(bytes.p + at, (size_t)length));
        if (padded >= bytes.n - at) break;
        at += (size_t)padded;
    }
    if (frames) info->frames = frames;
}

enum image_status webp_header(struct str bytes, struct image_info *info)
{
    if (bytes.n < RIFF_BYTES + CHUNK_HEAD) return IMAGE_TRUNCATED;
    struct str type = str_of(bytes.p + RIFF_BYTES, 4), data = str_from_at(bytes, RIFF_BYTES + CHUNK_HEAD);
    enum image_status status = IMAGE_OK;
    bool alpha = true;
    if (str_eq(type, STR("VP8 "))) {
        status = lossy_header(data, info);
        alpha = false;
    } else if (str_eq(type, STR("VP8L"))) {
        status = lossless_header(data, info);
    } else if (str_eq(type, STR("VP8X"))) {
        if (data.n < VP8X_BYTES) return IMAGE_TRUNCATED;
        info->width = read_le24(data.p + 4) + 1;
        info->height = read_le24(data.p + 7) + 1;
        walk_chunks(bytes, RIFF_BYTES, info);
    } else {
        return IMAGE_CORRUPT;
    }
    if (status == IMAGE_OK && (info->width == 0 || info->height == 0)) status = IMAGE_CORRUPT;
    /* lossless and alpha: RGBA, the decoder's own ARGB, 16 rows of work */
    uint64_t pixels = (uint64_t)info->width * info->height;
    info->memory = pixels * (alpha ? 3 + 4 + 4 : 3) + (uint64_t)info->width * 64 + (256 << 10);
    return status;
}
