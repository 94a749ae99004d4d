/* What the module `codecs` exports: picture libraries behind plain functions. For crawl/image alone; everybody else uses
 * image.h and encode.h. One file in codecs/ a format.
 */
#ifndef WINNOW_CODECS_H
#define WINNOW_CODECS_H

#include "crawl/image/image.h"

struct codec_source {
    struct str bytes;
    const struct image_info *info; /* of image_probe on the same bytes, which said IMAGE_OK */
    const struct image_limits *limits;
    enum image_alpha alpha;
    struct image_size least; /* a codec that can do so for less may give a smaller plane, of this size or more */
};

/* Decodes the first frame. 0 with *status and, when that is IMAGE_OK, the plane; -1 with a sentence when out of memory. */
typedef int codec_decode(const struct codec_source *source, struct image *image, enum image_status *status);
/* Appends one file to `out`. Quality 0 to 100. 0, or -1 with a sentence. */
typedef int codec_encode(const struct image *image, int quality, struct buf *out);

struct codecs {
    codec_decode *decode[IMAGE_FORMATS]; /* by format; NULL where the module has none */
    codec_encode *encode[IMAGE_FORMATS];
    int (*versions)(struct buf *out);
};
const struct codecs *image_codecs(void); /* NULL with a sentence when the module cannot be opened */

codec_decode codec_jpeg_decode, codec_png_decode, codec_webp_decode, codec_gif_decode, codec_avif_decode;
codec_encode codec_jpeg_encode, codec_png_encode, codec_webp_encode;

/* c over white with weight a: what IMAGE_OVER_WHITE promises. */
static inline uint8_t codec_over_white(unsigned c, unsigned a) { return (uint8_t)((c * a + 255 * (255 - a) + 127) / 255); }

/* RGBA rows to RGB rows; `rgb` may be the same memory as `rgba`. */
static inline void codec_flatten(const uint8_t *rgba, size_t pixels, enum image_alpha alpha, uint8_t *rgb)
{
    for (size_t i = 0; i < pixels; i++, rgba += 4, rgb += 3) {
        unsigned a = alpha == IMAGE_OVER_WHITE ? rgba[3] : 255;
        uint8_t r = rgba[0], g = rgba[1], b = rgba[2];
        rgb[0] = codec_over_white(r, a);
        rgb[1] = codec_over_white(g, a);
        rgb[2] = codec_over_white(b, a);
    }
}

#endif
