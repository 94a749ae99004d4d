/* The door to the encoders in the module `codecs`. */
#include "crawl/image/encode.h"

#include "crawl/image/codecs.h"
#include "crawl/image/resize.h"
#include "pipeline/base/fail.h"

enum image_format encode_format(struct str name)
{
    if (str_eq(name, STR("jpg"))) return IMAGE_JPEG;
    if (str_eq(name, STR("png"))) return IMAGE_PNG;
    if (str_eq(name, STR("webp"))) return IMAGE_WEBP;
    return IMAGE_FORMAT_NONE;
}

const char *encode_extension(enum image_format format) { return format == IMAGE_JPEG ? "jpg" : image_format_name(format); }

uint64_t encode_side_most(enum image_format format)
{
    return format == IMAGE_JPEG ? RESIZE_SIDE_JPEG : format == IMAGE_WEBP ? RESIZE_SIDE_WEBP : RESIZE_SIDE_PNG;
}

int encode_image(const struct image *image, enum image_format format, int quality, struct buf *out)
{
    const struct codecs *codecs = image_codecs();
    if (!codecs) return -1;
    if (!codecs->encode[format]) return fail("no encoder for %s", image_format_name(format));
    return codecs->encode[format](image, quality, out);
}
