/* GIF by giflib: reads up to the end of the first image, then stops. */
#include "crawl/image/codecs.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>

#include <gif_lib.h>

struct job {
    const struct codec_source *source;
    size_t at;
    GifFileType *gif;
    uint8_t *row;     /* indices of one row of the frame */
    int transparent;  /* index, or NO_TRANSPARENT_COLOR */
    uint8_t rgb[256][3]; /* what each index is painted as */
};

static int on_read(GifFileType *gif, GifByteType *to, int n)
{
    struct job *job = gif->UserData;
    struct str rest = str_from_at(job->source->bytes, job->at);
    size_t given = (size_t)n < rest.n ? (size_t)n : rest.n;
    memcpy(to, rest.p, given);
    job->at += given;
    return (int)given;
}

static enum image_status status_of(int error)
{
    return error == D_GIF_ERR_READ_FAILED || error == D_GIF_ERR_EOF_TOO_SOON ? IMAGE_TRUNCATED : IMAGE_CORRUPT;
}

/* A frame's own table, else the file's, else grey levels; entries beyond the table are black. */
static void choose_colours(struct job *job)
{
    const ColorMapObject *map = job->gif->Image.ColorMap ? job->gif->Image.ColorMap : job->gif->SColorMap;
    for (int i = 0; i < 256; i++) {
        uint8_t *rgb = job->rgb[i];
        if (i == job->transparent && job->source->alpha == IMAGE_OVER_WHITE) memset(rgb, 255, 3);
        else if (!map) memset(rgb, i, 3);
        else if (i < map->ColorCount) memcpy(rgb, (uint8_t[]){map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue}, 3);
        else memset(rgb, 0, 3);
    }
}

/* The canvas where the frame does not paint: the transparent colour, else the first one. */
static void paint_canvas(const struct job *job, struct image *image)
{
    const GifImageDesc *frame = &job->gif->Image;
    if (frame->Left == 0 && frame->Top == 0 && (uint32_t)frame->Width == image->width && (uint32_t)frame->Height == image->height)
        return;
    const uint8_t *rgb = job->rgb[job->transparent == NO_TRANSPARENT_COLOR ? 0 : job->transparent];
    size_t pixels = (size_t)image->width * image->height;
    for (size_t i = 0; i < pixels; i++) memcpy(image->rgb + 3 * i, rgb, 3);
}

/* One row of the frame at row y of the frame. */
static bool read_row(struct job *job, struct image *image, int y)
{
    const GifImageDesc *frame = &job->gif->Image;
    if (DGifGetLine(job->gif, job->row, frame->Width) == GIF_ERROR) return false;
    uint8_t *rgb = image->rgb + 3 * ((size_t)(frame->Top + y) * image->width + (size_t)frame->Left);
    for (int x = 0; x < frame->Width; x++) memcpy(rgb + 3 * x, job->rgb[job->row[x]], 3);
    return true;
}

static int read_frame(struct job *job, struct image *image, enum image_status *status)
{
    const GifImageDesc *frame = &job->gif->Image;
    const struct image_info *info = job->source->info;
    *status = IMAGE_CORRUPT;
    if (frame->Width < 1 || frame->Height < 1 || (uint32_t)(frame->Left + frame->Width) > info->width ||
        (uint32_t)(frame->Top + frame->Height) > info->height)
        return 0;
    if (image_set_size(image, info->width, info->height) < 0) return -1;
    job->row = malloc((size_t)frame->Width);
    if (!job->row) return fail_memory();
    choose_colours(job);
    paint_canvas(job, image);
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2}; /* GIF89a appendix E */
    bool good = true;
    if (!frame->Interlace)
        for (int y = 0; good && y < frame->Height; y++) good = read_row(job, image, y);
    else
        for (int pass = 0; pass < 4; pass++)
            for (int y = first[pass]; good && y < frame->Height; y += step[pass]) good = read_row(job, image, y);
    *status = good ? IMAGE_OK : status_of(job->gif->Error);
    return 0;
}

/* Takes the transparent index of a graphic control extension and skips every other one. */
static bool read_extension(struct job *job)
{
    int label;
    GifByteType *block;
    bool good = DGifGetExtension(job->gif, &label, &block) == GIF_OK;
    while (good && block) {
        GraphicsControlBlock control;
        if (label == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            job->transparent = control.TransparentColor;
        good = DGifGetExtensionNext(job->gif, &block) == GIF_OK;
    }
    return good;
}

static int read_first_image(struct job *job, struct image *image, enum image_status *status)
{
    for (;;) {
        GifRecordType type;
        bool good = DGifGetRecordType(job->gif, &type) == GIF_OK;
        if (good && type == IMAGE_DESC_RECORD_TYPE && DGifGetImageDesc(job->gif) == GIF_OK) return read_frame(job, image, status);
        if (good && type == EXTENSION_RECORD_TYPE && read_extension(job)) continue;
        *status = status_of(job->gif->Error);
        return 0;
    }
}

int codec_gif_decode(const struct codec_source *source, struct image *image, enum image_status *status)
{
    struct job job = {.source = source, .transparent = NO_TRANSPARENT_COLOR};
    int error = 0, result = 0;
    job.gif = DGifOpen(&job, on_read, &error);
    if (!job.gif) {
        if (error == D_GIF_ERR_NOT_ENOUGH_MEM) return fail_memory();
        *status = status_of(error);
        return 0;
    }
    result = read_first_image(&job, image, status);
    if (result == 0 && job.gif->Error == D_GIF_ERR_NOT_ENOUGH_MEM) result = fail_memory();
    free(job.row);
    DGifCloseFile(job.gif, &error);
    return result;
}
