/* The tagger's tables, taken out of a linear model. */
#include "filters/language/english_tables.h"

#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

static bool rows_of(const struct linear *model, struct str name, uint32_t *rows)
{
    uint64_t log2;
    if (str_to_u64(linear_note(model, name), &log2) < 0 || log2 > model->rows_log2) return false;
    *rows = UINT32_C(1) << log2;
    return true;
}

void *tables_memory(size_t bytes)
{
    bytes = (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
    if (memory) madvise(memory, bytes, MADV_HUGEPAGE); /* small pages would cost a walk of the page table for each row */
    return memory;
}

int tables_fill(struct tables *t, const struct linear *model)
{
    uint32_t upos_rows, names_rows;
    if (model->columns != ENGLISH_COLUMNS || !str_eq(linear_note(model, STR("model")), STR("english")) ||
        !rows_of(model, STR("upos_rows_log2"), &upos_rows) || !rows_of(model, STR("names_rows_log2"), &names_rows))
        return fail("a linear model, but none of English sentences");
    size_t upos_bytes = upos_rows * sizeof *t->upos, bytes = upos_bytes + names_rows * sizeof *t->names;
    char *memory = tables_memory(bytes);
    if (!memory) return fail_memory();
    *t = (struct tables){(upos_row *)memory, (names_row *)(memory + upos_bytes), upos_rows - 1, names_rows - 1, memory};
    for (uint32_t i = 0; i < upos_rows; i++) memcpy(&t->upos[i], linear_row_at(model, i), sizeof *t->upos);
    for (uint32_t i = 0; i < names_rows; i++) memcpy(&t->names[i], (const char *)linear_row_at(model, i) + UPOS_COLUMNS, sizeof *t->names);
    return 0;
}

void tables_free(struct tables *t) { free(t->memory); }
