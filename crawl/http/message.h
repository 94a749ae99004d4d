/* The head of an HTTP response as it stands in a WARC record (RFC 9112, and what servers send instead).
 *
 *     struct http_head head;
 *     if (http_head_parse(&head, record.block) == 0 && head.status == 200) body = str_from_at(record.block, head.size);
 *
 * All values are slices of the block. Lines end in CRLF or LF, mixed; lines that are no field are passed over; folded values
 * keep their line ends. The fields that winnow reads are found in the one walk; http_next_field() gives all of them.
 */
#ifndef WINNOW_HTTP_MESSAGE_H
#define WINNOW_HTTP_MESSAGE_H

#include "pipeline/base/str.h"

enum { HTTP_REPEATS_MAX = 8 }; /* values of one repeated field that are kept; further ones are passed over */

struct http_values {
    struct str value[HTTP_REPEATS_MAX];
    unsigned count;
};

struct http_head {
    unsigned status;         /* 100 … 999 */
    struct str version;      /* "HTTP/1.1"; absent when the line begins with the code */
    struct str fields;       /* the header lines */
    size_t size;             /* bytes of the block before the body */
    struct http_values content_type, content_encoding, transfer_encoding, robots; /* X-Robots-Tag */
    struct str content_language, location, last_modified, tdm_reservation; /* the first of each; absent without */
};

/* -1 without a sentence when the block does not begin with a status line: "HTTP/1.1 200 OK", "HTTP/2 200", "ICY 200 OK", in
 * any case, also without the version. A block that ends inside the head has no body. */
int http_head_parse(struct http_head *head, struct str block);

/* Cuts the next field off `rest`, name and trimmed value; false when there is none. */
bool http_next_field(struct str *rest, struct str *name, struct str *value);

/* Cuts the next element off a comma-separated list, trimmed; false when there is none. Empty ones are passed over. */
bool http_next_element(struct str *rest, struct str *element);

#endif
