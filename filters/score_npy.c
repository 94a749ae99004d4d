/* clip-retrieval's layout: FOLDER/img_emb/img_emb_N.npy and FOLDER/text_emb/text_emb_N.npy, half precision, N the task with the
 * digits of the number of tasks. Row i belongs to row i of the output; one without a score is zeros. (spec: peers.md 3.4.) */
#include "filters/clip/half.h"
#include "filters/score.h"
#include "pipeline/base/fail.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAITING_MAX = 1 << 20, COPY_BYTES = 1 << 20, NPY_PREAMBLE = 10, NPY_ALIGNMENT = 64 };

int score_npy_open(struct score_npy *npy, const char *kind, size_t width, const char *tmp)
{
    *npy = (struct score_npy){.spill = SPILL_CLOSED, .width = width, .kind = kind};
    buf_init(&npy->waiting, WAITING_MAX + width * sizeof(uint16_t));
    return spill_open(&npy->spill, tmp);
}

void score_npy_close(struct score_npy *npy)
{
    if (!npy->kind) return;
    spill_close(&npy->spill);
    buf_free(&npy->waiting);
}

int score_npy_add(struct score_npy *npy, const float *embedding)
{
    size_t bytes = npy->width * sizeof(uint16_t);
    if (buf_reserve(&npy->waiting, bytes) < 0) return -1;
    for (size_t i = 0; i < npy->width; i++) {
        uint16_t half = embedding ? half_of_float(embedding[i]) : 0;
        memcpy(npy->waiting.p + npy->waiting.n, &half, sizeof half);
        npy->waiting.n += sizeof half;
    }
    npy->rows++;
    if (npy->waiting.n < WAITING_MAX) return 0;
    int result = spill_add(&npy->spill, buf_str(&npy->waiting));
    buf_clear(&npy->waiting);
    return result;
}

static int write_header(struct file_out *out, const struct score_npy *npy)
{
    char text[256];
    int n = snprintf(text, sizeof text, "{'descr': '<f2', 'fortran_order': False, 'shape': (%llu, %zu), }",
                     (unsigned long long)npy->rows, npy->width);
    size_t whole = ((size_t)n + 1 + NPY_PREAMBLE + NPY_ALIGNMENT - 1) / NPY_ALIGNMENT * NPY_ALIGNMENT, length = whole - NPY_PREAMBLE;
    const char preamble[NPY_PREAMBLE] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)(length & 255), (char)(length >> 8)};
    memset(text + n, ' ', length - (size_t)n);
    text[length - 1] = '\n';
    if (file_write(out, str_of(preamble, sizeof preamble)) < 0) return -1;
    return file_write(out, str_of(text, length));
}

int score_npy_copy(struct file_out *out, const struct spill *spill)
{
    char *buffer = malloc(COPY_BYTES);
    int result = buffer ? 0 : fail_memory();
    for (uint64_t at = 0; result == 0 && at < spill->size;) {
        size_t n = spill->size - at < COPY_BYTES ? (size_t)(spill->size - at) : COPY_BYTES;
        result = spill_read(spill, at, buffer, n);
        if (result == 0) result = file_write(out, str_of(buffer, n));
        at += n;
    }
    free(buffer);
    return result;
}

/* FOLDER/ what, the task's number, ending. */
int score_npy_path(char path[PATH_MAX], const struct stage_run *run, const char *folder, const char *what, const char *ending)
{
    int digits = 1;
    for (uint64_t n = run->tasks; n >= 10; n /= 10) digits++;
    int n = snprintf(path, PATH_MAX, "%s/%s%0*llu%s", folder, what, digits, (unsigned long long)run->task, ending);
    return n > 0 && n < PATH_MAX ? 0 : fail_usage("a path of more than %d bytes", PATH_MAX);
}

int score_npy_publish(struct score_npy *npy, struct stage_run *run, const char *folder)
{
    char path[PATH_MAX], what[32];
    struct file_out out = {.fd = -1};
    snprintf(what, sizeof what, "%s_emb/%s_emb_", npy->kind, npy->kind);
    if (score_npy_path(path, run, folder, what, ".npy") < 0) return -1;
    if (file_create(&out, path) == 0 && write_header(&out, npy) == 0 && score_npy_copy(&out, &npy->spill) == 0 &&
        file_write(&out, buf_str(&npy->waiting)) == 0)
        return stage_publish(run, &out, npy->rows);
    file_discard(&out);
    return -1;
}
