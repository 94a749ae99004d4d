/* Treebanks for training and reports: sentences of tokens with a tag each, from columns `ID FORM TAG ...`, plain or in zstd.
 *
 * TAG is a part of speech (UPOS) or an entity (O, B-PER ...). Lines that begin with "#" save "# text = " and IDs that are no
 * numbers ("3-4", "8.1") are left out. Everything lives until treebank_free.
 */
#ifndef WINNOW_TREEBANK_H
#define WINNOW_TREEBANK_H

#include "filters/language/tokens.h"
#include "pipeline/base/buf.h"

struct sentence {
    struct str text;      /* "# text", absent where there is none */
    struct str *forms;
    uint8_t *tags;        /* enum upos or enum entity */
    size_t count;
};
struct treebank {
    struct buf bytes;
    struct sentence *sentences;
    struct str *forms;
    uint8_t *tags;
    size_t count, tokens;
};

enum treebank_kind { TREEBANK_UPOS, TREEBANK_ENTITIES };
int treebank_read(struct treebank *bank, const char *path, enum treebank_kind kind); /* adds the file's sentences */
void treebank_free(struct treebank *bank);

enum recasing { RECASE_NONE, RECASE_LOWER, RECASE_UPPER, RECASE_TITLE, RECASINGS };
/* A sentence's forms in another casing (ASCII letters), joined by spaces into `text`, where `tokens` find them. */
int sentence_recase(const struct sentence *sentence, enum recasing recasing, struct buf *text, struct token *tokens);

int read_maybe_zstd(struct buf *out, const char *path); /* appends a file's content, unpacked where it is zstd */
static inline uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

#endif
