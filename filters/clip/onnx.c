#include "filters/clip/onnx.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <string.h>

/* ---- protobuf's wire format */

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint32_t number;
    enum wire wire;
    uint64_t value;   /* of VARINT */
    struct str bytes; /* of BYTES */
};

static bool take_varint(struct str *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && rest->n; shift += 7) {
        uint8_t byte = (uint8_t)*rest->p++;
        rest->n--;
        if (shift == 63 && byte > 1) return false;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

static bool take_bytes(struct str *rest, uint64_t n, struct str *bytes)
{
    if (n > rest->n) return false;
    *bytes = str_of(rest->p, (size_t)n);
    rest->p += n;
    rest->n -= (size_t)n;
    return true;
}

/* The next field: 1, 0 at the end, -1 with a sentence. */
static int take_field(const char *name, struct str *rest, struct field *f)
{
    uint64_t key, n;
    *f = (struct field){.bytes = {NULL, 0}};
    if (!rest->n) return 0;
    if (!take_varint(rest, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return fail("%s: damaged: a field without a number", name);
    f->number = (uint32_t)(key >> 3);
    f->wire = (enum wire)(key & 7);
    bool taken = f->wire == WIRE_VARINT ? take_varint(rest, &f->value)
                 : f->wire == WIRE_BYTES ? take_varint(rest, &n) && take_bytes(rest, n, &f->bytes)
                 : f->wire == WIRE_64    ? take_bytes(rest, 8, &f->bytes)
                                         : f->wire == WIRE_32 && take_bytes(rest, 4, &f->bytes);
    return taken ? 1 : fail("%s: damaged: field %u passes the end, or is of a kind that is not known", name, f->number);
}

/* Whole numbers, one a field or packed into one: appends to `out` up to `room`; what is more is counted. -1 with a sentence. */
static int add_numbers(const char *name, const struct field *f, int64_t *out, size_t room, size_t *count)
{
    struct str rest = f->bytes;
    uint64_t value = f->value;
    if (f->wire != WIRE_VARINT && f->wire != WIRE_BYTES) return fail("%s: damaged: field %u is no number", name, f->number);
    for (bool more = f->wire == WIRE_VARINT || rest.n; more; more = rest.n > 0) {
        if (f->wire == WIRE_BYTES && !take_varint(&rest, &value)) return fail("%s: damaged: field %u is no list of numbers", name, f->number);
        if (*count < room) out[*count] = (int64_t)value;
        ++*count;
    }
    return 0;
}

/* ---- messages */

struct reading {
    const char *name;
    struct onnx *onnx;
};

/* TensorProto: dims 1, data_type 2 (1: float), name 8, raw_data 9. */
static int read_tensor(const struct reading *r, struct str rest)
{
    struct onnx_tensor *t = &r->onnx->tensors[r->onnx->tensor_count];
    struct field f;
    int64_t dims[ONNX_RANK] = {0};
    size_t rank = 0;
    uint64_t type = 0, count = 1;
    int got;
    *t = (struct onnx_tensor){.name = STR_ABSENT};
    while ((got = take_field(r->name, &rest, &f)) > 0) {
        if (f.number == 1 && add_numbers(r->name, &f, dims, ONNX_RANK, &rank) < 0) return -1;
        if (f.number == 2) type = f.value;
        if (f.number == 8) t->name = f.bytes;
        if (f.number == 9) t->numbers = f.bytes;
    }
    if (got < 0) return -1;
    if (rank > ONNX_RANK) return fail("%s: a tensor of %zu dimensions; up to %d are read", r->name, rank, ONNX_RANK);
    t->rank = (unsigned)rank;
    for (size_t i = 0; i < rank; i++) {
        t->dims[i] = (uint64_t)dims[i];
        count = __builtin_mul_overflow(count, t->dims[i], &count) ? UINT64_MAX / 8 : count;
    }
    if (type != 1 || count > t->numbers.n / 4 || count * 4 != t->numbers.n) t->numbers = STR_ABSENT;
    r->onnx->tensor_count++;
    return 0;
}

/* AttributeProto: name 1, i 3, s 4, ints 8. */
static int read_attribute(const struct reading *r, struct str rest, struct onnx_node *node)
{
    struct str name = STR_ABSENT, text = STR_ABSENT;
    int64_t numbers[4] = {0}, number = 0;
    size_t count = 0;
    struct field f;
    int got;
    while ((got = take_field(r->name, &rest, &f)) > 0) {
        if (f.number == 1) name = f.bytes;
        if (f.number == 3) number = (int64_t)f.value;
        if (f.number == 4) text = f.bytes;
        if (f.number == 8 && add_numbers(r->name, &f, numbers, 4, &count) < 0) return -1;
    }
    if (str_eq(name, STR("strides"))) memcpy(node->strides, numbers, sizeof node->strides);
    if (str_eq(name, STR("pads"))) memcpy(node->pads, numbers, sizeof node->pads);
    if (str_eq(name, STR("kernel_shape"))) memcpy(node->kernel, numbers, sizeof node->kernel);
    if (str_eq(name, STR("dilations"))) memcpy(node->dilations, numbers, sizeof node->dilations);
    if (str_eq(name, STR("group"))) node->group = number;
    if (str_eq(name, STR("auto_pad"))) node->auto_pad = text;
    if (str_eq(name, STR("mode"))) node->mode = text;
    return got;
}

/* NodeProto: input 1, output 2, op_type 4, attribute 5. */
static int read_node(const struct reading *r, struct str rest)
{
    struct onnx_node *node = &r->onnx->nodes[r->onnx->node_count];
    struct field f;
    int got;
    *node = (struct onnx_node){.strides = {1, 1}, .dilations = {1, 1}, .group = 1};
    while ((got = take_field(r->name, &rest, &f)) > 0) {
        if (f.number == 1 && node->input_count++ < ONNX_INPUTS) node->inputs[node->input_count - 1] = f.bytes;
        if (f.number == 2 && !node->output.p) node->output = f.bytes;
        if (f.number == 4) node->type = f.bytes;
        if (f.number == 5 && read_attribute(r, f.bytes, node) < 0) return -1;
    }
    r->onnx->node_count++;
    return got;
}

/* ValueInfoProto: name 1. */
static int read_output(const struct reading *r, struct str rest)
{
    struct field f;
    int got;
    while ((got = take_field(r->name, &rest, &f)) > 0)
        if (f.number == 1 && !r->onnx->output.p) r->onnx->output = f.bytes;
    return got;
}

/* GraphProto: node 1, initializer 5, output 12. */
static int count_graph(const struct reading *r, struct str rest, size_t *nodes, size_t *tensors)
{
    struct field f;
    int got;
    while ((got = take_field(r->name, &rest, &f)) > 0) *nodes += f.number == 1, *tensors += f.number == 5;
    if (got == 0 && (*nodes > ONNX_MOST || *tensors > ONNX_MOST))
        return fail("%s: of %zu nodes and %zu tensors; up to %d are read", r->name, *nodes, *tensors, ONNX_MOST);
    return got;
}

static int read_graph(const struct reading *r, struct str rest)
{
    struct field f;
    int got, result = 0;
    while (result == 0 && (got = take_field(r->name, &rest, &f)) != 0) {
        if (got < 0) return -1;
        if (f.number == 1) result = read_node(r, f.bytes);
        if (f.number == 5) result = read_tensor(r, f.bytes);
        if (f.number == 12) result = read_output(r, f.bytes);
    }
    return result;
}

/* ModelProto: graph 7. The last one counts, as protobuf has it. */
static int find_graph(const char *name, struct str rest, struct str *graph)
{
    struct field f;
    int got;
    *graph = STR_ABSENT;
    while ((got = take_field(name, &rest, &f)) > 0)
        if (f.number == 7 && f.wire == WIRE_BYTES) *graph = f.bytes;
    if (got < 0) return -1;
    return graph->p ? 0 : fail("%s: no ONNX model: expected a graph", name);
}

/* ---- finding by name */

static int compare(struct str a, struct str b)
{
    int order = a.n && b.n ? memcmp(a.p, b.p, a.n < b.n ? a.n : b.n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static struct str name_of(const struct onnx *onnx, bool node, size_t i)
{
    return node ? onnx->nodes[i].output : onnx->tensors[i].name;
}

static int by_output(const void *a, const void *b, void *onnx)
{
    return compare(name_of(onnx, true, *(const size_t *)a), name_of(onnx, true, *(const size_t *)b));
}

static int by_name(const void *a, const void *b, void *onnx)
{
    return compare(name_of(onnx, false, *(const size_t *)a), name_of(onnx, false, *(const size_t *)b));
}

static int sort(const char *name, struct onnx *onnx, bool node)
{
    size_t n = node ? onnx->node_count : onnx->tensor_count, *order = node ? onnx->by_output : onnx->by_name;
    for (size_t i = 0; i < n; i++) order[i] = i;
    if (n) qsort_r(order, n, sizeof *order, node ? by_output : by_name, onnx);
    for (size_t i = 1; i < n; i++) {
        struct str own = name_of(onnx, node, order[i]);
        if (own.n && str_eq(own, name_of(onnx, node, order[i - 1])))
            return fail("%s: two %s of one name", name, node ? "outputs" : "tensors");
    }
    return 0;
}

static size_t find(const struct onnx *onnx, bool node, struct str name)
{
    size_t low = 0, high = node ? onnx->node_count : onnx->tensor_count;
    const size_t *order = node ? onnx->by_output : onnx->by_name;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = compare(name_of(onnx, node, order[middle]), name);
        if (c == 0) return order[middle];
        if (c < 0) low = middle + 1;
        else high = middle;
    }
    return SIZE_MAX;
}

const struct onnx_node *onnx_maker(const struct onnx *onnx, struct str value)
{
    size_t i = value.n ? find(onnx, true, value) : SIZE_MAX;
    return i == SIZE_MAX ? NULL : &onnx->nodes[i];
}

const struct onnx_tensor *onnx_constant(const struct onnx *onnx, struct str value)
{
    size_t i = value.n ? find(onnx, false, value) : SIZE_MAX;
    return i == SIZE_MAX ? NULL : &onnx->tensors[i];
}

struct onnx *onnx_parse(const char *name, struct str bytes)
{
    struct str graph;
    size_t nodes = 0, tensors = 0;
    struct onnx *onnx = calloc(1, sizeof *onnx);
    struct reading r = {name, onnx};
    if (!onnx) return fail_memory(), NULL;
    int result = find_graph(name, bytes, &graph);
    if (result == 0) result = count_graph(&r, graph, &nodes, &tensors);
    if (result == 0) {
        onnx->nodes = calloc(nodes + 1, sizeof *onnx->nodes);
        onnx->tensors = calloc(tensors + 1, sizeof *onnx->tensors);
        onnx->by_output = calloc(nodes + 1, sizeof *onnx->by_output);
        onnx->by_name = calloc(tensors + 1, sizeof *onnx->by_name);
        if (!onnx->nodes || !onnx->tensors || !onnx->by_output || !onnx->by_name) result = fail_memory();
    }
    if (result == 0) result = read_graph(&r, graph);
    if (result == 0 && sort(name, onnx, true) == 0 && sort(name, onnx, false) == 0) return onnx;
    onnx_free(onnx);
    return NULL;
}

void onnx_free(struct onnx *onnx)
{
    if (!onnx) return;
    free(onnx->nodes);
    free(onnx->tensors);
    free(onnx->by_output);
    free(onnx->by_name);
    free(onnx);
}
