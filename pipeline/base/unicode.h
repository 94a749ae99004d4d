/* What Unicode needs tables for: normal form, white space, case, categories, word borders, host names.
 *
 * ASCII goes through no library: each function answers for it at once. Everything else is asked of ICU, which stands behind
 * the module `unicode` (opened on first need, module.h). Input is valid UTF-8 unless said otherwise. Functions that append
 * return 0 or -1 with a sentence. Any thread may call; no state is shared.
 */
#ifndef WINNOW_UNICODE_H
#define WINNOW_UNICODE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum unicode_class { /* bits of unicode_classes() */
    UNICODE_LETTER = 1,      /* general category L* */
    UNICODE_UPPER = 2,       /* Lu or Lt: upper- or titlecase */
    UNICODE_LOWER = 4,       /* Ll */
    UNICODE_DIGIT = 8,       /* Nd */
    UNICODE_SPACE = 16,      /* Python's str.isspace(): the set in filter measures `ws` */
    UNICODE_PUNCTUATION = 32, /* P* */
    UNICODE_PRINTABLE = 64,  /* Python's str.isprintable(): not C*, not Z* save U+0020 */
    UNICODE_MARK = 128,      /* M* */
    UNICODE_SYMBOL = 256,    /* S* */
};
unsigned unicode_classes(uint32_t code_point);

int unicode_nfc(struct buf *out, struct str utf8);   /* appends the NFC form; a quick check passes text that is NFC already */
int unicode_lower(struct buf *out, struct str utf8); /* appends the full, locale-free lower case */
int unicode_fold(struct buf *out, struct str utf8);  /* appends the full case folding */

/* The text of a row (version 1 of the recipe, schemas/FORMAT.md): any bytes in; damaged UTF-8, NUL and noncharacters become
 * U+FFFD; C0 controls other than white space, DEL, C1 controls, U+200B and U+FEFF are dropped; U+200C/D stay inside words
 * only; NFC; every run of Unicode white space becomes one space; trimmed. */
int unicode_text(struct buf *out, struct str bytes);

/* UAX #29 words that hold a letter or digit, in order: each call moves *at and returns a slice of `utf8`; an absent slice at
 * the end. `text` holds the state of one pass; zero it, and unicode_words_end() frees it. */
struct unicode_words {
    struct str utf8;
    size_t at;
    void *state; /* private */
};
int unicode_words_begin(struct unicode_words *words, struct str utf8);
struct str unicode_words_next(struct unicode_words *words);
void unicode_words_end(struct unicode_words *words);

/* Domain to ASCII as the URL standard asks: UTS 46, non-transitional, CheckBidi and CheckContextJ on, hyphen and length errors
 * masked. `host` is percent-decoded UTF-8. Appends the ASCII form; -1 when the host is not a valid domain. An ASCII host
 * without an `xn--` label is only lower-cased. */
int unicode_domain_to_ascii(struct buf *out, struct str host);

#endif
