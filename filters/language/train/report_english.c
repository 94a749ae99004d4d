/* What a model of english.c reaches on treebanks, a tab-separated line a file and casing.
 *
 *     report_english MODEL --upos FILE... --entities FILE...
 *
 * Of parts of speech on the treebank's own tokens: the share of tokens that are right, and the share of sentences of which the
 * tags say rightly whether they hold a determiner, a noun (proper ones too) and a preposition, all three. Of entities: precision,
 * recall and F1 of whole spans with their kind, all kinds together and each. Casings: as written, lower, UPPER, Title.
 */
#include "filters/language/english.h"
#include "filters/language/train/treebank.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>

struct reporter {
    struct english *english;
    struct english_work *work;
    struct buf text;
    struct token *tokens;
};

enum { TOKENS_MOST = 4096 };
static const char *const casing_names[RECASINGS] = {"as written", "lower", "upper", "title"};

static bool has_all(const uint8_t *tags, size_t count)
{
    bool determiner = false, noun = false, preposition = false;
    for (size_t i = 0; i < count; i++) {
        determiner |= tags[i] == UPOS_DET;
        noun |= tags[i] == UPOS_NOUN || tags[i] == UPOS_PROPN;
        preposition |= tags[i] == UPOS_ADP;
    }
    return determiner && noun && preposition;
}

static int tag(struct reporter *r, const struct sentence *s, enum recasing casing, enum english_want want, uint8_t *out)
{
    const struct english_token *told;
    if (s->count > TOKENS_MOST) return fail("a sentence of %zu tokens", s->count);
    if (sentence_recase(s, casing, &r->text, r->tokens) < 0) return -1;
    if (english_tag_split(r->english, r->work, buf_str(&r->text), r->tokens, s->count, want, &told) < 0) return -1;
    for (size_t i = 0; i < s->count; i++) out[i] = want == ENGLISH_UPOS ? told[i].upos : told[i].entity;
    return 0;
}

static int report_upos(struct reporter *r, const struct treebank *bank, const char *name, enum recasing casing)
{
    uint8_t tags[TOKENS_MOST];
    size_t right = 0, decided = 0;
    for (size_t i = 0; i < bank->count; i++) {
        const struct sentence *s = &bank->sentences[i];
        if (tag(r, s, casing, ENGLISH_UPOS, tags) < 0) return -1;
        for (size_t k = 0; k < s->count; k++) right += tags[k] == s->tags[k];
        decided += has_all(tags, s->count) == has_all(s->tags, s->count);
    }
    printf("%s\t%s\tparts of speech\t%.2f\tdeterminer, noun, preposition\t%.2f\n", name, casing_names[casing],
           100 * (double)right / (double)bank->tokens, 100 * (double)decided / (double)bank->count);
    return 0;
}

/* The end of the entity that begins at i; i where none does. I- without B- begins one too. */
static size_t span_end(const uint8_t *tags, size_t count, size_t i, unsigned *kind)
{
    if (tags[i] == ENTITY_NONE) return i;
    *kind = (tags[i] - 1u) / 2;
    if (i > 0 && tags[i] % 2 == 0 && tags[i - 1] && (tags[i - 1] - 1u) / 2 == *kind) return i;
    size_t end = i + 1;
    while (end < count && tags[end] == 2 * *kind + 2) end++;
    return end;
}

static int report_entities(struct reporter *r, const struct treebank *bank, const char *name, enum recasing casing)
{
    uint8_t tags[TOKENS_MOST];
    size_t told[4] = {0}, real[4] = {0}, both[4] = {0};
    for (size_t i = 0; i < bank->count; i++) {
        const struct sentence *s = &bank->sentences[i];
        if (tag(r, s, casing, ENGLISH_ENTITIES, tags) < 0) return -1;
        for (size_t k = 0; k < s->count; k++) {
            unsigned a = 0, b = 0;
            size_t x = span_end(tags, s->count, k, &a), y = span_end(s->tags, s->count, k, &b);
            if (x > k) told[a]++, told[3]++;
            if (y > k) real[b]++, real[3]++;
            if (x > k && x == y && a == b) both[a]++, both[3]++;
        }
    }
    static const char *const kinds[4] = {"PER", "ORG", "LOC", "all"};
    for (int k = 3; k >= 0; k--)
        printf("%s\t%s\tentities %s\tP %.3f\tR %.3f\tF1 %.3f\n", name, casing_names[casing], kinds[k], (double)both[k] / (double)told[k],
               (double)both[k] / (double)real[k], 2 * (double)both[k] / (double)(told[k] + real[k]));
    return 0;
}

static int report(int argc, char **argv)
{
    enum treebank_kind kind = TREEBANK_UPOS;
    if (argc < 4) return fail_usage("expected: report_english MODEL --upos FILE... --entities FILE...");
    struct reporter r = {.english = english_open(argv[1])};
    if (!r.english || !(r.work = english_work_new(r.english))) return -1;
    buf_init(&r.text, 1 << 24);
    r.tokens = malloc(TOKENS_MOST * sizeof *r.tokens);
    int result = r.tokens ? 0 : fail_memory();
    for (int i = 2; i < argc && result == 0; i++) {
        if (str_starts(str_from(argv[i]), STR("--"))) {
            kind = strcmp(argv[i], "--upos") == 0 ? TREEBANK_UPOS : TREEBANK_ENTITIES;
            continue;
        }
        struct treebank bank = {.count = 0};
        const char *slash = strrchr(argv[i], '/'), *name = slash ? slash + 1 : argv[i];
        result = treebank_read(&bank, argv[i], kind);
        for (int casing = 0; result == 0 && casing < RECASINGS; casing++)
            result = (kind == TREEBANK_UPOS ? report_upos : report_entities)(&r, &bank, name, (enum recasing)casing);
        treebank_free(&bank);
    }
    free(r.tokens);
    buf_free(&r.text);
    english_work_free(r.work);
    english_close(r.english);
    return result;
}

int main(int argc, char **argv)
{
    if (report(argc, argv) == 0) return 0;
    fprintf(stderr, "report_english: %s\n", fail_message());
    return 1;
}
