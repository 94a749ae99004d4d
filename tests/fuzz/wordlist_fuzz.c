/* Word lists in any of their forms, from any bytes: entries are UTF-8, and a gzip that unpacks to much is bounded. */
#include "filters/text/wordlist.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf bytes;
    struct wordlist list;
    if (size > 8192) return 0;
    buf_init(&bytes, size + 1);
    if (buf_add(&bytes, str_of((const char *)data, size)) < 0) abort();
    if (wordlist_take(&list, &bytes, "list") < 0) return 0;
    for (size_t i = 0; i < list.count; i++)
        if (!utf8_valid(list.entries[i])) abort();
    if (wordlist_lower(&list) < 0) abort();
    wordlist_free(&list);
    return 0;
}
