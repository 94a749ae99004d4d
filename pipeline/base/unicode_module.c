/* The module `unicode`: ICU behind the functions of unicode_ops.h.
 *
 * ICU's C functions want UTF-16 for normal forms and case. Texts are short, so both copies lie on the stack and only long
 * texts use the heap. Objects of ICU that are opened here once (the NFC tables, the IDNA processor) are constant and serve
 * all threads; break iterators are not, and belong to the caller's struct unicode_words. */
#include "pipeline/base/unicode_ops.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>

static unsigned classes(uint32_t c)
{
    uint32_t category = U_GET_GC_MASK((UChar32)c);
    unsigned found = 0;
    if (category & U_GC_L_MASK) found |= UNICODE_LETTER;
    if (category & (U_GC_LU_MASK | U_GC_LT_MASK)) found |= UNICODE_UPPER;
    if (category & U_GC_LL_MASK) found |= UNICODE_LOWER;
    if (category & U_GC_ND_MASK) found |= UNICODE_DIGIT;
    if (category & U_GC_P_MASK) found |= UNICODE_PUNCTUATION;
    if (category & U_GC_M_MASK) found |= UNICODE_MARK;
    if (category & U_GC_S_MASK) found |= UNICODE_SYMBOL;
    if (category & (U_GC_NL_MASK | U_GC_NO_MASK)) found |= UNICODE_OTHER_NUMBER;
    if (!(category & (U_GC_C_MASK | U_GC_Z_MASK))) found |= UNICODE_PRINTABLE;
    return found;
}

static int fail_icu(const char *what, UErrorCode status)
{
    return status == U_MEMORY_ALLOCATION_ERROR ? fail_memory() : fail("ICU: %s: %s", what, u_errorName(status));
}

/* ---- through UTF-16 ---- */

enum { STACK_UNITS = 2048 }; /* 4 KiB each for source and result: an alternative text is rarely over 1,000 characters */

/* Writes to `to` (room for `room` units) and returns the number of units the whole result has. */
typedef int32_t transform(UChar *to, int32_t room, const UChar *from, int32_t n, UErrorCode *status);

static int32_t to_nfc(UChar *to, int32_t room, const UChar *from, int32_t n, UErrorCode *status)
{
    return unorm2_normalize(unorm2_getNFCInstance(status), from, n, to, room, status);
}
static int32_t to_nfd(UChar *to, int32_t room, const UChar *from, int32_t n, UErrorCode *status)
{
    return unorm2_normalize(unorm2_getNFDInstance(status), from, n, to, room, status);
}
static int32_t to_lower(UChar *to, int32_t room, const UChar *from, int32_t n, UErrorCode *status)
{
    return u_strToLower(to, room, from, n, "", status);
}
static int32_t to_folded(UChar *to, int32_t room, const UChar *from, int32_t n, UErrorCode *status)
{
    return u_strFoldCase(to, room, from, n, U_FOLD_CASE_DEFAULT, status);
}

/* Replaces b's bytes from `from` on by the UTF-8 form of the units. */
static int put_utf16(struct buf *b, size_t from, const UChar *units, int32_t n)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t bytes = 0;
    size_t most = 3 * (size_t)n, before = b->n;
    b->n = from;
    if (buf_reserve(b, most) < 0) { /* near the ceiling the exact size may still fit */
        u_strToUTF8(NULL, 0, &bytes, units, n, &status);
        most = (size_t)bytes;
        status = U_ZERO_ERROR;
        if (buf_reserve(b, most) < 0) {
            b->n = before;
            return -1;
        }
    }
    size_t room = b->room - from;
    u_strToUTF8(b->p + from, room > INT32_MAX ? INT32_MAX : (int32_t)room, &bytes, units, n, &status);
    if (U_FAILURE(status)) return fail_icu("UTF-16 to UTF-8", status);
    b->n = from + (size_t)bytes;
    return 0;
}

static int apply(struct buf *b, size_t from, const UChar *units, int32_t n, transform *change)
{
    UChar stack[STACK_UNITS], *result = stack;
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = change(result, STACK_UNITS, units, n, &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
        if (!(result = malloc((size_t)length * sizeof *result))) return fail_memory();
        status = U_ZERO_ERROR;
        length = change(result, length, units, n, &status);
    }
    int done = U_FAILURE(status) ? fail_icu("case or normal form", status) : put_utf16(b, from, result, length);
    if (result != stack) free(result);
    return done;
}

/* The UTF-16 form of `utf8`, in `stack` or on the heap; NULL with a sentence. */
static UChar *to_utf16(struct str utf8, UChar stack[STACK_UNITS], int32_t *n)
{
    if (utf8.n > INT32_MAX / 4) return fail("a text of %zu bytes: too long", utf8.n), NULL;
    UChar *units = stack;
    if (utf8.n > STACK_UNITS && !(units = malloc(utf8.n * sizeof *units))) return fail_memory(), NULL;
    UErrorCode status = U_ZERO_ERROR;
    int32_t room = utf8.n > STACK_UNITS ? (int32_t)utf8.n : STACK_UNITS;
    u_strFromUTF8WithSub(units, room, n, utf8.p, (int32_t)utf8.n, 0xFFFD, NULL, &status);
    if (U_SUCCESS(status)) return units;
    if (units != stack) free(units);
    return fail_icu("UTF-8 to UTF-16", status), NULL;
}

static int nfc_from(struct buf *b, size_t from)
{
    UChar stack[STACK_UNITS];
    int32_t n;
    UChar *units = to_utf16(str_of(b->p + from, b->n - from), stack, &n);
    if (!units) return -1;
    UErrorCode status = U_ZERO_ERROR;
    int32_t same = unorm2_spanQuickCheckYes(unorm2_getNFCInstance(&status), units, n, &status);
    int result = U_FAILURE(status) ? fail_icu("quick check", status) : same == n ? 0 : apply(b, from, units, n, to_nfc);
    if (units != stack) free(units);
    return result;
}

static int append_changed(struct buf *out, struct str utf8, transform *change)
{
    UChar stack[STACK_UNITS];
    int32_t n;
    UChar *units = to_utf16(utf8, stack, &n);
    if (!units) return -1;
    int result = apply(out, out->n, units, n, change);
    if (units != stack) free(units);
    return result;
}

static int lower(struct buf *out, struct str utf8) { return append_changed(out, utf8, to_lower); }
static int fold(struct buf *out, struct str utf8) { return append_changed(out, utf8, to_folded); }
static int nfd(struct buf *out, struct str utf8) { return append_changed(out, utf8, to_nfd); }

/* ---- host names ---- */

static pthread_once_t idna_once = PTHREAD_ONCE_INIT;
static UIDNA *idna;
static UErrorCode idna_status = U_ZERO_ERROR;
static void open_idna(void)
{
    idna = uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII |
                           UIDNA_NONTRANSITIONAL_TO_UNICODE, &idna_status);
}

/* CheckHyphens and VerifyDnsLength are false in the URL standard. */
enum { MASKED = UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4 | UIDNA_ERROR_EMPTY_LABEL |
                UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG };

static int domain_to_ascii(struct buf *out, struct str host)
{
    pthread_once(&idna_once, open_idna);
    if (U_FAILURE(idna_status)) return fail_icu("IDNA tables", idna_status);
    /* Mapping makes at most 18 code points of one, and `xn--` is 4 bytes a label: this holds every honest host at once. */
    size_t most = 64 + 4 * host.n;
    for (int tries = 0; tries < 2; tries++) {
        if (buf_reserve(out, most) < 0) return -1;
        UErrorCode status = U_ZERO_ERROR;
        UIDNAInfo info = UIDNA_INFO_INITIALIZER;
        int32_t n = uidna_nameToASCII_UTF8(idna, host.p, (int32_t)host.n, out->p + out->n, (int32_t)most, &info, &status);
        if (status == U_BUFFER_OVERFLOW_ERROR) {
            most = (size_t)n;
            continue;
        }
        if (U_FAILURE(status)) return fail_icu("IDNA", status);
        if (info.errors & ~(uint32_t)MASKED) return fail("not a domain name: IDNA errors 0x%x", (unsigned)info.errors);
        if (n == 0) return fail("a domain name of ignored characters only");
        out->n += (size_t)n;
        return 0;
    }
    return fail("ICU: IDNA: no end of the result");
}

/* ---- words ---- */

struct words {
    UBreakIterator *iterator;
    UText text;  /* over the caller's bytes, or the copy; offsets are bytes */
    char *copy;  /* of a text with "@" */
    size_t room; /* of the copy */
};

static void words_end(void *state)
{
    struct words *w = state;
    if (w->iterator) ubrk_close(w->iterator);
    utext_close(&w->text);
    free(w->copy);
    free(w);
}

/* ICU 72 counts "@" among the letters, UAX #29 does not: the iterator gets to see another character without a class. */
static int hide_at_signs(struct words *w, struct str *utf8)
{
    if (!memchr(utf8->p, '@', utf8->n)) return 0;
    if (w->room < utf8->n) {
        char *copy = realloc(w->copy, utf8->n);
        if (!copy) return fail_memory();
        w->copy = copy;
        w->room = utf8->n;
    }
    for (size_t i = 0; i < utf8->n; i++) w->copy[i] = utf8->p[i] == '@' ? '#' : utf8->p[i];
    utf8->p = w->copy;
    return 0;
}

static int words_begin(void **state, struct str utf8)
{
    struct words *w = *state;
    UErrorCode status = U_ZERO_ERROR;
    if (!w) {
        if (!(w = calloc(1, sizeof *w))) return fail_memory();
        w->text = (UText)UTEXT_INITIALIZER;
        w->iterator = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
        *state = w;
    }
    if (hide_at_signs(w, &utf8) < 0) return -1;
    if (U_SUCCESS(status)) utext_openUTF8(&w->text, utf8.p, (int64_t)utf8.n, &status);
    if (U_SUCCESS(status)) ubrk_setUText(w->iterator, &w->text, &status);
    if (U_FAILURE(status)) {
        words_end(w);
        *state = NULL;
        return fail_icu("word borders", status);
    }
    ubrk_first(w->iterator);
    return 0;
}

static size_t words_next(void *state)
{
    struct words *w = state;
    int32_t border = ubrk_next(w->iterator);
    return border == UBRK_DONE ? SIZE_MAX : (size_t)border;
}

const struct unicode_module winnow_module_unicode = {
    .version = "ICU " U_ICU_VERSION,
    .classes = classes,
    .nfc_from = nfc_from,
    .lower = lower,
    .fold = fold,
    .nfd = nfd,
    .domain_to_ascii = domain_to_ascii,
    .words_begin = words_begin,
    .words_next = words_next,
    .words_end = words_end,
};
