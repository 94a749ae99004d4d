/* The header is a Python dictionary of three known keys; it is read by a small scanner of just that language: strings, True,
 * False, and tuples of whole numbers. */
#include "filters/clip/npy.h"

#include <inttypes.h>

#include "pipeline/base/fail.h"

enum { HEADER_MOST = 64 << 10 };

bool npy_begins(struct str bytes) { return str_starts(bytes, STR("\x93NUMPY")); }

struct scan {
    const char *file;
    struct str s;
    size_t at;
};

static int fail_header(const struct scan *x, const char *expected)
{
    return fail("%s: header, byte %zu: %s expected", x->file, x->at, expected);
}

static void skip_spaces(struct scan *x)
{
    while (x->at < x->s.n && ascii_is_space(x->s.p[x->at])) x->at++;
}

static bool take(struct scan *x, struct str token) /* after white space */
{
    skip_spaces(x);
    if (!str_starts(str_from_at(x->s, x->at), token)) return false;
    x->at += token.n;
    return true;
}

static int scan_string(struct scan *x, struct str *out)
{
    skip_spaces(x);
    if (x->at == x->s.n || (x->s.p[x->at] != '\'' && x->s.p[x->at] != '"')) return fail_header(x, "a string");
    char quote = x->s.p[x->at];
    struct str rest = str_from_at(x->s, x->at + 1);
    const char *end = memchr(rest.p, quote, rest.n);
    if (!end) return fail_header(x, "the end of a string");
    *out = str_of(rest.p, (size_t)(end - rest.p));
    x->at += out->n + 2;
    return 0;
}

static int scan_number(struct scan *x, uint64_t *out)
{
    skip_spaces(x);
    size_t n = 0;
    while (x->at + n < x->s.n && ascii_is_digit(x->s.p[x->at + n])) n++;
    if (str_to_u64(str_of(x->s.p + x->at, n), out) < 0) return fail_header(x, "a whole number");
    x->at += n;
    take(x, STR("L")); /* Python 2 */
    return 0;
}

static int scan_shape(struct scan *x, uint64_t shape[TENSOR_RANK_MOST], unsigned *rank)
{
    *rank = 0;
    if (!take(x, STR("("))) return fail_header(x, "(");
    while (!take(x, STR(")"))) {
        if (*rank == TENSOR_RANK_MOST) return fail("%s: more than %d dimensions", x->file, TENSOR_RANK_MOST);
        if (scan_number(x, &shape[(*rank)++]) < 0) return -1;
        if (!take(x, STR(","))) {
            if (!take(x, STR(")"))) return fail_header(x, ") or a comma");
            break;
        }
    }
    return 0;
}

static int type_of(struct scan *x, struct str descr, enum tensor_type *type)
{
    static const struct {
        const char *descr;
        enum tensor_type type;
    } known[] = {{"<f8", TENSOR_F64}, {"<f4", TENSOR_F32}, {"<f2", TENSOR_F16}, {"<i8", TENSOR_I64}, {"<i4", TENSOR_I32},
                 {"<i2", TENSOR_I16}, {"|i1", TENSOR_I8},  {"|u1", TENSOR_U8},  {"|b1", TENSOR_BOOL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(descr, str_from(known[i].descr))) return *type = known[i].type, 0;
    return fail("%s: elements of type %.*s are not read; save little-endian numbers", x->file, STR_ARG(descr));
}

enum field { DESCR = 1, ORDER = 2, SHAPE = 4 };

static unsigned field_of(struct str key)
{
    if (str_eq(key, STR("descr"))) return DESCR;
    if (str_eq(key, STR("fortran_order"))) return ORDER;
    return str_eq(key, STR("shape")) ? SHAPE : 0;
}

static int scan_header(struct scan *x, struct tensor *t)
{
    uint64_t shape[TENSOR_RANK_MOST];
    unsigned rank = 0, seen = 0;
    bool fortran = false;
    if (!take(x, STR("{"))) return fail_header(x, "{");
    while (!take(x, STR("}"))) {
        struct str key, descr;
        if (scan_string(x, &key) < 0) return -1;
        if (!take(x, STR(":"))) return fail_header(x, ":");
        unsigned field = field_of(key);
        if (!field || seen & field) return fail("%s: header: key %.*s, once more or unknown", x->file, STR_ARG(key));
        seen |= field;
        if (field == DESCR && (scan_string(x, &descr) < 0 || type_of(x, descr, &t->type) < 0)) return -1;
        if (field == SHAPE && scan_shape(x, shape, &rank) < 0) return -1;
        if (field == ORDER && !(fortran = take(x, STR("True"))) && !take(x, STR("False")))
            return fail_header(x, "True or False");
        if (!take(x, STR(",")) && !(x->at < x->s.n && x->s.p[x->at] == '}')) return fail_header(x, "} or a comma");
    }
    skip_spaces(x);
    if (x->at < x->s.n) return fail_header(x, "nothing more");
    if (seen != (DESCR | ORDER | SHAPE)) return fail("%s: header: descr, fortran_order or shape is missing", x->file);
    if (tensor_set_shape(t, shape, rank) < 0) return fail_prefix("%s: ", x->file), -1;
    if (fortran && t->count)
        for (uint64_t i = 0, stride = 1; i < rank; stride *= shape[i++]) t->stride[i] = stride;
    return 0;
}

int npy_read(const char *file, struct str bytes, struct tensor *t)
{
    if (!npy_begins(bytes) || bytes.n < 10) return fail("%s: not an .npy file, or cut off", file);
    unsigned version = (unsigned char)bytes.p[6], wide = version == 1 ? 2 : 4;
    if (version < 1 || version > 3) return fail("%s: .npy version %u is not known", file, version);
    uint64_t length = 0;
    if (bytes.n < 8 + wide) return fail("%s: cut off in its header", file);
    for (unsigned i = wide; i-- > 0;) length = length << 8 | (unsigned char)bytes.p[8 + i];
    if (length > HEADER_MOST || length > bytes.n - 8 - wide)
        return fail("%s: a header of %" PRIu64 " bytes: cut off, or not an .npy file", file, length);
    struct scan x = {file, str_of(bytes.p + 8 + wide, (size_t)length), 0};
    *t = (struct tensor){.name = STR(""), .file = file};
    if (scan_header(&x, t) < 0) return -1;
    struct str data = str_from_at(bytes, 8 + wide + (size_t)length);
    uint64_t needed = t->count * tensor_type_size(t->type);
    if (data.n != needed) return fail("%s: %zu bytes of data; type and shape need %" PRIu64, file, data.n, needed);
    t->data = data;
    return 0;
}
