/* The text of conv_kernels.h. The file that includes this has defined, for its class:
 *
 *     what kernel_vectors.h wants
 *     CONV_KERNELS   name of the table
 */
#include "filters/clip/kernel_vectors.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    VECTORS = LANES < 16 ? 2 : 1, /* of channels that run together: enough sums that none waits for another */
    OUTPUTS = 5,                  /* results side by side; sides of 160 pixels' networks are multiples of it */
};

/* The first result to which tap x of a row gives something, where `left` columns are not there. */
INLINE unsigned first_result(const unsigned stride, const unsigned left, const unsigned x)
{
    return x < left ? (left - x + stride - 1) / stride : 0;
}

/* OUTPUTS results of VECTORS vectors of channels. `from`: the first column of the picture that a window reaches, row by row;
 * `left`, `right`: columns before and behind the picture that the windows reach beyond it, and that add nothing. Columns are read
 * anew for each tap: two a cycle come as fast as they are multiplied, and there are not registers enough to keep them. */
INLINE void tile(const unsigned kernel, const unsigned stride, const unsigned left, const unsigned right, const struct depthwise *d,
                 const float *const *rows, size_t from, size_t c, vf sums[OUTPUTS][VECTORS])
{
    const size_t channels = d->channels;
    const unsigned count = (OUTPUTS - 1) * stride + kernel;
    UNROLL for (unsigned o = 0; o < OUTPUTS; o++)
        UNROLL for (unsigned v = 0; v < VECTORS; v++) sums[o][v] = vf_load(d->bias + c + v * LANES);
    const float *weights = d->weights + c;
    UNROLL for (unsigned y = 0; y < kernel; y++) {
        const float *column = rows[y] + (from + first_result(stride, left, 0) * stride - left) * channels + c;
        UNROLL for (unsigned x = 0; x < kernel; x++) {
            const unsigned first = first_result(stride, left, x);
            __asm__ volatile("" : "+r"(column), "+r"(weights)); /* what was read for another tap is not kept: it would be put by */
            vf weight[VECTORS];
            UNROLL for (unsigned v = 0; v < VECTORS; v++) weight[v] = vf_load(weights + v * LANES);
            UNROLL for (unsigned o = 0; o < OUTPUTS; o++)
                UNROLL for (unsigned v = 0; v < VECTORS; v++)
                    if (o >= first && o * stride + x < count - right)
                        sums[o][v] = vf_fma(vf_load(column + (o - first) * stride * channels + v * LANES), weight[v], sums[o][v]);
            weights += channels;
            column += ((ptrdiff_t)(first_result(stride, left, x + 1) * stride) + 1 - (ptrdiff_t)(first * stride)) * (ptrdiff_t)channels;
        }
    }
}

/* Results [o, o + OUTPUTS) of a row. */
INLINE void row_tile(const unsigned kernel, const unsigned stride, const unsigned left, const unsigned right, const struct depthwise *d,
                     size_t row, size_t o, size_t c)
{
    vf sums[OUTPUTS][VECTORS];
    tile(kernel, stride, left, right, d, d->rows + row * stride, left ? 0 : o * stride - d->before, c, sums);
    UNROLL for (unsigned i = 0; i < OUTPUTS; i++)
        UNROLL for (unsigned v = 0; v < VECTORS; v++)
            store_as(d->type, d->out, (row * d->out_width + o + i) * d->channels + c + v * LANES, vf_relu6(sums[i][v]));
}

/* What windows reach beyond a picture of even width, or any with stride 1. */
INLINE unsigned zeros_before(const unsigned kernel, const unsigned stride) { return (kernel - stride) / 2; }
INLINE unsigned zeros_behind(const unsigned kernel, const unsigned stride) { return kernel - stride - zeros_before(kernel, stride); }

/* Whether each row's first and last tile alone reach beyond the picture, by so much. */
INLINE bool has_tiles(const unsigned kernel, const unsigned stride, const struct depthwise *d)
{
    return d->out_width >= OUTPUTS && d->out_width * stride == d->width && d->before == zeros_before(kernel, stride) &&
           (d->out_width == OUTPUTS || ((d->out_width - OUTPUTS) * stride >= d->before && d->width + d->before >= (OUTPUTS - 1) * stride + kernel));
}

/* A row of results of VECTORS vectors of channels. Where the tiles do not go up in it, the last ones go over results that are there
 * already: only the very last reaches beyond the picture. */
INLINE void tiled_row(const unsigned kernel, const unsigned stride, const struct depthwise *d, size_t row, size_t c)
{
    const unsigned left = zeros_before(kernel, stride), right = zeros_behind(kernel, stride);
    const size_t n = d->out_width, last = n - OUTPUTS, beyond = (right + stride - 1) / stride; /* results whose windows end outside */
    if (n == OUTPUTS) {
        row_tile(kernel, stride, left, right, d, row, 0, c);
        return;
    }
    row_tile(kernel, stride, left, 0, d, row, 0, c);
    for (size_t o = OUTPUTS; o < last; o += OUTPUTS) row_tile(kernel, stride, 0, 0, d, row, o < last - beyond ? o : last - beyond, c);
    row_tile(kernel, stride, 0, right, d, row, last, c);
}

/* Any size: one vector of channels, or a single one, each by the steps that a tile's lane takes. */
INLINE void plain_row(const bool single, const struct depthwise *d, size_t row, size_t c)
{
    const float *const *rows = d->rows + row * d->stride;
    for (size_t o = 0; o < d->out_width; o++) {
        vf sum = single ? vf_all(d->bias[c]) : vf_load(d->bias + c);
        for (unsigned y = 0; y < d->kernel; y++)
            for (unsigned x = 0; x < d->kernel; x++) {
                size_t at = o * d->stride + x;
                if (at < d->before || at - d->before >= d->width) continue;
                const float *number = rows[y] + (at - d->before) * d->channels + c;
                const float *weight = d->weights + (y * d->kernel + x) * d->channels + c;
                sum = vf_fma(single ? vf_all(*number) : vf_load(number), single ? vf_all(*weight) : vf_load(weight), sum);
            }
        size_t at = (row * d->out_width + o) * d->channels + c;
        if (single) store_one_as(d->type, d->out, at, vf_relu6(sum)[0]);
        else store_as(d->type, d->out, at, vf_relu6(sum));
    }
}

KERNEL static void plain_channels(const struct depthwise *d, size_t c)
{
    for (; c + LANES <= d->channels; c += LANES)
        for (size_t row = 0; row < d->out_rows; row++) plain_row(false, d, row, c);
    for (; c < d->channels; c++)
        for (size_t row = 0; row < d->out_rows; row++) plain_row(true, d, row, c);
}

INLINE void tiled_channels(const unsigned kernel, const unsigned stride, const struct depthwise *d)
{
    size_t c = 0;
    if (has_tiles(kernel, stride, d))
        for (; c + VECTORS * LANES <= d->channels; c += VECTORS * LANES)
            for (size_t row = 0; row < d->out_rows; row++) tiled_row(kernel, stride, d, row, c);
    plain_channels(d, c);
}

/* The sizes that networks have are compiled apart. */
KERNEL static void depthwise(const struct depthwise *d)
{
    if (d->kernel == 3 && d->stride == 1) tiled_channels(3, 1, d);
    else if (d->kernel == 3 && d->stride == 2) tiled_channels(3, 2, d);
    else if (d->kernel == 5 && d->stride == 1) tiled_channels(5, 1, d);
    else if (d->kernel == 5 && d->stride == 2) tiled_channels(5, 2, d);
    else plain_channels(d, 0);
}

KERNEL static void mean(const float *x, size_t rows, size_t n, float *out)
{
    const float part = 1 / (float)rows;
    size_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        vf sum = vf_all(0);
        for (size_t r = 0; r < rows; r++) sum += vf_load(x + r * n + c);
        vf_store(out + c, sum * part);
    }
    for (; c < n; c++) {
        float sum = 0;
        for (size_t r = 0; r < rows; r++) sum += x[r * n + c];
        out[c] = sum * part;
    }
}

KERNEL static void largest(const float *x, size_t rows, size_t n, float *out)
{
    size_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        vf most = vf_load(x + c);
        for (size_t r = 1; r < rows; r++) most = vf_max(most, vf_load(x + r * n + c));
        vf_store(out + c, most);
    }
    for (; c < n; c++) {
        out[c] = x[c];
        for (size_t r = 1; r < rows; r++) out[c] = larger(out[c], x[r * n + c]);
    }
}

KERNEL static void softmax(float *x, size_t n, float scale)
{
    float most = x[0] * scale, sum = 0;
    for (size_t i = 1; i < n; i++) most = larger(most, x[i] * scale);
    size_t i = 0;
    vf sums = vf_all(0);
    for (; i + LANES <= n; i += LANES) {
        vf e = vf_exp(vf_load(x + i) * scale - most);
        vf_store(x + i, e);
        sums += e;
    }
    sum = vf_sum(sums);
    for (; i < n; i++) sum += x[i] = vf_exp(vf_all(x[i] * scale - most))[0];
    for (i = 0; i < n; i++) x[i] /= sum;
}

const struct conv_kernels CONV_KERNELS = {.depthwise = depthwise, .mean = mean, .largest = largest, .softmax = softmax};
