/* One WARC record: its head, its fields, its block (ISO 28500; WARC/1.0, 1.1 and what older tools wrote).
 *
 *     size_t size;
 *     if (warc_head_find(bytes, &size, &why) == WARC_HEAD_WHOLE && warc_head_parse(&record, str_of(bytes.p, size)) == 0)
 *         use(record.uri, record.length);
 *
 * A record is slices into the bytes that it was parsed from and lives as long as they do. Nothing is unfolded or unescaped:
 * warc_uri() cleans the one field where that matters. Lines may end in CRLF or LF, mixed. Of fields that occur twice the
 * first Content-Length wins (framing), of all others the last; both are noted as an oddity.
 */
#ifndef WINNOW_WARC_RECORD_H
#define WINNOW_WARC_RECORD_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

/* Ceilings; a head beyond them is a lost record. */
enum {
    WARC_LINE_BYTES_MAX = 1 << 20, /* one line of a head */
    WARC_HEAD_BYTES_MAX = 4 << 20, /* a head with its blank line */
};
enum { WARC_BLOCK_BYTES = 64 << 20 }; /* default ceiling of a block; larger ones are skipped, never loaded */

enum warc_type {
    WARC_TYPE_UNKNOWN, /* none, or one that the standard does not list: type_name has it */
    WARC_TYPE_WARCINFO,
    WARC_TYPE_RESPONSE,
    WARC_TYPE_RESOURCE,
    WARC_TYPE_REQUEST,
    WARC_TYPE_METADATA,
    WARC_TYPE_REVISIT,
    WARC_TYPE_CONVERSION,
    WARC_TYPE_CONTINUATION,
};

/* What real files do against the standard and a reader has to bear: name and meaning, one bit each. */
#define WARC_ODDITIES(X)                                                                        \
    X(BARE_LF, "bare-lf")             /* a head line ends in LF alone */                        \
    X(BLANK_LINES, "blank-lines")     /* line ends before it in its member, or more than two behind it */ \
    X(NO_TRAILER, "no-trailer")       /* the block is not followed by two line ends */          \
    X(EXTRA_AFTER, "extra-after")     /* other bytes follow the block: skipped and reported */  \
    X(LENGTH_LONG, "length-long")     /* Content-Length goes beyond the record's end: block clipped */ \
    X(URI_BRACKETS, "uri-brackets")   /* WARC-Target-URI in <…> */                              \
    X(URI_SPACES, "uri-spaces")       /* spaces or control bytes within it */                   \
    X(FIELD_TWICE, "field-twice")     /* a named field occurs twice */                          \
    X(FIELD_FOLDED, "field-folded")   /* a field goes on in a line that begins with white space */ \
    X(LINE_NO_COLON, "line-no-colon") /* a head line is no field */                             \
    X(VERSION, "version")             /* neither WARC/1.0 nor WARC/1.1 */                       \
    X(NO_TYPE, "no-type")             /* no WARC-Type */                                        \
    X(TRUNCATED, "truncated")         /* WARC-Truncated: the crawler cut the block */           \
    X(SHARED_MEMBER, "shared-member") /* the compressed member or frame holds other records too */ \
    X(SPANS_MEMBERS, "spans-members") /* the record lies in several members or frames */        \
    X(SKIPPED, "skipped")             /* the block is over the ceiling and was not loaded */

enum warc_oddity_bit {
#define WARC_ODDITY_BIT(name, text) WARC_ODDITY_BIT_##name,
    WARC_ODDITIES(WARC_ODDITY_BIT)
#undef WARC_ODDITY_BIT
    WARC_ODDITY_COUNT
};
enum warc_oddity {
#define WARC_ODDITY_VALUE(name, text) WARC_##name = 1 << WARC_ODDITY_BIT_##name,
    WARC_ODDITIES(WARC_ODDITY_VALUE)
#undef WARC_ODDITY_VALUE
};

struct warc_record {
    struct str head;   /* "WARC/1.0" to the blank line, which is included */
    struct str block;  /* Content-Length bytes, or fewer where the oddities say so; absent when skipped */
    uint64_t length;   /* Content-Length as declared */
    uint64_t offset;   /* where the record begins in the file as stored: the start of its member or frame where it is
                          compressed */
    uint64_t inside;   /* bytes to skip there, once decompressed, to the record's head; 0 where it begins its member */
    uint64_t stored;   /* bytes of the file from `offset` that hold this record and no other; 0 when there are none such */
    unsigned oddities; /* enum warc_oddity */
    enum warc_type type;

    /* fields, trimmed; absent when the head has none. Folded ones hold their line ends. */
    struct str version; /* "WARC/1.0" */
    struct str type_name, uri, date, record_id, concurrent_to, refers_to, truncated, payload_type, content_type;
};

enum warc_head_status { WARC_HEAD_WHOLE, WARC_HEAD_MORE, WARC_HEAD_BAD };

/* Looks for the blank line that ends a head which begins at bytes.p. MORE: not within `bytes`, and no ceiling reached yet.
 * BAD: *why says in a few words what is wrong; it is a literal. `*at`: 0 at first, then carries what was already looked at
 * from call to call. */
enum warc_head_status warc_head_find(struct str bytes, size_t *at, size_t *size, const char **why);

/* Reads the fields of a whole head. -1 without a sentence when it does not begin with "WARC/" and a version, or its
 * Content-Length is absent or not a plain number below 2^63 (*why says which). */
int warc_head_parse(struct warc_record *record, struct str head, const char **why);

/* Whether `bytes` begin with a head that a reader which lost its way may trust: "WARC/", a version, a line end, and a field
 * name with a colon. 1 yes, 0 no, -1 when more than `bytes` is needed to say (never beyond WARC_PLAUSIBLE_BYTES). */
enum { WARC_PLAUSIBLE_BYTES = 96 };
int warc_head_plausible(struct str bytes);

/* The target URI without brackets and folds, spaces as %20. Points into the record, or into `scratch` (cleared) where
 * something had to change. Absent when the record has none. */
struct str warc_uri(const struct warc_record *record, struct buf *scratch);

const char *warc_oddity_name(unsigned bit); /* of 0 … WARC_ODDITY_COUNT-1 */

/* The value of one line of a block of application/warc-fields ("charset-detected: UTF-8"); absent when there is none. */
struct str warc_block_field(struct str block, struct str name);

/* Bytes at the start of `s` that are CR or LF. */
size_t warc_newlines(struct str s);

#endif
