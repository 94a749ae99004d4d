/* One named tensor inside a model file: type, shape and the bytes, not converted.
 *
 *     float *out = malloc(tensor->count * sizeof *out);
 *     if (tensor_to_f32(tensor, out) < 0) return -1;        row-major, whatever the type and the strides
 */
#ifndef WINNOW_CLIP_TENSOR_H
#define WINNOW_CLIP_TENSOR_H

#include "pipeline/base/arena.h"
#include "pipeline/base/str.h"

enum tensor_type {
    TENSOR_F64,
    TENSOR_F32,
    TENSOR_F16,  /* IEEE half */
    TENSOR_BF16, /* the upper half of an IEEE single */
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_I16,
    TENSOR_I8,
    TENSOR_U8,
    TENSOR_BOOL,
    TENSOR_TYPES
};
size_t tensor_type_size(enum tensor_type type);       /* bytes an element */
const char *tensor_type_name(enum tensor_type type);  /* "F32", as safetensors spells it */

enum { TENSOR_RANK_MOST = 8 };

struct tensor {
    struct str name;    /* "" in an .npy */
    const char *file;   /* path, for messages */
    enum tensor_type type;
    unsigned rank;      /* 0: one number */
    uint64_t shape[TENSOR_RANK_MOST];  /* rank entries; may hold 0 */
    uint64_t stride[TENSOR_RANK_MOST]; /* in elements; row-major in all but torch's transposed tensors and Fortran's .npy */
    uint64_t count;     /* elements: the product of shape */
    struct str data;    /* from element (0, …, 0) to the last one reached by the strides; little-endian, not aligned */
};

/* Fills stride for row-major data and count. 0, or -1 with a sentence when the bytes would not fit 2^62. */
int tensor_set_shape(struct tensor *t, const uint64_t *shape, unsigned rank);
bool tensor_is_float(const struct tensor *t); /* F64, F32, F16 or BF16 */
bool tensor_row_major(const struct tensor *t);
bool tensor_shape_is(const struct tensor *t, unsigned rank, uint64_t a, uint64_t b); /* rank 0, 1 or 2; b unused below 2 */
/* "[512, 768]" for messages; the buffer holds any shape. */
enum { TENSOR_SHAPE_TEXT = 192 };
const char *tensor_shape_text(const struct tensor *t, char text[TENSOR_SHAPE_TEXT]);

/* Writes count floats in row-major order; F64 and integers are rounded to the nearest float. -1 with a sentence that names
 * file, tensor and place when an element is not finite (or F64 and beyond a float's range). */
int tensor_to_f32(const struct tensor *t, float *out);
int tensor_to_f64(const struct tensor *t, double *out); /* the same, exact but for I64 beyond 2^53 */

void tensor_pack(const struct tensor *t, char *out); /* the elements as they are, row-major: count * tensor_type_size bytes */

/* What a parser of a model file fills: tensors in the file's order, names copied where the file escapes them. */
struct tensor_list {
    struct tensor *items;
    size_t n, room;
    struct arena names;
};
void tensor_list_init(struct tensor_list *list);
void tensor_list_free(struct tensor_list *list);
int tensor_list_add(struct tensor_list *list, const struct tensor *t); /* copies name and all */
int tensor_list_sort(struct tensor_list *list); /* by name; -1 with a sentence when a name stands twice */
const struct tensor *tensor_list_find(const struct tensor_list *list, struct str name); /* of a sorted list; NULL: not there */

#endif
