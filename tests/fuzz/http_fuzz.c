/* A response's head and body on any bytes: everything stays inside them, and decoded bodies inside the limit. */
#include "crawl/http/body.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 1 << 16 };

static bool within(struct str part, struct str whole)
{
    return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str block = str_of((const char *)data, size), name, value;
    struct http_head head;
    if (http_head_parse(&head, block) < 0) return 0;
    if (head.status < 100 || head.status > 999 || head.size > block.n || !within(head.fields, block)) abort();
    for (struct str rest = head.fields; http_next_field(&rest, &name, &value);)
        if (!within(name, head.fields) || !within(value, head.fields) || !name.n) abort();
    struct http_body decoder;
    http_body_init(&decoder, LIMIT);
    struct str body = str_from_at(block, head.size);
    for (int truncated = 0; truncated < 2; truncated++) {
        unsigned marks;
        struct str out = http_body_decode(&decoder, &head, body, truncated, &marks);
        if (!out.p) {
            fprintf(stderr, "%s\n", fail_message());
            abort();
        }
        bool undone = marks & (HTTP_BODY_CHUNKED | HTTP_BODY_DECODED);
        if (undone ? out.n > LIMIT : !str_eq(out, body)) abort();
    }
    http_body_free(&decoder);
    return 0;
}
