/* The one door to pictures: bytes and limits in, one RGB8 plane and a status out.
 *
 *     struct image_info info;
 *     struct image image = {0};
 *     enum image_status status = image_probe(bytes, &image_limits_default, &info);
 *     if (status == IMAGE_OK && image_decode(bytes, &image_limits_default, IMAGE_OVER_WHITE, &image, &status) < 0) return -1;
 *     if (status != IMAGE_OK) ... image_status_name(status) ...
 *     ... image.rgb[(y * image.width + x) * 3 + channel] ...
 *     image_free(&image);
 *
 * The format is told by the content alone; a file name or a Content-Type never matters. Width and height are read from the
 * header and held against the limits before anything of their size is allocated. The pixels are those of the first frame,
 * as stored (orientation.h turns them), 8 bits a sample, three samples a pixel, rows without padding:
 * - grey, palette and 1-, 2-, 4-bit samples expanded by replication (v * 255 / max); of 16-bit samples the high byte;
 *   gamma, sBIT and colour profiles are not applied;
 * - JPEG by the accurate integer DCT with interpolated chroma; CMYK and YCCK by R = k - t(C, k) with k = 255 - K,
 *   t(x, y) = (z + (z >> 8)) >> 8, z = x * y + 128, where samples of a file with an Adobe marker are stored inverted;
 * - a GIF's or an animated WebP's first frame on its canvas, which is transparent where the frame leaves it free.
 * Bytes behind the picture's end are ignored. A picture whose data end early is a failed one, though some decoders would
 * show a part of it; so is one whose coded data are damaged where the format can tell.
 *
 * What the door says depends on the bytes and the limits, never on time, memory or threads. Any thread; a struct image
 * belongs to one thread at a time.
 */
#ifndef WINNOW_IMAGE_H
#define WINNOW_IMAGE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum image_format {
    IMAGE_FORMAT_NONE, /* no picture that winnow decodes */
    IMAGE_JPEG,
    IMAGE_PNG,
    IMAGE_WEBP,
    IMAGE_GIF,
    IMAGE_AVIF,
    IMAGE_FORMATS
};

/* The closed list of outcomes: constant, the name that stands in rows (column `status`) and rules (`fetch.NAME`). */
#define IMAGE_STATUS_LIST(X) \
    X(IMAGE_OK, "ok") \
    X(IMAGE_EMPTY, "empty")                          /* no bytes at all */ \
    X(IMAGE_NOT_AN_IMAGE, "not_an_image")            /* no magic of any picture: HTML, text, gzip, PDF, … */ \
    X(IMAGE_UNSUPPORTED_SVG, "unsupported_svg") \
    X(IMAGE_UNSUPPORTED_TIFF, "unsupported_tiff") \
    X(IMAGE_UNSUPPORTED_BMP, "unsupported_bmp") \
    X(IMAGE_UNSUPPORTED_ICO, "unsupported_ico")      /* also Windows cursors */ \
    X(IMAGE_UNSUPPORTED_JXL, "unsupported_jxl") \
    X(IMAGE_UNSUPPORTED_JP2, "unsupported_jp2")      /* JPEG 2000 */ \
    X(IMAGE_UNSUPPORTED_HEIC, "unsupported_heic")    /* any ISO media picture that is not AVIF */ \
    X(IMAGE_UNSUPPORTED_PSD, "unsupported_psd") \
    X(IMAGE_UNSUPPORTED_JPEG_12BIT, "unsupported_jpeg_12bit") \
    X(IMAGE_UNSUPPORTED_JPEG_LOSSLESS, "unsupported_jpeg_lossless") /* lossless and hierarchical processes */ \
    X(IMAGE_UNSUPPORTED_JPEG_COLOUR, "unsupported_jpeg_colour")     /* not 1, 3 or 4 components */ \
    X(IMAGE_TOO_MANY_BYTES, "too_many_bytes")        /* limits.bytes */ \
    X(IMAGE_TOO_MANY_PIXELS, "too_many_pixels")      /* limits.pixels, by the header */ \
    X(IMAGE_TOO_MANY_SCANS, "too_many_scans")        /* limits.scans */ \
    X(IMAGE_TOO_LARGE, "too_large")                  /* the result of a resize would break a limit (resize.h) */ \
    X(IMAGE_TRUNCATED, "truncated")                  /* ends before its pixels do */ \
    X(IMAGE_CORRUPT, "corrupt")                      /* breaks its format's rules */

enum image_status {
#define IMAGE_STATUS_CONSTANT(constant, name) constant,
    IMAGE_STATUS_LIST(IMAGE_STATUS_CONSTANT)
#undef IMAGE_STATUS_CONSTANT
    IMAGE_STATUSES
};

/* What to do with transparency. */
enum image_alpha {
    IMAGE_OVER_WHITE,   /* (c * a + 255 * (255 - a) + 127) / 255, rounded down */
    IMAGE_ALPHA_DROPPED /* the colours as stored, alpha ignored */
};

struct image_limits {
    size_t bytes;    /* of the file */
    uint64_t pixels; /* width * height, as the header says */
    unsigned scans;  /* of one JPEG: each costs a pass over all its blocks */
};
extern const struct image_limits image_limits_default; /* 20 MB, 89,478,484 pixels, 500 scans */

/* What the header says; filled as far as it could be read, whatever the status. */
struct image_info {
    enum image_format format; /* by magic; NONE where the status is not_an_image or unsupported_* of another format */
    uint32_t width, height;   /* pixels as stored, before orientation; 0 when unknown */
    uint32_t frames;          /* as the file says, at least 1 */
    unsigned orientation;     /* 1 to 8 as EXIF counts them (orientation.h); 1 when the file says nothing valid */
    uint64_t memory;          /* bytes that decoding will need at its peak, the RGB plane included: an upper estimate */
};

/* A plane of pixels that owns its memory. {0} is a valid empty one. */
struct image {
    uint8_t *rgb;           /* height rows of width pixels of 3 bytes */
    uint32_t width, height; /* pixels */
    size_t room;            /* bytes allocated: planes are used again without allocating */
};
void image_free(struct image *image);
/* Sets the size and makes room for it; the contents are undefined after. 0, or -1 when out of memory. */
int image_set_size(struct image *image, uint32_t width, uint32_t height);
static inline size_t image_bytes(const struct image *image) { return (size_t)image->width * image->height * 3; }

/* Reads headers alone: no decoder, no allocation, time linear in the bytes. IMAGE_OK means that decoding is worth a try. */
enum image_status image_probe(struct str bytes, const struct image_limits *limits, struct image_info *info);

/* Probes and decodes. 0 with *status set and, when it is IMAGE_OK, `image` filled; -1 with a sentence when the machine
 * failed (out of memory, the codecs' module is missing), which says nothing about the picture. */
int image_decode(struct str bytes, const struct image_limits *limits, enum image_alpha alpha, struct image *image,
                 enum image_status *status);

/* The same, but the plane may come out smaller than the picture: a JPEG at an eighth, a quarter or a half of its size, sides
 * rounded up, if neither side then has fewer pixels than `least` wants. libjpeg leaves out the fine waves of its DCT, which
 * costs less than making them and averaging them away, and looks nearly the same. Between a half and the whole it has no fast
 * way, and other formats have none at all: those come out whole, as with image_decode. The status is that of image_decode on
 * the same bytes; info.memory is an upper estimate here, too. */
struct image_size {
    uint32_t width, height; /* pixels as stored, before orientation */
};
int image_decode_at_least(struct str bytes, const struct image_limits *limits, enum image_alpha alpha, struct image_size least,
                          struct image *image, enum image_status *status);

const char *image_status_name(enum image_status status); /* "too_many_pixels" */
const char *image_format_name(enum image_format format); /* "jpeg"; "" for NONE */

/* Appends the decoders' versions as they report them: "libjpeg-turbo 2.1.5, libpng 1.6.39, …". 0 or -1. */
int image_versions(struct buf *out);

#endif
