/* Steps from file to file. Everything that costs a picture's size in memory lies between room_take and room_give; planes of a
 * huge picture are given back at once, so that a maker at rest holds little. */
#include "crawl/fetch/picture.h"

#include "crawl/image/encode.h"
#include "crawl/image/orientation.h"
#include "crawl/image/phash.h"
#include "pipeline/base/hash.h"

enum {
    ENCODED_BYTES_MAX = 1 << 30,
    HASHED_SIDE_LEAST = 128, /* pixels: four along each cell of the perceptual hash's grid */
    KEPT_PLANE_BYTES = 16 << 20, /* planes up to this stay with the maker between pictures: 5 Mpixel */
};

void picture_maker_init(struct picture_maker *maker)
{
    *maker = (struct picture_maker){0};
    buf_init(&maker->encoded, ENCODED_BYTES_MAX);
}

void picture_maker_free(struct picture_maker *maker)
{
    image_free(&maker->decoded);
    image_free(&maker->upright);
    image_free(&maker->resized);
    buf_free(&maker->encoded);
}

static void drop_large_planes(struct picture_maker *maker)
{
    struct image *planes[] = {&maker->decoded, &maker->upright, &maker->resized};
    for (size_t i = 0; i < 3; i++)
        if (planes[i]->room > KEPT_PLANE_BYTES) image_free(planes[i]);
}

static struct resize_plan plan_for(const struct picture_options *options, const struct image_info *info)
{
    bool swaps = orientation_swaps(info->orientation);
    return resize_plan_for(&options->resize, swaps ? info->height : info->width, swaps ? info->width : info->height);
}

/* Decoding, the upright copy, the result and its file (at most about the plane again). */
static uint64_t memory_needed(const struct picture_options *options, const struct image_info *info, const struct resize_plan *plan)
{
    uint64_t plane = (uint64_t)info->width * info->height * 3, bytes = info->memory;
    if (info->orientation != 1) bytes += plane;
    if (!options->keep_bytes) bytes += plan->width * plan->height * 3 * 2;
    return bytes;
}

static uint32_t with_margin(uint64_t side) { return (uint32_t)(side + (side + 1) / 2); }

/* How small the decoding may come out: with half as many pixels again as the result along each side, so that what libjpeg's
 * scaling leaves out is finer than what the area mean keeps, and with enough for the perceptual hash. */
static struct image_size least_size(const struct picture_options *options, const struct image_info *info, const struct resize_plan *plan)
{
    if (options->exact || options->keep_bytes || plan->filter != RESIZE_FILTER_AREA) return (struct image_size){UINT32_MAX, UINT32_MAX};
    uint32_t width = with_margin(plan->resized_width), height = with_margin(plan->resized_height);
    if (width < HASHED_SIDE_LEAST) width = HASHED_SIDE_LEAST;
    if (height < HASHED_SIDE_LEAST) height = HASHED_SIDE_LEAST;
    bool swaps = orientation_swaps(info->orientation);
    return (struct image_size){swaps ? height : width, swaps ? width : height};
}

static void keep_as_it_came(const struct image_info *info, struct str bytes, struct picture *picture)
{
    picture->stored_format = info->format;
    picture->stored_width = info->width;
    picture->stored_height = info->height;
    picture->file = bytes;
}

static int encode(struct picture_maker *maker, const struct picture_options *options, const struct resize_plan *plan,
                  const struct image *upright, struct picture *picture)
{
    const struct image *result = upright;
    if (plan->changes) {
        if (resize_apply(upright, plan, &maker->resized) < 0) return -1;
        result = &maker->resized;
    }
    buf_clear(&maker->encoded);
    if (encode_image(result, options->format, options->quality, &maker->encoded) < 0) return -1;
    picture->stored_format = options->format;
    picture->stored_width = result->width;
    picture->stored_height = result->height;
    picture->file = buf_str(&maker->encoded);
    return 0;
}

static int make(struct picture_maker *maker, const struct picture_options *options, const struct resize_plan *plan,
                struct str bytes, struct picture *picture)
{
    const struct image_info *info = &picture->info;
    struct image_size least = least_size(options, info, plan);
    if (image_decode_at_least(bytes, &options->limits, IMAGE_OVER_WHITE, least, &maker->decoded, &picture->status) < 0) return -1;
    if (picture->status != IMAGE_OK) return 0;
    const struct image *upright = &maker->decoded;
    if (info->orientation != 1) {
        if (orientation_apply(&maker->decoded, info->orientation, &maker->upright) < 0) return -1;
        upright = &maker->upright;
    }
    if (phash_of(upright, &picture->phash) < 0) return -1;
    bool unchanged = info->format == IMAGE_JPEG && options->format == IMAGE_JPEG && info->orientation == 1 && !plan->changes;
    if (options->keep_bytes || (options->keep_unchanged && unchanged)) return keep_as_it_came(info, bytes, picture), 0;
    return encode(maker, options, plan, upright, picture);
}

int picture_make(struct picture_maker *maker, const struct picture_options *options, struct room *room, struct str bytes,
                 struct picture *picture)
{
    *picture = (struct picture){0};
    hash_sha256(bytes, picture->sha256);
    picture->status = image_probe(bytes, &options->limits, &picture->info);
    if (picture->status != IMAGE_OK) return 0;
    struct resize_plan plan = plan_for(options, &picture->info);
    if (!options->keep_bytes && !resize_fits(&plan, &options->limits, encode_side_most(options->format))) {
        picture->status = IMAGE_TOO_LARGE;
        return 0;
    }
    uint64_t needed = memory_needed(options, &picture->info, &plan);
    room_take(room, needed);
    int result = make(maker, options, &plan, bytes, picture);
    drop_large_planes(maker);
    room_give(room, needed);
    return result;
}
