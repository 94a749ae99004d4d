/* Which kind of model a file is, its first bytes say: a zstd frame holds one of winnow's. */
#include "filters/language/identify.h"

#include "filters/language/fasttext.h"
#include "filters/language/langid.h"
#include "filters/language/linear.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <stdio.h>
#include <stdlib.h>

struct identifier {
    struct langid *own;         /* or */
    struct fasttext *fasttext;
    char digest[33];
};
struct identifier_work {
    struct fasttext_work *fasttext; /* NULL for winnow's own */
};

static bool begins_as_zstd(const char *path)
{
    unsigned char head[4] = {0};
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    bool zstd = fread(head, 1, sizeof head, file) == sizeof head && memcmp(head, "\x28\xB5\x2F\xFD", 4) == 0;
    fclose(file);
    return zstd;
}

struct identifier *identifier_open(struct str given)
{
    char path[LINEAR_PATH_MOST];
    if (given.n >= sizeof path || memchr(given.p ? given.p : "", 0, given.n)) return fail_usage("no path of a model: %.*s", STR_ARG(given)), NULL;
    if (given.n) snprintf(path, sizeof path, "%.*s", STR_ARG(given));
    else if (linear_find("language.model", path) < 0) return NULL;
    struct identifier *model = calloc(1, sizeof *model);
    uint64_t size;
    struct hash128 hash;
    if (!model) return fail_memory(), NULL;
    bool own = begins_as_zstd(path);
    if (own) model->own = langid_open(path);
    else model->fasttext = fasttext_open(path);
    if ((!model->own && !model->fasttext) || file_content_hash(path, &size, &hash) < 0) {
        identifier_close(model);
        return NULL;
    }
    hash128_hex(hash, model->digest);
    return model;
}

void identifier_close(struct identifier *model)
{
    if (!model) return;
    langid_close(model->own);
    fasttext_close(model->fasttext);
    free(model);
}

bool identifier_has_label(const struct identifier *model, struct str label)
{
    return model->own ? langid_has_label(model->own, label) : fasttext_has_label(model->fasttext, label);
}

const char *identifier_digest(const struct identifier *model) { return model->digest; }

struct identifier_work *identifier_work_new(const struct identifier *model)
{
    struct identifier_work *work = calloc(1, sizeof *work);
    if (!work) return fail_memory(), NULL;
    if (model->fasttext && !(work->fasttext = fasttext_work_new(model->fasttext))) {
        free(work);
        return NULL;
    }
    return work;
}

void identifier_work_free(struct identifier_work *work)
{
    if (!work) return;
    fasttext_work_free(work->fasttext);
    free(work);
}

int identifier_ask(const struct identifier *model, struct identifier_work *work, struct str text, int answers, struct identified *found)
{
    *found = (struct identified){.label = STR("")};
    if (model->own) {
        struct langid_answer answer;
        langid_identify(model->own, text, &answer);
        *found = (struct identified){answer.label, answer.second, answer.p, answer.p_second};
        return 0;
    }
    struct fasttext_answer best[2];
    int count = fasttext_predict(model->fasttext, work->fasttext, text, best, answers);
    if (count < 0) return -1;
    if (count > 0) found->label = best[0].label, found->p = best[0].p;
    if (count > 1) found->second = best[1].label, found->p_second = best[1].p;
    return 0;
}
