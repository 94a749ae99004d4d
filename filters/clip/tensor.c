/* Shapes, strides and lists of tensors; numbers are converted in tensor_convert.c. */
#include "filters/clip/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

enum {
    TENSORS_MOST = 1 << 20,     /* a list's ceiling: the largest published CLIP has about 1,300 */
    NAMES_MOST = 64 << 20,      /* bytes of all names */
    TENSOR_BYTES_MOST_BITS = 62 /* keeps all arithmetic on offsets inside 64 bits */
};

static const struct {
    const char *name;
    size_t size;
} types[TENSOR_TYPES] = {
    [TENSOR_F64] = {"F64", 8}, [TENSOR_F32] = {"F32", 4}, [TENSOR_F16] = {"F16", 2}, [TENSOR_BF16] = {"BF16", 2},
    [TENSOR_I64] = {"I64", 8}, [TENSOR_I32] = {"I32", 4}, [TENSOR_I16] = {"I16", 2}, [TENSOR_I8] = {"I8", 1},
    [TENSOR_U8] = {"U8", 1},   [TENSOR_BOOL] = {"BOOL", 1},
};

size_t tensor_type_size(enum tensor_type type) { return types[type].size; }
const char *tensor_type_name(enum tensor_type type) { return types[type].name; }

int tensor_set_shape(struct tensor *t, const uint64_t *shape, unsigned rank)
{
    if (rank > TENSOR_RANK_MOST) return fail("%u dimensions; at most %d are read", rank, TENSOR_RANK_MOST);
    const uint64_t most = ((uint64_t)1 << TENSOR_BYTES_MOST_BITS) / tensor_type_size(t->type);
    uint64_t extent = 1; /* the product with 1 in place of 0, so that strides stay bounded too */
    t->rank = rank;
    t->count = 1;
    for (unsigned i = rank; i-- > 0;) {
        t->shape[i] = shape[i];
        t->stride[i] = extent;
        uint64_t side = shape[i] ? shape[i] : 1;
        if (side > most / extent) return fail("the shape's product is over 2^%d bytes", TENSOR_BYTES_MOST_BITS);
        extent *= side;
        t->count *= shape[i];
    }
    return 0;
}

bool tensor_is_float(const struct tensor *t)
{
    return t->type == TENSOR_F32 || t->type == TENSOR_F16 || t->type == TENSOR_BF16 || t->type == TENSOR_F64;
}

bool tensor_row_major(const struct tensor *t)
{
    uint64_t expected = 1;
    for (unsigned i = t->rank; i-- > 0;) {
        if (t->shape[i] != 1 && t->stride[i] != expected) return false;
        expected *= t->shape[i];
    }
    return true;
}

bool tensor_shape_is(const struct tensor *t, unsigned rank, uint64_t a, uint64_t b)
{
    return t->rank == rank && (rank < 1 || t->shape[0] == a) && (rank < 2 || t->shape[1] == b);
}

const char *tensor_shape_text(const struct tensor *t, char text[TENSOR_SHAPE_TEXT])
{
    size_t n = 0;
    for (unsigned i = 0; i < t->rank; i++)
        n += (size_t)snprintf(text + n, TENSOR_SHAPE_TEXT - n, "%s%" PRIu64, i ? ", " : "[", t->shape[i]);
    snprintf(text + n, TENSOR_SHAPE_TEXT - n, "%s", t->rank ? "]" : "[]");
    return text;
}

void tensor_list_init(struct tensor_list *list)
{
    *list = (struct tensor_list){0};
    arena_init(&list->names, NAMES_MOST);
}

void tensor_list_free(struct tensor_list *list)
{
    free(list->items);
    arena_free(&list->names);
    *list = (struct tensor_list){0};
}

int tensor_list_add(struct tensor_list *list, const struct tensor *t)
{
    if (list->n == list->room) {
        if (list->n == TENSORS_MOST) return fail("more than %d tensors", TENSORS_MOST);
        size_t room = list->room ? 2 * list->room : 256;
        struct tensor *items = realloc(list->items, room * sizeof *items);
        if (!items) return fail_memory();
        list->items = items;
        list->room = room;
    }
    struct str name = arena_copy(&list->names, t->name);
    if (!name.p) return -1;
    list->items[list->n] = *t;
    list->items[list->n++].name = name;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

int tensor_list_sort(struct tensor_list *list)
{
    if (list->n) qsort(list->items, list->n, sizeof *list->items, by_name);
    for (size_t i = 1; i < list->n; i++)
        if (str_eq(list->items[i].name, list->items[i - 1].name))
            return fail("tensor %.*s stands twice", STR_ARG(list->items[i].name));
    return 0;
}

const struct tensor *tensor_list_find(const struct tensor_list *list, struct str name)
{
    struct tensor key = {.name = name};
    return list->n ? bsearch(&key, list->items, list->n, sizeof *list->items, by_name) : NULL;
}
