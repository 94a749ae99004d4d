/* Values and items live in two growing arrays and are named by index, so that what a file makes is freed at once and bounded
 * by count. The stack holds indices; a mark is a value of its own kind. Popping to a mark looks at each stack entry once,
 * and it leaves the stack: time is linear in the pickle's length, however deep the marks. */
#include "filters/clip/pickle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

enum {
    VALUES_MOST = 1 << 20, /* of each array, the stack and the memo: a state dict of 1,300 tensors makes about 60,000 */
    STRING_MOST = 1 << 20, /* bytes */
    PICKLE_MOST = 64 << 20 /* bytes */
};

struct machine {
    struct pickle *p;
    const char *file;
    struct str in;
    size_t at, op_at;      /* behind what was read; where the opcode at work stands */
    uint32_t *stack, *memo; /* memo: value + 1, 0 where nothing was put */
    size_t stack_n, stack_room, memo_n, memo_room;
};

static const struct {
    unsigned char code;
    const char *name;
} opcodes[] = {
    {'(', "MARK"}, {'.', "STOP"}, {'0', "POP"}, {'1', "POP_MARK"}, {'2', "DUP"}, {'F', "FLOAT"}, {'I', "INT"}, {'J', "BININT"},
    {'K', "BININT1"}, {'L', "LONG"}, {'M', "BININT2"}, {'N', "NONE"}, {'P', "PERSID"}, {'Q', "BINPERSID"}, {'R', "REDUCE"},
    {'S', "STRING"}, {'T', "BINSTRING"}, {'U', "SHORT_BINSTRING"}, {'V', "UNICODE"}, {'X', "BINUNICODE"}, {'a', "APPEND"},
    {'b', "BUILD"}, {'c', "GLOBAL"}, {'d', "DICT"}, {'}', "EMPTY_DICT"}, {'e', "APPENDS"}, {'g', "GET"}, {'h', "BINGET"},
    {'i', "INST"}, {'j', "LONG_BINGET"}, {'l', "LIST"}, {']', "EMPTY_LIST"}, {'o', "OBJ"}, {'p', "PUT"}, {'q', "BINPUT"},
    {'r', "LONG_BINPUT"}, {'s', "SETITEM"}, {'t', "TUPLE"}, {')', "EMPTY_TUPLE"}, {'u', "SETITEMS"}, {'G', "BINFLOAT"},
    {0x80, "PROTO"}, {0x81, "NEWOBJ"}, {0x82, "EXT1"}, {0x83, "EXT2"}, {0x84, "EXT4"}, {0x85, "TUPLE1"}, {0x86, "TUPLE2"},
    {0x87, "TUPLE3"}, {0x88, "NEWTRUE"}, {0x89, "NEWFALSE"}, {0x8a, "LONG1"}, {0x8b, "LONG4"}, {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"}, {0x8c, "SHORT_BINUNICODE"}, {0x8d, "BINUNICODE8"}, {0x8e, "BINBYTES8"}, {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"}, {0x91, "FROZENSET"}, {0x92, "NEWOBJ_EX"}, {0x93, "STACK_GLOBAL"}, {0x94, "MEMOIZE"}, {0x95, "FRAME"},
    {0x96, "BYTEARRAY8"}, {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
};

static const char *opcode_name(const struct machine *m)
{
    for (size_t i = 0; m->op_at < m->in.n && i < sizeof opcodes / sizeof *opcodes; i++)
        if (opcodes[i].code == (unsigned char)m->in.p[m->op_at]) return opcodes[i].name;
    return "of no name";
}

static int fail_at(const struct machine *m, const char *reason)
{
    return fail("%s: byte %zu: opcode %s: %s", m->file, m->op_at, opcode_name(m), reason);
}

/* Room for one more; -1 at the ceiling. */
static int grow(const struct machine *m, void *items, size_t n, size_t *room, size_t size)
{
    if (n < *room) return 0;
    if (n >= VALUES_MOST) return fail_at(m, "more than 2^20 values, items, stack or memo entries");
    size_t wanted = *room ? 2 * *room : 1024;
    void *grown = realloc(*(void **)items, wanted * size);
    if (!grown) return fail_memory();
    *(void **)items = grown;
    *room = wanted;
    return 0;
}

static int push(struct machine *m, uint32_t value)
{
    if (grow(m, &m->stack, m->stack_n, &m->stack_room, sizeof *m->stack) < 0) return -1;
    m->stack[m->stack_n++] = value;
    return 0;
}

static int push_new(struct machine *m, struct pickle_value value)
{
    struct pickle *p = m->p;
    if (grow(m, &p->values, p->values_n, &p->values_room, sizeof *p->values) < 0) return -1;
    p->values[p->values_n] = value;
    return push(m, (uint32_t)p->values_n++);
}

static int push_kind(struct machine *m, enum pickle_kind kind) { return push_new(m, (struct pickle_value){.kind = kind}); }
static int push_int(struct machine *m, int64_t number)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_INT, .number = number});
}
static int push_bool(struct machine *m, bool truth)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_BOOL, .number = truth});
}

/* Values are addressed anew after every push: the array may have moved. */
static struct pickle_value *top(struct machine *m, size_t below) { return &m->p->values[m->stack[m->stack_n - 1 - below]]; }

/* At least n values above any mark. */
static int need(const struct machine *m, size_t n)
{
    if (m->stack_n < n) return fail_at(m, "the stack is empty");
    for (size_t i = 0; i < n; i++)
        if (m->p->values[m->stack[m->stack_n - 1 - i]].kind == PICKLE_MARK) return fail_at(m, "a mark where a value should be");
    return 0;
}

static int find_mark(const struct machine *m, size_t *above) /* index of the first stack entry above the topmost mark */
{
    size_t i = m->stack_n;
    while (i > 0 && m->p->values[m->stack[i - 1]].kind != PICKLE_MARK) i--;
    if (i == 0) return fail_at(m, "no mark on the stack");
    *above = i;
    return 0;
}

static int add_item(struct machine *m, uint32_t container, uint32_t key, uint32_t value)
{
    struct pickle *p = m->p;
    if (!p->items_n) p->items_n = 1; /* 0 stands for none */
    if (grow(m, &p->items, p->items_n, &p->items_room, sizeof *p->items) < 0) return -1;
    struct pickle_value *c = &p->values[container];
    uint32_t at = (uint32_t)p->items_n++;
    p->items[at] = (struct pickle_item){key, value, 0};
    if (c->last) p->items[c->last].next = at;
    else c->first = at;
    c->last = at;
    c->count++;
    return 0;
}

static int make_tuple(struct machine *m, size_t from, size_t drop) /* of stack[from…]; `drop` entries below go too */
{
    size_t n = m->stack_n;
    if (push_kind(m, PICKLE_TUPLE) < 0) return -1;
    uint32_t tuple = m->stack[n];
    for (size_t i = from; i < n; i++)
        if (add_item(m, tuple, 0, m->stack[i]) < 0) return -1;
    m->stack_n = from - drop;
    return push(m, tuple);
}

static int append(struct machine *m, size_t from, size_t drop)
{
    size_t below = from - drop;
    if (below == 0 || m->p->values[m->stack[below - 1]].kind != PICKLE_LIST) return fail_at(m, "not a list");
    for (size_t i = from; i < m->stack_n; i++)
        if (add_item(m, m->stack[below - 1], 0, m->stack[i]) < 0) return -1;
    m->stack_n = below;
    return 0;
}

static int set_items(struct machine *m, size_t from, size_t drop)
{
    size_t below = from - drop;
    if (below == 0 || m->p->values[m->stack[below - 1]].kind != PICKLE_DICT) return fail_at(m, "not a dictionary");
    if ((m->stack_n - from) % 2) return fail_at(m, "a key without a value");
    for (size_t i = from; i < m->stack_n; i += 2)
        if (add_item(m, m->stack[below - 1], m->stack[i], m->stack[i + 1]) < 0) return -1;
    m->stack_n = below;
    return 0;
}

/* ---- operands ---- */

static int take(struct machine *m, size_t n, struct str *out)
{
    if (n > m->in.n - m->at) return fail_at(m, "the pickle is cut off");
    *out = str_of(m->in.p + m->at, n);
    m->at += n;
    return 0;
}

static int take_number(struct machine *m, unsigned bytes, uint64_t *out)
{
    struct str s = STR_ABSENT;
    if (take(m, bytes, &s) < 0) return -1;
    *out = 0;
    for (unsigned i = bytes; i-- > 0;) *out = *out << 8 | (unsigned char)s.p[i];
    return 0;
}

static int take_line(struct machine *m, struct str *out)
{
    struct str rest = str_from_at(m->in, m->at);
    const char *end = memchr(rest.p, '\n', rest.n);
    if (!end) return fail_at(m, "the pickle is cut off");
    *out = str_of(rest.p, (size_t)(end - rest.p));
    m->at += out->n + 1;
    return 0;
}

static int push_string(struct machine *m, unsigned length_bytes)
{
    uint64_t n = 0;
    struct str text = STR_ABSENT;
    if (take_number(m, length_bytes, &n) < 0) return -1;
    if (n > STRING_MOST) return fail_at(m, "a string over 1 MiB");
    if (take(m, (size_t)n, &text) < 0) return -1;
    return push_new(m, (struct pickle_value){.kind = PICKLE_STRING, .text = text});
}

static int push_long(struct machine *m) /* two's complement of any length */
{
    uint64_t n = 0, bits = 0;
    struct str s = STR_ABSENT;
    if (take_number(m, 1, &n) < 0 || take(m, (size_t)n, &s) < 0) return -1;
    if (n > 8) return fail_at(m, "a number over 64 bits");
    for (size_t i = s.n; i-- > 0;) bits = bits << 8 | (unsigned char)s.p[i];
    if (n && n < 8 && s.p[n - 1] & 0x80) bits |= UINT64_MAX << (8 * n);
    return push_int(m, (int64_t)bits);
}

/* ---- names ---- */

static bool is_global(const struct pickle_value *v, const char *module, const char *name)
{
    return v->kind == PICKLE_GLOBAL && str_eq(v->module, str_from(module)) && str_eq(v->text, str_from(name));
}

static bool is_class(const struct pickle_value *v)
{
    return v->kind == PICKLE_GLOBAL && str_starts(v->module, STR("__torch__"));
}

static int push_global(struct machine *m, struct str module, struct str name)
{
    struct pickle_value v = {.kind = PICKLE_GLOBAL, .module = module, .text = name};
    bool storage = str_eq(module, STR("torch")) && str_ends(name, STR("Storage"));
    if (!storage && !is_class(&v) && !is_global(&v, "torch._utils", "_rebuild_tensor_v2") &&
        !is_global(&v, "torch._utils", "_rebuild_parameter") && !is_global(&v, "collections", "OrderedDict"))
        return fail("%s: byte %zu: it would call %.*s.%.*s, which no state dict of tensors needs: save model.state_dict()",
                    m->file, m->op_at, STR_ARG(module), STR_ARG(name));
    return push_new(m, v);
}

static int global_from_lines(struct machine *m)
{
    struct str module, name;
    return take_line(m, &module) < 0 || take_line(m, &name) < 0 ? -1 : push_global(m, module, name);
}

static int global_from_stack(struct machine *m)
{
    if (need(m, 2) < 0) return -1;
    struct pickle_value module = *top(m, 1), name = *top(m, 0);
    if (module.kind != PICKLE_STRING || name.kind != PICKLE_STRING) return fail_at(m, "names that are no strings");
    m->stack_n -= 2;
    return push_global(m, module.text, name.text);
}

/* A call of one of the known functions: what it would return, as a value. */
static int reduce(struct machine *m)
{
    if (need(m, 2) < 0) return -1;
    struct pickle_value function = *top(m, 1), arguments = *top(m, 0);
    if (arguments.kind != PICKLE_TUPLE) return fail_at(m, "arguments that are no tuple");
    m->stack_n -= 2;
    if (is_global(&function, "collections", "OrderedDict") && arguments.count == 0) return push_kind(m, PICKLE_DICT);
    if (is_global(&function, "torch._utils", "_rebuild_tensor_v2") && arguments.count >= 6) {
        arguments.kind = PICKLE_TENSOR;
        return push_new(m, arguments);
    }
    if (is_global(&function, "torch._utils", "_rebuild_parameter") && arguments.count >= 1) {
        uint32_t tensor = m->p->items[arguments.first].value;
        if (m->p->values[tensor].kind == PICKLE_TENSOR) return push(m, tensor);
    }
    return fail_at(m, "a call that is not known with these arguments");
}

static int new_object(struct machine *m)
{
    if (need(m, 2) < 0) return -1;
    if (!is_class(top(m, 1)) || top(m, 0)->kind != PICKLE_TUPLE) return fail_at(m, "not a class below __torch__");
    m->stack_n -= 2;
    return push_kind(m, PICKLE_OBJECT);
}

/* Attributes: those of an object are kept, those of a dictionary (a state dict's _metadata) are not. */
static int build(struct machine *m)
{
    if (need(m, 2) < 0) return -1;
    struct pickle_value *object = top(m, 1), *attributes = top(m, 0);
    if (object->kind == PICKLE_OBJECT && attributes->kind == PICKLE_DICT) {
        object->first = attributes->first;
        object->last = attributes->last;
        object->count = attributes->count;
    } else if (object->kind != PICKLE_DICT) {
        return fail_at(m, "neither a module nor a dictionary");
    }
    m->stack_n--;
    return 0;
}

static int persistent(struct machine *m)
{
    if (need(m, 1) < 0) return -1;
    struct pickle_value id = *top(m, 0);
    const struct pickle_value *word = pickle_at(m->p, &id, 0);
    if (id.kind != PICKLE_TUPLE || id.count != 5 || word->kind != PICKLE_STRING || !str_eq(word->text, STR("storage")))
        return fail_at(m, "an id that is no storage");
    id.kind = PICKLE_STORAGE;
    m->stack_n--;
    return push_new(m, id);
}

static int put(struct machine *m, uint64_t at)
{
    if (need(m, 1) < 0) return -1;
    if (at >= VALUES_MOST) return fail_at(m, "a memo index over 2^20");
    while (m->memo_n <= at) {
        if (grow(m, &m->memo, m->memo_n, &m->memo_room, sizeof *m->memo) < 0) return -1;
        m->memo[m->memo_n++] = 0;
    }
    m->memo[at] = m->stack[m->stack_n - 1] + 1;
    return 0;
}

static int get(struct machine *m, uint64_t at)
{
    if (at >= m->memo_n || !m->memo || !m->memo[at]) return fail_at(m, "a memo entry that was never put");
    return push(m, m->memo[at] - 1);
}

/* ---- the machine ---- */

static int step_containers(struct machine *m, unsigned op)
{
    size_t from = 0;
    switch (op) {
    case '(': return push_kind(m, PICKLE_MARK);
    case '}': return push_kind(m, PICKLE_DICT);
    case ']': return push_kind(m, PICKLE_LIST);
    case ')': return push_kind(m, PICKLE_TUPLE);
    case 't': return find_mark(m, &from) < 0 ? -1 : make_tuple(m, from, 1);
    case 0x85:
    case 0x86:
    case 0x87: return need(m, op - 0x84) < 0 ? -1 : make_tuple(m, m->stack_n - (op - 0x84), 0);
    case 'a': return need(m, 1) < 0 ? -1 : append(m, m->stack_n - 1, 0);
    case 'e': return find_mark(m, &from) < 0 ? -1 : append(m, from, 1);
    case 's': return need(m, 2) < 0 ? -1 : set_items(m, m->stack_n - 2, 0);
    case 'u': return find_mark(m, &from) < 0 ? -1 : set_items(m, from, 1);
    case 'R': return reduce(m);
    case 'b': return build(m);
    case 0x81: return new_object(m);
    case 'Q': return persistent(m);
    default: return fail_at(m, "not one that a file of tensors needs: refused");
    }
}

static int step(struct machine *m, unsigned op)
{
    uint64_t number = 0;
    struct str skipped;
    switch (op) {
    case 0x80:
        if (take_number(m, 1, &number) < 0) return -1;
        return number <= 5 ? 0 : fail_at(m, "a protocol that is not known");
    case 0x95: return take(m, 8, &skipped);
    case 'N': return push_kind(m, PICKLE_NONE);
    case 0x88: return push_bool(m, true);
    case 0x89: return push_bool(m, false);
    case 'K': return take_number(m, 1, &number) < 0 ? -1 : push_int(m, (int64_t)number);
    case 'M': return take_number(m, 2, &number) < 0 ? -1 : push_int(m, (int64_t)number);
    case 'J': return take_number(m, 4, &number) < 0 ? -1 : push_int(m, (int32_t)(uint32_t)number);
    case 0x8a: return push_long(m);
    case 'G': return take(m, 8, &skipped) < 0 ? -1 : push_kind(m, PICKLE_FLOAT);
    case 'X': return push_string(m, 4);
    case 0x8c: return push_string(m, 1);
    case 'c': return global_from_lines(m);
    case 0x93: return global_from_stack(m);
    case 'q': return take_number(m, 1, &number) < 0 ? -1 : put(m, number);
    case 'r': return take_number(m, 4, &number) < 0 ? -1 : put(m, number);
    case 0x94: return put(m, m->memo_n);
    case 'h': return take_number(m, 1, &number) < 0 ? -1 : get(m, number);
    case 'j': return take_number(m, 4, &number) < 0 ? -1 : get(m, number);
    default: return step_containers(m, op);
    }
}

static int run(struct machine *m)
{
    if (m->in.n > PICKLE_MOST) return fail("%s: %zu bytes; at most 64 MiB are read", m->file, m->in.n);
    while (m->at < m->in.n) {
        m->op_at = m->at;
        unsigned op = (unsigned char)m->in.p[m->at++];
        if (op == '.') {
            if (need(m, 1) < 0) return -1;
            m->p->root = m->stack[m->stack_n - 1];
            return 0;
        }
        if (step(m, op) < 0) return -1;
    }
    return fail("%s: byte %zu: the pickle is cut off before STOP", m->file, m->at);
}

int pickle_read(struct pickle *p, const char *file, struct str bytes)
{
    *p = (struct pickle){0};
    struct machine m = {.p = p, .file = file, .in = bytes};
    int result = run(&m);
    free(m.stack);
    free(m.memo);
    return result;
}

void pickle_free(struct pickle *p)
{
    free(p->values);
    free(p->items);
    *p = (struct pickle){0};
}

const struct pickle_value *pickle_at(const struct pickle *p, const struct pickle_value *container, uint32_t i)
{
    if (i >= container->count) return NULL;
    uint32_t item = container->first;
    while (i-- > 0) item = p->items[item].next;
    return &p->values[p->items[item].value];
}

const struct pickle_value *pickle_get(const struct pickle *p, const struct pickle_value *dict, struct str key)
{
    const struct pickle_value *found = NULL;
    if (dict->kind != PICKLE_DICT && dict->kind != PICKLE_OBJECT) return NULL;
    for (uint32_t i = dict->first; i; i = p->items[i].next) {
        const struct pickle_value *k = &p->values[p->items[i].key];
        if (k->kind == PICKLE_STRING && str_eq(k->text, key)) found = &p->values[p->items[i].value];
    }
    return found;
}
