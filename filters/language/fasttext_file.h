/* What a fastText file holds. Private to fasttext*.c. */
#ifndef WINNOW_FASTTEXT_FILE_H
#define WINNOW_FASTTEXT_FILE_H

#include "filters/language/fasttext.h"

enum fasttext_loss { FASTTEXT_HIERARCHICAL = 1, FASTTEXT_NEGATIVE = 2, FASTTEXT_SOFTMAX = 3, FASTTEXT_ONE_VS_ALL = 4 };

enum { /* refused beyond; fastText's own models stay far below */
    FASTTEXT_DIM_MOST = 1 << 14,
    FASTTEXT_NGRAM_MOST = 64,       /* characters or words: bounds the time a long word takes */
    FASTTEXT_ENTRIES_MOST = 1 << 26,
};

/* Rows of floats, dense or as codes of a product quantiser. Pointers lie in the file's bytes and are not aligned. */
struct fasttext_matrix {
    uint64_t rows;
    uint32_t columns;
    const char *data;          /* dense: rows × columns floats; NULL when quantised */
    const unsigned char *codes; /* rows × parts */
    const char *centroids;     /* 256 × columns floats: by part, then code */
    uint32_t parts, width, last_width; /* columns of a part; of the last one */
    const unsigned char *norm_codes;   /* a byte a row; NULL without norms */
    const char *norms;                 /* 256 floats */
};

struct fasttext_node { /* of the Huffman tree; leaves come first */
    int32_t left, right;
};

struct fasttext {
    int32_t dim, loss, word_ngrams, bucket, minn, maxn;
    uint32_t words, labels;
    struct str *entries;       /* words, then labels, as written */
    uint32_t *slots;           /* entry + 1 by FNV-1a of its bytes, open addressing; 0 empty */
    uint32_t slot_mask;
    int64_t kept;              /* pairs of the pruned n-grams; -1: nothing was pruned */
    uint64_t *kept_slots;      /* (old row + 1) << 32 | kept row, open addressing; 0 empty */
    uint32_t kept_mask;
    struct fasttext_matrix input, output;
    struct fasttext_node *tree; /* 2 × labels - 1 nodes; hierarchical alone */
    float sigmoid[513];        /* fastText's table from -8 to 8: of negative and one-vs-all losses */
    void *mapped;              /* by fasttext_open */
    size_t mapped_bytes;
};

static inline uint32_t fasttext_hash_byte(uint32_t hash, char c) /* FNV-1a with fastText's sign extension */
{
    int32_t wide = (signed char)c;
    return (hash ^ (uint32_t)wide) * UINT32_C(16777619);
}
static inline uint32_t fasttext_hash(struct str s)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < s.n; i++) hash = fasttext_hash_byte(hash, s.p[i]);
    return hash;
}
static inline uint32_t fasttext_kept_slot(const struct fasttext *m, uint32_t row)
{
    return (row * UINT32_C(2654435761)) & m->kept_mask;
}
int64_t fasttext_entry(const struct fasttext *model, struct str token, uint32_t hash); /* -1: not in the dictionary */

#endif
