/* AVIF by libavif, which checks the container strictly and leaves the pixels to dav1d. */
#include "crawl/image/codecs.h"
#include "crawl/image/headers.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

#include <avif/avif.h>

#if __has_include(<dav1d/dav1d.h>)
#include <dav1d/dav1d.h>
#include <dlfcn.h>

/* dav1d tells stderr about every damaged picture, and libavif has no way to stop it. Symbols of a module that was opened late
 * stand before those of the libraries it brings, so libavif finds this function, which takes dav1d's own defaults and only
 * silences them. Without dav1d's header pictures decode the same, with that noise. */
void dav1d_default_settings(Dav1dSettings *settings)
{
    void (*own_defaults)(Dav1dSettings *);
    *(void **)(void *)&own_defaults = dlsym(RTLD_NEXT, "dav1d_default_settings");
    own_defaults(settings);
    settings->logger.callback = NULL;
}
#endif

static int status_of(avifResult code, enum image_status *status)
{
    if (code == AVIF_RESULT_OUT_OF_MEMORY) return fail_memory();
    *status = code == AVIF_RESULT_OK                                                           ? IMAGE_OK
              : code == AVIF_RESULT_TRUNCATED_DATA || code == AVIF_RESULT_WAITING_ON_IO        ? IMAGE_TRUNCATED
                                                                                               : IMAGE_CORRUPT;
    return 0;
}

/* The decoded YUV frame to RGB8; through RGBA where there is an alpha plane, seen or not: colours may be stored multiplied
 * by it. */
static int convert(const struct codec_source *source, const avifImage *yuv, struct image *image, enum image_status *status)
{
    *status = IMAGE_CORRUPT;
    if (yuv->width != source->info->width || yuv->height != source->info->height) return 0;
    if (image_set_size(image, yuv->width, yuv->height) < 0) return -1;
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, yuv);
    bool alpha = yuv->alphaPlane != NULL;
    size_t pixels = (size_t)yuv->width * yuv->height;
    uint8_t *rgba = alpha ? malloc(pixels * 4) : NULL;
    if (alpha && !rgba) return fail_memory();
    rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.depth = 8;
    rgb.rowBytes = yuv->width * (alpha ? 4 : 3);
    rgb.pixels = alpha ? rgba : image->rgb;
    int result = status_of(avifImageYUVToRGB(yuv, &rgb), status);
    if (alpha && result == 0 && *status == IMAGE_OK) codec_flatten(rgba, pixels, source->alpha, image->rgb);
    free(rgba);
    return result;
}

int codec_avif_decode(const struct codec_source *source, struct image *image, enum image_status *status)
{
    avifDecoder *decoder = avifDecoderCreate();
    if (!decoder) return fail_memory();
    decoder->maxThreads = 1;
    decoder->ignoreExif = decoder->ignoreXMP = AVIF_TRUE;
    decoder->strictFlags = AVIF_STRICT_ENABLED;
    decoder->imageSizeLimit = source->limits->pixels > UINT32_MAX ? UINT32_MAX : (uint32_t)source->limits->pixels;
    avifResult code = avifDecoderSetIOMemory(decoder, (const uint8_t *)source->bytes.p, source->bytes.n);
    if (code == AVIF_RESULT_OK) code = avifDecoderParse(decoder);
    if (code == AVIF_RESULT_OK) code = avifDecoderNextImage(decoder);
    int result = code == AVIF_RESULT_OK ? convert(source, decoder->image, image, status) : status_of(code, status);
    avifDecoderDestroy(decoder);
    if (*status == IMAGE_CORRUPT && avif_is_cut(source->bytes)) *status = IMAGE_TRUNCATED;
    return result;
}
