/* The header goes through Jansson, which refuses a key that stands twice; then each entry is held against the data. */
#include "filters/clip/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

/* The format's own limit is 100 MB; a header of a large CLIP has 0.2 MB, and parsed JSON takes many times its text. */
enum { HEADER_MOST = 16 << 20 };

static int fail_tensor(const char *file, const char *name, const char *reason)
{
    return fail("%s: tensor %s: %s", file, name, reason);
}

static int type_of(const char *spelled, enum tensor_type *type)
{
    for (unsigned i = 0; i < TENSOR_TYPES; i++)
        if (strcmp(spelled, tensor_type_name((enum tensor_type)i)) == 0) return *type = (enum tensor_type)i, 0;
    return -1;
}

static int read_shape(const char *file, const char *name, json_t *shape, struct tensor *t)
{
    uint64_t sides[TENSOR_RANK_MOST];
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape)) return fail_tensor(file, name, "shape is not a list");
    if (rank > TENSOR_RANK_MOST)
        return fail("%s: tensor %s: %zu dimensions; at most %d are read", file, name, rank, TENSOR_RANK_MOST);
    for (size_t i = 0; i < rank; i++) {
        json_t *side = json_array_get(shape, i);
        if (!json_is_integer(side) || json_integer_value(side) < 0)
            return fail_tensor(file, name, "a side of the shape is not a whole number");
        sides[i] = (uint64_t)json_integer_value(side);
    }
    if (tensor_set_shape(t, sides, (unsigned)rank) < 0) return fail_prefix("%s: tensor %s: ", file, name), -1;
    return 0;
}

static int read_offsets(const char *file, const char *name, json_t *offsets, struct str data, struct tensor *t)
{
    json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return fail_tensor(file, name, "data_offsets are not two whole numbers");
    int64_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > data.n)
        return fail("%s: tensor %s: data_offsets [%" PRId64 ", %" PRId64 "] lie outside the %zu bytes of data", file, name,
                    begin, end, data.n);
    uint64_t needed = t->count * tensor_type_size(t->type);
    if ((uint64_t)(end - begin) != needed) {
        char text[TENSOR_SHAPE_TEXT];
        return fail("%s: tensor %s: %" PRId64 " bytes of data; %s %s needs %" PRIu64, file, name, end - begin,
                    tensor_type_name(t->type), tensor_shape_text(t, text), needed);
    }
    t->data = str_of(data.p + begin, (size_t)(end - begin));
    return 0;
}

static int read_entry(const char *file, const char *name, json_t *entry, struct str data, struct tensor *t)
{
    if (!json_is_object(entry)) return fail_tensor(file, name, "its entry is not an object");
    const char *key;
    json_t *value;
    json_object_foreach (entry, key, value)
        if (strcmp(key, "dtype") && strcmp(key, "shape") && strcmp(key, "data_offsets"))
            return fail("%s: tensor %s: unknown field %s", file, name, key);
    json_t *type = json_object_get(entry, "dtype");
    if (!json_is_string(type)) return fail_tensor(file, name, "dtype is missing");
    *t = (struct tensor){.name = str_from(name), .file = file};
    if (type_of(json_string_value(type), &t->type) < 0)
        return fail("%s: tensor %s: type %s is not one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL", file, name,
                    json_string_value(type));
    if (read_shape(file, name, json_object_get(entry, "shape"), t) < 0) return -1;
    return read_offsets(file, name, json_object_get(entry, "data_offsets"), data, t);
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    if (x->data.p != y->data.p) return x->data.p < y->data.p ? -1 : 1;
    return (x->data.n > y->data.n) - (x->data.n < y->data.n);
}

/* Laid end to end, the tensors are the data, no byte twice and none over. */
static int check_places(const char *file, struct tensor *items, size_t n, struct str data)
{
    const char *at = data.p;
    if (n) qsort(items, n, sizeof *items, by_place);
    for (size_t i = 0; i < n; at = items[i].data.p + items[i].data.n, i++)
        if (items[i].data.p != at)
            return fail("%s: tensor %.*s: data begin at %td, %s at %td", file, STR_ARG(items[i].name), items[i].data.p - data.p,
                        items[i].data.p < at ? "inside the tensor before, which ends" : "a gap after what ends", at - data.p);
    if (at != data.p + data.n) return fail("%s: %td bytes of data belong to no tensor", file, data.p + data.n - at);
    return 0;
}

static int read_entries(const char *file, json_t *header, struct str data, struct tensor_list *list)
{
    size_t before = list->n;
    const char *name;
    json_t *entry;
    json_object_foreach (header, name, entry) {
        struct tensor t;
        if (strcmp(name, "__metadata__") == 0) continue;
        if (read_entry(file, name, entry, data, &t) < 0) return -1;
        if (tensor_list_add(list, &t) < 0) return fail_prefix("%s: ", file), -1;
    }
    return check_places(file, list->items ? list->items + before : NULL, list->n - before, data);
}

int safetensors_read(const char *file, struct str bytes, struct tensor_list *list)
{
    if (bytes.n < 8) return fail("%s: %zu bytes: too short for safetensors", file, bytes.n);
    uint64_t length = 0;
    for (unsigned i = 8; i-- > 0;) length = length << 8 | (unsigned char)bytes.p[i];
    if (length > bytes.n - 8)
        return fail("%s: a header of %" PRIu64 " bytes in a file of %zu: cut off, or not safetensors", file, length, bytes.n);
    if (length > HEADER_MOST) return fail("%s: a header of %" PRIu64 " bytes; at most %d are read", file, length, HEADER_MOST);
    json_error_t error;
    json_t *header = json_loadb(bytes.p + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!header) return fail("%s: header, byte %d: %s", file, error.position, error.text);
    int result = json_is_object(header) ? read_entries(file, header, str_from_at(bytes, 8 + (size_t)length), list)
                                        : fail("%s: the header is not a JSON object", file);
    json_decref(header);
    return result;
}
