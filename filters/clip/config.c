/* The layout is told by the tensors' names; it says which configuration belongs to them. */
#include "filters/clip/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "filters/clip/config_json.h"
#include "filters/clip/parts.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

enum {
    CONFIG_BYTES_MOST = 4 << 20,
    NOTES_MOST = 1 << 20
};

const char *clip_kind_name(enum clip_kind kind)
{
    static const char *const names[] = {"Hugging Face", "OpenCLIP", "OpenAI", "winnow's small one"};
    return names[kind];
}

const char *clip_activation_name(enum clip_activation activation) { return activation == CLIP_GELU ? "gelu" : "quickgelu"; }

static int tell_layout(struct clip_config *c, const struct weights *w)
{
    if (weights_find(w, STR("text_model.embeddings.token_embedding.weight"))) c->layout = CLIP_LAYOUT_HUGGING_FACE;
    else if (weights_find(w, STR("token_embedding.weight"))) c->layout = CLIP_LAYOUT_OPENCLIP;
    else if (weights_find(w, STR("text.token_embedding.weight"))) c->layout = CLIP_LAYOUT_OPENCLIP_CUSTOM;
    else if (weights_find(w, STR("image.stem.weight"))) c->layout = CLIP_LAYOUT_SMALL;
    else
        return fail("%s: no CLIP model: none of text_model.embeddings.token_embedding.weight, token_embedding.weight and "
                    "text.token_embedding.weight is in it", weights_name(w));
    return 0;
}

/* 1 with the file's text, 0 when it is not there. */
static int read_beside(const struct weights *w, const char *name, struct buf *text)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", weights_folder(w), name) < 0) return fail_memory();
    buf_clear(text);
    int result = !file_exists(path) ? 0 : buf_read_file(text, path) < 0 ? -1 : 1;
    free(path);
    return result;
}

/* The parsers know a file by its name alone. */
static int in_folder(const struct weights *w, int result)
{
    if (result < 0) fail_prefix("%s/", weights_folder(w));
    return result;
}

static int open_openclip(struct clip_config *c, const struct weights *w, struct buf *text)
{
    int found = read_beside(w, "open_clip_config.json", text);
    if (found < 0) return -1;
    if (!found) return config_from_shapes(c, w);
    return in_folder(w, clip_config_parse_openclip(c, "open_clip_config.json", buf_str(text)));
}

/* CLIP's own preprocessing at the model's size: what every published folder says. */
static int default_preprocessing(struct clip_config *c)
{
    struct config_object o = {c, "", "", NULL};
    c->preprocess = (struct preprocess){.mode = PREPROCESS_SHORTEST, .filter = PREPROCESS_BICUBIC,
                                        .crop_rule = PREPROCESS_CROP_DOWN, .size = c->image_size, .crop = c->image_size};
    memcpy(c->preprocess.mean, config_mean, sizeof config_mean);
    memcpy(c->preprocess.deviation, config_deviation, sizeof config_deviation);
    return config_note(&o, "", "default: no preprocessor_config.json", "preprocessing",
                       "shortest, bicubic, CLIP's mean and deviation");
}

static const char processor[] = "processor_config.json", preprocessor[] = "preprocessor_config.json";

/* 1 when the text is a processor's and says in it how pictures are prepared, as transformers 5 writes it. */
static int says_pictures(struct str text)
{
    json_t *json = config_parse(processor, text);
    int result = !json ? -1 : json_is_object(json_object_get(json, "image_processor"));
    json_decref(json);
    return result;
}

/* Where both files are there, the processor's counts if it speaks of pictures, as in transformers. */
static int open_preprocessing(struct clip_config *c, const struct weights *w, struct buf *text)
{
    int found = read_beside(w, processor, text);
    if (found > 0) found = in_folder(w, says_pictures(buf_str(text)));
    const char *const names[] = {found > 0 ? processor : preprocessor, processor};
    for (size_t i = 0; found >= 0 && i < 2; i++) {
        found = read_beside(w, names[i], text);
        if (found > 0) return in_folder(w, clip_config_parse_preprocessor(c, names[i], buf_str(text)));
    }
    return found < 0 ? -1 : default_preprocessing(c);
}

static int open_hugging_face(struct clip_config *c, const struct weights *w, struct buf *text)
{
    int found = read_beside(w, "config.json", text);
    if (found < 0) return -1;
    if (!found) return fail("%s: no config.json beside it", weights_name(w));
    if (in_folder(w, clip_config_parse_hugging_face(c, "config.json", buf_str(text))) < 0) return -1;
    return open_preprocessing(c, w, text);
}

static int open_small(struct clip_config *c, const struct weights *w, struct buf *text)
{
    int found = read_beside(w, "config.json", text);
    if (found < 0) return -1;
    if (!found) return fail("%s: no config.json beside it", weights_name(w));
    return in_folder(w, clip_config_parse_small(c, "config.json", buf_str(text)));
}

static int check_preprocessing(struct clip_config *c, const struct weights *w)
{
    const struct preprocess *p = &c->preprocess;
    struct config_object o = {c, "", "", NULL};
    if (p->crop != c->image_size)
        return fail("%s: pictures are cropped to %u, the model takes %u", weights_folder(w), p->crop, c->image_size);
    for (size_t i = 0; i < 3; i++)
        if (!(p->deviation[i] > 0)) return fail("%s: a deviation of %g", weights_folder(w), (double)p->deviation[i]);
    return config_note(&o, "", "the kind of model", "crop offset",
                       p->crop_rule == PREPROCESS_CROP_EVEN ? "half, rounded to even" : "half, rounded down");
}

static int read_scale(struct clip_config *c, const struct weights *w)
{
    if (c->kind == CLIP_SMALL) return 0; /* its configuration says it */
    struct config_object o = {c, "", "", NULL};
    const struct tensor *t = weights_find(w, STR("logit_scale"));
    if (!t || t->count != 1 || t->rank > 1 || !tensor_is_float(t))
        return fail("%s: tensor logit_scale: one floating number is expected", t ? t->file : weights_name(w));
    if (tensor_to_f64(t, &c->logit_scale) < 0) return -1;
    return config_note(&o, "", "the weights", "logit scale", "exp(%.9g) = %.9g", c->logit_scale, exp(c->logit_scale));
}

int clip_config_open(struct clip_config *c, const struct weights *w)
{
    struct buf text;
    *c = (struct clip_config){0};
    buf_init(&c->notes, NOTES_MOST);
    buf_init(&text, CONFIG_BYTES_MOST);
    int result = tell_layout(c, w);
    if (result == 0)
        result = c->layout == CLIP_LAYOUT_HUGGING_FACE ? open_hugging_face(c, w, &text)
                 : c->layout == CLIP_LAYOUT_SMALL      ? open_small(c, w, &text)
                                                       : open_openclip(c, w, &text);
    buf_free(&text);
    if (result < 0 || check_preprocessing(c, w) < 0 || read_scale(c, w) < 0) return -1;
    return clip_parts_check(c, w);
}

void clip_config_free(struct clip_config *c) { buf_free(&c->notes); }

int clip_config_print(const struct clip_config *c, struct buf *out)
{
    static const char *const layouts[] = {"tensors of Hugging Face", "tensors of OpenCLIP", "tensors of OpenCLIP, text apart",
                                          "tensors of its own"};
    if (buf_printf(out, "kind\t%s\t%s\n", clip_kind_name(c->kind), layouts[c->layout]) < 0) return -1;
    return buf_add(out, buf_str(&c->notes));
}
