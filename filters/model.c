/* The window `model`: what a CLIP model is, and what the engine makes of texts and pictures, to hold it against others. */
#include "crawl/image/encode.h"
#include "crawl/image/image.h"
#include "filters/clip/clip.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_FILE_MAX = 256 << 20, TEXT_LINES_MOST = 1 << 20 };

struct model_options {
    const char *precision, *class, *text;
    struct option_list images;
    bool raw;
};

struct window {
    struct clip *clip;
    struct clip_work *work;
    struct buf out;
};

static int open_window(struct window *w, const struct command_line *line, unsigned load)
{
    const struct model_options *o = line->options;
    *w = (struct window){.clip = NULL};
    buf_init(&w->out, 64 << 20);
    w->clip = clip_open(line->arguments[1], &(struct clip_options){.precision = clip_precision_find(str_from(o->precision)),
                                                                   .class = o->class, .load = load, .threads = 2});
    w->work = w->clip ? clip_work_new(w->clip) : NULL;
    return w->work ? 0 : -1;
}

static int close_window(struct window *w, int result)
{
    if (result == 0) fwrite(w->out.p ? w->out.p : "", 1, w->out.n, stdout);
    clip_work_free(w->work);
    clip_close(w->clip);
    buf_free(&w->out);
    return result < 0 ? -1 : EXIT_DONE;
}

/* ---- info, tokens */

static int info(const struct command_line *line)
{
    struct window w;
    int result = open_window(&w, line, CLIP_LOAD_TOKENIZER | CLIP_LOAD_PRODUCTS);
    if (result == 0) result = buf_add(&w.out, STR("what\tvalue\tsource\n"));
    if (result == 0) result = clip_describe(w.clip, &w.out);
    return close_window(&w, result);
}

static int tokens(const struct command_line *line)
{
    struct window w;
    int result = open_window(&w, line, CLIP_LOAD_TOKENIZER);
    uint32_t *ids = result == 0 ? malloc(clip_context(w.clip) * sizeof *ids) : NULL;
    if (result == 0 && !ids) result = fail_memory();
    for (size_t i = 2; result == 0 && i < line->argument_count; i++) {
        int n = clip_tokens(w.clip, w.work, str_from(line->arguments[i]), ids);
        result = n < 0 ? -1 : 0;
        for (int k = 0; k < n && result == 0; k++) result = buf_printf(&w.out, "%s%u", k ? " " : "", ids[k]);
        if (result == 0) result = buf_byte(&w.out, '\n');
    }
    free(ids);
    return close_window(&w, result);
}

/* ---- pictures */

/* The model's pixels of a picture file; no EXIF orientation is applied. */
static int read_pixels(const struct window *w, const char *path, uint8_t *pixels)
{
    struct buf bytes;
    struct image image = {.rgb = NULL};
    enum image_status status = IMAGE_OK;
    buf_init(&bytes, image_limits_default.bytes + 1);
    int result = buf_read_file(&bytes, path);
    if (result == 0) result = image_decode(buf_str(&bytes), &image_limits_default, IMAGE_OVER_WHITE, &image, &status);
    if (result == 0 && status != IMAGE_OK) result = fail("%s: %s", path, image_status_name(status));
    if (result == 0 && (result = clip_pixels(w->clip, w->work, &image, pixels)) < 0) fail_prefix("%s: ", path);
    image_free(&image);
    buf_free(&bytes);
    return result;
}

static int write_png(const char *path, const uint8_t *pixels, uint32_t side)
{
    struct file_out out = {.fd = -1};
    struct image image = {.rgb = NULL};
    struct buf png;
    buf_init(&png, 64 << 20);
    int result = image_set_size(&image, side, side);
    if (result == 0) {
        memcpy(image.rgb, pixels, clip_pixels_bytes(side));
        result = encode_image(&image, IMAGE_PNG, 0, &png);
    }
    if (result == 0 && (result = file_create(&out, path)) == 0) {
        result = file_write(&out, buf_str(&png));
        if (result == 0) result = file_publish(&out);
        file_discard(&out);
    }
    buf_free(&png);
    image_free(&image);
    return result;
}

static int pixels(const struct command_line *line)
{
    struct window w;
    if (line->argument_count != 4) return fail_usage("expected: winnow model pixels MODEL PICTURE OUT.png");
    int result = open_window(&w, line, CLIP_LOAD_TOKENIZER);
    uint8_t *bytes = result == 0 ? malloc(clip_pixels_size(w.clip)) : NULL;
    if (result == 0 && !bytes) result = fail_memory();
    if (result == 0) result = read_pixels(&w, line->arguments[2], bytes);
    if (result == 0) result = write_png(line->arguments[3], bytes, clip_pixels_side(w.clip));
    free(bytes);
    return close_window(&w, result);
}

/* ---- embed */

static int add_line(struct window *w, struct str name, const float *x)
{
    if (cell_escape(&w->out, name) < 0) return -1;
    for (uint32_t i = 0; i < clip_embed(w->clip); i++)
        if (buf_byte(&w->out, i ? ' ' : '\t') < 0 || buf_float(&w->out, x[i]) < 0) return -1;
    if (buf_byte(&w->out, '\n') < 0) return -1;
    fwrite(w->out.p, 1, w->out.n, stdout);
    buf_clear(&w->out);
    return 0;
}

static struct clip_outputs outputs(bool raw, float *to)
{
    return raw ? (struct clip_outputs){.raw = to} : (struct clip_outputs){.embedding = to};
}

static int embed_picture(struct window *w, const char *path, bool raw, uint8_t *bytes, float *x)
{
    const struct clip_outputs out = outputs(raw, x);
    if (read_pixels(w, path, bytes) < 0) return -1;
    if (clip_images(w->clip, w->work, bytes, 1, &out) < 0) return -1;
    return add_line(w, str_from(path), x);
}

static int embed_pictures(struct window *w, const struct command_line *line, float *x)
{
    const struct model_options *o = line->options;
    uint8_t *bytes = malloc(clip_pixels_size(w->clip));
    int result = bytes ? 0 : fail_memory();
    for (size_t i = 0; result == 0 && i < o->images.count; i++) result = embed_picture(w, o->images.items[i], o->raw, bytes, x);
    for (size_t i = 2; result == 0 && i < line->argument_count; i++)
        result = embed_picture(w, line->arguments[i], o->raw, bytes, x);
    free(bytes);
    return result;
}

static int embed_lines(struct window *w, struct str lines, bool raw, float *x)
{
    const struct clip_outputs out = outputs(raw, x);
    char number[24];
    for (uint64_t i = 1; lines.n; i++) {
        struct str text = str_cut(&lines, '\n');
        snprintf(number, sizeof number, "%llu", (unsigned long long)i);
        if (clip_texts(w->clip, w->work, &text, 1, &out) < 0 || add_line(w, str_from(number), x) < 0) return -1;
    }
    return 0;
}

static int embed_texts(struct window *w, const struct model_options *o, float *x)
{
    struct buf lines;
    buf_init(&lines, TEXT_FILE_MAX);
    int result = buf_read_file(&lines, strcmp(o->text, "-") == 0 ? "/dev/stdin" : o->text);
    if (result == 0) result = embed_lines(w, buf_str(&lines), o->raw, x);
    buf_free(&lines);
    return result;
}

static int embed(const struct command_line *line)
{
    const struct model_options *o = line->options;
    struct window w;
    bool pictures = o->images.count || line->argument_count > 2;
    if (pictures == (o->text != NULL)) return fail_usage("give either --image FILE or --text FILE");
    int result = open_window(&w, line, pictures ? CLIP_LOAD_IMAGES : CLIP_LOAD_TEXTS);
    float *x = result == 0 ? malloc(clip_embed(w.clip) * sizeof *x) : NULL;
    if (result == 0 && !x) result = fail_memory();
    if (result == 0) puts("input\tembedding");
    if (result == 0) result = pictures ? embed_pictures(&w, line, x) : embed_texts(&w, o, x);
    free(x);
    return close_window(&w, result);
}

/* ---- the command */

static const struct {
    const char *name;
    int (*run)(const struct command_line *line);
} windows[] = {{"info", info}, {"tokens", tokens}, {"pixels", pixels}, {"embed", embed}};

static int model_run(const struct command_line *line)
{
    if (line->argument_count < 2) return fail_usage("expected: winnow model info|tokens|pixels|embed MODEL ...");
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        if (strcmp(line->arguments[0], windows[i].name) == 0) return windows[i].run(line);
    return fail_usage("no window 'model %s': info, tokens, pixels or embed", line->arguments[0]);
}

static const struct option options[] = {
    {"precision", 0, OPTION_CHOICE, offsetof(struct model_options, precision), .argument = "P", .initial = "f32",
     .choices = CLIP_PRECISION_CHOICES, .help = "of embed: plain loops in double, or the fast towers"},
    {"class", 0, OPTION_TEXT, offsetof(struct model_options, class), .argument = "CLASS",
     .help = "processor class: cpu-portable, cpu-avx2, cpu-avx512, cpu-avx512_bf16; this machine's best"},
    {"raw", 0, OPTION_FLAG, offsetof(struct model_options, raw), .help = "embeddings as the projection gives them, not of length 1"},
    {"image", 0, OPTION_LIST, offsetof(struct model_options, images), .argument = "FILE",
     .help = "pictures to embed; arguments behind the model are pictures too"},
    {"text", 0, OPTION_TEXT, offsetof(struct model_options, text), .argument = "FILE", .help = "texts to embed, one a line; - for standard input"},
    {0},
};

const struct command command_model = {
    .name = "model",
    .summary = "what a CLIP model is, and what it makes of texts and pictures",
    .arguments = "info|tokens|pixels|embed MODEL [ARGUMENTS...]",
    .description =
        "MODEL is a folder in Hugging Face's or OpenCLIP's layout, or OpenAI's archive.\n\n"
        "info MODEL: a line for every decision, with where it came from.\n"
        "tokens MODEL TEXT...: the ids of each text, a line a text.\n"
        "pixels MODEL PICTURE OUT.png: the picture as the picture tower gets it, resized and cropped.\n"
        "embed MODEL --image FILE...|--text FILE: a header, then a line an input: file or line number, a tab, numbers.\n\n"
        "Pictures are taken as stored, without EXIF orientation, transparency laid over white; texts as given.",
    .example = "winnow model embed tests/data/clip-tiny --image tests/data/pictures/turned.png",
    .see_also = "score, image",
    .options = options,
    .options_size = sizeof(struct model_options),
    .run = model_run,
};
