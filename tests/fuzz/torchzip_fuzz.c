/* torch zips. Most inputs are a pickle alone, put into an archive with three storages, since a fuzzer seldom finds a whole
 * zip; an input that begins with a zip's bytes is taken as it is. */
#include "filters/clip/torchzip.h"
#include "filters/clip/zip.h"
#include "tests/unit/clip_files.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct str bytes)
{
    struct tensor_list list;
    tensor_list_init(&list);
    if (torchzip_read("fuzz", bytes, &list) == 0 && tensor_list_sort(&list) == 0)
        for (size_t i = 0; i < list.n; i++) {
            const struct tensor *t = &list.items[i];
            if (t->count > bytes.n) abort();
            float *out = malloc((t->count + 1) * sizeof *out);
            (void)tensor_to_f32(t, out);
            free(out);
        }
    tensor_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char numbers[64];
    struct str bytes = str_of((const char *)data, size);
    if (zip_begins(bytes)) return read_all(bytes), 0;
    struct zip_maker z;
    zip_begin(&z, size % 2);
    zip_add(&z, "a/data.pkl", bytes);
    zip_add(&z, "a/data/0", str_of(numbers, sizeof numbers));
    zip_add(&z, "a/data/1", str_of(numbers, 4));
    zip_add(&z, "a/data/2", str_of(numbers, 0));
    read_all(zip_end(&z));
    zip_free(&z);
    return 0;
}
