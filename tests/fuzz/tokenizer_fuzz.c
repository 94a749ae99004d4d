/* The tokenizer: the first byte says whether the rest is a tokenizer.json, vocab.json and merges.txt (parted by a NUL), or a
 * text for both forms. */
#include "filters/clip/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct tokenizer *t, struct tokenizer_work *work, struct str text, size_t most)
{
    uint32_t ids[77];
    int n = tokenizer_encode(t, work, text, ids, most);
    if (n < 0) return; /* no Unicode module */
    if (n < 2 || (size_t)n > most || ids[0] != tokenizer_start(t) || ids[n - 1] != tokenizer_end(t)) abort();
    for (int i = 0; i < n; i++)
        if (ids[i] >= tokenizer_vocabulary(t)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer *forms[2];
    static struct tokenizer_work *work;
    if (!work) {
        forms[0] = tokenizer_open(NULL, TOKENIZER_HUGGING_FACE);
        forms[1] = tokenizer_open(NULL, TOKENIZER_OPENAI);
        work = tokenizer_work_new();
    }
    if (size == 0) return 0;
    struct str rest = str_of((const char *)data + 1, size - 1);
    struct tokenizer *t = NULL;
    if (data[0] == 'j') t = tokenizer_parse_json("fuzz", rest, TOKENIZER_HUGGING_FACE);
    if (data[0] == 'p') {
        struct str vocab = str_cut(&rest, '\0');
        t = tokenizer_parse_pair("fuzz", vocab, rest, TOKENIZER_OPENAI);
    }
    if (t) encode(t, work, STR("some text <|endoftext|> 's"), 77);
    tokenizer_close(t);
    if (data[0] != 'j' && data[0] != 'p')
        for (int i = 0; i < 2; i++) encode(forms[i], work, rest, 2 + data[0] % 76);
    return 0;
}
