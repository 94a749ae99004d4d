/* Hashed linear models: rows of int8 weights, summed.
 *
 *     struct linear *model = linear_open(path);
 *     linear_row_at(model, feature)                       feature: any 32 bits; its low ones name the row
 *     linear_sum sum = {0};
 *     linear_add(model, feature, &sum);                   sum[column]
 *
 * File: one zstd frame of: 16 bytes "winnow-linear 1\n"; u32 log2 of the rows, u32 columns, u32 bytes of the note (little-endian);
 * the note, lines of text that the model's user understands ("name value"); rows × columns int8. Made by the programs in train/.
 * Constant after it is read; any thread. The sums of a text fit int16: at most 258 features of weight 127.
 */
#ifndef WINNOW_LINEAR_H
#define WINNOW_LINEAR_H

#include "pipeline/base/str.h"

enum { LINEAR_ROWS_LOG2_MOST = 20, LINEAR_COLUMNS_MOST = 128, LINEAR_WIDTH = 32, LINEAR_NOTE_MOST = 1 << 16 };

typedef int16_t linear_sum __attribute__((vector_size(2 * LINEAR_WIDTH), aligned(32))); /* of one block of columns */
typedef int8_t linear_row __attribute__((vector_size(LINEAR_WIDTH), aligned(32)));

struct linear {
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
static inline void linear_add(const struct linear *model, uint32_t feature, linear_sum *sum) /* the first block alone */
{
    *sum += __builtin_convertvector(*linear_row_at(model, feature), linear_sum);
}

#endif
