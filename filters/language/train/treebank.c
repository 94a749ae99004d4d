#include "filters/language/train/treebank.h"

#include "filters/language/english.h"
#include "pipeline/base/fail.h"

#include <stdlib.h>
#include <zstd.h>

int read_maybe_zstd(struct buf *out, const char *path)
{
    struct buf packed;
    buf_init(&packed, 1 << 30);
    int result = buf_read_file(&packed, path);
    unsigned long long size = result == 0 ? ZSTD_getFrameContentSize(packed.p, packed.n) : 0;
    if (result == 0 && size == ZSTD_CONTENTSIZE_ERROR) {
        result = buf_add(out, buf_str(&packed));
    } else if (result == 0) {
        if (size == ZSTD_CONTENTSIZE_UNKNOWN) size = packed.n * 40;
        result = buf_reserve(out, (size_t)size);
        size_t n = result == 0 ? ZSTD_decompress(out->p + out->n, (size_t)size, packed.p, packed.n) : 0;
        if (result == 0 && ZSTD_isError(n)) result = fail("%s: %s", path, ZSTD_getErrorName(n));
        if (result == 0) out->n += n;
    }
    buf_free(&packed);
    return result;
}

static int tag_of(struct str name, enum treebank_kind kind)
{
    unsigned count = kind == TREEBANK_UPOS ? UPOS_COUNT : ENTITY_COUNT;
    const char *const *names = kind == TREEBANK_UPOS ? upos_names : entity_names;
    if (kind == TREEBANK_ENTITIES && !str_starts(name, STR("B-")) && !str_starts(name, STR("I-"))) return ENTITY_NONE;
    for (unsigned i = 0; i < count; i++)
        if (str_eq(name, str_from(names[i]))) return (int)i;
    return kind == TREEBANK_ENTITIES ? ENTITY_NONE : -1; /* entities of further kinds are none here */
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i])) return false;
    return s.n > 0;
}

static void *grown(void *old, size_t count, size_t size)
{
    void *new = realloc(old, count * size);
    if (!new) fail_memory();
    return new;
}

int treebank_read(struct treebank *bank, const char *path, enum treebank_kind kind)
{
    struct buf *file = &bank->bytes;
    if (bank->count) return fail("%s: a treebank reads one file", path);
    buf_init(file, 1 << 30);
    if (read_maybe_zstd(file, path) < 0) return -1;
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < file->n; i++) lines += file->p[i] == '\n';
    bank->forms = grown(NULL, lines, sizeof *bank->forms);
    bank->tags = grown(NULL, lines, 1);
    bank->sentences = grown(NULL, lines, sizeof *bank->sentences);
    if (!bank->forms || !bank->tags || !bank->sentences) return -1;
    struct sentence now = {.count = 0};
    for (struct str rest = buf_str(file); rest.p; ) {
        struct str line = str_cut(&rest, '\n');
        number++;
        if (str_starts(line, STR("# text = "))) now.text = str_from_at(line, 9);
        if (line.n == 0 && now.count) {
            bank->sentences[bank->count++] = now;
            now = (struct sentence){.count = 0};
        }
        struct str id = str_cut(&line, '\t'), form = str_cut(&line, '\t'), tag = str_cut(&line, '\t');
        if (!is_number(id) || !form.n) continue;
        int value = tag_of(tag, kind);
        if (value < 0) return fail("%s:%zu: no part of speech '%.*s'", path, number, STR_ARG(tag));
        if (now.count == 0) now.forms = bank->forms + bank->tokens, now.tags = bank->tags + bank->tokens;
        bank->forms[bank->tokens] = form;
        bank->tags[bank->tokens++] = (uint8_t)value;
        now.count++;
    }
    return 0;
}

void treebank_free(struct treebank *bank)
{
    buf_free(&bank->bytes);
    free(bank->sentences);
    free(bank->forms);
    free(bank->tags);
}

int sentence_recase(const struct sentence *s, enum recasing recasing, struct buf *text, struct token *tokens)
{
    buf_clear(text);
    for (size_t i = 0; i < s->count; i++) {
        if (i && buf_byte(text, ' ') < 0) return -1;
        tokens[i].start = (uint32_t)text->n;
        if (buf_add(text, s->forms[i]) < 0) return -1;
        tokens[i].end = (uint32_t)text->n;
        bool clitic = i && (s->forms[i].p[0] == '\'' || str_eq_nocase(s->forms[i], STR("n't")));
        for (uint32_t k = tokens[i].start; recasing && k < tokens[i].end; k++) {
            bool upper = recasing == RECASE_UPPER || (recasing == RECASE_TITLE && k == tokens[i].start && !clitic);
            char *c = &text->p[k];
            if (upper && *c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
            if (recasing == RECASE_LOWER) *c = ascii_lower(*c);
        }
    }
    return 0;
}
