/* Cleaning, words, merges: one pass of each over a text, or over each piece between two literals. */
#include "filters/clip/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

#include "filters/clip/tokenizer_files.h"
#include "filters/clip/tokenizer_merge.h"
#include "filters/clip/tokenizer_words.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

enum {
    FILE_MOST = 16 << 20, /* bytes: tokenizer.json of CLIP has 3.6 MB; parsed JSON takes many times its text */
    TEXT_MOST = 64 << 20
};

struct tokenizer {
    enum tokenizer_form form;
    const char *source;
    struct vocabulary vocabulary;
};

struct tokenizer_work {
    struct buf valid, normal, lowered;
    struct merge_work merges;
};

/* ---- opening ---- */

static struct tokenizer *tokenizer_new(enum tokenizer_form form, const char *source)
{
    struct tokenizer *t = calloc(1, sizeof *t);
    if (!t) return fail_memory(), NULL;
    t->form = form;
    t->source = source;
    return t;
}

static struct tokenizer *kept(struct tokenizer *t, int result) /* NULL where filling it failed */
{
    if (result == 0) return t;
    tokenizer_close(t);
    return NULL;
}

struct tokenizer *tokenizer_parse_json(const char *file, struct str json, enum tokenizer_form form)
{
    struct tokenizer *t = tokenizer_new(form, "tokenizer.json");
    return t ? kept(t, vocabulary_from_tokenizer_json(&t->vocabulary, file, json)) : NULL;
}

struct tokenizer *tokenizer_parse_pair(const char *file, struct str vocab, struct str merges, enum tokenizer_form form)
{
    struct tokenizer *t = tokenizer_new(form, "vocab.json, merges.txt");
    return t ? kept(t, vocabulary_from_pair(&t->vocabulary, file, vocab, merges)) : NULL;
}

/* 1 with the file's bytes, 0 when it is not there. */
static int read_in(const char *folder, const char *name, struct buf *bytes, char **path)
{
    if (asprintf(path, "%s/%s", folder, name) < 0) return *path = NULL, fail_memory();
    buf_init(bytes, FILE_MOST);
    if (!file_exists(*path)) return 0;
    return buf_read_file(bytes, *path) < 0 ? -1 : 1;
}

/* 1 when the folder has the files and *t was tried. */
static int try_json(const char *folder, enum tokenizer_form form, struct tokenizer **t)
{
    struct buf bytes = {0};
    char *path;
    int found = read_in(folder, "tokenizer.json", &bytes, &path);
    if (found == 1) *t = tokenizer_parse_json(path, buf_str(&bytes), form);
    buf_free(&bytes);
    free(path);
    return found;
}

static int try_pair(const char *folder, enum tokenizer_form form, struct tokenizer **t)
{
    struct buf vocab = {0}, merges = {0};
    char *path, *merges_path = NULL;
    int found = read_in(folder, "vocab.json", &vocab, &path);
    if (found == 1 && (found = read_in(folder, "merges.txt", &merges, &merges_path)) == 0)
        found = fail("%s: not there, though vocab.json is", merges_path);
    if (found == 1) *t = tokenizer_parse_pair(path, buf_str(&vocab), buf_str(&merges), form);
    buf_free(&vocab);
    buf_free(&merges);
    free(path);
    free(merges_path);
    return found;
}

struct tokenizer *tokenizer_open(const char *folder, enum tokenizer_form form)
{
    struct tokenizer *t = NULL;
    int found = folder ? try_json(folder, form, &t) : 0;
    if (folder && found == 0) found = try_pair(folder, form, &t);
    if (found != 0) return t;
    t = tokenizer_new(form, "built in");
    return t ? kept(t, vocabulary_built_in(&t->vocabulary)) : NULL;
}

void tokenizer_close(struct tokenizer *t)
{
    if (t) vocabulary_free(&t->vocabulary);
    free(t);
}

uint32_t tokenizer_vocabulary(const struct tokenizer *t) { return t->vocabulary.size; }
uint32_t tokenizer_start(const struct tokenizer *t) { return t->vocabulary.start; }
uint32_t tokenizer_end(const struct tokenizer *t) { return t->vocabulary.end; }
const char *tokenizer_source(const struct tokenizer *t) { return t->source; }

struct tokenizer_work *tokenizer_work_new(void)
{
    struct tokenizer_work *work = calloc(1, sizeof *work);
    if (!work) return fail_memory(), NULL;
    buf_init(&work->valid, TEXT_MOST);
    buf_init(&work->normal, TEXT_MOST);
    buf_init(&work->lowered, TEXT_MOST);
    return work;
}

void tokenizer_work_free(struct tokenizer_work *work)
{
    if (!work) return;
    buf_free(&work->valid);
    buf_free(&work->normal);
    buf_free(&work->lowered);
    merge_work_free(&work->merges);
    free(work);
}

/* ---- encoding ---- */

/* Lower-casing one character at a time knows no end of word: a capital sigma is a small one, never a final one. */
static void plain_sigmas(struct buf *text)
{
    for (size_t i = 0; i + 1 < text->n; i++)
        if (memcmp(text->p + i, "\xCE\xA3", 2) == 0) memcpy(text->p + i, "\xCF\x83", 2);
}

static struct str trimmed(struct str s) /* as Python's strip() */
{
    size_t from = s.n, end = 0;
    for (size_t at = 0; at < s.n;) {
        size_t begin = at;
        if (unicode_is_space(utf8_next(s, &at))) continue;
        if (from == s.n) from = begin;
        end = at;
    }
    return end ? str_of(s.p + from, end - from) : str_of(s.p, 0);
}

/* The piece's text as its words are cut from it. */
static int clean(struct tokenizer_work *w, enum tokenizer_form form, struct str piece, struct str *out)
{
    buf_clear(&w->normal);
    buf_clear(&w->lowered);
    if (form == TOKENIZER_OPENAI) {
        if (unicode_lower(&w->lowered, trimmed(piece)) < 0) return -1;
    } else {
        if (unicode_nfc(&w->normal, piece) < 0) return -1;
        plain_sigmas(&w->normal);
        if (unicode_lower(&w->lowered, buf_str(&w->normal)) < 0) return -1;
    }
    *out = buf_str(&w->lowered);
    return 0;
}

struct ids {
    uint32_t *list;
    size_t n, most; /* without the end */
};

static int encode_piece(const struct tokenizer *t, struct tokenizer_work *w, struct str piece, struct ids *ids)
{
    struct words words = {.form = t->form};
    if (clean(w, t->form, piece, &words.text) < 0) return -1;
    for (struct str word; ids->n < ids->most && (word = words_next(&words)).p;) {
        int n = merge_word(&t->vocabulary, &w->merges, word, ids->list + ids->n, ids->most - ids->n);
        if (n < 0) return -1;
        ids->n += (size_t)n;
    }
    return 0;
}

/* The first literal from `at` on, of two at one place the longer; NULL when there is none. */
static const struct literal *find_literal(const struct vocabulary *v, struct str text, size_t *at)
{
    for (; *at < text.n; ++*at) {
        const struct literal *found = NULL;
        struct str rest = str_from_at(text, *at);
        for (unsigned i = 0; i < v->literals_n; i++) {
            const struct literal *l = &v->literals[i];
            if (str_starts(rest, str_of(l->text, l->n)) && (!found || l->n > found->n)) found = l;
        }
        if (found) return found;
    }
    return NULL;
}

static int encode_with_literals(const struct tokenizer *t, struct tokenizer_work *w, struct str text, struct ids *ids)
{
    while (text.n && ids->n < ids->most) {
        size_t at = 0;
        const struct literal *l = find_literal(&t->vocabulary, text, &at);
        if (encode_piece(t, w, str_of(text.p, at), ids) < 0) return -1;
        if (l && ids->n < ids->most) ids->list[ids->n++] = l->id;
        text = str_from_at(text, l ? at + l->n : text.n);
    }
    return 0;
}

int tokenizer_encode(const struct tokenizer *t, struct tokenizer_work *w, struct str text, uint32_t *list, size_t most)
{
    struct ids ids = {list, 1, most - 1};
    list[0] = t->vocabulary.start;
    if (!utf8_is_ascii(text) && unicode_ready() < 0) return -1;
    if (!utf8_valid(text)) {
        buf_clear(&w->valid);
        if (utf8_repair(&w->valid, text) < 0) return -1;
        text = buf_str(&w->valid);
    }
    if ((t->form == TOKENIZER_OPENAI ? encode_piece(t, w, text, &ids) : encode_with_literals(t, w, text, &ids)) < 0) return -1;
    list[ids.n++] = t->vocabulary.end;
    return (int)ids.n;
}
