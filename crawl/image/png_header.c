/* PNG chunks: sizes, animation, EXIF, and that the chain is whole (the decoder stops at the last pixel, so that nothing
 * behind it is inflated). Checksums are the decoder's business. */
#include "crawl/image/headers.h"
#include "crawl/image/orientation.h"

enum { SIGNATURE_BYTES = 8, CHUNK_OVERHEAD = 12 /* length, type, checksum */, IHDR_BYTES = 13 };

/* PNG §11.2.1 */
static enum image_status image_header(struct str ihdr, struct image_info *info)
{
    info->width = read_be32(ihdr.p);
    info->height = read_be32(ihdr.p + 4);
    if (info->width == 0 || info->height == 0 || info->width > INT32_MAX || info->height > INT32_MAX) return IMAGE_CORRUPT;
    unsigned depth = (uint8_t)ihdr.p[8], colour = (uint8_t)ihdr.p[9];
    uint64_t pixels = (uint64_t)info->width * info->height; /* below 2^62 */
    bool interlaced = ihdr.p[12] != 0, may_have_alpha = depth != 16 || colour >= 4;
    uint64_t work = interlaced && may_have_alpha ? pixels * 4 : (uint64_t)info->width * 8;
    info->memory = pixels * 3 + work + (uint64_t)info->width * 16 + (128 << 10);
    return IMAGE_OK;
}

struct chain {          /* what the walk has seen */
    bool data, data_over; /* IDAT; another chunk behind it */
    bool frame_before_data; /* an fcTL before IDAT: the default image is the animation's first frame */
    unsigned animation_controls; /* acTL chunks; more than one and there is no animation */
    uint32_t animation_frames;
};

/* Takes note of one chunk; corrupt when the order is wrong. */
static enum image_status see_chunk(struct chain *chain, struct str type, struct str data, struct image_info *info)
{
    if (str_eq(type, STR("IDAT"))) {
        if (chain->data_over) return IMAGE_CORRUPT; /* §5.6: consecutive */
        chain->data = true;
        return IMAGE_OK;
    }
    chain->data_over = chain->data;
    if (str_eq(type, STR("acTL")) && !chain->data && data.n == 8) {
        chain->animation_frames = read_be32(data.p);
        if (chain->animation_frames > INT32_MAX || chain->animation_controls++) chain->animation_frames = 0;
    } else if (str_eq(type, STR("fcTL")) && !chain->data) {
        chain->frame_before_data = true;
    } else if (str_eq(type, STR("eXIf"))) {
        info->orientation = orientation_of_exif(data);
    }
    return IMAGE_OK;
}

enum image_status png_header(struct str bytes, struct image_info *info)
{
    struct chain chain = {0};
    size_t at = SIGNATURE_BYTES;
    for (bool first = true;; first = false) {
        if (bytes.n - at < CHUNK_OVERHEAD) return IMAGE_TRUNCATED;
        uint32_t length = read_be32(bytes.p + at);
        struct str type = str_of(bytes.p + at + 4, 4);
        if (length > INT32_MAX || (first && (length != IHDR_BYTES || !str_eq(type, STR("IHDR"))))) return IMAGE_CORRUPT;
        if (length > bytes.n - at - CHUNK_OVERHEAD) return IMAGE_TRUNCATED;
        struct str data = str_of(bytes.p + at + 8, length);
        at += CHUNK_OVERHEAD + length;
        enum image_status status = first ? image_header(data, info) : see_chunk(&chain, type, data, info);
        if (status != IMAGE_OK) return status;
        if (str_eq(type, STR("IEND"))) break;
    }
    if (!chain.data) return IMAGE_CORRUPT;
    if (chain.animation_frames) info->frames = chain.animation_frames + !chain.frame_before_data;
    return IMAGE_OK;
}
