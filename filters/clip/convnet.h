/* Convolutional towers of inverted residual blocks: EfficientNet-Lite, MobileNetV2. A picture's pixels in, the mean of its last
 * features out, where asked for with their maximum.
 *
 *     struct convnet_shape shape = {.side = 160, .stem = {...}, .blocks = {...}, .block_count = 16, .features = 1280};
 *     if (convnet_check(&shape, "config.json") < 0) return -1;
 *     struct convnet *net = convnet_open(&shape, &source, MATMUL_BF16, matmul);
 *     struct convnet_work *work = convnet_work_new(net);                one a thread
 *     convnet_run(net, work, pixels, n, pooled);                        pixels [n, side, side, 3], pooled [n, convnet_pooled]
 *
 * The network: a full convolution of the pixels (the stem), blocks, a pointwise convolution to `features`, the mean over all
 * places (behind it, where `maximum`, the largest of all places). A block is a pointwise convolution to `hidden` channels (absent where `hidden` equals `in` and `expand` is false), a
 * depthwise one, a pointwise one to `out` channels, and where `residual`, what came in is added. ReLU6 follows all but a block's
 * last convolution. Every convolution has a bias: batch norms are folded by whoever reads the weights. Borders are
 * TensorFlow's "same": max((ceil(n / stride) - 1) * stride + kernel - n, 0) zeros, the smaller half before.
 *
 * Pointwise convolutions are products of matmul.h: rows are pixels. In MATMUL_BF16 these take bf16, everything between them
 * stays in single precision; in MATMUL_S8 the stem takes bf16. A result depends on its own picture alone.
 */
#ifndef WINNOW_CLIP_CONVNET_H
#define WINNOW_CLIP_CONVNET_H

#include <stdbool.h>

#include "filters/clip/matmul.h"

enum {
    CONVNET_BLOCKS_MOST = 64,
    CONVNET_CHANNELS_MOST = 1 << 13,
    CONVNET_SIDE_MOST = 1 << 10, /* pixels */
};

struct convnet_block {
    uint32_t kernel, stride; /* of the depthwise convolution; 1 to CONV_KERNEL_MOST */
    uint32_t in, hidden, out; /* channels */
    bool expand;             /* there is a first convolution */
    bool residual;           /* stride 1 and in = out */
};

struct convnet_shape {
    uint32_t side; /* pixels */
    uint32_t stem_kernel, stem_stride, stem_out;
    uint32_t block_count;
    struct convnet_block blocks[CONVNET_BLOCKS_MOST];
    uint32_t features;
    bool maximum; /* pooled: the means of all features, then their maxima */
    float mean[3], deviation[3]; /* of a pixel: (v / 255 - mean) / deviation, channel by channel */
};

/* Sizes within bounds, channels that follow one another. 0, or -1 with a sentence that begins with `file`. */
int convnet_check(const struct convnet_shape *shape, const char *file);

enum convnet_part {
    CONVNET_STEM,      /* [stem_out, 3, kernel, kernel] */
    CONVNET_EXPAND,    /* of a block: [hidden, in] */
    CONVNET_DEPTHWISE, /* of a block: [hidden, kernel, kernel] */
    CONVNET_PROJECT,   /* of a block: [out, hidden] */
    CONVNET_FEATURES,  /* [features, out of the last block] */
};
size_t convnet_part_size(const struct convnet_shape *shape, enum convnet_part part, uint32_t block, bool bias); /* floats */

/* Where the numbers come from: writes the part's weights or its bias. -1 with a sentence. */
struct convnet_source {
    int (*read)(const void *context, enum convnet_part part, uint32_t block, bool bias, float *out);
    const void *context;
};
float *convnet_read(const struct convnet_shape *shape, const struct convnet_source *source, enum convnet_part part,
                    uint32_t block, bool bias); /* aligned, to be freed with free(); NULL with a sentence */

struct convnet;
struct convnet_work;

/* NULL with a sentence. Nothing of shape and source is kept. */
struct convnet *convnet_open(const struct convnet_shape *shape, const struct convnet_source *source, enum matmul_type type,
                             const struct matmul *matmul);
void convnet_close(struct convnet *net); /* NULL is allowed */
size_t convnet_bytes(const struct convnet *net); /* of packed weights */

struct convnet_work *convnet_work_new(const struct convnet *net); /* NULL with a sentence */
void convnet_work_free(struct convnet_work *work);                /* NULL is allowed */

int convnet_run(const struct convnet *net, struct convnet_work *work, const uint8_t *pixels, size_t n, float *pooled);

/* Numbers of a picture's pooled row. */
static inline uint32_t convnet_pooled(const struct convnet_shape *shape) { return shape->features * (shape->maximum ? 2 : 1); }

/* What "same" says: results of a side, and zeros before the first pixel. */
static inline uint32_t convnet_out(uint32_t side, uint32_t stride) { return (side + stride - 1) / stride; }
static inline uint32_t convnet_before(uint32_t side, uint32_t kernel, uint32_t stride)
{
    uint32_t reach = (convnet_out(side, stride) - 1) * stride + kernel;
    return reach > side ? (reach - side) / 2 : 0;
}

#endif
