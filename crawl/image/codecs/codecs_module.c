/* The module's table: which file serves which format. */
#include "crawl/image/codecs.h"

#include <stdio.h>

#include <avif/avif.h>
#include <gif_lib.h>
#include <jpeglib.h>
#include <png.h>
#include <webp/decode.h>
#include <webp/encode.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static int versions(struct buf *out)
{
    int webp = WebPGetDecoderVersion(), encoder = WebPGetEncoderVersion();
    return buf_printf(out, "libjpeg-turbo %s (API %d), libpng %s, libwebp %d.%d.%d/%d.%d.%d, giflib %s, libavif %s",
                      TEXT(LIBJPEG_TURBO_VERSION), JPEG_LIB_VERSION, png_get_libpng_ver(NULL), webp >> 16, webp >> 8 & 255,
                      webp & 255, encoder >> 16, encoder >> 8 & 255, encoder & 255,
                      TEXT(GIFLIB_MAJOR.GIFLIB_MINOR.GIFLIB_RELEASE), avifVersion());
}

extern const struct codecs winnow_module_codecs;
const struct codecs winnow_module_codecs = {
    .decode = {[IMAGE_JPEG] = codec_jpeg_decode, [IMAGE_PNG] = codec_png_decode, [IMAGE_WEBP] = codec_webp_decode,
               [IMAGE_GIF] = codec_gif_decode, [IMAGE_AVIF] = codec_avif_decode},
    .encode = {[IMAGE_JPEG] = codec_jpeg_encode, [IMAGE_PNG] = codec_png_encode, [IMAGE_WEBP] = codec_webp_encode},
    .versions = versions,
};
