/* Three steps: the zip's directory, the pickle of `TOP/data.pkl` as values, then a walk over those for tensors, whose numbers
 * are `TOP/data/KEY`. A pickle may name one container many times, or inside itself: the walk has a depth and a budget. */
#include "filters/clip/torchzip.h"

#include <inttypes.h>
#include <stdio.h>

#include "filters/clip/pickle.h"
#include "filters/clip/zip.h"
#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"

enum {
    DEPTH_MOST = 32,      /* dictionaries and modules inside each other */
    VISITS_MOST = 1 << 20, /* items looked at */
    NAME_MOST = 4096      /* bytes of a tensor's name */
};

struct reader {
    const char *file;
    struct zip zip;
    struct str top;       /* the folder that data.pkl lies in */
    struct pickle pickle;
    struct buf name;      /* the path of the item at hand */
    struct buf entry;     /* a zip entry's name */
    uint32_t visits;
    struct tensor_list *list;
};

static int fail_tensor(const struct reader *r, const char *reason)
{
    return fail("%s: tensor %.*s: %s", r->file, STR_ARG(buf_str(&r->name)), reason);
}

/* ---- the zip ---- */

static int find_top(struct reader *r)
{
    const struct str tail = STR("/data.pkl");
    for (size_t i = 0; i < r->zip.n; i++) {
        struct str name = r->zip.entries[i].name;
        if (!str_ends(name, tail)) continue;
        struct str top = str_of(name.p, name.n - tail.n);
        if (memchr(top.p, '/', top.n)) continue;
        if (r->top.p) return fail("%s: two data.pkl", r->file);
        r->top = top;
    }
    return r->top.p ? 0 : fail("%s: no data.pkl in this zip: not written by torch.save or torch.jit.save", r->file);
}

/* The entry `TOP/FOLDER KEY`; absent content without a sentence when it is not there. */
static int entry_content(struct reader *r, const char *folder, struct str key, struct str *content)
{
    *content = STR_ABSENT;
    buf_clear(&r->entry);
    if (buf_add(&r->entry, r->top) < 0 || buf_add(&r->entry, str_from(folder)) < 0 || buf_add(&r->entry, key) < 0) return -1;
    const struct zip_entry *e = zip_find(&r->zip, buf_str(&r->entry));
    return e ? zip_stored(&r->zip, e, content) : 0;
}

/* ---- one tensor ---- */

static int storage_type(struct str class, enum tensor_type *type)
{
    static const struct {
        const char *class;
        enum tensor_type type;
    } known[] = {{"FloatStorage", TENSOR_F32}, {"DoubleStorage", TENSOR_F64}, {"HalfStorage", TENSOR_F16},
                 {"BFloat16Storage", TENSOR_BF16}, {"LongStorage", TENSOR_I64}, {"IntStorage", TENSOR_I32},
                 {"ShortStorage", TENSOR_I16}, {"CharStorage", TENSOR_I8}, {"ByteStorage", TENSOR_U8},
                 {"BoolStorage", TENSOR_BOOL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(class, str_from(known[i].class))) return *type = known[i].type, 0;
    return -1;
}

static int read_storage(struct reader *r, const struct pickle_value *storage, struct tensor *t, uint64_t *elements)
{
    const struct pickle_value *class = storage ? pickle_at(&r->pickle, storage, 1) : NULL;
    if (!storage || storage->kind != PICKLE_STORAGE) return fail_tensor(r, "it has no storage");
    const struct pickle_value *key = pickle_at(&r->pickle, storage, 2), *length = pickle_at(&r->pickle, storage, 4);
    if (class->kind != PICKLE_GLOBAL || key->kind != PICKLE_STRING || length->kind != PICKLE_INT || length->number < 0)
        return fail_tensor(r, "its storage has no class, key and length");
    if (storage_type(class->text, &t->type) < 0)
        return fail("%s: tensor %.*s: numbers of torch.%.*s are not read", r->file, STR_ARG(buf_str(&r->name)),
                    STR_ARG(class->text));
    if (entry_content(r, "/data/", key->text, &t->data) < 0) return -1;
    if (!t->data.p)
        return fail("%s: tensor %.*s: entry data/%.*s is missing", r->file, STR_ARG(buf_str(&r->name)), STR_ARG(key->text));
    *elements = (uint64_t)length->number;
    if (*elements > t->data.n / tensor_type_size(t->type))
        return fail("%s: tensor %.*s: a storage of %" PRIu64 " numbers in %zu bytes", r->file, STR_ARG(buf_str(&r->name)),
                    *elements, t->data.n);
    return 0;
}

/* A tuple of whole numbers from 0. */
static int read_numbers(const struct reader *r, const struct pickle_value *tuple, uint64_t numbers[TENSOR_RANK_MOST])
{
    if (!tuple || tuple->kind != PICKLE_TUPLE) return fail_tensor(r, "sizes or strides are no tuple");
    if (tuple->count > TENSOR_RANK_MOST) return fail_tensor(r, "more than 8 dimensions");
    for (uint32_t i = 0; i < tuple->count; i++) {
        const struct pickle_value *v = pickle_at(&r->pickle, tuple, i);
        if (v->kind != PICKLE_INT || v->number < 0) return fail_tensor(r, "a size or stride is not a whole number from 0");
        numbers[i] = (uint64_t)v->number;
    }
    return 0;
}

/* The element that the strides reach last, counted from the first. */
static int last_element(const struct reader *r, const struct tensor *t, uint64_t elements, uint64_t *last)
{
    *last = 0;
    for (unsigned i = 0; i < t->rank; i++) {
        uint64_t way;
        if (__builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &way) || __builtin_add_overflow(*last, way, last) ||
            *last >= elements)
            return fail_tensor(r, "its strides lead out of the storage");
    }
    return 0;
}

static int read_tensor(struct reader *r, const struct pickle_value *arguments)
{
    struct tensor t = {.name = buf_str(&r->name), .file = r->file};
    uint64_t elements = 0, last = 0, sizes[TENSOR_RANK_MOST], strides[TENSOR_RANK_MOST];
    const struct pickle *p = &r->pickle;
    if (read_storage(r, pickle_at(p, arguments, 0), &t, &elements) < 0) return -1;
    const struct pickle_value *offset = pickle_at(p, arguments, 1), *size = pickle_at(p, arguments, 2),
                              *stride = pickle_at(p, arguments, 3);
    if (read_numbers(r, size, sizes) < 0 || read_numbers(r, stride, strides) < 0) return -1;
    if (size->count != stride->count) return fail_tensor(r, "as many strides as sizes expected");
    if (offset->kind != PICKLE_INT || offset->number < 0 || (uint64_t)offset->number > elements)
        return fail_tensor(r, "its offset lies outside the storage");
    elements -= (uint64_t)offset->number;
    if (tensor_set_shape(&t, sizes, size->count) < 0) return fail_prefix("%s: tensor %.*s: ", r->file, STR_ARG(t.name)), -1;
    char shape[TENSOR_SHAPE_TEXT];
    if (t.count > elements)
        return fail("%s: tensor %.*s: shape %s in a storage of %" PRIu64 " numbers behind its offset", r->file, STR_ARG(t.name),
                    tensor_shape_text(&t, shape), elements);
    memcpy(t.stride, strides, sizeof t.stride);
    if (t.count && last_element(r, &t, elements, &last) < 0) return -1;
    size_t width = tensor_type_size(t.type);
    t.data = str_of(t.data.p + (size_t)offset->number * width, t.count ? (size_t)(last + 1) * width : 0);
    return tensor_list_add(r->list, &t) < 0 ? (fail_prefix("%s: ", r->file), -1) : 0;
}

/* ---- the walk ---- */

/* Tensors under a dictionary or module; of a dictionary, those directly in it alone. */
static int collect(struct reader *r, const struct pickle_value *container, unsigned depth)
{
    const struct pickle *p = &r->pickle;
    size_t before = r->name.n;
    if (depth > DEPTH_MOST) return fail("%s: modules more than %d deep", r->file, DEPTH_MOST);
    for (uint32_t i = container->first; i; i = p->items[i].next) {
        const struct pickle_value *key = pickle_value(p, p->items[i].key), *value = pickle_value(p, p->items[i].value);
        bool deeper = value->kind == PICKLE_OBJECT && container->kind == PICKLE_OBJECT;
        if (++r->visits > VISITS_MOST) return fail("%s: more than %d values in its dictionaries", r->file, VISITS_MOST);
        if (key->kind != PICKLE_STRING || (value->kind != PICKLE_TENSOR && !deeper)) continue;
        r->name.n = before;
        if ((before && buf_byte(&r->name, '.') < 0) || buf_add(&r->name, key->text) < 0)
            return fail("%s: a tensor's name over %d bytes", r->file, NAME_MOST);
        if ((deeper ? collect(r, value, depth + 1) : read_tensor(r, value)) < 0) return -1;
    }
    r->name.n = before;
    return 0;
}

static bool holds_tensor(const struct pickle *p, const struct pickle_value *dict)
{
    for (uint32_t i = dict->first; i; i = p->items[i].next)
        if (pickle_value(p, p->items[i].value)->kind == PICKLE_TENSOR) return true;
    return false;
}

static const struct pickle_value *state_dict(const struct pickle *p)
{
    static const char *const wrappers[] = {"state_dict", "model", "weights"};
    const struct pickle_value *root = pickle_value(p, p->root);
    if (root->kind == PICKLE_OBJECT || (root->kind == PICKLE_DICT && holds_tensor(p, root))) return root;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        const struct pickle_value *inner = pickle_get(p, root, str_from(wrappers[i]));
        if (inner && inner->kind == PICKLE_DICT && holds_tensor(p, inner)) return inner;
    }
    return NULL;
}

static void strip_module(struct tensor_list *list, size_t from)
{
    const struct str prefix = STR("module.");
    for (size_t i = from; i < list->n; i++)
        if (!str_starts(list->items[i].name, prefix)) return;
    for (size_t i = from; i < list->n; i++) list->items[i].name = str_from_at(list->items[i].name, prefix.n);
}

static int read_pickle(struct reader *r)
{
    char label[512];
    struct str content;
    if (find_top(r) < 0 || entry_content(r, "/byteorder", STR(""), &content) < 0) return -1;
    if (content.p && !str_eq(content, STR("little"))) return fail("%s: its numbers are big-endian", r->file);
    if (entry_content(r, "/data.pkl", STR(""), &content) < 0) return -1;
    snprintf(label, sizeof label, "%s: data.pkl", r->file);
    return pickle_read(&r->pickle, label, content);
}

static int read_all(struct reader *r)
{
    size_t before = r->list->n;
    if (zip_open(&r->zip, r->file, r->zip.bytes) < 0 || read_pickle(r) < 0) return -1;
    const struct pickle_value *root = pickle_value(&r->pickle, r->pickle.root);
    if (root->kind == PICKLE_TENSOR) return read_tensor(r, root); /* one tensor, without a name */
    const struct pickle_value *dict = state_dict(&r->pickle);
    if (!dict) return fail("%s: no dictionary of tensors in it, nor under state_dict, model or weights", r->file);
    if (collect(r, dict, 0) < 0) return -1;
    if (r->list->n == before) return fail("%s: no tensors", r->file);
    strip_module(r->list, before);
    return 0;
}

int torchzip_read(const char *file, struct str bytes, struct tensor_list *list)
{
    struct reader r = {.file = file, .zip = {.bytes = bytes}, .list = list};
    buf_init(&r.name, NAME_MOST);
    buf_init(&r.entry, 2 << 20); /* a key may be as long as a pickled string */
    int result = read_all(&r);
    zip_close(&r.zip);
    pickle_free(&r.pickle);
    buf_free(&r.name);
    buf_free(&r.entry);
    return result;
}
