/* What a CLIP model is: all that its towers, tokenizer and preprocessing need to know, as plain data.
 *
 *     struct weights *w = weights_open(path);
 *     struct clip_config config;
 *     if (!w || clip_config_open(&config, w) < 0) return -1;      reads the configuration beside the weights
 *     ... config.image.layers ... clip_part_read(...) ...         parts.h hands out the tensors
 *     clip_config_print(&config, &out);                           every decision and where it came from
 *     clip_config_free(&config);
 *
 * Three kinds of CLIP models are known (spec: clip.md sections 1, 2, 3 and 11): folders in Hugging Face's layout, folders in
 * OpenCLIP's, and OpenAI's TorchScript archives, whose shapes are their only configuration; and a fourth of winnow's own, a
 * small convolutional picture tower beside a small sentence encoder (small.h; clip.md section 9). What is none of these is
 * refused by the name of the key that says so; a key that is not known and says anything but null, false or its default
 * refuses the model. The weights are held against the configuration tensor by tensor.
 */
#ifndef WINNOW_CLIP_CONFIG_H
#define WINNOW_CLIP_CONFIG_H

#include "filters/clip/convnet.h"
#include "filters/clip/preprocess.h"
#include "filters/clip/weights.h"

enum clip_kind { CLIP_HUGGING_FACE, CLIP_OPENCLIP, CLIP_OPENAI, CLIP_SMALL };

/* How tensors are called and laid out. */
enum clip_layout {
    CLIP_LAYOUT_HUGGING_FACE,    /* vision_model.…, q, k, v apart, projections [embed, width] */
    CLIP_LAYOUT_OPENCLIP,        /* visual.…, text at the root, q, k, v stacked, projections [width, embed]; OpenAI's too */
    CLIP_LAYOUT_OPENCLIP_CUSTOM, /* the same, text under text.… */
    CLIP_LAYOUT_SMALL,           /* image.…, text.…: small_parts.c */
};

enum clip_activation {
    CLIP_GELU,      /* x/2 * (1 + erf(x / sqrt 2)) */
    CLIP_QUICKGELU, /* x * sigmoid(1.702 x) */
};

/* Which row of the text tower's output is the text's. */
enum clip_end_rule {
    CLIP_END_LARGEST_ID, /* the first position of the largest id */
    CLIP_END_FIRST,      /* the first position equal to end_id; row 0 when there is none */
};

struct clip_tower {
    uint32_t width;  /* numbers a position */
    uint32_t layers;
    uint32_t heads;  /* width / heads numbers each */
    uint32_t mlp;    /* width of the hidden layer */
    enum clip_activation activation;
    double eps;      /* of every LayerNorm */
};

enum { CLIP_KINDS_MOST = 16, CLIP_KIND_ROOM = 24 };

/* What the small kind has beyond: its picture tower has no patches and no heads, `image.width` is that of the pooled features. */
struct clip_small {
    char name[24]; /* by which columns call it; empty: its file's */
    struct convnet_shape net;
    uint32_t hidden;   /* of the network behind the features */
    uint32_t classes;  /* of the branch through a classifier */
    uint32_t unknown_id; /* of a word that no pieces make */
    uint32_t kind_count; /* of classes of pictures; 0: none */
    char kinds[CLIP_KINDS_MOST][CLIP_KIND_ROOM];
};

struct clip_config {
    enum clip_kind kind;
    enum clip_layout layout;
    struct clip_tower image, text;
    uint32_t image_size;  /* pixels a side */
    uint32_t patch;       /* pixels a side */
    uint32_t grid;        /* patches a side: image_size / patch; 1 + grid^2 positions */
    uint32_t context;     /* positions of the text tower, start and end included: 77 */
    uint32_t vocabulary;  /* rows of the token embedding: 49408 */
    uint32_t embed;       /* width of both embeddings */
    uint32_t start_id, end_id; /* tokens: 49406, 49407 */
    enum clip_end_rule end_rule;
    double logit_scale;   /* the logarithm, from the weights: logits = exp(logit_scale) * cosine */
    struct preprocess preprocess;
    struct clip_small small; /* of CLIP_SMALL alone */
    struct buf notes;     /* private: lines "name\tvalue\tsource\n" */
};

/* Finds and reads the configuration that belongs to the weights and checks the weights against it: every tensor that the
 * configuration asks for is there with its shape and a float type, and no other but known buffers. 0, or -1 with a sentence
 * that names file, then key or tensor. `config` is to be freed in either case. */
int clip_config_open(struct clip_config *config, const struct weights *weights);
void clip_config_free(struct clip_config *config);

/* Appends lines "name<TAB>value<TAB>source" in the order of decision: "activation\tquickgelu\tconfig.json:
 * text_config.hidden_act". */
int clip_config_print(const struct clip_config *config, struct buf *out);

const char *clip_kind_name(enum clip_kind kind);                   /* "Hugging Face", "OpenCLIP", "OpenAI", "winnow's small one" */
const char *clip_activation_name(enum clip_activation activation); /* "gelu", "quickgelu" */

/* The parsers alone, for tests: configuration text in, no file opened, no weights looked at (layout, logit_scale and what
 * only the weights say are left zero). `file` stands in messages. */
int clip_config_parse_hugging_face(struct clip_config *config, const char *file, struct str json);
int clip_config_parse_openclip(struct clip_config *config, const char *file, struct str json);
int clip_config_parse_small(struct clip_config *config, const char *file, struct str json);
/* preprocessor_config.json, or processor_config.json with the same keys under image_processor. */
int clip_config_parse_preprocessor(struct clip_config *config, const char *file, struct str json);

#endif
