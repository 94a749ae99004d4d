/* The door: magic, limits, then the codec. Everything of a picture's size is allocated here, after the limits. */
#include "crawl/image/image.h"

#include "crawl/image/codecs.h"
#include "crawl/image/headers.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"

#include <stdlib.h>

/* 20 MB: longer than 99.99 % of the web's pictures. 89,478,484 pixels: LAION's limit, a third of a GiB at 4 bytes a pixel.
 * 500 scans: what libjpeg-turbo's own fuzzers allow; honest progressive files have about ten. */
const struct image_limits image_limits_default = {.bytes = 20 * 1000 * 1000, .pixels = 89478484, .scans = 500};

const char *image_status_name(enum image_status status)
{
    static const char *const names[] = {
#define IMAGE_STATUS_NAME(constant, name) [constant] = name,
        IMAGE_STATUS_LIST(IMAGE_STATUS_NAME)
#undef IMAGE_STATUS_NAME
    };
    return names[status];
}

const char *image_format_name(enum image_format format)
{
    static const char *const names[IMAGE_FORMATS] = {"", "jpeg", "png", "webp", "gif", "avif"};
    return names[format];
}

void image_free(struct image *image)
{
    free(image->rgb);
    *image = (struct image){0};
}

int image_set_size(struct image *image, uint32_t width, uint32_t height)
{
    uint64_t pixels = (uint64_t)width * height;
    if (pixels > SIZE_MAX / 4) return fail_memory();
    size_t needed = (size_t)pixels * 3;
    if (needed > image->room) {
        free(image->rgb); /* the old contents are not wanted: realloc would copy them */
        image->rgb = malloc(needed);
        image->room = image->rgb ? needed : 0;
        if (!image->rgb) return fail_memory();
    }
    image->width = width;
    image->height = height;
    return 0;
}

/* --- What kind of file --- */

struct magic {
    struct str head;
    enum image_format format;
    enum image_status status; /* when no codec serves the format */
};

static const struct magic magics[] = {
    {{"\xff\xd8\xff", 3}, IMAGE_JPEG, IMAGE_OK},
    {{"\x89PNG\r\n\x1a\n", 8}, IMAGE_PNG, IMAGE_OK},
    {{"GIF87a", 6}, IMAGE_GIF, IMAGE_OK},
    {{"GIF89a", 6}, IMAGE_GIF, IMAGE_OK},
    {{"II*\0", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_TIFF},
    {{"MM\0*", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_TIFF},
    {{"II+\0", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_TIFF}, /* BigTIFF */
    {{"MM\0+", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_TIFF},
    {{"\0\0\1\0", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_ICO},
    {{"\0\0\2\0", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_ICO},
    {{"\xff\x0a", 2}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_JXL},
    {{"\0\0\0\x0cJXL \r\n\x87\n", 12}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_JXL},
    {{"\0\0\0\x0cjP  \r\n\x87\n", 12}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_JP2},
    {{"\xff\x4f\xff\x51", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_JP2},
    {{"8BPS", 4}, IMAGE_FORMAT_NONE, IMAGE_UNSUPPORTED_PSD},
};

static bool looks_like_bmp(struct str bytes)
{
    if (bytes.n < 18 || !str_starts(bytes, STR("BM"))) return false;
    uint32_t header = read_le32(bytes.p + 14); /* of the DIB: two letters alone are too weak a magic */
    return header == 12 || header == 16 || (header >= 40 && header <= 124 && header % 4 == 0);
}

/* An SVG's root within the first KiB: behind a byte order mark, white space, an XML declaration, comments, a doctype. */
static bool looks_like_svg(struct str bytes)
{
    struct str head = str_of(bytes.p, bytes.n < 1024 ? bytes.n : 1024);
    if (str_starts(head, STR("\xef\xbb\xbf"))) head = str_from_at(head, 3);
    head = str_trim(head);
    if (str_starts(head, STR("<svg"))) return true;
    bool xml = str_starts(head, STR("<?xml")) || str_starts(head, STR("<!--")) || str_starts_nocase(head, STR("<!DOCTYPE svg"));
    return xml && str_find(head, STR("<svg")) != SIZE_MAX;
}

/* The ISO media brands that mean AVIF; every other picture in that container is called HEIC here. */
static enum image_format iso_media_format(struct str bytes, enum image_status *status)
{
    *status = IMAGE_OK;
    uint32_t size = read_be32(bytes.p);
    if (size > bytes.n) size = (uint32_t)bytes.n;
    bool heic = false;
    for (size_t at = 8; at + 4 <= size && at < 256; at += at == 8 ? 8 : 4) { /* the minor version stands behind the first */
        struct str brand = str_of(bytes.p + at, 4);
        if (str_eq(brand, STR("avif")) || str_eq(brand, STR("avis"))) return IMAGE_AVIF;
        heic |= str_starts(brand, STR("hei")) || str_starts(brand, STR("hev")) || str_eq(brand, STR("mif1")) ||
                str_eq(brand, STR("msf1"));
    }
    *status = heic ? IMAGE_UNSUPPORTED_HEIC : IMAGE_NOT_AN_IMAGE;
    return IMAGE_FORMAT_NONE;
}

static enum image_format sniff(struct str bytes, enum image_status *status)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (!str_starts(bytes, magics[i].head)) continue;
        *status = magics[i].status;
        return magics[i].format;
    }
    *status = IMAGE_OK;
    if (bytes.n >= 12 && str_starts(bytes, STR("RIFF")) && memcmp(bytes.p + 8, "WEBP", 4) == 0) return IMAGE_WEBP;
    if (bytes.n >= 12 && memcmp(bytes.p + 4, "ftyp", 4) == 0) return iso_media_format(bytes, status);
    *status = looks_like_bmp(bytes)   ? IMAGE_UNSUPPORTED_BMP
              : looks_like_svg(bytes) ? IMAGE_UNSUPPORTED_SVG
                                      : IMAGE_NOT_AN_IMAGE;
    return IMAGE_FORMAT_NONE;
}

/* --- The two calls --- */

enum image_status image_probe(struct str bytes, const struct image_limits *limits, struct image_info *info)
{
    static enum image_status (*const headers[IMAGE_FORMATS])(struct str, struct image_info *) = {
        NULL, jpeg_header, png_header, webp_header, gif_header, avif_header,
    };
    *info = (struct image_info){.frames = 1, .orientation = 1};
    if (bytes.n == 0) return IMAGE_EMPTY;
    enum image_status status;
    info->format = sniff(bytes, &status);
    if (status != IMAGE_OK) return status;
    if (bytes.n > limits->bytes) return IMAGE_TOO_MANY_BYTES;
    status = headers[info->format](bytes, info);
    if ((uint64_t)info->width * info->height > limits->pixels) return IMAGE_TOO_MANY_PIXELS;
    return status;
}

const struct codecs *image_codecs(void)
{
    static const struct codecs *_Atomic cached;
    const struct codecs *codecs = cached;
    if (!codecs) cached = codecs = module_open("codecs");
    return codecs;
}

int image_decode_at_least(struct str bytes, const struct image_limits *limits, enum image_alpha alpha, struct image_size least,
                          struct image *image, enum image_status *status)
{
    struct image_info info;
    *status = image_probe(bytes, limits, &info);
    if (*status != IMAGE_OK) return 0;
    const struct codecs *codecs = image_codecs();
    if (!codecs) return -1;
    struct codec_source source = {bytes, &info, limits, alpha, least};
    return codecs->decode[info.format](&source, image, status);
}

int image_decode(struct str bytes, const struct image_limits *limits, enum image_alpha alpha, struct image *image,
                 enum image_status *status)
{
    return image_decode_at_least(bytes, limits, alpha, (struct image_size){UINT32_MAX, UINT32_MAX}, image, status);
}

int image_versions(struct buf *out)
{
    const struct codecs *codecs = image_codecs();
    return codecs ? codecs->versions(out) : -1;
}
