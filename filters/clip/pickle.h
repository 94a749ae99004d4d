/* The part of Python's pickle that torch writes models with, read as data: nothing is imported, called or built by name.
 *
 *     struct pickle p;
 *     if (pickle_read(&p, "model.pt: data.pkl", bytes) < 0) return -1;
 *     ... pickle_value(&p, p.root) ...
 *     pickle_free(&p);
 *
 * The stack machine knows a closed set of opcodes; another is refused by its name. So is every global but these:
 * torch._utils _rebuild_tensor_v2 and _rebuild_parameter, torch's storage classes, collections OrderedDict, and class names
 * below __torch__ (TorchScript modules). What a REDUCE of them stands for is kept as a value: a tensor is its arguments.
 * (spec: clip.md section 10.)
 */
#ifndef WINNOW_CLIP_PICKLE_H
#define WINNOW_CLIP_PICKLE_H

#include "pipeline/base/str.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,   /* its value is not kept */
    PICKLE_STRING,  /* text */
    PICKLE_GLOBAL,  /* module, text: "torch", "FloatStorage" */
    PICKLE_TUPLE,   /* items */
    PICKLE_LIST,    /* items */
    PICKLE_DICT,    /* items with keys */
    PICKLE_OBJECT,  /* of a class below __torch__: its attributes, items with keys */
    PICKLE_STORAGE, /* the items of its id: "storage", class, key, device, length */
    PICKLE_TENSOR,  /* the arguments: storage, offset, size, stride, requires_grad, hooks */
    PICKLE_MARK     /* private */
};

struct pickle_value {
    enum pickle_kind kind;
    uint32_t first, last; /* of the items; 0: none */
    uint32_t count;       /* items */
    union {
        int64_t number;   /* BOOL, INT */
        struct {
            struct str module, text; /* slices of the pickle */
        };
    };
};

struct pickle_item {
    uint32_t key;   /* value; only in DICT and OBJECT */
    uint32_t value;
    uint32_t next;  /* item; 0: the last */
};

struct pickle {
    struct pickle_value *values;
    struct pickle_item *items; /* items[0] is unused */
    size_t values_n, values_room, items_n, items_room;
    uint32_t root;             /* the value that STOP left */
};

/* `file` stands before "byte N: …" in messages. `p` may be freed in either case; `bytes` must outlive it. */
int pickle_read(struct pickle *p, const char *file, struct str bytes);
void pickle_free(struct pickle *p);

static inline const struct pickle_value *pickle_value(const struct pickle *p, uint32_t value) { return &p->values[value]; }
/* The i-th item of a container (counted through from the first); NULL beyond its end. */
const struct pickle_value *pickle_at(const struct pickle *p, const struct pickle_value *container, uint32_t i);
/* The last value that a dictionary holds under a string; NULL when there is none. */
const struct pickle_value *pickle_get(const struct pickle *p, const struct pickle_value *dict, struct str key);

#endif
