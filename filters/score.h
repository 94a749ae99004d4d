/* The stage `score`, in parts: score_open.c is what stands before the first row, score_work.c what happens to an item of rows,
 * score_texts.c its texts and their ranks, score_extras.c what classifiers of their own say, score_npy.c the folder of embeddings,
 * score.c the command. Private to filters/score*.c.
 *
 * An item's pictures and texts are gathered, each different one once, and go through the model in chunks. As many chunks at a
 * time as there are threads, whichever items they belong to: each needs a lane, which is one thread's memory. So a single item
 * uses all threads, too.
 */
#ifndef WINNOW_FILTERS_SCORE_H
#define WINNOW_FILTERS_SCORE_H

#include "filters/captions.h"
#include "filters/clip/cache.h"
#include "filters/clip/clip.h"
#include "filters/clip/head.h"
#include "filters/clip/nsfw.h"
#include "filters/clip/open_nsfw.h"
#include "filters/clip/watermark.h"
#include "filters/clip/zeroshot.h"
#include "filters/picture/blank.h"
#include "pipeline/base/spill.h"
#include "pipeline/stage.h"
#include "shard/parquet.h"
#include "shard/pictures.h"

#include <limits.h>
#include <pthread.h>

enum {
    SCORE_HEADS_MOST = 32, SCORE_LISTS_MOST = 32, SCORE_NAME_ROOM = 65,
    SCORE_CAPTION_COLUMNS_MOST = 64, SCORE_CAPTION_LINES_MOST = 256, /* further texts of a row, from columns and from a file */
    SCORE_RANKS_MOST = 16,
    SCORE_EXTRAS_MOST = 16,
};

struct score_options {
    const char *model, *name, *precision, *class, *text, *embeddings, *cache, *captions_file;
    struct option_list heads, lists, classifiers, substitutes, captions;
    uint64_t rank;
    bool no_similarity, choose_text;
};

struct score_head {
    struct head *head;
    char name[SCORE_NAME_ROOM]; /* of the class: nsfw in p_nsfw_b32 */
    size_t column;              /* of the output */
    size_t value;               /* where a row's result stands: struct score_item.values */
};

struct score_list {
    struct zeroshot *list;
    char name[SCORE_NAME_ROOM];
    size_t columns[ZEROSHOT_TAKE_MOST][2]; /* label and probability of each; of a list that answers the first label alone */
    size_t label, value;  /* where a row's results stand */
};

/* What a picture gives beside its embedding (score_extras.c). */
struct score_extras {
    struct nsfw *gantman; /* NULL: not asked for */
    struct open_nsfw *opennsfw; /* NULL: not asked for */
    struct watermark *watermark; /* NULL: not asked for */
    bool blank;           /* measures of pictures that show nothing (picture/blank.h) */
    size_t count;         /* numbers of a picture: gantman's, opennsfw's, watermark's, then blank's */
    size_t columns[SCORE_EXTRAS_MOST]; /* of the output */
    size_t blank_column;  /* of what the measures make together with the model's classes */
    size_t blank_kinds[BLANK_KINDS]; /* these classes: clip_picture_class */
};

/* One thread's memory for a chunk. */
struct score_lane {
    struct clip_work *work;
    struct pictures *pictures;
    struct buf bytes;
    struct image image;
    uint8_t *pixels;      /* SCORE_CHUNK pictures */
    float *embeddings, *pooled; /* [SCORE_CHUNK, embed], [SCORE_CHUNK, width] */
    struct nsfw_work *nsfw;
    struct open_nsfw_work *opennsfw;
    struct watermark_work *watermark;
    uint8_t *nsfw_pixels, *opennsfw_pixels, *watermark_pixels; /* SCORE_CHUNK pictures */
    float *extras;        /* [SCORE_CHUNK, extras.count] */
    struct score_lane *next; /* free ones */
};

/* Rows of .npy files, gathered in a nameless file until their number is known. */
struct score_npy {
    struct spill spill;
    struct buf waiting;
    uint64_t rows;
    size_t width;
    const char *kind; /* "img", "text" */
};
int score_npy_open(struct score_npy *npy, const char *kind, size_t width, const char *tmp);
int score_npy_add(struct score_npy *npy, const float *embedding); /* NULL: a row of zeros */
int score_npy_publish(struct score_npy *npy, struct stage_run *run, const char *folder);
void score_npy_close(struct score_npy *npy); /* also of a zeroed one */
int score_npy_path(char path[PATH_MAX], const struct stage_run *run, const char *folder, const char *what, const char *ending);
int score_npy_copy(struct file_out *out, const struct spill *spill);

/* The table beside them (score_metadata.c). */
struct score_metadata {
    struct spill spill;
    struct parquet *parquet;
    struct parquet_column *columns;
    size_t *sources, count; /* columns of the output; SIZE_MAX: none */
    uint64_t rows;
};
int score_metadata_open(struct score_metadata *m, const struct columns *out, const char *tmp); /* all columns of the output are known */
int score_metadata_add(struct score_metadata *m, const struct row *row, struct arena *scratch);
int score_metadata_publish(struct score_metadata *m, struct stage_run *run, const char *folder);
void score_metadata_close(struct score_metadata *m); /* also of a zeroed one */

struct score {
    struct clip *clip;
    char name[SCORE_NAME_ROOM];  /* of the model, in columns */
    bool similarity, keeps_embeddings;
    size_t text;                 /* column of the input */
    size_t caption_columns[SCORE_CAPTION_COLUMNS_MOST], id; /* of the input */
    struct captions *captions;   /* of a file; NULL: none */
    size_t text_out, text_raw_out, choice_column; /* with choose_text */
    struct score_rank { size_t text, from, similarity; } ranks[SCORE_RANKS_MOST]; /* columns */
    size_t similarity_column, status_column;
    size_t class_columns[CLIP_PICTURE_CLASSES_MOST], class_value; /* of the model's own classes of pictures */
    bool keeps_pooled;           /* beside embeddings: for the cache, for those classes, or with extras behind it */
    struct score_extras extras;
    struct score_head heads[SCORE_HEADS_MOST];
    struct score_list lists[SCORE_LISTS_MOST];
    size_t head_count, list_count, values, labels; /* values and labels of a row */
    pthread_mutex_t lock;        /* of what follows */
    pthread_cond_t freed;
    bool loaded;
    struct score_lane *lanes, *free_lanes;
    uint64_t reserved;           /* bytes of pictures being decoded */
    struct cache *cache;
    struct cache_key key;
    struct cache_writer *writer;
    struct score_npy images, texts;
    struct score_metadata metadata;
    uint64_t rows, unscored, decoded, cached;
    char *unread;                /* why the first picture that a row names could not be read from its pack; NULL: all could */
};

enum { SCORE_CHUNK = 64 }; /* pictures or texts: about a second of ViT-B/32 */

/* What is known of a row's picture. */
struct score_picture {
    unsigned char name[CACHE_NAME];
    const char *status;   /* "ok", or why there is no score */
    size_t first;         /* the first row of the item with the same picture */
    const float *cached;  /* embedding and pooled row, in the cache's memory */
    bool computed;        /* here, in this row */
};

/* The texts of an item's rows: of each its own, then its captions of columns, then those of the file. */
struct score_text {
    struct str text;       /* absent: none */
    size_t first;          /* the first text of the item that is equal */
    unsigned from;         /* 0: the text itself; 1 …: the caption columns; behind them: the lines of the file */
    double cosine;         /* with the row's picture */
};
struct score_texts {
    size_t *begin;         /* [rows + 1]: texts begin[i] … begin[i + 1] - 1 are row i's */
    size_t *ranked;        /* by row, in its places: its different texts, the nearest to the picture first */
    size_t *ranks;         /* [rows]: how many different texts with a cosine a row has */
    struct score_text *list;
    size_t count, room, row_room, embedded_room;
    float *embeddings;     /* [room, embed]: of texts that are the first with their words */
    size_t *todo;
    struct buf normal;     /* a caption as unicode_text makes it */
};

struct score_item {
    size_t room; /* rows */
    struct score_picture *pictures;
    float *embeddings, *pooled; /* [room, embed], [room, score_width]: of rows that are the first with their picture */
    size_t *todo;               /* rows whose picture is to be computed */
    struct score_texts texts;
    double *values;             /* [room, score.values] */
    struct str *label;          /* [room, score.labels] */
    uint64_t decoded, cached;   /* different pictures */
    struct buf number;          /* of the cell being written */
};

/* Opens model, heads and lists and adds the columns that they make to `out`; `arena` lives as long as `s`, which is zeroed. -1 with
 * a sentence. */
int score_open_parts(struct score *s, const struct score_options *o, struct columns *out, struct arena *arena, unsigned threads);
void score_close_parts(struct score *s); /* also after a failure */
size_t score_add_column(struct columns *out, const char *format, const char *what, const char *model); /* its index, or that of the one
                                                                 there; SIZE_MAX with a sentence */

struct score_item *score_item_new(void);
void score_item_free(struct score_item *item);
const float *score_embedding(const struct score *s, const struct score_item *item, size_t row); /* of its picture; NULL: none */
const float *score_text(const struct score *s, const struct score_item *item, size_t row);      /* of its text, the chosen one
                                                                                              with choose_text; NULL: none */
const char *score_status(const struct score_item *item, size_t row);

/* ---- extras (score_extras.c) */
int score_extras_open(struct score *s, const struct score_options *o, struct columns *out);
void score_extras_close(struct score *s);              /* also of none */
struct hash128 score_extras_key(const struct score *s); /* of the model and all that makes extras, for the cache */
int score_extras_describe(const struct score *s, json_t *classifiers); /* adds the digest of each */
json_t *score_json_of_digest(struct hash128 digest);
int score_extras_open_lane(const struct score *s, struct score_lane *lane);
void score_extras_close_lane(struct score_lane *lane);
/* Of lane->image, which is the chunk's picture `place`. 0; 1 with a sentence: its shape is none that can be looked at; -1. */
int score_extras_decoded(const struct score *s, struct score_lane *lane, size_t place);
int score_extras_run(const struct score *s, struct score_lane *lane, size_t n); /* fills lane->extras for n pictures */
static inline size_t score_width(const struct score *s) /* numbers that are kept behind an embedding */
{
    return s->keeps_pooled ? clip_image_width(s->clip) + s->extras.count : 0;
}
const float *score_extras(const struct score *s, const struct score_item *item, size_t row); /* of a row that has an embedding */
double score_blank(const struct score *s, const struct score_item *item, size_t row); /* the same; with extras.blank */

/* ---- texts (score_texts.c) */
int score_texts_open(struct stage_run *run, struct score *s); /* what they need of the input */
void score_texts_free(struct score_texts *t);
int score_texts_gather(const struct stage_run *run, struct stage_item *rows);
int score_texts_find_first(struct score_texts *t, size_t *todo); /* texts that are to be computed: t->todo[0 … *todo - 1] */
void score_texts_rank(const struct score *s, struct score_item *item, size_t row, const float *picture);
/* The text that stands for the row: the chosen one, else its own. NULL: none. */
const struct score_text *score_texts_of(const struct score *s, const struct score_item *item, size_t row);
int score_texts_set(const struct stage_run *run, struct score_item *item, size_t i, struct batch *out, struct row *row); /* cells but
                                                                                                                 the similarity */
int score_first(size_t n, struct str (*key)(const void *context, size_t i), const void *context, size_t *first);

/* Everything of an item but the cells. -1 with a sentence. */
int score_work(struct stage_run *run, struct stage_item *item);
void score_lanes_close(struct score *s);

#endif
