/* Percent-encode sets (URL standard §1.3) and the classes of bytes that the parser asks for, in one table. */
#ifndef WINNOW_URL_PERCENT_H
#define WINNOW_URL_PERCENT_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum url_byte { /* bits of url_bytes[] */
    PERCENT_FRAGMENT = 1, /* to be encoded in a fragment, */
    PERCENT_QUERY = 2,    /* in the query of a special scheme, */
    PERCENT_PATH = 4,     /* in a path, */
    PERCENT_USERINFO = 8, /* in user name and password; all sets hold what is not ASCII */
    HOST_FORBIDDEN = 16,  /* a forbidden domain code point (§3.1), as a byte */
    HOST_SLOW = 32,       /* "%" or not ASCII: a host with it is decoded first */
    SLASH = 64,           /* "/" or "\": one and the same in special schemes */
    TAB_OR_NEWLINE = 128, /* dropped wherever it stands */
};
extern const unsigned char url_bytes[256];

static inline unsigned url_byte(char c) { return url_bytes[(unsigned char)c]; }

/* Appends `utf8` with the bytes of `set` as %XX, damaged sequences as %EF%BF%BD; escapes that are there stay as they are. */
int url_percent_encode(struct buf *out, struct str utf8, enum url_byte set);
/* Appends `s` with each %XX as its byte. */
int url_percent_decode(struct buf *out, struct str s);

#endif
