/* Any bytes through the decode door: headers, decoders, and what follows a decoded picture. The limits are small, so that the
 * fuzzer's time goes into the parsers. */
#include "crawl/image/image.h"
#include "crawl/image/orientation.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct image_limits limits = {.bytes = 1 << 20, .pixels = 1 << 18, .scans = 50};
    struct str bytes = str_of((const char *)data, size);
    struct image_info info;
    enum image_status probed = image_probe(bytes, &limits, &info), status;
    struct image image = {0}, upright = {0};
    if (info.orientation < 1 || info.orientation > 8 || info.frames < 1) abort();
    if (image_decode(bytes, &limits, (enum image_alpha)(size & 1), &image, &status) < 0) abort();
    if (probed != IMAGE_OK && status != probed) abort();
    if (status == IMAGE_OK) {
        if (image.width != info.width || image.height != info.height) abort();
        if (orientation_apply(&image, info.orientation, &upright) < 0) abort();
        if (image_bytes(&image) != image_bytes(&upright)) abort();
    }
    enum image_status scaled;
    if (image_decode_at_least(bytes, &limits, (enum image_alpha)(size & 1), (struct image_size){9, 9}, &upright, &scaled) < 0) abort();
    if (scaled != status) abort();
    if (status == IMAGE_OK && (upright.width > info.width || (upright.width < 9 && upright.width < info.width))) abort();
    image_free(&image);
    image_free(&upright);
    return 0;
}
