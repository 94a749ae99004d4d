/* The inner loops around and, where no library does them, of products: one text (block_kernels_body.h) compiled for each class
 * of processor. Private to filters/clip.
 *
 * Every function gives each row the same bytes whatever the other rows are. Single precision throughout; sums run over
 * vectors, so classes differ in their last bits. Rows stand one behind the other without gaps unless a stride says so.
 */
#ifndef WINNOW_CLIP_BLOCK_KERNELS_H
#define WINNOW_CLIP_BLOCK_KERNELS_H

#include "filters/clip/matmul.h"

/* softmax(q · kᵀ / sqrt(head width)) · v for all heads of some queries that see the same keys. */
struct attention {
    const float *q;      /* [queries, heads, head_width] */
    const float *k, *v;  /* [keys, heads, head_width] */
    size_t q_stride, kv_stride; /* floats from one position to the next */
    size_t queries, keys, heads, head_width;
    bool causal;         /* queries are the keys' own positions: query i sees keys 0 … i */
    enum matmul_type type; /* of out: F32 or BF16 */
    void *out;           /* [queries, heads, head_width], without gaps */
    float *room;         /* attention_room floats, aligned to 64 bytes */
};

struct block_kernels {
    /* out = (x - mean) / sqrt(variance + eps) * weight + bias of each row; out is of type F32 or BF16 */
    void (*norm)(const float *x, const float *weight, const float *bias, float eps, size_t rows, size_t width,
                 enum matmul_type type, void *out);
    size_t (*attention_room)(size_t keys, size_t head_width);
    void (*attend)(const struct attention *a);
    void (*to_bf16)(const float *x, size_t n, uint16_t *out); /* to nearest, ties to even */
    void (*from_bf16)(const uint16_t *x, size_t n, float *out);
    /* Rows to -127 … 127: out = round(x / scale), scale = most |x| of the row / 127; 0 for a row of zeros. */
    void (*quantise)(const float *x, size_t rows, size_t width, int8_t *out, float *scales);
    /* y = after(sums * row_scales * column_scales + bias) of an S8 product; LINEAR_ADD adds to what y holds */
    void (*dequantise)(const int32_t *sums, const float *row_scales, const float *column_scales, const float *bias, size_t rows,
                       size_t n, enum linear_after after, float *y);
    /* The same, and the rows are quantised again: y = round(… / scale). room: n floats */
    void (*requantise)(const int32_t *sums, const float *row_scales, const float *column_scales, const float *bias, size_t rows,
                       size_t n, enum linear_after after, float *room, int8_t *y, float *scales);
    /* Weights [n, k] in panels for `product`; packed: pack_size floats, aligned to 64 bytes. */
    size_t (*pack_size)(size_t n, size_t k);
    void (*pack)(const float *weights, size_t n, size_t k, float *packed);
    size_t (*product_room)(size_t rows, size_t k); /* bytes, aligned to 64, of either product */
    /* linear_run in single precision; bias may be NULL */
    void (*product)(const float *packed, const float *bias, size_t n, size_t k, enum linear_after after, size_t rows,
                    const float *x, float *y, void *room);
    /* The same of whole numbers between -127 and 127, with exact sums and nothing behind them. Panels hold 16-bit numbers, in
     * pairs: k is rounded up to an even number. */
    size_t (*pack_s8_size)(size_t n, size_t k);
    bool (*pack_s8)(const int8_t *weights, size_t n, size_t k, int16_t *packed); /* false: no memory */
    void (*product_s8)(const int16_t *packed, size_t n, size_t k, size_t rows, const int8_t *x, int32_t *y, void *room);
};

const struct block_kernels *block_kernels_of(enum matmul_class c);

extern const struct block_kernels block_kernels_portable;
#if defined(__x86_64__)
extern const struct block_kernels block_kernels_avx2;
extern const struct block_kernels block_kernels_avx512;
#endif

#endif
