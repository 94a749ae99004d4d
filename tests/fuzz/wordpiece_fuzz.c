/* Word pieces: the first byte says whether the rest is a vocabulary, or a text for a small one that has all kinds of pieces. */
#include "filters/clip/wordpiece.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wordpiece_ids special = {.unknown = 0, .start = 1, .end = 2};

static void encode(const struct wordpiece *p, struct wordpiece_work *work, struct str text, size_t most)
{
    uint32_t ids[64];
    int n = wordpiece_encode(p, work, text, ids, most);
    if (n < 0) return; /* no Unicode module */
    if (n < 2 || (size_t)n > most || ids[0] != special.start || ids[n - 1] != special.end) abort();
    for (int i = 0; i < n; i++)
        if (ids[i] >= wordpiece_count(p)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wordpiece *small;
    static struct wordpiece_work *work;
    if (!work) {
        small = wordpiece_parse("fuzz", STR("[U]\n[S]\n[E]\na\n##a\nab\n##b\n-\n\xC3\xA9\n##\xE2\x82\xAC\n\xE6\x97\xA5\ne\n"), &special);
        work = wordpiece_work_new();
    }
    if (size == 0) return 0;
    struct str rest = str_of((const char *)data + 1, size - 1);
    if (data[0] != 'v') {
        encode(small, work, rest, 2 + data[0] % 63);
        return 0;
    }
    struct wordpiece *p = wordpiece_parse("fuzz", rest, &special);
    if (p) encode(p, work, STR("some text of caf\xC3\xA9s, [U] \xE6\x97\xA5 a-b"), 64);
    wordpiece_close(p);
    return 0;
}
