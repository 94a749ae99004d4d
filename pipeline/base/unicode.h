/* What Unicode needs tables for: normal form, white space, case, categories, word borders, host names.
 *
 * ASCII goes through no library: each function answers for it at once. Everything else is asked of ICU, which stands behind
 * the module `unicode` (opened on first need, module.h). Input is valid UTF-8 unless said otherwise. Functions that append
 * return 0, or -1 with a sentence and nothing appended; `out` never holds the input. Any thread may call; no state is shared.
 *
 *     buf_clear(&text);
 *     if (unicode_text(&text, alt) < 0) return -1;       alt as the page's decoder gave it; text as the column holds it
 */
#ifndef WINNOW_UNICODE_H
#define WINNOW_UNICODE_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

/* Opens the module now; -1 with a sentence when it is not there. Only unicode_classes() needs it: whoever calls that calls
 * this first, once, since a number has no room for a failure (without the module what is not ASCII has no classes: 0). */
int unicode_ready(void);

enum unicode_class { /* bits of unicode_classes() */
    UNICODE_LETTER = 1,      /* general category L* */
    UNICODE_UPPER = 2,       /* Lu or Lt: upper- or titlecase */
    UNICODE_LOWER = 4,       /* Ll */
    UNICODE_DIGIT = 8,       /* Nd */
    UNICODE_SPACE = 16,      /* Python's str.isspace(): the set in filter measures `ws`, unicode_is_space() */
    UNICODE_PUNCTUATION = 32, /* P* */
    UNICODE_PRINTABLE = 64,  /* Python's str.isprintable(): not C*, not Z* save U+0020 */
    UNICODE_MARK = 128,      /* M* */
    UNICODE_SYMBOL = 256,    /* S* */
    UNICODE_OTHER_NUMBER = 512, /* Nl or No: with UNICODE_DIGIT all of N* */
};
unsigned unicode_classes(uint32_t code_point); /* 0 beyond U+10FFFF */

/* U+0009-000D, 001C-0020, 0085, 00A0, 1680, 2000-200A, 2028, 2029, 202F, 205F, 3000: what Python's str.split() splits at.
 * Needs no module. */
bool unicode_is_space(uint32_t code_point);

int unicode_nfc(struct buf *out, struct str utf8);   /* appends the NFC form; a quick check passes text that is NFC already */
int unicode_lower(struct buf *out, struct str utf8); /* appends the full, locale-free lower case */
int unicode_fold(struct buf *out, struct str utf8);  /* appends the full case folding */
int unicode_nfd(struct buf *out, struct str utf8);   /* appends the NFD form: accents stand behind their letters */

/* The text of a row (version 1 of the recipe, schemas/FORMAT.md): any bytes in, these steps in order:
 * 1. damaged UTF-8 (each maximal subpart), NUL and noncharacters become U+FFFD;
 * 2. U+200B, U+FEFF, DEL and the C0 and C1 controls that are not white space are dropped;
 * 3. every run of white space (unicode_is_space) becomes one space; trimmed at both ends;
 * 4. U+200C and U+200D stay only inside words: a run of them that touches a space or an end is dropped;
 * 5. NFC.
 * The result is a fixed point: unicode_text of it is itself. ASCII and nearly all text in NFC cost one pass and no module. */
int unicode_text(struct buf *out, struct str bytes);

/* UAX #29 words that hold a letter or digit (L* or Nd), in order: each call returns a slice of `utf8` and moves `at` behind
 * it; an absent slice at the end. Borders are ICU's for the root locale: a colon parts words, and runs of Han, Kana, Thai,
 * Lao, Khmer and Burmese are split by its dictionaries, where UAX #29 alone would part every ideograph. "@" parts words as
 * UAX #29 says (ICU 72 alone would call it a letter).
 * One struct serves many texts: zero it, unicode_words_begin() for each text, unicode_words_end() frees it at last. */
struct unicode_words {
    struct str utf8;
    size_t at;
    void *state;     /* private: the library's iterator, kept between texts */
    bool by_library; /* private: this text is not ASCII */
};
int unicode_words_begin(struct unicode_words *words, struct str utf8);
struct str unicode_words_next(struct unicode_words *words);
void unicode_words_end(struct unicode_words *words);

/* Domain to ASCII as the URL standard asks: UTS 46, non-transitional, CheckBidi and CheckContextJ on, hyphen and length errors
 * masked. `host` is percent-decoded, valid UTF-8. Appends the ASCII form, never an empty one; -1 when the host is not a
 * domain. An ASCII host is only lower-cased, `xn--` labels unseen, as the standard's tests ask since 2025 (wpt toascii.json:
 * "xn--a" stays "xn--a"). The caller still checks the forbidden domain code points.
 * A host of other letters over UNICODE_HOST_MAX bytes is refused: no name server holds one, and encoding it takes the square
 * of its length. */
enum { UNICODE_HOST_MAX = 2048 };
int unicode_domain_to_ascii(struct buf *out, struct str host);

#endif
