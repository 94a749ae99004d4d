/* ONNX: the nodes of a graph and its constant tensors, as slices of the file's bytes. What the nodes mean is left to whoever knows
 * the network that is looked for; nothing here runs a graph. Private to filters/clip.
 *
 *     struct onnx *onnx = onnx_parse("open_nsfw.onnx", bytes);          `bytes` must outlive it
 *     const struct onnx_node *last = onnx_maker(onnx, onnx->output);
 *     const struct onnx_tensor *w = onnx_constant(onnx, last->inputs[1]);
 *
 * Read are ModelProto's graph; of it nodes, initializers and the first output; of nodes type, the first inputs, the first output and
 * the attributes that convolutions and poolings have. All else is passed over by its length, as protobuf's wire format allows. Tensors
 * lie in the file itself (raw_data, single precision) or are none.
 * Refused with a sentence: a length that passes its end, a number of more than 64 bits, wire types that protobuf has not (groups
 * included), more nodes or tensors than ONNX_MOST, a tensor of more dimensions than ONNX_RANK, two tensors or two outputs of one name.
 * Time and memory grow with the size of the file alone.
 * Source: onnx/onnx.proto (Apache-2.0), protobuf's encoding.
 */
#ifndef WINNOW_CLIP_ONNX_H
#define WINNOW_CLIP_ONNX_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/str.h"

enum { ONNX_MOST = 1 << 15, ONNX_RANK = 6, ONNX_INPUTS = 3 };

struct onnx_tensor {
    struct str name;
    unsigned rank;
    uint64_t dims[ONNX_RANK];
    struct str numbers; /* little-endian floats, as many as the dimensions say; absent: of another type, or not in the file */
};

struct onnx_node {
    struct str type; /* "Conv" */
    struct str inputs[ONNX_INPUTS]; /* the first ones */
    size_t input_count;             /* of all */
    struct str output;              /* the first one */
    int64_t strides[2], pads[4], kernel[2], dilations[2], group; /* 1, 0, 0, 1, 1 where the node does not say */
    struct str auto_pad, mode;
};

struct onnx {
    struct onnx_node *nodes; /* in the file's order */
    struct onnx_tensor *tensors;
    size_t node_count, tensor_count;
    struct str output;       /* of the graph, the first */
    size_t *by_output, *by_name; /* private: nodes by their output, tensors by their name */
};

struct onnx *onnx_parse(const char *name, struct str bytes); /* NULL with a sentence that begins with `name` */
void onnx_free(struct onnx *onnx);                           /* NULL is allowed */
const struct onnx_node *onnx_maker(const struct onnx *onnx, struct str value);       /* whose output it is; NULL */
const struct onnx_tensor *onnx_constant(const struct onnx *onnx, struct str value);  /* NULL */

#endif
