/* From the bytes that came to the picture that is stored: decode, hash, turn upright, resize, encode.
 *
 *     struct picture_maker maker;
 *     picture_maker_init(&maker);
 *     if (picture_make(&maker, &options, room, bytes, &picture) < 0) return -1;
 *     if (picture.status == IMAGE_OK) ... picture.file ...
 *
 * Does not know where bytes come from. A maker belongs to one thread and keeps its planes from picture to picture.
 */
#ifndef WINNOW_FETCH_PICTURE_H
#define WINNOW_FETCH_PICTURE_H

#include "crawl/fetch/pool.h"
#include "crawl/image/image.h"
#include "crawl/image/resize.h"

struct picture_options {
    struct image_limits limits;
    struct resize_options resize;
    enum image_format format; /* of what is encoded */
    int quality;
    bool exact;               /* decode every pixel, also where the result is much smaller */
    bool keep_bytes;          /* store what came; it is decoded all the same */
    bool keep_unchanged;      /* so if it is a JPEG, a JPEG is asked for, and neither turning nor resizing changes it */
};

struct picture {
    enum image_status status;
    struct image_info info;          /* of the original */
    unsigned char sha256[32];        /* of the bytes as they came */
    uint64_t phash;                  /* from here on: only with IMAGE_OK */
    enum image_format stored_format;
    uint32_t stored_width, stored_height; /* as they lie in the stored file */
    struct str file;                 /* the bytes to store; in `bytes` or in the maker, until its next picture */
};

struct picture_maker {
    struct image decoded, upright, resized;
    struct buf encoded;
};

void picture_maker_init(struct picture_maker *maker);
void picture_maker_free(struct picture_maker *maker);

/* `room`: where the memory for decoding is reserved, by the header's estimate. 0, or -1 when the machine failed. */
int picture_make(struct picture_maker *maker, const struct picture_options *options, struct room *room, struct str bytes,
                 struct picture *picture);

#endif
