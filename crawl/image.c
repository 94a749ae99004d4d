/* The window `image`: what the decode door says of files: status, format, sizes, frames, and a digest of the pixels. */
#include "crawl/image/image.h"
#include "crawl/image/orientation.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"

#include <stddef.h>
#include <stdio.h>

struct image_options {
    uint64_t max_bytes, max_pixels;
};

struct window {
    struct image_limits limits;
    struct buf bytes, digests, line;
    struct image image;
};

static int add_digest(struct buf *out, const struct image *image)
{
    unsigned char digest[32];
    hash_sha256(str_of((const char *)image->rgb, image_bytes(image)), digest);
    return buf_byte(out, '\t') < 0 || buf_hex(out, digest, sizeof digest) < 0 ? -1 : 0;
}

/* Both digests, or two empty cells. The picture is decoded once for each way to treat transparency. */
static int add_pixels(struct window *w, enum image_status *status)
{
    static const enum image_alpha ways[] = {IMAGE_ALPHA_DROPPED, IMAGE_OVER_WHITE};
    buf_clear(&w->digests);
    for (size_t i = 0; i < 2; i++) {
        if (*status == IMAGE_OK && image_decode(buf_str(&w->bytes), &w->limits, ways[i], &w->image, status) < 0) return -1;
        if ((*status == IMAGE_OK ? add_digest(&w->digests, &w->image) : buf_byte(&w->digests, '\t')) < 0) return -1;
    }
    return 0;
}

/* A size of 0 means unknown: an empty cell. */
static int add_size(struct buf *line, uint32_t size)
{
    return buf_byte(line, '\t') < 0 ? -1 : size ? buf_u64(line, size) : 0;
}

/* The cells behind path and status. */
static int add_info(struct buf *line, const struct image_info *info)
{
    bool swaps = orientation_swaps(info->orientation);
    if (buf_printf(line, "\t%s", image_format_name(info->format)) < 0) return -1;
    if (add_size(line, info->width) < 0 || add_size(line, info->height) < 0) return -1;
    if (add_size(line, swaps ? info->height : info->width) < 0 || add_size(line, swaps ? info->width : info->height) < 0) return -1;
    return add_size(line, info->format == IMAGE_FORMAT_NONE ? 0 : info->frames);
}

/* One line for one file. */
static int describe(struct window *w, const char *path)
{
    struct image_info info = {0};
    enum image_status status = IMAGE_TOO_MANY_BYTES;
    uint64_t size;
    buf_clear(&w->bytes);
    buf_clear(&w->line);
    if (file_size(path, &size) < 0) return -1;
    if (size <= w->limits.bytes) {
        if (buf_read_file(&w->bytes, path) < 0) return -1;
        status = image_probe(buf_str(&w->bytes), &w->limits, &info);
    }
    if (add_pixels(w, &status) < 0) return -1; /* settles the status */
    if (cell_escape(&w->line, str_from(path)) < 0 || buf_printf(&w->line, "\t%s", image_status_name(status)) < 0 ||
        add_info(&w->line, &info) < 0 || buf_add(&w->line, buf_str(&w->digests)) < 0 || buf_byte(&w->line, '\n') < 0)
        return -1;
    fwrite(w->line.p, 1, w->line.n, stdout);
    return 0;
}

static int image_run(const struct command_line *line)
{
    const struct image_options *o = line->options;
    if (line->argument_count == 0) return fail_usage("a FILE is missing: winnow image photo.jpg");
    struct window w = {.limits = image_limits_default};
    w.limits.bytes = o->max_bytes;
    w.limits.pixels = o->max_pixels;
    buf_init(&w.bytes, w.limits.bytes + 1);
    buf_init(&w.digests, 1 << 10);
    buf_init(&w.line, 1 << 20);
    int code = EXIT_DONE;
    puts("path\tstatus\tformat\twidth\theight\toriented_width\toriented_height\tframes\tsha256_rgb8\tsha256_rgb8_on_white");
    for (size_t i = 0; i < line->argument_count; i++) {
        if (describe(&w, line->arguments[i]) == 0) continue;
        log_fail();
        code = EXIT_FAILED;
    }
    buf_free(&w.bytes);
    buf_free(&w.digests);
    buf_free(&w.line);
    image_free(&w.image);
    return code;
}

static const struct option options[] = {
    {"max-bytes", 0, OPTION_SIZE, offsetof(struct image_options, max_bytes), .argument = "SIZE", .initial = "20000000",
     .help = "refuse longer files"},
    {"max-pixels", 0, OPTION_U64, offsetof(struct image_options, max_pixels), .argument = "N", .initial = "89478484",
     .help = "refuse pictures of more pixels, by their header"},
    {0},
};

const struct command command_image = {
    .name = "image",
    .summary = "what the decoder makes of picture files: status, sizes, digest of the pixels",
    .arguments = "[OPTIONS] FILE...",
    .description = "Prints a line for each file: path; status, ok or why it is refused; format by its content; width and height "
                   "as stored and as seen after orientation; frames; SHA-256 of the first frame's pixels as stored, 8-bit RGB "
                   "rows without padding, with alpha dropped and with alpha laid over white.",
    .example = "winnow image tests/data/pictures/turned.png",
    .see_also = "fetch, url, warc",
    .options = options,
    .options_size = sizeof(struct image_options),
    .run = image_run,
};
