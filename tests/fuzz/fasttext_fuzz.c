/* fastText models of any bytes: refused, or asked without reading beyond them. The first byte says how many bytes of the rest
 * are the text that is asked about. */
#include "filters/language/fasttext.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16) return 0;
    size_t text = data[0] < size - 1 ? data[0] : size - 1, n = size - 1 - text;
    char *copy = malloc(n + 1);
    if (!copy) return 0;
    memcpy(copy, data + 1 + text, n);
    struct fasttext *model = fasttext_read(str_of(copy, n));
    struct fasttext_work *work = model ? fasttext_work_new(model) : NULL;
    struct fasttext_answer best[3];
    if (work) {
        int count = fasttext_predict(model, work, str_of((const char *)data + 1, text), best, 3);
        for (int i = 0; i < count; i++)
            if (!best[i].label.p || best[i].label.n > n) abort();
    }
    fasttext_work_free(work);
    fasttext_close(model);
    free(copy);
    return 0;
}
