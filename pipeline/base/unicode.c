/* The thin side of Unicode: answers for ASCII, and asks the module for the rest.
 *
 * Every alternative text of a crawl goes through unicode_text, so it is built in three tiers: whole words of tidy ASCII are
 * found eight bytes at a time and copied; other code points are read one by one, and a short table knows the blocks that no
 * normalisation can touch; only what is left (combining marks, compatibility letters, rare scripts) wakes ICU. */
#include "pipeline/base/unicode.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/module.h"
#include "pipeline/base/unicode_ops.h"
#include "pipeline/base/utf8.h"

#include <endian.h>
#include <stdatomic.h>

/* module_open takes a lock; code points are asked for one at a time. */
static const struct unicode_module *module(void)
{
    static _Atomic(const struct unicode_module *) cached;
    const struct unicode_module *found = atomic_load_explicit(&cached, memory_order_acquire);
    if (!found && (found = module_open("unicode"))) atomic_store_explicit(&cached, found, memory_order_release);
    return found;
}

int unicode_ready(void) { return module() ? 0 : -1; }

#define GRAPHIC(kind) (unsigned short)((kind) | UNICODE_PRINTABLE)
static const unsigned short ascii_classes[128] = {
    ['\t' ... '\r'] = UNICODE_SPACE,
    [0x1C ... 0x1F] = UNICODE_SPACE,
    [' '] = GRAPHIC(UNICODE_SPACE),
    ['!' ... '#'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['$'] = GRAPHIC(UNICODE_SYMBOL),
    ['%' ... '*'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['+'] = GRAPHIC(UNICODE_SYMBOL),
    [',' ... '/'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['0' ... '9'] = GRAPHIC(UNICODE_DIGIT),
    [':' ... ';'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['<' ... '>'] = GRAPHIC(UNICODE_SYMBOL),
    ['?' ... '@'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['A' ... 'Z'] = GRAPHIC(UNICODE_LETTER | UNICODE_UPPER),
    ['[' ... ']'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['^'] = GRAPHIC(UNICODE_SYMBOL),
    ['_'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['`'] = GRAPHIC(UNICODE_SYMBOL),
    ['a' ... 'z'] = GRAPHIC(UNICODE_LETTER | UNICODE_LOWER),
    ['{'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['|'] = GRAPHIC(UNICODE_SYMBOL),
    ['}'] = GRAPHIC(UNICODE_PUNCTUATION),
    ['~'] = GRAPHIC(UNICODE_SYMBOL),
};

unsigned unicode_classes(uint32_t c)
{
    if (c < 128) return ascii_classes[c];
    if (c > 0x10FFFF) return 0;
    const struct unicode_module *icu = module();
    unsigned classes = icu ? icu->classes(c) : 0;
    return unicode_is_space(c) ? classes | UNICODE_SPACE : classes;
}

bool unicode_is_space(uint32_t c)
{
    if (c < 128) return ascii_classes[c] & UNICODE_SPACE;
    if (c < 0x1680) return c == 0x85 || c == 0xA0;
    if (c >= 0x2000 && c <= 0x200A) return true;
    return c == 0x1680 || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static int lower_ascii(struct buf *out, struct str s)
{
    if (buf_reserve(out, s.n) < 0) return -1;
    for (size_t i = 0; i < s.n; i++) out->p[out->n + i] = ascii_lower(s.p[i]);
    out->n += s.n;
    return 0;
}

int unicode_lower(struct buf *out, struct str utf8)
{
    if (utf8_is_ascii(utf8)) return lower_ascii(out, utf8);
    const struct unicode_module *icu = module();
    return icu ? icu->lower(out, utf8) : -1;
}

int unicode_fold(struct buf *out, struct str utf8)
{
    if (utf8_is_ascii(utf8)) return lower_ascii(out, utf8);
    const struct unicode_module *icu = module();
    return icu ? icu->fold(out, utf8) : -1;
}

int unicode_nfd(struct buf *out, struct str utf8)
{
    if (utf8_is_ascii(utf8)) return buf_add(out, utf8);
    const struct unicode_module *icu = module();
    return icu ? icu->nfd(out, utf8) : -1;
}

int unicode_domain_to_ascii(struct buf *out, struct str host)
{
    if (host.n == 0) return fail("an empty host");
    if (utf8_is_ascii(host)) return lower_ascii(out, host);
    if (host.n > UNICODE_HOST_MAX) return fail("a host of %zu bytes that is not ASCII: more than %d", host.n, UNICODE_HOST_MAX);
    const struct unicode_module *icu = module();
    return icu ? icu->domain_to_ascii(out, host) : -1;
}

/* Blocks in which every code point has combining class 0 and NFC_Quick_Check=Yes, so that none of them changes, or is
 * changed by a neighbour of these blocks. Unicode promises both for ever for assigned letters; a test asks ICU for each. */
static bool never_normalised(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } blocks[] = {
        {0x0000, 0x02FF}, /* Latin */
        {0x0390, 0x03FF}, /* Greek letters */
        {0x0400, 0x0482}, /* Cyrillic */
        {0x05D0, 0x05EA}, /* Hebrew letters */
        {0x0620, 0x064A}, /* Arabic letters */
        {0x0E01, 0x0E37}, /* Thai, to the first vowel sign below */
        {0x1EA0, 0x1EF9}, /* Latin with two accents: Vietnamese */
        {0x2010, 0x2027}, /* dashes, quotation marks, ellipsis */
        {0x20A0, 0x20C0}, /* currency */
        {0x3001, 0x3029}, /* CJK punctuation */
        {0x3041, 0x3096}, /* Hiragana */
        {0x30A0, 0x30FF}, /* Katakana */
        {0x4E00, 0x9FFF}, /* Han */
        {0xAC00, 0xD7A3}, /* Hangul syllables */
        {0xFE00, 0xFE0F}, /* variation selectors, as in emoji */
        {0xFF01, 0xFF60}, /* full-width forms */
        {0x1F300, 0x1FAFF}, /* emoji */
    };
    size_t low = 0, high = sizeof blocks / sizeof *blocks;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > blocks[middle].last) low = middle + 1;
        else high = middle;
    }
    return low < sizeof blocks / sizeof *blocks && c >= blocks[low].first;
}

/* The bytes of `b` from `from` on are replaced by their NFC form. */
static int nfc_from(struct buf *b, size_t from)
{
    const struct unicode_module *icu = module();
    return icu ? icu->nfc_from(b, from) : -1;
}

int unicode_nfc(struct buf *out, struct str utf8)
{
    size_t start = out->n;
    if (buf_add(out, utf8) < 0) return -1;
    if (utf8_is_ascii(utf8)) return 0;
    for (size_t at = 0; at < utf8.n;) {
        if (never_normalised(utf8_next(utf8, &at))) continue;
        if (nfc_from(out, start) == 0) return 0;
        out->n = start;
        return -1;
    }
    return 0;
}

/* ---- unicode_text ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH EACH(0x80)

/* Bytes at the front that already are as unicode_text leaves them: printable ASCII, single spaces, none in
 * front. A space at the end of the run is left to the caller, since what follows decides over it. */
static size_t tidy_run(struct str s)
{
    size_t at = 0;
    uint64_t space_before = 0x80; /* in the lowest byte when the byte before is a space; the start counts as one */
    while (at + 8 <= s.n) {
        uint64_t w;
        memcpy(&w, s.p + at, 8);
        w = le64toh(w); /* the first byte is the lowest one */
        uint64_t below_space = ((w & ~HIGH) + EACH(0x80 - 0x20)) ^ HIGH; /* exact while no byte has its high bit */
        uint64_t not_space = ((w ^ EACH(0x20)) & ~HIGH) + EACH(0x7F);
        uint64_t not_delete = ((w ^ EACH(0x7F)) & ~HIGH) + EACH(0x7F);
        uint64_t spaces = ~not_space & HIGH;
        uint64_t untidy = ((w | below_space | ~not_delete) & HIGH) | (spaces & (spaces << 8 | space_before));
        if (untidy) break;
        space_before = spaces >> 56;
        at += 8;
    }
    for (; at < s.n && s.p[at] >= 0x20 && s.p[at] < 0x7F; at++)
        if (s.p[at] == ' ' && (at == 0 || s.p[at - 1] == ' ')) break;
    return at && s.p[at - 1] == ' ' ? at - 1 : at;
}

static bool is_noncharacter(uint32_t c) { return (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF); }
static bool is_damage(uint32_t c) { return c == UTF8_INVALID || c == 0 || is_noncharacter(c); }
static bool is_dropped(uint32_t c) /* asked after white space */
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x200B || c == 0xFEFF;
}
static bool is_joiner(uint32_t c) { return c == 0x200C || c == 0x200D; }
static bool is_kept(uint32_t c) /* stands in the result as it is, wherever it stands */
{
    return !is_damage(c) && !unicode_is_space(c) && !is_dropped(c) && !is_joiner(c);
}

struct tidying {
    struct buf *out;
    size_t start;    /* of this text in out */
    size_t end;      /* behind the last visible character; what lies between it and out->n is a run of joiners */
    bool space;      /* white space was read since then */
    bool may_change; /* by NFC */
};

static int add_joiner(struct tidying *t, uint32_t c)
{
    return t->space || t->end == t->start ? 0 : buf_code_point(t->out, c);
}

static void end_word(struct tidying *t)
{
    t->out->n = t->end;
    t->space = true;
}

static int add_visible(struct tidying *t, struct str visible)
{
    if (visible.n == 0) return 0;
    if (t->space && t->end > t->start && buf_byte(t->out, ' ') < 0) return -1;
    if (buf_add(t->out, visible) < 0) return -1;
    t->space = false;
    t->end = t->out->n;
    return 0;
}

/* A code point that is not kept as it is. */
static int add_changed(struct tidying *t, uint32_t c)
{
    if (is_damage(c)) return add_visible(t, STR("\uFFFD"));
    if (is_joiner(c)) return add_joiner(t, c);
    if (unicode_is_space(c)) end_word(t);
    return 0;
}

static int add_tidied(struct tidying *t, struct str bytes)
{
    size_t kept = 0; /* where the bytes begin that are kept and not yet copied */
    for (size_t at = 0; at < bytes.n;) {
        size_t run = (unsigned char)bytes.p[at] < 0x80 ? tidy_run(str_from_at(bytes, at)) : 0, from = at;
        at += run;
        if (run) continue;
        uint32_t c = utf8_next(bytes, &at);
        if (is_kept(c)) {
            t->may_change |= !never_normalised(c);
            continue;
        }
        if (add_visible(t, str_of(bytes.p + kept, from - kept)) < 0 || add_changed(t, c) < 0) return -1;
        kept = at;
    }
    if (add_visible(t, str_from_at(bytes, kept)) < 0) return -1;
    end_word(t);
    return t->may_change ? nfc_from(t->out, t->start) : 0;
}

int unicode_text(struct buf *out, struct str bytes)
{
    size_t tidy = tidy_run(bytes);
    size_t start = out->n;
    if (buf_add(out, str_of(bytes.p, tidy)) < 0) return -1;
    if (tidy == bytes.n) return 0;
    struct tidying t = {.out = out, .start = start, .end = out->n};
    if (add_tidied(&t, str_from_at(bytes, tidy)) == 0) return 0;
    out->n = start;
    return -1;
}

/* ---- words ---- */

static bool is_letter(char c) { return ascii_is_alpha(c); }
static bool is_word_part(char c) { return is_letter(c) || ascii_is_digit(c) || c == '_'; }

/* Whether UAX #29 keeps `before`, one of . ' , ; and `after` together: a.m. and 3,5 and don't (rules WB6-7, WB11-12). */
static bool joins(char before, char between, char after)
{
    if (is_letter(before) && is_letter(after)) return between == '.' || between == '\'';
    if (ascii_is_digit(before) && ascii_is_digit(after))
        return between == '.' || between == '\'' || between == ',' || between == ';';
    return false;
}

/* UAX #29 for ASCII: no combining marks, no scripts, so a word is a run of letters, digits and underscores with joined
 * punctuation between (WB5-13b). */
static struct str next_ascii_word(struct unicode_words *w)
{
    const char *p = w->utf8.p;
    size_t n = w->utf8.n, at = w->at;
    for (;;) {
        while (at < n && !is_word_part(p[at])) at++;
        if (at == n) break;
        size_t from = at;
        bool holds = false; /* a letter or digit: underscores alone are no word */
        for (;;) {
            holds |= p[at] != '_';
            if (++at == n) break;
            if (is_word_part(p[at])) continue;
            if (at + 1 == n || !joins(p[at - 1], p[at], p[at + 1])) break;
            at++;
        }
        if (!holds) continue;
        w->at = at;
        return str_of(p + from, at - from);
    }
    w->at = n;
    return STR_ABSENT;
}

static bool holds_letter_or_digit(struct str segment)
{
    for (size_t at = 0; at < segment.n;) {
        uint32_t c = utf8_next(segment, &at);
        if (c != UTF8_INVALID && (unicode_classes(c) & (UNICODE_LETTER | UNICODE_DIGIT))) return true;
    }
    return false;
}

int unicode_words_begin(struct unicode_words *w, struct str utf8)
{
    w->utf8 = utf8;
    w->at = 0;
    w->by_library = !utf8_is_ascii(utf8);
    if (!w->by_library) return 0;
    const struct unicode_module *icu = module();
    return icu ? icu->words_begin(&w->state, utf8) : -1;
}

struct str unicode_words_next(struct unicode_words *w)
{
    if (!w->by_library) return next_ascii_word(w);
    const struct unicode_module *icu = module();
    while (icu && w->at < w->utf8.n) {
        size_t end = icu->words_next(w->state), from = w->at;
        w->at = end < w->utf8.n ? end : w->utf8.n;
        struct str segment = str_of(w->utf8.p + from, w->at - from);
        if (holds_letter_or_digit(segment)) return segment;
    }
    return STR_ABSENT;
}

void unicode_words_end(struct unicode_words *w)
{
    if (w->state) module()->words_end(w->state);
    *w = (struct unicode_words){.at = 0};
}
