/* WebP by libwebp; the first frame of an animation by libwebpdemux, laid on its canvas. */
#include "crawl/image/codecs.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

static int status_of(VP8StatusCode code, enum image_status *status)
{
    if (code == VP8_STATUS_OUT_OF_MEMORY) return fail_memory();
    *status = code == VP8_STATUS_OK                                                       ? IMAGE_OK
              : code == VP8_STATUS_NOT_ENOUGH_DATA || code == VP8_STATUS_SUSPENDED        ? IMAGE_TRUNCATED
                                                                                          : IMAGE_CORRUPT;
    return 0;
}

/* Decodes one still picture of known size to RGBA or RGB rows of `stride` bytes. */
static int decode_pixels(struct str bytes, uint32_t width, uint32_t height, bool alpha, uint8_t *pixels, size_t stride,
                         enum image_status *status)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return fail("libwebp: header and library disagree");
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * height;
    config.output.width = (int)width;
    config.output.height = (int)height;
    VP8StatusCode code = WebPDecode((const uint8_t *)bytes.p, bytes.n, &config);
    WebPFreeDecBuffer(&config.output);
    return status_of(code, status);
}

/* `bytes` hold one picture of the canvas's size. */
static int decode_still(const struct codec_source *source, struct image *image, enum image_status *status)
{
    WebPBitstreamFeatures features;
    VP8StatusCode code = WebPGetFeatures((const uint8_t *)source->bytes.p, source->bytes.n, &features);
    if (code != VP8_STATUS_OK) return status_of(code, status);
    if ((uint32_t)features.width != source->info->width || (uint32_t)features.height != source->info->height) {
        *status = IMAGE_CORRUPT;
        return 0;
    }
    uint32_t width = source->info->width, height = source->info->height;
    if (image_set_size(image, width, height) < 0) return -1;
    if (!features.has_alpha || source->alpha == IMAGE_ALPHA_DROPPED)
        return decode_pixels(source->bytes, width, height, false, image->rgb, (size_t)width * 3, status);
    size_t pixels = (size_t)width * height;
    uint8_t *rgba = malloc(pixels * 4);
    if (!rgba) return fail_memory();
    int result = decode_pixels(source->bytes, width, height, true, rgba, (size_t)width * 4, status);
    if (result == 0 && *status == IMAGE_OK) codec_flatten(rgba, pixels, IMAGE_OVER_WHITE, image->rgb);
    free(rgba);
    return result;
}

/* A frame may be smaller than the canvas; the canvas is transparent black around it. */
static int decode_frame(const struct codec_source *source, const WebPIterator *frame, struct image *image,
                        enum image_status *status)
{
    uint32_t width = source->info->width, height = source->info->height;
    if (frame->x_offset < 0 || frame->y_offset < 0 || (uint32_t)frame->x_offset + (uint32_t)frame->width > width ||
        (uint32_t)frame->y_offset + (uint32_t)frame->height > height)
        return 0;
    if (image_set_size(image, width, height) < 0) return -1;
    size_t frame_width = (size_t)frame->width, frame_height = (size_t)frame->height;
    uint8_t *rgba = malloc(frame_width * frame_height * 4);
    if (!rgba) return fail_memory();
    struct str bytes = str_of((const char *)frame->fragment.bytes, frame->fragment.size);
    int result = decode_pixels(bytes, (uint32_t)frame->width, (uint32_t)frame->height, true, rgba, frame_width * 4, status);
    if (result == 0 && *status == IMAGE_OK) {
        memset(image->rgb, source->alpha == IMAGE_OVER_WHITE ? 255 : 0, image_bytes(image));
        for (size_t y = 0; y < frame_height; y++) {
            size_t at = ((size_t)frame->y_offset + y) * width + (size_t)frame->x_offset;
            codec_flatten(rgba + y * frame_width * 4, frame_width, source->alpha, image->rgb + at * 3);
        }
    }
    free(rgba);
    return result;
}

int codec_webp_decode(const struct codec_source *source, struct image *image, enum image_status *status)
{
    *status = IMAGE_CORRUPT;
    WebPData data = {(const uint8_t *)source->bytes.p, source->bytes.n};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    if (!demuxer) return decode_still(source, image, status); /* says what is wrong */
    int result;
    WebPIterator frame;
    bool animated = WebPDemuxGetI(demuxer, WEBP_FF_FORMAT_FLAGS) & ANIMATION_FLAG;
    if (animated && state < WEBP_DEMUX_DONE) { /* cut, though perhaps behind the first frame: RIFF tells the whole length */
        *status = IMAGE_TRUNCATED;
        result = 0;
    } else if (!animated) {
        result = decode_still(source, image, status);
    } else if (WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH) == source->info->width &&
               WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT) == source->info->height && WebPDemuxGetFrame(demuxer, 1, &frame)) {
        result = decode_frame(source, &frame, image, status);
        WebPDemuxReleaseIterator(&frame);
    } else {
        *status = IMAGE_CORRUPT;
        result = 0;
    }
    WebPDemuxDelete(demuxer);
    return result;
}

/* Above 100 would mean lossless elsewhere; here the quality ends at 100. */
int codec_webp_encode(const struct image *image, int quality, struct buf *out)
{
    if (image->width > WEBP_MAX_DIMENSION || image->height > WEBP_MAX_DIMENSION)
        return fail("webp: %u x %u pixels, at most %d a side", image->width, image->height, WEBP_MAX_DIMENSION);
    uint8_t *bytes = NULL;
    size_t n = WebPEncodeRGB(image->rgb, (int)image->width, (int)image->height, (int)image->width * 3, (float)quality, &bytes);
    if (n == 0) return fail("webp: cannot encode %u x %u pixels", image->width, image->height);
    int result = buf_add(out, str_of((const char *)bytes, n));
    WebPFree(bytes);
    return result;
}
