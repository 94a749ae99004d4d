/* safetensors: any bytes. Every tensor that is handed out can be read from end to end. */
#include "filters/clip/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor_list list;
    tensor_list_init(&list);
    if (safetensors_read("fuzz", str_of((const char *)data, size), &list) == 0 && tensor_list_sort(&list) == 0)
        for (size_t i = 0; i < list.n; i++) {
            const struct tensor *t = &list.items[i];
            if (t->data.n > size || t->count > size) abort();
            double *out = malloc((t->count + 1) * sizeof *out);
            (void)tensor_to_f64(t, out);
            (void)tensor_to_f32(t, (float *)(void *)out);
            free(out);
        }
    tensor_list_free(&list);
    return 0;
}
