/* Hashed linear models: rows of int8 weights, summed.
 *
 *     struct linear *model = linear_open(path);
 *     linear_sum sum[LINEAR_BLOCKS_MOST] = {{0}};
 *     linear_add(model, features, count, sum);            features: any 32 bits; the low ones name the row
 *     sum[column / LINEAR_WIDTH][column % LINEAR_WIDTH]
 *
 * File: one zstd frame of: 16 bytes "winnow-linear 1\n"; u32 log2 of the rows, u32 columns, u32 bytes of the note (little-endian);
 * the note, lines of text that the model's user understands ("name value"); rows × columns int8. Made by the programs in train/.
 * Constant after it is read; any thread. The sums of a text fit int16: at most 258 features of weight 127.
 */
#ifndef WINNOW_LINEAR_H
#define WINNOW_LINEAR_H

#include "pipeline/base/str.h"

enum { LINEAR_ROWS_LOG2_MOST = 20, LINEAR_COLUMNS_MOST = 128, LINEAR_WIDTH = 32,
       LINEAR_BLOCKS_MOST = LINEAR_COLUMNS_MOST / LINEAR_WIDTH, LINEAR_NOTE_MOST = 1 << 16 };

typedef int16_t linear_sum __attribute__((vector_size(2 * LINEAR_WIDTH), aligned(32))); /* of one block of columns */
typedef int8_t linear_row __attribute__((vector_size(LINEAR_WIDTH), aligned(32)));

struct linear;
/* Adds the rows of `count` features to the sums of a model's blocks. */
typedef void linear_kernel(const struct linear *model, const uint32_t *features, size_t count, linear_sum *sums);
linear_kernel linear_add_portable, linear_add_avx2;

struct linear {
    linear_kernel *add;     /* what this processor does best */
    unsigned rows_log2, columns;
    unsigned blocks;        /* of LINEAR_WIDTH columns: what a row takes, padded with 0 */
    linear_row *rows;       /* (1 << rows_log2) × blocks */
    struct str note;
    char digest[33];        /* XXH3-128 of the file's content */
};

struct linear *linear_read(struct str packed);     /* NULL with a sentence; keeps nothing of `packed` */
struct linear *linear_open(const char *path);      /* NULL with a sentence that names the file */
void linear_close(struct linear *model);           /* NULL is allowed */
/* The value of a line "name value" of the note; absent where there is none. */
struct str linear_note(const struct linear *model, struct str name);

/* Where the models lie that winnow ships: WINNOW_MODELS, else beside the program (build tree), else installed. -1 with a
 * sentence where `name` is in none. `path`: of LINEAR_PATH_MOST bytes. */
enum { LINEAR_PATH_MOST = 4096 };
int linear_find(const char *name, char *path);

static inline const linear_row *linear_row_at(const struct linear *model, uint32_t feature)
{
    return model->rows + (size_t)(feature & ((1u << model->rows_log2) - 1)) * model->blocks;
}
static inline void linear_add(const struct linear *model, const uint32_t *features, size_t count, linear_sum *sums)
{
    model->add(model, features, count, sums);
}

static inline void linear_prefetch(const struct linear *model, const uint32_t *features, size_t count)
{
    for (size_t i = 0; i < count; i++) __builtin_prefetch(linear_row_at(model, features[i]));
}

/* How far ahead of the row that is added rows are asked of memory: tables are larger than a core's caches. */
enum { LINEAR_AHEAD = 12 };

#endif
