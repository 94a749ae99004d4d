/* JPEG markers up to the first scan, and the count of what follows is left to the decoder (limits.scans). */
#include "crawl/image/headers.h"
#include "crawl/image/orientation.h"

enum { SOF0 = 0xC0, SOF15 = 0xCF, DHT = 0xC4, JPG = 0xC8, DAC = 0xCC, RST0 = 0xD0, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA,
       APP1 = 0xE1, TEM = 0x01, PROCESS_LOSSLESS = 3, PROCESS_DIFFERENTIAL = 4, PROCESS_PROGRESSIVE = 2, PROCESS_ARITHMETIC = 8 };

/* Moves *at behind the next marker and returns its code; -1 at the end of the bytes. Stray bytes before it are skipped, as
 * decoders do. */
static int next_marker(struct str bytes, size_t *at)
{
    while (*at < bytes.n) {
        const char *found = memchr(bytes.p + *at, 0xFF, bytes.n - *at);
        if (!found) break;
        *at = (size_t)(found - bytes.p) + 1;
        while (*at < bytes.n && (uint8_t)bytes.p[*at] == 0xFF) ++*at; /* fill bytes, T.81 §B.1.1.2 */
        if (*at < bytes.n && bytes.p[*at] != 0) return (uint8_t)bytes.p[(*at)++];
    }
    return -1;
}

static bool has_segment(int marker)
{
    return marker != TEM && !(marker >= RST0 && marker <= EOI);
}

/* What decoding will hold: the plane, some rows, and for a file of several passes all its coefficients, 2 bytes each. */
static uint64_t memory_estimate(const struct image_info *info, struct str sof, bool multiple_scans)
{
    uint64_t plane = (uint64_t)info->width * info->height * 3, rows = (uint64_t)info->width * 3 * 64;
    uint64_t coefficients = 0;
    unsigned components = (uint8_t)sof.p[5], h_max = 1, v_max = 1;
    for (unsigned c = 0; c < components; c++) {
        unsigned sampling = (uint8_t)sof.p[6 + 3 * c + 1];
        if (sampling >> 4 > h_max) h_max = sampling >> 4;
        if ((sampling & 15) > v_max) v_max = sampling & 15;
    }
    uint64_t mcus = ((info->width + 8 * h_max - 1) / (8 * h_max)) * (uint64_t)((info->height + 8 * v_max - 1) / (8 * v_max));
    for (unsigned c = 0; c < components; c++) {
        unsigned sampling = (uint8_t)sof.p[6 + 3 * c + 1];
        coefficients += mcus * (sampling >> 4) * (sampling & 15) * 64 * 2;
    }
    return plane + rows + (multiple_scans ? coefficients : 0) + (64 << 10);
}

/* T.81 §B.2.2. `sof` begins behind the segment's length. */
static enum image_status frame_header(int marker, struct str sof, struct image_info *info)
{
    if (sof.n < 6) return IMAGE_CORRUPT;
    unsigned precision = (uint8_t)sof.p[0], components = (uint8_t)sof.p[5], process = (unsigned)marker - SOF0;
    info->height = read_be16(sof.p + 1);
    info->width = read_be16(sof.p + 3);
    if ((process & 3) == PROCESS_LOSSLESS || (process & PROCESS_DIFFERENTIAL)) return IMAGE_UNSUPPORTED_JPEG_LOSSLESS;
    if (precision == 12) return IMAGE_UNSUPPORTED_JPEG_12BIT;
    if (precision != 8 || components == 0 || sof.n != 6 + 3 * (size_t)components) return IMAGE_CORRUPT;
    if (info->width == 0 || info->height == 0) return IMAGE_CORRUPT; /* a height in a DNL marker is known to no decoder */
    if (components != 1 && components != 3 && components != 4) return IMAGE_UNSUPPORTED_JPEG_COLOUR;
    return IMAGE_OK;
}

enum image_status jpeg_header(struct str bytes, struct image_info *info)
{
    struct str sof = STR_ABSENT;
    int frame_marker = 0;
    bool exif_seen = false;
    size_t at = 2;
    for (;;) {
        int marker = next_marker(bytes, &at);
        if (marker < 0) return IMAGE_TRUNCATED;
        if (marker == EOI) return IMAGE_CORRUPT;
        if (!has_segment(marker)) continue;
        if (bytes.n - at < 2) return IMAGE_TRUNCATED;
        uint32_t length = read_be16(bytes.p + at);
        if (length < 2) return IMAGE_CORRUPT;
        if (length > bytes.n - at) return IMAGE_TRUNCATED;
        struct str segment = str_of(bytes.p + at + 2, length - 2);
        at += length;
        if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC) {
            if (sof.p) return IMAGE_CORRUPT; /* one frame a picture */
            sof = segment;
            frame_marker = marker;
            enum image_status status = frame_header(marker, sof, info);
            if (status != IMAGE_OK) return status;
        } else if (marker == APP1 && !exif_seen && str_starts(segment, STR("Exif\0"))) {
            exif_seen = true;
            info->orientation = orientation_of_exif(segment);
        } else if (marker == SOS) {
            if (!sof.p || segment.n < 1) return IMAGE_CORRUPT;
            bool progressive = ((frame_marker - SOF0) & ~PROCESS_ARITHMETIC) == PROCESS_PROGRESSIVE;
            bool multiple_scans = progressive || segment.p[0] != sof.p[5];
            info->memory = memory_estimate(info, sof, multiple_scans);
            return IMAGE_OK;
        }
    }
}
