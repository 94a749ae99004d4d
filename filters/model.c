/* The window `model`: where published models lie and whether a copy is whole; what a model is, and what the engine makes of texts
 * and pictures, to hold it against others; what an embedding cache holds. */
#include "crawl/image/encode.h"
#include "crawl/image/image.h"
#include "filters/clip/cache.h"
#include "filters/clip/clip.h"
#include "filters/model_eval.h"
#include "filters/model_fetch.h"
#include "filters/model_verify.h"
#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/base/utf8.h"
#include "pipeline/options.h"
#include "pipeline/rows/batch.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_FILE_MAX = 256 << 20, TEXT_LINES_MOST = 1 << 20, CARD_MOST = 64 << 10 };

struct model_options {
    const char *precision, *class, *text;
    const char *output, *mirror, *tmp;
    const char *by, *caption, *packs, *curve;
    uint64_t memory, tries, limit, threads;
    struct option_list images, where;
    bool raw, merge, quiet;
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
    char path[PRESET_PATH_MAX];
    if (preset_find_model(line->arguments[1], path) < 0) return -1;
    w->clip = clip_open(path, &(struct clip_options){.precision = clip_precision_find(str_from(o->precision)),
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

static bool is_card_line(struct str line)
{
    size_t tabs = 0;
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        tabs += c == '\t';
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return tabs == 2 && utf8_valid(line);
}

/* What a model's maker says of it: card.tsv of its folder, lines like those above. */
static int add_card(struct buf *out, const char *model)
{
    char path[PRESET_PATH_MAX + 16];
    struct buf card;
    snprintf(path, sizeof path, "%s/card.tsv", model);
    if (access(path, F_OK) < 0) return 0;
    buf_init(&card, CARD_MOST);
    int result = buf_read_file(&card, path);
    size_t number = 0;
    for (struct str rest = buf_str(&card), line; result == 0 && rest.n;) {
        line = str_cut(&rest, '\n');
        number++;
        result = is_card_line(line) ? buf_printf(out, "%.*s\n", STR_ARG(line))
                                    : fail("%s:%zu: expected three cells of text: what, value, source", path, number);
    }
    buf_free(&card);
    return result;
}

static int info(const struct command_line *line)
{
    struct window w;
    char path[PRESET_PATH_MAX];
    int result = open_window(&w, line, CLIP_LOAD_TOKENIZER | CLIP_LOAD_PRODUCTS);
    if (result == 0) result = buf_add(&w.out, STR("what\tvalue\tsource\n"));
    if (result == 0) result = clip_describe(w.clip, &w.out);
    if (result == 0) result = preset_find_model(line->arguments[1], path);
    if (result == 0) result = add_card(&w.out, path);
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
    int result = buf_read_input(&lines, o->text);
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

/* ---- list, fetch, verify */

static int list(const struct command_line *line)
{
    static const char *const layouts[] = {[MODEL_ARCHIVE] = "archive", [MODEL_HUGGING_FACE] = "transformers", [MODEL_OPEN_CLIP] = "open_clip"};
    size_t count;
    const struct model_entry *entries = model_entries(&count);
    (void)line;
    puts("name\tcolumn\tlayout\tmegabytes\tlicence\tsha256\taddress");
    for (size_t i = 0; i < count; i++) {
        const struct model_entry *e = &entries[i];
        char path[1024];
        if (model_entry_path(e, e->layout == MODEL_ARCHIVE ? e->name : "", path, sizeof path) < 0) return -1;
        printf("%s\t%s\t%s\t%u\t%s\t%s\t%s%s\n", e->name, e->column, layouts[e->layout], e->megabytes,
               e->licence ? e->licence : "none stated", e->sha256 ? e->sha256 : "none published", model_entry_host(e), path);
    }
    return EXIT_DONE;
}

/* "openai/clip-vit-base-patch32" goes to ./clip-vit-base-patch32, ViT-B-32.pt to ./ViT-B-32. */
static void folder_of_model(const char *name, char folder[256])
{
    const char *slash = strrchr(name, '/');
    snprintf(folder, 256, "%s", slash ? slash + 1 : name);
    size_t n = strlen(folder);
    if (n > 3 && strcmp(folder + n - 3, ".pt") == 0) folder[n - 3] = 0;
}

static int fetch(const struct command_line *line)
{
    const struct model_options *o = line->options;
    const char *name = line->arguments[1], *nearest;
    char folder[256];
    struct model_fetch f = {.model = model_entry_find(name), .folder = o->output, .mirror = o->mirror,
                            .tries = (unsigned)o->tries, .quiet = o->quiet};
    if (!f.model) {
        nearest = model_entry_nearest(name);
        return fail_usage("no model '%s' in the list%s%s%s ('winnow model list' shows it; any folder of your own serves as MODEL)", name,
                          nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    }
    if (o->mirror && !str_starts(str_from(o->mirror), STR("http://")) && !str_starts(str_from(o->mirror), STR("https://")))
        return fail_usage("--mirror %s: expected an address that begins with http:// or https://", o->mirror);
    folder_of_model(name, folder);
    if (!f.folder) f.folder = folder;
    if (model_fetch(&f) < 0) return -1;
    if (!o->quiet) log_line("%s is there: winnow model verify %s", name, f.folder);
    return EXIT_DONE;
}

static int verify(const struct command_line *line)
{
    char path[PRESET_PATH_MAX];
    return preset_find_model(line->arguments[1], path) < 0 ? -1 : model_verify(path);
}

/* ---- cache */

static int cache(const struct command_line *line)
{
    const struct model_options *o = line->options;
    const char *folder = line->arguments[1];
    struct cache_summary *keys = NULL;
    size_t count = 0, damaged = 0;
    if (o->merge) {
        int merged = cache_merge(folder, o->memory, o->tmp);
        if (merged < 0) return -1;
        if (!o->quiet) log_line("%d files merged", merged);
    }
    if (cache_survey(folder, &keys, &count) < 0) return -1;
    puts("key\tembed\twidth\tfiles\tdamaged\tpictures\tbytes");
    for (size_t i = 0; i < count; i++) {
        const struct cache_summary *k = &keys[i];
        printf("%s\t%u\t%u\t%zu\t%zu\t%llu\t%llu\n", k->key, k->embed, k->width, k->files, k->damaged, (unsigned long long)k->records,
               (unsigned long long)k->bytes);
        damaged += k->damaged;
    }
    free(keys);
    return damaged ? fail("%zu files of %s are damaged: remove them; what they held is computed again", damaged, folder) : EXIT_DONE;
}

/* ---- eval */

static int eval(const struct command_line *line)
{
    const struct model_options *o = line->options;
    const struct eval_options options = {.source = {.by = o->by, .text = o->caption, .packs = o->packs, .where = o->where.items,
                                                    .where_count = o->where.count},
                                         .limit = o->limit, .threads = (unsigned)o->threads, .curve = o->curve, .quiet = o->quiet};
    struct window w;
    int result = open_window(&w, line, CLIP_LOAD_IMAGES | CLIP_LOAD_TEXTS);
    if (result == 0) result = model_eval(w.clip, &options, line->arguments + 2, line->argument_count - 2);
    return close_window(&w, result);
}

/* ---- the command */

static const struct {
    const char *name;
    int (*run)(const struct command_line *line);
    size_t arguments; /* behind the name, at least */
    const char *usage;
} windows[] = {
    {"list", list, 0, ""},
    {"fetch", fetch, 1, "NAME [-o FOLDER]"},
    {"verify", verify, 1, "MODEL"},
    {"info", info, 1, "MODEL"},
    {"tokens", tokens, 2, "MODEL TEXT..."},
    {"pixels", pixels, 1, "MODEL PICTURE OUT.png"},
    {"embed", embed, 1, "MODEL --image FILE...|--text FILE"},
    {"eval", eval, 2, "MODEL PAIRS... [--by COLUMN]"},
    {"cache", cache, 1, "FOLDER [--merge]"},
};

static int model_run(const struct command_line *line)
{
    const char *name = line->argument_count ? line->arguments[0] : "";
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        if (strcmp(name, windows[i].name) != 0) continue;
        if (line->argument_count <= windows[i].arguments) return fail_usage("expected: winnow model %s %s", name, windows[i].usage);
        return windows[i].run(line);
    }
    if (!*name) return fail_usage("expected: winnow model list|fetch|verify|info|tokens|pixels|embed|eval|cache");
    return fail_usage("no window 'model %s': list, fetch, verify, info, tokens, pixels, embed, eval or cache", name);
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
    {"by", 0, OPTION_TEXT, offsetof(struct model_options, by), .argument = "COLUMN", .help = "of eval: a line for each of its values, too"},
    {"where", 0, OPTION_LIST, offsetof(struct model_options, where), .argument = "COLUMN=VALUE", .help = "of eval: only such pairs"},
    {"caption", 0, OPTION_TEXT, offsetof(struct model_options, caption), .argument = "COLUMN", .initial = "text", .help = "of eval: rows' captions"},
    {"packs", 0, OPTION_TEXT, offsetof(struct model_options, packs), .argument = "FOLDER", .initial = "packs", .help = "of eval: where rows' pictures are"},
    {"limit", 0, OPTION_U64, offsetof(struct model_options, limit), .argument = "N", .initial = "2000", .low = 2, .high = 100000,
     .help = "of eval: of more pairs so many, drawn by a hash; time and memory grow with their square"},
    {"threads", 't', OPTION_U64, offsetof(struct model_options, threads), .argument = "N", .initial = "0", .low = 0, .high = 256, .help = "of eval: 0 = all cores"},
    {"curve", 0, OPTION_TEXT, offsetof(struct model_options, curve), .argument = "FILE",
     .help = "of eval: shares of matched and unmatched pairs from each similarity on"},
    {"output", 'o', OPTION_TEXT, offsetof(struct model_options, output), .argument = "FOLDER", .help = "of fetch: where to; else a folder of the model's name"},
    {"mirror", 0, OPTION_TEXT, offsetof(struct model_options, mirror), .argument = "URL",
     .help = "of fetch: instead of the publisher's host, with the same paths below it"},
    {"tries", 0, OPTION_U64, offsetof(struct model_options, tries), .argument = "N", .initial = "5", .low = 1, .high = 20,
     .help = "of fetch: gives up after so many transfers in a row that brought nothing"},
    {"merge", 0, OPTION_FLAG, offsetof(struct model_options, merge), .help = "of cache: make one file of each key's files"},
    {"memory", 0, OPTION_SIZE, offsetof(struct model_options, memory), .argument = "SIZE", .initial = "1G", .low = 1 << 20, .help = "of cache --merge: what sorting may use"},
    {"tmp", 0, OPTION_TEXT, offsetof(struct model_options, tmp), .argument = "FOLDER", .help = "of cache --merge: for what does not fit; $TMPDIR"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct model_options, quiet), .help = "say nothing but results and failures"},
    {0},
};

const struct command command_model = {
    .name = "model",
    .summary = "fetch CLIP models, see what one is, and what it makes of texts and pictures",
    .arguments = "list|fetch|verify|info|tokens|pixels|embed|eval|cache [ARGUMENTS...]",
    .description =
        "MODEL is a folder in Hugging Face's or OpenCLIP's layout, or OpenAI's archive; builtin is winnow's own small model.\n\n"
        "list: well-known public checkpoints, with address, licence, about how large they are, and SHA-256 where one is published.\n"
        "fetch NAME: the files of one of them. What was cut or killed is gone on with by the same command; a file gets its name once "
        "its size and published SHA-256 agree, and is noted in SHA256SUMS. Files of that name that are something else are left alone.\n"
        "verify MODEL: whether all of its tensors are there and are numbers, and whether its files are those that were published or "
        "fetched.\n"
        "info MODEL: a line for every decision, with where it came from; then what card.tsv of its folder says of it.\n"
        "tokens MODEL TEXT...: the ids of each text, a line a text; -- goes before texts that begin with -.\n"
        "pixels MODEL PICTURE OUT.png: the picture as the picture tower gets it, resized and cropped.\n"
        "embed MODEL --image FILE...|--text FILE: a header, then a line an input: file or line number, a tab, numbers.\n"
        "eval MODEL PAIRS...: how well the model tells which caption belongs to which picture. PAIRS are shards (.tar, .tar.zst, "
        ".tar.gz) or rows with packs; with --by, also a line for each value of a column, or of a member of the shard's JSON. auc: the "
        "chance that a matched pair is more similar than an unmatched one; auc_within: unmatched ones of the same value alone; r_at_10: "
        "the share of pictures with fewer than 10 wrong captions before their own. Captions equal to the picture's own do not count as "
        "wrong, a tie counts one half.\n"
        "cache FOLDER: what winnow score --cache keeps there, every byte checked; --merge makes one file of the many that tasks wrote.\n\n"
        "Pictures are taken as stored, without EXIF orientation, transparency laid over white; texts as given.",
    .example = "winnow model embed tests/data/clip-tiny --image tests/data/pictures/turned.png",
    .see_also = "score, image",
    .options = options,
    .options_size = sizeof(struct model_options),
    .run = model_run,
};
