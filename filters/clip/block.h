/* One transformer block of any tower: x += out(attention(norm_1(x))), x += fc2(activation(fc1(norm_2(x)))).
 *
 *     block_run(&block, &room, rows, sequences, count);            all positions
 *     block_run_pooled(&last, &room, rows, sequences, count, pooled_x, pooled_a);   then block_finish
 *
 * Many sequences (pictures, texts) stand one behind the other in the same rows; attention alone looks at where one ends.
 */
#ifndef WINNOW_CLIP_BLOCK_H
#define WINNOW_CLIP_BLOCK_H

#include "filters/clip/block_kernels.h"
#include "filters/clip/parts.h"

/* What all blocks of a tower share. */
struct block_shape {
    size_t width, mlp, heads;
    enum clip_activation activation;
    float eps;
    bool causal;            /* a position sees those up to itself */
    enum matmul_type type;  /* of the products */
    const struct matmul *matmul;
    const struct block_kernels *kernels;
};

struct block {
    const struct block_shape *shape;
    float *norm_1[2], *norm_2[2];   /* weight, bias: [width] */
    struct linear *qkv;             /* width → 3 width; NULL in the last block, which has: */
    struct linear *q, *kv;          /* width → width, width → 2 width */
    struct linear *out, *fc1, *fc2;
};

/* Reads a layer; `last`: for block_run_pooled. -1 with a sentence; block_close in either case. */
int block_open(struct block *b, const struct block_shape *shape, const struct clip_config *config, const struct weights *weights,
               enum clip_side side, uint32_t layer, bool last);
void block_close(struct block *b);
size_t block_bytes(const struct block *b);

/* One input's positions among the rows. */
struct block_sequence {
    size_t first, count; /* rows */
    size_t pooled;       /* the row that the tower gives out */
};

/* Memory of one thread for up to `rows` rows (a value of matmul_rows). */
struct block_room {
    size_t rows;
    float *x;         /* [rows, width]: the stream between blocks */
    void *normed;     /* [rows, width], of the products' type */
    float *scales;    /* [rows], of S8 */
    float *row;       /* [width] */
    float *wide;      /* [rows, 3 width]: queries, keys, values */
    void *hidden;     /* [rows, max(width, mlp)], of the products' type */
    float *hidden_scales; /* [rows], of S8 */
    float *floats;    /* [rows, width]: attention's result, of S8 */
    float *attention;
    struct matmul_room products;
};
int block_room_open(struct block_room *room, const struct block_shape *shape, size_t rows, size_t longest);
void block_room_close(struct block_room *room); /* also of a zeroed one */

/* rows: of room->x, a value of matmul_rows; those behind the last sequence are padding. */
int block_run(const struct block *b, struct block_room *room, size_t rows, const struct block_sequence *sequences, size_t count);

/* The same with norms behind what is added, as BERT has them: x = norm_1(x + out(attention(x))), x = norm_2(x + fc2(fc1(x))). */
int block_run_post(const struct block *b, struct block_room *room, size_t rows, const struct block_sequence *sequences, size_t count);

/* The last block up to attention, for the pooled row of each sequence: pooled_x[count, width] = the stream there,
 * pooled_a[count, width] = attention's result. Then block_finish, with any number of them together in room->x and room->wide:
 * room->x[rows, width] = the block's result. */
int block_run_pooled(const struct block *b, struct block_room *room, size_t rows, const struct block_sequence *sequences,
                     size_t count, float *pooled_x, float *pooled_a);
int block_finish(const struct block *b, struct block_room *room, size_t rows, const float *attended);

#endif
