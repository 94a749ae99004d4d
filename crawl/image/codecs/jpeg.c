/* JPEG by libjpeg-turbo. Its errors jump: what a jump must not lose lives in struct job, and a job's steps run in a function
 * of their own under setjmp. */
#include "crawl/image/codecs.h"
#include "pipeline/base/fail.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h> /* behind jpeglib.h: its list depends on the build's choices */

struct job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const struct codec_source *source;
    struct image *image;
    uint8_t *cmyk; /* one row of a four-component file */
    enum image_status status;
    bool out_of_memory;
};

_Noreturn static void give_up(struct job *job, enum image_status status)
{
    job->status = status;
    longjmp(job->jump, 1);
}

_Noreturn static void on_error(j_common_ptr common)
{
    struct job *job = common->client_data;
    job->out_of_memory = common->err->msg_code == JERR_OUT_OF_MEMORY;
    give_up(job, common->err->msg_code == JERR_INPUT_EOF || common->err->msg_code == JERR_INPUT_EMPTY ? IMAGE_TRUNCATED
                                                                                                    : IMAGE_CORRUPT);
}

/* Warnings come with level -1. Those that mean lost pixels end the decoding; libjpeg would paint them grey. */
static void on_message(j_common_ptr common, int level)
{
    if (level >= 0) return;
    switch (common->err->msg_code) {
    case JWRN_JPEG_EOF: give_up(common->client_data, IMAGE_TRUNCATED);
    case JWRN_HIT_MARKER:    /* a scan ends before its blocks do */
    case JWRN_HUFF_BAD_CODE: /* no such code: what follows is noise */
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC: /* a restart marker is missing or wrong */
        give_up(common->client_data, IMAGE_CORRUPT);
    default: break; /* stray bytes between segments and the like harm nothing */
    }
}

static void on_progress(j_common_ptr common)
{
    struct job *job = common->client_data;
    if ((unsigned)job->jpeg.input_scan_number > job->source->limits->scans) give_up(job, IMAGE_TOO_MANY_SCANS);
}

static unsigned multiply_255(unsigned x, unsigned y) /* x * y / 255, rounded */
{
    unsigned z = x * y + 128;
    return (z + (z >> 8)) >> 8;
}

/* One row of C, M, Y, K to R, G, B; `flip` is 255 where the file's samples are to be inverted. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t pixels, unsigned flip)
{
    for (size_t i = 0; i < pixels; i++, cmyk += 4, rgb += 3) {
        unsigned k = 255 - (cmyk[3] ^ flip);
        for (unsigned c = 0; c < 3; c++) rgb[c] = (uint8_t)(k - multiply_255(cmyk[c] ^ flip, k));
    }
}

static void read_rows(struct job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    size_t row_bytes = (size_t)job->image->width * 3;
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = job->image->rgb + jpeg->output_scanline * row_bytes;
        if (job->cmyk) {
            JSAMPROW rows[1] = {job->cmyk};
            if (jpeg_read_scanlines(jpeg, rows, 1) == 1)
                cmyk_to_rgb(job->cmyk, row, job->image->width, jpeg->saw_Adobe_marker ? 255 : 0);
        } else {
            JSAMPROW rows[8]; /* at most rec_outbuf_height rows come at once: 4 by the format's sampling factors */
            JDIMENSION wanted = jpeg->output_height - jpeg->output_scanline;
            if (wanted > 8) wanted = 8;
            for (JDIMENSION i = 0; i < wanted; i++) rows[i] = row + i * row_bytes;
            jpeg_read_scanlines(jpeg, rows, wanted);
        }
    }
}

/* The least number of eighths that leaves both sides large enough. Only powers of two have vector code in libjpeg-turbo's
 * inverse DCT: three eighths cost more than four, five and more cost more than the whole. */
static unsigned choose_eighths(const struct codec_source *source)
{
    uint64_t width = source->info->width, height = source->info->height;
    for (unsigned n = 1; n <= 4; n *= 2)
        if ((width * n + 7) / 8 >= source->least.width && (height * n + 7) / 8 >= source->least.height) return n;
    return 8;
}

static void decode(struct job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    if (setjmp(job->jump)) return;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = job;
    jpeg->progress = &job->progress;
    jpeg_mem_src(jpeg, (const unsigned char *)job->source->bytes.p, job->source->bytes.n);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_width != job->source->info->width || jpeg->image_height != job->source->info->height)
        give_up(job, IMAGE_CORRUPT);
    bool four = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg->scale_num = choose_eighths(job->source);
    jpeg->scale_denom = 8;
    jpeg_calc_output_dimensions(jpeg);
    if (image_set_size(job->image, jpeg->output_width, jpeg->output_height) < 0) job->out_of_memory = true;
    if (four && !(job->cmyk = malloc((size_t)jpeg->output_width * 4))) job->out_of_memory = true;
    if (job->out_of_memory) return;
    jpeg_start_decompress(jpeg);
    read_rows(job); /* and not jpeg_finish_decompress: a missing end marker, or what follows it, is of no interest */
    job->status = IMAGE_OK;
}

int codec_jpeg_decode(const struct codec_source *source, struct image *image, enum image_status *status)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) return fail_memory();
    job->source = source;
    job->image = image;
    job->status = IMAGE_CORRUPT;
    job->jpeg.err = jpeg_std_error(&job->errors);
    job->jpeg.client_data = job;
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->progress.progress_monitor = on_progress;
    decode(job);
    jpeg_destroy_decompress(&job->jpeg);
    *status = job->status;
    bool out_of_memory = job->out_of_memory;
    free(job->cmyk);
    free(job);
    return out_of_memory ? fail_memory() : 0;
}

/* --- Encoding --- */

struct encode_job {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    unsigned char *bytes; /* grown by libjpeg with malloc */
    unsigned long n;
    char sentence[JMSG_LENGTH_MAX];
};

_Noreturn static void on_encode_error(j_common_ptr common)
{
    struct encode_job *job = common->client_data;
    common->err->format_message(common, job->sentence);
    longjmp(job->jump, 1);
}

static int encode(struct encode_job *job, const struct image *image, int quality)
{
    struct jpeg_compress_struct *jpeg = &job->jpeg;
    if (setjmp(job->jump)) return fail("jpeg: %s", job->sentence);
    jpeg_create_compress(jpeg);
    jpeg->client_data = job;
    jpeg_mem_dest(jpeg, &job->bytes, &job->n);
    jpeg->image_width = image->width;
    jpeg->image_height = image->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg->dct_method = JDCT_ISLOW;
    jpeg_start_compress(jpeg, TRUE);
    size_t row_bytes = (size_t)image->width * 3;
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW rows[1] = {image->rgb + jpeg->next_scanline * row_bytes};
        jpeg_write_scanlines(jpeg, rows, 1);
    }
    jpeg_finish_compress(jpeg);
    return 0;
}

int codec_jpeg_encode(const struct image *image, int quality, struct buf *out)
{
    if (image->width > JPEG_MAX_DIMENSION || image->height > JPEG_MAX_DIMENSION)
        return fail("jpeg: %u x %u pixels, at most %ld a side", image->width, image->height, (long)JPEG_MAX_DIMENSION);
    struct encode_job *job = calloc(1, sizeof *job);
    if (!job) return fail_memory();
    job->jpeg.err = jpeg_std_error(&job->errors);
    job->jpeg.client_data = job;
    job->errors.error_exit = on_encode_error;
    int result = encode(job, image, quality);
    jpeg_destroy_compress(&job->jpeg);
    if (result == 0) result = buf_add(out, str_of((const char *)job->bytes, job->n));
    free(job->bytes);
    free(job);
    return result;
}
