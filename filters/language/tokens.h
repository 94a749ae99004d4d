/* Tokens of English text by the conventions of the Penn and EWT treebanks.
 *
 *     struct token *tokens = malloc(tokens_room(text) * sizeof *tokens);
 *     size_t count = tokens_split(text, tokens);
 *     tokens[i].start, tokens[i].end                   bytes of `text`
 *
 * White space parts tokens; punctuation stands alone save inside numbers, addresses, abbreviations and file names; clitics stand
 * apart ("can't" → "ca" "n't", "dog's" → "dog" "'s", "cannot" → "can" "not", "gonna" → "gon" "na"); hyphens and slashes between
 * words are tokens of their own ("Al-Zaman" → 3), save behind prefixes that are no words ("non-stop", "e-mail") and in numbers;
 * runs of one mark stay together ("...", "--", "!!!"), so do emoticons and "&" between capitals ("AT&T"). Scripts that write
 * without spaces are not taken apart. Deterministic, no allocation, any thread; time grows linearly.
 */
#ifndef WINNOW_TOKENS_H
#define WINNOW_TOKENS_H

#include "pipeline/base/str.h"

struct token {
    uint32_t start, end; /* bytes; end > start */
};

enum { TOKENS_TEXT_MOST = 1 << 20 }; /* bytes of a text; what lies behind is not seen */

static inline size_t tokens_room(struct str text) { return text.n + 1; }
size_t tokens_split(struct str valid_utf8, struct token *tokens); /* how many; tokens_room() of them fit */

#endif
