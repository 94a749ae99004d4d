/* The small checkpoints of the shared data, unpacked for one test program, and the numbers that real libraries gave for them. */
#ifndef WINNOW_TESTS_CLIP_HELP_H
#define WINNOW_TESTS_CLIP_HELP_H

#include "filters/clip/weights.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static char checkpoints[64]; /* folder; "" when the shared data are not there */

/* Folders that hold a configuration alone, and whose weights go with it. */
static const char *const borrowed[][3] = {
    {"hf-tiny-quick-configdict", "hf-tiny-quick", "model.safetensors"},
    {"hf-tiny-quick-configdict", "hf-tiny-quick", "preprocessor_config.json"},
    {"hf-tiny-gelu-eos2", "hf-tiny-gelu", "model-00001-of-00002.safetensors"},
    {"hf-tiny-gelu-eos2", "hf-tiny-gelu", "model-00002-of-00002.safetensors"},
    {"hf-tiny-gelu-eos2", "hf-tiny-gelu", "model.safetensors.index.json"},
    {"hf-tiny-quick-bin", "hf-tiny-quick", "preprocessor_config.json"},
};

static inline int unpack_checkpoints(void **state)
{
    (void)state;
    const char *path = shared_path("data/clip/checkpoints/checkpoints.tar.zst");
    char command[4200], file[300], other[300];
    if (!path) return 0;
    strcpy(checkpoints, "/tmp/winnow-checkpoints-XXXXXX");
    if (!mkdtemp(checkpoints)) return -1;
    snprintf(command, sizeof command, "zstd -dcq --long=27 '%s' | tar -xf - -C %s", path, checkpoints);
    if (system(command) != 0) return -1;
    for (size_t i = 0; i < sizeof borrowed / sizeof *borrowed; i++) {
        snprintf(file, sizeof file, "../%s/%s", borrowed[i][1], borrowed[i][2]);
        snprintf(other, sizeof other, "%s/%s/%s", checkpoints, borrowed[i][0], borrowed[i][2]);
        if (symlink(file, other) < 0) return -1;
    }
    return 0;
}

static inline int remove_checkpoints(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", checkpoints);
    return checkpoints[0] && system(command) != 0 ? -1 : 0;
}

static inline const char *checkpoint(const char *name)
{
    static char path[200];
    if (!checkpoints[0]) skip();
    snprintf(path, sizeof path, "%s/%s", checkpoints, name);
    return path;
}

/* An .npy of the expected values as doubles; shape in *t. Free it. */
static inline double *expected_numbers(const char *model, const char *file, struct tensor *t)
{
    char relative[200];
    snprintf(relative, sizeof relative, "data/clip/expected/%s/%s.npy", model, file);
    const char *path = shared_path(relative);
    if (!path) skip();
    struct weights *w = weights_open(path);
    assert_non_null(w);
    *t = *weights_at(w, 0);
    double *numbers = malloc((t->count + 1) * sizeof *numbers);
    assert_int_equal(tensor_to_f64(t, numbers), 0);
    weights_close(w);
    return numbers;
}

#endif
