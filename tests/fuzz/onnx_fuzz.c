/* ONNX files: whatever is taken holds what its header says, and what is held against open_nsfw's graph is refused or complete. */
#include "filters/clip/onnx.h"
#include "filters/clip/open_nsfw_graph.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct onnx *onnx, struct str file)
{
    for (size_t i = 0; i < onnx->tensor_count; i++) {
        const struct onnx_tensor *t = &onnx->tensors[i];
        uint64_t count = 1;
        for (unsigned k = 0; k < t->rank; k++) count *= t->dims[k];
        if (t->rank > ONNX_RANK || (t->numbers.p && t->numbers.n != count * 4)) abort();
        if (t->numbers.n && (t->numbers.p < file.p || t->numbers.p + t->numbers.n > file.p + file.n)) abort();
        if (t->name.n && onnx_constant(onnx, t->name) != t) abort();
    }
    for (size_t i = 0; i < onnx->node_count; i++) {
        const struct onnx_node *n = &onnx->nodes[i];
        if (n->output.n && onnx_maker(onnx, n->output) != n) abort();
        for (size_t k = 0; k < n->input_count && k < ONNX_INPUTS; k++) onnx_maker(onnx, n->inputs[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct open_nsfw_conv convs[OPEN_NSFW_CONVS];
    static float classes[2 * OPEN_NSFW_FEATURES], bias[2];
    struct str file = str_of((const char *)data, size);
    struct onnx *onnx = onnx_parse("fuzz", file);
    if (onnx) check(onnx, file);
    onnx_free(onnx);
    if (open_nsfw_graph_read("fuzz", file, convs, classes, bias) == 0)
        for (size_t i = 0; i < OPEN_NSFW_CONVS; i++)
            if (!convs[i].weights || !convs[i].bias) abort();
    open_nsfw_graph_free(convs);
    return 0;
}
