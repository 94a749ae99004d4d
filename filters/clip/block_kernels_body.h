/* The text of block_kernels.h. The file that includes this has defined, for its class:
 *
 *     what kernel_vectors.h wants
 *     vi_pairs(a, b) of pairs of 16-bit numbers: the sum of both products of each pair
 *     TILE_ROWS      rows of a register tile that is two vectors wide
 *     KERNELS        name of the table
 */
#include "filters/clip/kernel_vectors.h"

#include <stdlib.h>

enum {
    TILE_COLUMNS = 2 * LANES,
};

#include "filters/clip/product_kernels_body.h"

/* ---- bf16 */

KERNEL static void to_bf16(const float *x, size_t n, uint16_t *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) *(vh_memory *)(void *)(out + i) = (vh_memory)vh_of(vf_load(x + i));
    for (; i < n; i++) out[i] = half_of(x[i]);
}

KERNEL static void from_bf16(const uint16_t *x, size_t n, float *out)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vh halves = (vh)*(const vh_memory *)(const void *)(x + i);
        vf_store(out + i, (vf)(__builtin_convertvector(halves, vu) << 16));
    }
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

/* ---- LayerNorm */

INLINE float row_sum(const float *x, size_t n)
{
    vf sums = vf_all(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) sums += vf_load(x + i);
    float sum = vf_sum(sums);
    for (; i < n; i++) sum += x[i];
    return sum;
}

INLINE float row_spread(const float *x, float mean, size_t n) /* sum of squared distances */
{
    vf sums = vf_all(0);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf d = vf_load(x + i) - mean;
        sums = vf_fma(d, d, sums);
    }
    float sum = vf_sum(sums);
    for (; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

INLINE void norm_rows(const float *x, const float *weight, const float *bias, float eps, size_t rows, size_t width,
                      enum matmul_type type, void *out)
{
    for (size_t r = 0; r < rows; r++, x += width) {
        float mean = row_sum(x, width) / (float)width;
        float scale = 1 / sqrtf(row_spread(x, mean, width) / (float)width + eps);
        size_t i = 0;
        for (; i + LANES <= width; i += LANES)
            store_as(type, out, r * width + i, vf_fma((vf_load(x + i) - mean) * scale, vf_load(weight + i), vf_load(bias + i)));
        for (; i < width; i++) store_one_as(type, out, r * width + i, (x[i] - mean) * scale * weight[i] + bias[i]);
    }
}

KERNEL static void norm(const float *x, const float *weight, const float *bias, float eps, size_t rows, size_t width,
                        enum matmul_type type, void *out)
{
    if (type == MATMUL_F32) norm_rows(x, weight, bias, eps, rows, width, MATMUL_F32, out);
    else norm_rows(x, weight, bias, eps, rows, width, MATMUL_BF16, out);
}

/* ---- attention, head by head
 *
 * room: kᵀ in panels [head_width, TILE_COLUMNS] a group of keys; v in panels [keys, TILE_COLUMNS] a group of numbers; the weights
 * and the results of a tile of queries. */

struct head_room {
    size_t keys_wide, width_wide; /* keys and head width, rounded up to whole tiles */
    float *k, *v;
    float *weights; /* [TILE_ROWS, keys_wide] */
    float *out;     /* [TILE_ROWS, width_wide] */
};

/* Rows of numbers times a panel [depth, TILE_COLUMNS], added to the sums of a tile. */
INLINE void tile_add(const unsigned rows, const float *x, size_t x_stride, const float *panel, size_t depth, vf sums[TILE_ROWS][2])
{
    for (size_t d = 0; d < depth; d++) {
        vf left = *(const vf *)(const void *)(panel + d * TILE_COLUMNS);
        vf right = *(const vf *)(const void *)(panel + d * TILE_COLUMNS + LANES);
        UNROLL for (unsigned r = 0; r < rows; r++) {
            vf number = vf_all(x[r * x_stride + d]);
            sums[r][0] = vf_fma(number, left, sums[r][0]);
            sums[r][1] = vf_fma(number, right, sums[r][1]);
        }
    }
}

static struct head_room head_room(size_t keys, size_t head_width, float *room)
{
    struct head_room h = {.keys_wide = round_up(keys, TILE_COLUMNS), .width_wide = round_up(head_width, TILE_COLUMNS)};
    h.k = room;
    h.v = h.k + h.keys_wide * head_width;
    h.weights = h.v + keys * h.width_wide;
    h.out = h.weights + TILE_ROWS * h.keys_wide;
    return h;
}

static size_t attention_room(size_t keys, size_t head_width)
{
    size_t keys_wide = round_up(keys, TILE_COLUMNS), width_wide = round_up(head_width, TILE_COLUMNS);
    return keys_wide * head_width + keys * width_wide + TILE_ROWS * (keys_wide + width_wide);
}

KERNEL static void gather_keys(const struct attention *a, size_t head, const struct head_room *h)
{
    size_t D = a->head_width, s = 0;
    const float *from = a->k + head * D;
    for (; s + 4 <= a->keys; s += 4) {
        float *to = h->k + s / TILE_COLUMNS * TILE_COLUMNS * D + s % TILE_COLUMNS;
        size_t d = 0;
        for (; d + 4 <= D; d += 4) turn_4(from + s * a->kv_stride + d, a->kv_stride, to + d * TILE_COLUMNS, TILE_COLUMNS);
        for (; d < D; d++)
            for (size_t i = 0; i < 4; i++) to[d * TILE_COLUMNS + i] = from[(s + i) * a->kv_stride + d];
    }
    for (; s < h->keys_wide; s++) {
        float *to = h->k + s / TILE_COLUMNS * TILE_COLUMNS * D + s % TILE_COLUMNS;
        for (size_t d = 0; d < D; d++) to[d * TILE_COLUMNS] = s < a->keys ? from[s * a->kv_stride + d] : 0;
    }
}

KERNEL static void gather_values(const struct attention *a, size_t head, const struct head_room *h)
{
    size_t D = a->head_width;
    for (size_t s = 0; s < a->keys; s++) {
        const float *from = a->v + s * a->kv_stride + head * D;
        float *to = h->v + s * TILE_COLUMNS;
        size_t column = 0;
        for (; column + TILE_COLUMNS <= D; column += TILE_COLUMNS, to += a->keys * TILE_COLUMNS) {
            vf_store(to, vf_load(from + column));
            vf_store(to + LANES, vf_load(from + column + LANES));
        }
        for (size_t i = 0; column < D && i < TILE_COLUMNS; i++) to[i] = column + i < D ? from[column + i] : 0;
    }
}

/* weights = q · kᵀ of the tile's rows for the first `keys` keys, in whole panels. */
INLINE void tile_scores(const unsigned rows, const float *q, size_t q_stride, const struct head_room *h, size_t head_width,
                        size_t keys)
{
    for (size_t s = 0; s < keys; s += TILE_COLUMNS) {
        vf sums[TILE_ROWS][2] = {{{0}}};
        tile_add(rows, q, q_stride, h->k + s * head_width, head_width, sums);
        UNROLL for (unsigned r = 0; r < rows; r++) {
            vf_store(h->weights + r * h->keys_wide + s, sums[r][0]);
            vf_store(h->weights + r * h->keys_wide + s + LANES, sums[r][1]);
        }
    }
}

/* e^(scale (x - most)) of the first `seen`, zeros up to `keys`; 1 / their sum. Behind `seen` there is room for whole vectors. */
INLINE float softmax_row(float *x, float scale, size_t seen, size_t keys)
{
    size_t wide = round_up(seen, LANES);
    for (size_t i = seen; i < wide; i++) x[i] = -INFINITY;
    vf most = vf_load(x), sums = vf_all(0);
    for (size_t i = LANES; i < wide; i += LANES) most = vf_max(most, vf_load(x + i));
    const float top = vf_most(most);
    for (size_t i = 0; i < wide; i += LANES) {
        vf e = vf_exp((vf_load(x + i) - top) * scale);
        vf_store(x + i, e);
        if (i + LANES <= seen) sums += e;
    }
    float sum = vf_sum(sums);
    for (size_t i = seen / LANES * LANES; i < seen; i++) sum += x[i];
    for (size_t i = seen; i < keys; i++) x[i] = 0;
    return 1 / sum;
}

/* out = weights · v of the tile's rows. */
INLINE void tile_mix(const unsigned rows, const struct head_room *h, size_t all_keys, size_t keys)
{
    for (size_t column = 0; column < h->width_wide; column += TILE_COLUMNS) {
        vf sums[TILE_ROWS][2] = {{{0}}};
        tile_add(rows, h->weights, h->keys_wide, h->v + column * all_keys, keys, sums);
        UNROLL for (unsigned r = 0; r < rows; r++) {
            vf_store(h->out + r * h->width_wide + column, sums[r][0]);
            vf_store(h->out + r * h->width_wide + column + LANES, sums[r][1]);
        }
    }
}

INLINE void attend_tile(const unsigned rows, const struct attention *a, size_t head, size_t first, const struct head_room *h)
{
    const size_t D = a->head_width;
    const float scale = 1 / sqrtf((float)D);
    size_t keys = a->causal && first + rows < a->keys ? first + rows : a->keys; /* that any of the rows sees */
    tile_scores(rows, a->q + first * a->q_stride + head * D, a->q_stride, h, D, keys);
    float inverse[TILE_ROWS];
    for (unsigned r = 0; r < rows; r++) {
        size_t seen = a->causal ? first + r + 1 : keys;
        inverse[r] = softmax_row(h->weights + r * h->keys_wide, scale, seen, keys);
    }
    tile_mix(rows, h, a->keys, keys);
    for (unsigned r = 0; r < rows; r++) {
        size_t at = ((first + r) * a->heads + head) * D, d = 0;
        const float *out = h->out + r * h->width_wide;
        for (; d + LANES <= D; d += LANES) store_as(a->type, a->out, at + d, vf_load(out + d) * inverse[r]);
        for (; d < D; d++) store_one_as(a->type, a->out, at + d, out[d] * inverse[r]);
    }
}

KERNEL static void attend(const struct attention *a)
{
    struct head_room h = head_room(a->keys, a->head_width, a->room);
    for (size_t head = 0; head < a->heads; head++) {
        gather_keys(a, head, &h);
        gather_values(a, head, &h);
        size_t i = 0;
        for (; i + TILE_ROWS <= a->queries; i += TILE_ROWS) attend_tile(TILE_ROWS, a, head, i, &h);
        for (; i + 2 <= a->queries; i += 2) attend_tile(2, a, head, i, &h);
        if (i < a->queries) attend_tile(1, a, head, i, &h);
    }
}

/* ---- int8 */

KERNEL static void quantise(const float *x, size_t rows, size_t width, int8_t *out, float *scales)
{
    for (size_t r = 0; r < rows; r++, x += width, out += width) {
        vf most = vf_all(0);
        size_t i = 0;
        for (; i + LANES <= width; i += LANES) most = vf_max(most, vf_max(vf_load(x + i), 0 - vf_load(x + i)));
        float top = vf_most(most);
        for (; i < width; i++) top = larger(top, fabsf(x[i]));
        scales[r] = top / 127;
        const float inverse = top > 0 ? 127 / top : 0;
        const vf magic = vf_all(0x1.8p23f); /* its low bits then hold the whole number */
        typedef int8_t vb __attribute__((vector_size(LANES)));
        typedef int8_t vb_memory __attribute__((vector_size(LANES), aligned(1), may_alias));
        for (i = 0; i + LANES <= width; i += LANES) {
            vi whole = (vi)vf_fma(vf_load(x + i), vf_all(inverse), magic) - 0x4b400000;
            *(vb_memory *)(void *)(out + i) = (vb_memory)__builtin_convertvector(whole, vb);
        }
        for (; i < width; i++) out[i] = (int8_t)rintf(x[i] * inverse);
    }
}

INLINE float after_one(enum linear_after after, float x) /* by the same steps as a vector's */
{
    return vf_after(after, vf_all(x))[0];
}

INLINE void dequantise_rows(const int32_t *sums, const float *row_scales, const float *column_scales, const float *bias,
                            size_t rows, size_t n, const enum linear_after after, float *y)
{
    for (size_t r = 0; r < rows; r++, sums += n, y += n) {
        const float scale = row_scales[r];
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            vf whole = __builtin_convertvector((vi)*(const vi_memory *)(const void *)(sums + i), vf);
            vf v = vf_fma(whole, scale * vf_load(column_scales + i), bias ? vf_load(bias + i) : vf_all(0));
            vf_store(y + i, after == LINEAR_ADD ? v + vf_load(y + i) : vf_after(after, v));
        }
        for (; i < n; i++) {
            float v = vf_fma(vf_all((float)sums[i]), vf_all(scale * column_scales[i]), vf_all(bias ? bias[i] : 0))[0];
            y[i] = after == LINEAR_ADD ? v + y[i] : after_one(after, v);
        }
    }
}

KERNEL static void dequantise(const int32_t *sums, const float *row_scales, const float *column_scales, const float *bias,
                              size_t rows, size_t n, enum linear_after after, float *y)
{
    switch (after) {
    case LINEAR_PLAIN: dequantise_rows(sums, row_scales, column_scales, bias, rows, n, LINEAR_PLAIN, y); break;
    case LINEAR_ADD: dequantise_rows(sums, row_scales, column_scales, bias, rows, n, LINEAR_ADD, y); break;
    case LINEAR_QUICKGELU: dequantise_rows(sums, row_scales, column_scales, bias, rows, n, LINEAR_QUICKGELU, y); break;
    case LINEAR_GELU: dequantise_rows(sums, row_scales, column_scales, bias, rows, n, LINEAR_GELU, y); break;
    case LINEAR_RELU6: dequantise_rows(sums, row_scales, column_scales, bias, rows, n, LINEAR_RELU6, y); break;
    }
}

KERNEL static void requantise(const int32_t *sums, const float *row_scales, const float *column_scales, const float *bias,
                              size_t rows, size_t n, enum linear_after after, float *room, int8_t *y, float *scales)
{
    for (size_t r = 0; r < rows; r++) { /* a row stays in the first-level cache */
        dequantise(sums + r * n, row_scales + r, column_scales, bias, 1, n, after, room);
        quantise(room, 1, n, y + r * n, scales + r);
    }
}

const struct block_kernels KERNELS = {
    .norm = norm,
    .attention_room = attention_room,
    .attend = attend,
    .to_bf16 = to_bf16,
    .from_bf16 = from_bf16,
    .quantise = quantise,
    .dequantise = dequantise,
    .requantise = requantise,
    .pack_size = pack_size,
    .pack = pack_panels,
    .product_room = product_room,
    .product = product,
    .pack_s8_size = pack_s8_size,
    .pack_s8 = pack_s8,
    .product_s8 = product_s8,
};
