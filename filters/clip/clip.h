/* The CLIP engine's door: a model file in, embeddings of pictures and texts out.
 *
 *     struct clip *clip = clip_open("models/clip-vit-base-patch32", &(struct clip_options){.precision = CLIP_F32});
 *     if (!clip) return -1;
 *     struct clip_work *work = clip_work_new(clip);                          one a thread
 *     uint8_t *pixels = malloc(clip_pixels_size(clip));
 *     clip_pixels(clip, work, &image, pixels);                               resized and cropped as the model wants it
 *     clip_images(clip, work, pixels, 1, &(struct clip_outputs){.embedding = of_image});
 *     clip_texts(clip, work, &STR("a dog"), 1, &(struct clip_outputs){.embedding = of_text});
 *     float similarity = clip_cosine(of_image, of_text, clip_embed(clip));
 *
 * A model is a folder in Hugging Face's or OpenCLIP's layout, or OpenAI's archive (config.h). What an input gives depends on the
 * input, the model, precision and processor class alone (matmul.h), not on what stands beside it in a call, nor on threads. A
 * struct clip is immutable: any number of threads, each with a work of its own.
 *
 * Embeddings are `embed` floats, pooled rows `width` (of that tower): the class or end row behind the last LayerNorm, before
 * the projection. (spec: clip.md.)
 */
#ifndef WINNOW_CLIP_H
#define WINNOW_CLIP_H

#include "crawl/image/image.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/hash.h"

struct clip;
struct clip_work;

enum clip_precision {
    CLIP_REFERENCE, /* plain loops in double: slow, what the others are held against */
    CLIP_F32,
    CLIP_BF16,      /* products of bf16 with float sums; all between them in float */
    CLIP_INT8,      /* products of 8-bit integers with a scale a row, the first and the last ones bf16; checked when a tower is loaded:
                       one that loses more than 0.002 of cosine to bf16 gets bf16 in all of its first and last block, and is refused
                       where that does not help (int8_check.h) */
    CLIP_INT8_INNER, /* that kind, as clip_open chooses it; not to be asked for */
};
#define CLIP_PRECISION_CHOICES "reference|f32|bf16|int8"
enum clip_precision clip_precision_find(struct str name); /* one of the choices */
const char *clip_precision_name(enum clip_precision precision);

/* What is loaded; the configuration always is. */
enum {
    CLIP_LOAD_IMAGES = 1,    /* the picture tower */
    CLIP_LOAD_TEXTS = 2,     /* the text tower and the tokenizer */
    CLIP_LOAD_TOKENIZER = 4,
    CLIP_LOAD_PRODUCTS = 8,  /* what multiplies, without weights: for clip_class; comes with a tower */
};

struct clip_options {
    enum clip_precision precision;
    const char *class; /* processor class (matmul.h); NULL: this machine's best */
    unsigned load;     /* CLIP_LOAD_…; 0: both towers */
    unsigned threads;  /* that load; 0: one */
};

/* NULL with a sentence that names file, then tensor or key. */
struct clip *clip_open(const char *path, const struct clip_options *options);
/* Loads more (CLIP_LOAD_…); what is there already stays. Not while another thread uses the model; works made before it lack what
 * it adds. -1 with a sentence. */
int clip_load(struct clip *clip, unsigned load);
void clip_close(struct clip *clip); /* NULL is allowed */

uint32_t clip_embed(const struct clip *clip);       /* numbers of an embedding */
uint32_t clip_image_width(const struct clip *clip); /* of a picture's pooled row */
uint32_t clip_text_width(const struct clip *clip);
uint32_t clip_context(const struct clip *clip);     /* tokens of a text at most */
uint32_t clip_pixels_side(const struct clip *clip);
double clip_logit_scale(const struct clip *clip);   /* logits = this times the cosine; 100 in OpenAI's models */
const char *clip_class(const struct clip *clip);    /* "cpu-avx2"; "reference" has none: "cpu" */
const char *clip_products(const struct clip *clip); /* what makes products: "oneDNN 2.6.3" */
size_t clip_memory(const struct clip *clip);        /* bytes of the loaded towers */
/* The numbers of the model, whatever file they lie in (weights.h), all of the configuration that decides an embedding, and the files
 * of its vocabulary. */
struct hash128 clip_digest(const struct clip *clip);
/* How columns call the model: by its shape and activation where these are a published model's ("b32", "b32_gelu", "l14_336"),
 * else by its file or folder in small letters. */
const char *clip_short_name(const struct clip *clip);
/* Whether a name is one that clip_short_name gives to a published model's shape; others must not take it. */
bool clip_name_is_reserved(const char *name);
/* Appends what was decided and where it came from: lines "name<TAB>value<TAB>source". */
int clip_describe(const struct clip *clip, struct buf *out);
/* Appends what the check of 8-bit products found of the towers that are loaded: "pictures 0.9993, texts 0.9987 with first and last block
 * bf16". Nothing in other precisions. */
int clip_describe_int8(const struct clip *clip, struct buf *out);

struct clip_work *clip_work_new(const struct clip *clip); /* NULL with a sentence */
void clip_work_free(struct clip_work *work);

/* Where results go; what is NULL is not wanted. */
struct clip_outputs {
    float *embedding; /* [n, embed], of length 1 */
    float *raw;       /* [n, embed], as the projection gives it */
    float *pooled;    /* [n, width] */
};

static inline size_t clip_pixels_bytes(uint32_t side) { return (size_t)side * side * 3; }
size_t clip_pixels_size(const struct clip *clip); /* bytes of a picture: [side, side, 3] */
/* Resizes and crops as the model's own preprocessing does. -1 with a sentence: the picture cannot be brought to that shape
 * (or no memory). */
int clip_pixels(const struct clip *clip, struct clip_work *work, const struct image *image, uint8_t *pixels);
/* `pixels`: n pictures one behind the other. Several at once are faster. 0, or -1 with a sentence. */
int clip_images(const struct clip *clip, struct clip_work *work, const uint8_t *pixels, size_t n, const struct clip_outputs *out);

/* Start, tokens, end; at most clip_context. How many, or -1 with a sentence. */
int clip_tokens(const struct clip *clip, struct clip_work *work, struct str text, uint32_t *ids);
/* Texts run at their own length; equal ones run once. */
int clip_texts(const struct clip *clip, struct clip_work *work, const struct str *texts, size_t n, const struct clip_outputs *out);
/* The same of ids, which come from elsewhere: texts i is ids[i * clip_context] … of counts[i] tokens. */
int clip_texts_of_ids(const struct clip *clip, struct clip_work *work, const uint32_t *ids, const size_t *counts, size_t n,
                      const struct clip_outputs *out);

/* Classes of pictures that the model tells by itself ("photo", "logo"): columns p_CLASS_MODEL. 0: it tells none. */
size_t clip_picture_classes(const struct clip *clip);
const char *clip_picture_class(const struct clip *clip, size_t i); /* small letters, digits and _ */
/* Their probabilities from a pooled row: clip_picture_classes numbers. Needs no tower. */
void clip_classify(const struct clip *clip, const float *pooled, double *probabilities);
enum { CLIP_PICTURE_CLASSES_MOST = 16 };

double clip_cosine(const float *a, const float *b, size_t n); /* of vectors of length 1: their dot product, in double */

#endif
