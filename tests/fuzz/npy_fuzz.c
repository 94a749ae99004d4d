/* .npy: any bytes. What is accepted can be read from end to end. */
#include "filters/clip/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor t;
    if (npy_read("fuzz", str_of((const char *)data, size), &t) < 0) return 0;
    if (t.count > size) abort();
    float *out = malloc((t.count + 1) * sizeof *out);
    char *packed = malloc(t.count * tensor_type_size(t.type) + 1);
    (void)tensor_to_f32(&t, out);
    tensor_pack(&t, packed);
    free(packed);
    free(out);
    return 0;
}
