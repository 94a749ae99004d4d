/* PNG by libpng. As with JPEG, errors jump, and what a jump must not lose lives in struct job. */
#include "crawl/image/codecs.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

#include <png.h>

struct job {
    png_structp png;
    png_infop info;
    const struct codec_source *source;
    struct image *image;
    size_t at;      /* bytes read so far */
    uint8_t *rgba;  /* pictures with alpha: a row, or all rows when interlaced */
    enum image_status status;
    bool out_of_memory;
};

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct job *job = png_get_io_ptr(png);
    struct str rest = str_from_at(job->source->bytes, job->at);
    if (n > rest.n) {
        job->status = IMAGE_TRUNCATED;
        png_error(png, "end of bytes");
    }
    memcpy(to, rest.p, n);
    job->at += n;
}

_Noreturn static void on_error(png_structp png, png_const_charp message)
{
    (void)message;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* Samples to 8-bit RGB, or RGBA where the file has transparency that the caller wants to see. Returns the channels: libpng
 * drops a tRNS chunk that stands in the wrong place only after it has promised one. */
static unsigned choose_transforms(struct job *job, int *passes)
{
    png_structp png = job->png;
    png_set_expand(png);   /* palette and 1-, 2-, 4-bit grey to 8 bits, tRNS to alpha */
    png_set_strip_16(png); /* the high byte */
    png_set_gray_to_rgb(png);
    if (job->source->alpha == IMAGE_ALPHA_DROPPED) png_set_strip_alpha(png);
    *passes = png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    return png_get_channels(png, job->info);
}

static void read_rows(struct job *job)
{
    struct image *image = job->image;
    int passes;
    unsigned channels = choose_transforms(job, &passes);
    size_t width = image->width, rgb_row = width * 3, rgba_row = width * 4;
    bool alpha = channels == 4, whole = alpha && passes > 1; /* passes add to rows: all must be kept */
    if (png_get_rowbytes(job->png, job->info) != width * channels || channels < 3) png_error(job->png, "row size");
    if (alpha && !(job->rgba = malloc(whole ? rgba_row * image->height : rgba_row))) {
        job->out_of_memory = true;
        return;
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < image->height; y++) {
            uint8_t *rgb = image->rgb + y * rgb_row, *row = !alpha ? rgb : whole ? job->rgba + y * rgba_row : job->rgba;
            png_read_row(job->png, row, NULL);
            if (alpha && pass + 1 == passes) codec_flatten(row, width, IMAGE_OVER_WHITE, rgb);
        }
    }
    job->status = IMAGE_OK;
}

static void decode(struct job *job)
{
    png_structp png = job->png;
    if (setjmp(png_jmpbuf(png))) return;
    png_set_read_fn(png, job, on_read);
    /* IHDR, PLTE, tRNS, IDAT, IEND alone: no text or profile is inflated, no gamma applied */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* image_probe has checked */
    png_read_info(png, job->info);
    uint32_t width = png_get_image_width(png, job->info), height = png_get_image_height(png, job->info);
    if (width != job->source->info->width || height != job->source->info->height) png_error(png, "size");
    if (image_set_size(job->image, width, height) < 0) {
        job->out_of_memory = true;
        return;
    }
    read_rows(job); /* and not png_read_end: it would inflate what lies behind the last pixel */
}

int codec_png_decode(const struct codec_source *source, struct image *image, enum image_status *status)
{
    struct job job = {.source = source, .image = image, .status = IMAGE_CORRUPT};
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    if (job.info) decode(&job);
    job.out_of_memory |= !job.info;
    png_destroy_read_struct(&job.png, &job.info, NULL);
    free(job.rgba);
    *status = job.status;
    return job.out_of_memory ? fail_memory() : 0;
}

/* --- Encoding --- */

struct encode_job {
    png_structp png;
    png_infop info;
    struct buf *out;
    bool out_failed; /* buf_add has left its sentence */
};

static void on_write(png_structp png, png_bytep bytes, size_t n)
{
    struct encode_job *job = png_get_io_ptr(png);
    if (buf_add(job->out, str_of((const char *)bytes, n)) == 0) return;
    job->out_failed = true;
    png_error(png, "write");
}

static void on_flush(png_structp png) { (void)png; }

static int encode(struct encode_job *job, const struct image *image)
{
    png_structp png = job->png;
    if (setjmp(png_jmpbuf(png))) return job->out_failed ? -1 : fail("png: cannot encode %u x %u pixels", image->width, image->height);
    png_set_write_fn(png, job, on_write, on_flush);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, job->info, image->width, image->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, job->info);
    size_t row_bytes = (size_t)image->width * 3;
    for (uint32_t y = 0; y < image->height; y++) png_write_row(png, image->rgb + y * row_bytes);
    png_write_end(png, job->info);
    return 0;
}

/* Lossless: the quality says nothing. */
int codec_png_encode(const struct image *image, int quality, struct buf *out)
{
    (void)quality;
    struct encode_job job = {.out = out};
    size_t before = out->n;
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    int result = job.info ? encode(&job, image) : fail_memory();
    png_destroy_write_struct(&job.png, &job.info);
    if (result < 0) out->n = before;
    return result;
}
