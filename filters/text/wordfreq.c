#include "filters/text/wordfreq.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <math.h>

/* The kinds of msgpack that such a file has; each has a form whose size stands in the first byte, and forms with 1, 2 or 4 bytes for it. */
enum kind { MAP, ARRAY, STRING };
static const struct form {
    unsigned char first, mask, one, two, four; /* 0: there is no such form */
} forms[] = {[MAP] = {0x80, 0xF0, 0, 0xDE, 0xDF}, [ARRAY] = {0x90, 0xF0, 0, 0xDC, 0xDD}, [STRING] = {0xA0, 0xE0, 0xD9, 0xDA, 0xDB}};

static int damaged(const struct wordfreq *list, const char *expected)
{
    return fail("a damaged wordfreq list: expected %s at byte %zu", expected, list->size - list->rest.n);
}

static unsigned size_bytes(const struct form *form, unsigned char tag)
{
    if (form->one && tag == form->one) return 1;
    return tag == form->two ? 2 : tag == form->four ? 4 : 0;
}

/* The size of the value of that kind with which the rest begins, which goes on behind it. */
static int take_head(struct wordfreq *list, enum kind kind, uint32_t *size)
{
    const struct form *form = &forms[kind];
    if (!list->rest.n) return -1;
    unsigned char tag = (unsigned char)list->rest.p[0];
    unsigned bytes = size_bytes(form, tag);
    if (list->rest.n < 1 + bytes || (!bytes && (tag & form->mask) != form->first)) return -1;
    *size = bytes ? 0 : tag & (unsigned char)~form->mask;
    for (unsigned i = 1; i <= bytes; i++) *size = *size << 8 | (unsigned char)list->rest.p[i];
    list->rest = str_from_at(list->rest, 1 + bytes);
    return 0;
}

static int take_string(struct wordfreq *list, struct str *s)
{
    uint32_t size;
    if (take_head(list, STRING, &size) < 0 || size > list->rest.n) return damaged(list, "a string");
    *s = str_of(list->rest.p, size);
    list->rest = str_from_at(list->rest, size);
    return 0;
}

static int take_header_value(struct wordfreq *list, struct str key)
{
    struct str value = STR_ABSENT;
    if (str_eq(key, STR("format"))) {
        if (take_string(list, &value) < 0) return -1;
        return str_eq(value, STR("cB")) ? 0 : fail("a wordfreq list in format '%.*s': only cB is read", STR_ARG(value));
    }
    if (!str_eq(key, STR("version")) || !list->rest.n || (unsigned char)list->rest.p[0] > 0x7F) return damaged(list, "format or version");
    int version = list->rest.p[0];
    list->rest = str_from_at(list->rest, 1);
    return version == 1 ? 0 : fail("a wordfreq list of version %d: only 1 is read", version);
}

bool wordfreq_is(struct str bytes)
{
    struct wordfreq list = {.rest = bytes, .size = bytes.n};
    uint32_t size;
    return take_head(&list, ARRAY, &size) == 0 && size > 0 && take_head(&list, MAP, &size) == 0;
}

int wordfreq_open(struct wordfreq *list, struct str bytes)
{
    uint32_t pairs;
    *list = (struct wordfreq){.rest = bytes, .size = bytes.n};
    if (take_head(list, ARRAY, &list->buckets) < 0 || list->buckets == 0) return damaged(list, "an array");
    list->buckets--;
    if (take_head(list, MAP, &pairs) < 0 || pairs != 2) return damaged(list, "a map of two pairs");
    for (unsigned i = 0; i < 2; i++) {
        struct str key = STR_ABSENT;
        if (take_string(list, &key) < 0 || take_header_value(list, key) < 0) return -1;
    }
    return 0;
}

int wordfreq_next(struct wordfreq *list, struct str *word, double *per_billion)
{
    while (!list->words) {
        if (!list->buckets) return list->rest.n ? damaged(list, "the end") : 0;
        if (take_head(list, ARRAY, &list->words) < 0) return damaged(list, "an array of words");
        list->buckets--;
        list->centibels++;
    }
    if (take_string(list, word) < 0) return -1;
    if (!utf8_valid(*word)) return damaged(list, "UTF-8 before");
    list->words--;
    *per_billion = pow(10, 9 - (list->centibels - 1) / 100.0);
    return 1;
}
