/* What the module `unicode` serves; only unicode.c, the module and its tests include this. Each function is the one of
 * unicode.h with the same name, without the short cuts for ASCII. */
#ifndef WINNOW_UNICODE_OPS_H
#define WINNOW_UNICODE_OPS_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

struct unicode_module {
    const char *version; /* "ICU 72.1" */
    unsigned (*classes)(uint32_t code_point);
    int (*nfc_from)(struct buf *b, size_t from); /* the bytes from `from` to the end become their NFC form, in place */
    int (*lower)(struct buf *out, struct str utf8);
    int (*fold)(struct buf *out, struct str utf8);
    int (*nfd)(struct buf *out, struct str utf8);
    int (*domain_to_ascii)(struct buf *out, struct str host);
    /* All segments between word borders, those without letters too. *state is NULL or an earlier pass's. */
    int (*words_begin)(void **state, struct str utf8);
    size_t (*words_next)(void *state); /* the segment's end as a byte offset; SIZE_MAX after the last */
    void (*words_end)(void *state);
};

#endif
