/* Nearly every text is tidy ASCII and is handed back as it is; the steps below are for the rest. */
#include "filters/text/clean.h"

#include "filters/text/clean_tables.h"
#include "filters/text/eight.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

static bool is_plain(char c) { return c >= ' ' && c != 0x7F && c != '&' && c != '|'; } /* char is signed: not > 0x7F */

/* How many bytes from `at` on no step of clean_laion would touch, spaces at the ends apart. */
static size_t plain_run(struct str s, size_t at)
{
    size_t i = at;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w = eight_load(s.p + i);
        uint64_t special = eight_equal(w, 0x7F) | eight_equal(w, '&') | eight_equal(w, '|');
        if (eight_below(w, ' ') | eight_not_ascii(w) | special) break;
    }
    while (i < s.n && is_plain(s.p[i])) i++;
    return i - at;
}

bool clean_laion_keeps(struct str s)
{
    if (s.n > CLEAN_LAION_CHARACTERS || (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))) return false;
    return plain_run(s, 0) == s.n;
}

bool clean_fold_keeps(struct str s)
{
    size_t i = 0;
    uint64_t space_before = 0x80; /* as if a space stood before the first byte */
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w = eight_load(s.p + i), space = eight_equal(w, ' ');
        if (eight_below(w, ' ') | eight_not_ascii(w) | (space & (space << 8 | space_before))) return false;
        space_before = space >> 56;
    }
    for (; i < s.n; i++) {
        if (s.p[i] < ' ' || (s.p[i] == ' ' && space_before)) return false;
        space_before = s.p[i] == ' ';
    }
    return s.n == 0 || !space_before;
}

int clean_fold_space(struct buf *out, struct str s)
{
    buf_clear(out);
    bool space = false;
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        if (unicode_is_space(utf8_next(s, &at))) {
            space = true;
            continue;
        }
        if (space && out->n && buf_byte(out, ' ') < 0) return -1;
        space = false;
        if (buf_add(out, str_of(s.p + from, at - from)) < 0) return -1;
    }
    return 0;
}

static int compare_names(const void *name, const void *entry)
{
    return strcmp(name, ((const struct named_character *)entry)->name);
}

/* What `&#...;` stands for, digits only; UINT32_MAX when it is no reference. As HTML has it: windows-1252 for 0x80-0x9F,
 * U+FFFD for surrogates and what lies beyond Unicode. */
static uint32_t numeric_reference(struct str digits)
{
    bool hex = digits.n && (digits.p[0] | 0x20) == 'x';
    struct str rest = hex ? str_from_at(digits, 1) : digits;
    if (rest.n == 0) return UINT32_MAX;
    uint32_t value = 0;
    for (size_t i = 0; i < rest.n; i++) {
        int digit = hex ? ascii_hex(rest.p[i]) : ascii_is_digit(rest.p[i]) ? rest.p[i] - '0' : -1;
        if (digit < 0) return UINT32_MAX;
        if (value <= 0x10FFFF) value = value * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (value >= 0x80 && value <= 0x9F && windows_1252[value - 0x80]) return windows_1252[value - 0x80];
    return value == 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF) ? 0xFFFD : value;
}

/* Reads a character reference at s.p[*at] == '&' and moves behind it; UINT32_MAX where there is none. */
static uint32_t reference(struct str s, size_t *at)
{
    enum { LONGEST = 24 };
    size_t from = *at + 1, end = from;
    if (end < s.n && s.p[end] == '#') end++;
    size_t name = end;
    while (end < s.n && end - name <= LONGEST && (ascii_is_alpha(s.p[end]) || ascii_is_digit(s.p[end]))) end++;
    if (end == name || end >= s.n || s.p[end] != ';') return UINT32_MAX;
    uint32_t found = UINT32_MAX;
    struct str body = str_of(s.p + name, end - name);
    char key[sizeof named_characters->name] = "";
    if (name > from) {
        found = numeric_reference(body);
    } else if (body.n < sizeof key) {
        memcpy(key, body.p, body.n);
        const struct named_character *hit = bsearch(key, named_characters, sizeof named_characters / sizeof *named_characters,
                                                    sizeof *named_characters, compare_names);
        if (hit) found = hit->code_point;
    }
    if (found != UINT32_MAX) *at = end + 1;
    return found;
}

/* Moves over ESC [ digits and semicolons, letter. */
static bool terminal_escape(struct str s, size_t *at)
{
    size_t i = *at + 2;
    if (i > s.n || s.p[*at + 1] != '[') return false;
    while (i < s.n && (ascii_is_digit(s.p[i]) || s.p[i] == ';')) i++;
    if (i >= s.n || !ascii_is_alpha(s.p[i])) return false;
    *at = i + 1;
    return true;
}

static int add_fixed(struct buf *out, uint32_t c)
{
    if (c >= 0x80 && c <= 0x9F && windows_1252[c - 0x80]) c = windows_1252[c - 0x80];
    if ((c >= 0x132 && c <= 0x1F3) || (c >= 0xFB00 && c <= 0xFB06))
        for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++)
            if (ligatures[i].code_point == c) return buf_add(out, str_from(ligatures[i].letters));
    if (c == 0x3000) c = ' ';
    else if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
    else if (c >= HALF_WIDTH_FIRST && c <= HALF_WIDTH_LAST && half_width[c - HALF_WIDTH_FIRST])
        c = half_width[c - HALF_WIDTH_FIRST];
    if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) c = '\'';
    else if (c >= 0x201C && c <= 0x201F) c = '"';
    return buf_code_point(out, c);
}

/* One pass of the part of ftfy that clean.h names, without NFC. */
static int fix_pass(struct buf *out, struct str s, bool unescape)
{
    for (size_t at = 0; at < s.n;) {
        size_t run = plain_run(s, at);
        if (buf_add(out, str_of(s.p + at, run)) < 0) return -1;
        if ((at += run) == s.n) break;
        unsigned char c = (unsigned char)s.p[at];
        uint32_t named;
        if (c == '&' && unescape && (named = reference(s, &at)) != UINT32_MAX) {
            if (buf_code_point(out, named) < 0) return -1;
        } else if (c == 0x1B && terminal_escape(s, &at)) {
            continue;
        } else if (c < 0x80) {
            if (buf_byte(out, (char)c) < 0) return -1;
            at++;
        } else if (add_fixed(out, utf8_next(s, &at)) < 0) {
            return -1;
        }
    }
    return 0;
}

static struct str strip(struct str s)
{
    while (s.n) {
        size_t at = 0;
        if (!unicode_is_space(utf8_next(s, &at))) break;
        s = str_from_at(s, at);
    }
    while (s.n) {
        size_t last = s.n - 1;
        while (last && ((unsigned char)s.p[last] & 0xC0) == 0x80) last--;
        size_t at = last;
        if (!unicode_is_space(utf8_next(s, &at))) break;
        s.n = last;
    }
    return s;
}

/* Strips, deletes what is not printable, cuts, and makes `|` a space; appends. */
static int finish(struct buf *out, struct str s)
{
    s = strip(s);
    for (size_t at = 0, characters = 0; at < s.n && characters < CLEAN_LAION_CHARACTERS;) {
        size_t run = plain_run(s, at);
        if (run > CLEAN_LAION_CHARACTERS - characters) run = CLEAN_LAION_CHARACTERS - characters;
        if (buf_add(out, str_of(s.p + at, run)) < 0) return -1;
        at += run;
        characters += run;
        if (at == s.n || characters == CLEAN_LAION_CHARACTERS) break;
        size_t from = at;
        uint32_t c = utf8_next(s, &at);
        if (!(unicode_classes(c) & UNICODE_PRINTABLE)) continue;
        characters++;
        if (c == '|' ? buf_byte(out, ' ') < 0 : buf_add(out, str_of(s.p + from, at - from)) < 0) return -1;
    }
    return 0;
}

/* The text as ftfy has it, by the part of ftfy that clean.h names: in room[0] or room[1]. */
static int fix_text(struct buf *out, struct str text, struct buf room[2], struct str *fixed)
{
    buf_clear(out);
    buf_clear(&room[0]);
    if (buf_add(&room[0], text) < 0) return -1;
    bool unescape = !memchr(text.p, '<', text.n); /* asked once, of the text as it came */
    int now = 0;
    for (int pass = 0; pass < CLEAN_PASSES; pass++) {
        struct buf *from = &room[now], *to = &room[!now];
        buf_clear(to);
        buf_clear(out);
        if (fix_pass(out, buf_str(from), unescape) < 0 || unicode_nfc(to, buf_str(out)) < 0) return -1;
        now = !now;
        if (str_eq(buf_str(from), buf_str(to))) break;
    }
    buf_clear(out);
    *fixed = buf_str(&room[now]);
    return 0;
}

int clean_laion(struct buf *out, struct str text, struct buf room[2])
{
    struct str fixed;
    buf_clear(out);
    if (text.n == 0) return 0;
    buf_clear(&room[1]);
    if (buf_reserve(&room[1], text.n) < 0) return -1;
    char *spaced = memcpy(room[1].p, text.p, text.n);
    for (size_t i = 0; i < text.n; i++)
        if (spaced[i] == '\n') spaced[i] = ' ';
    return fix_text(out, str_of(spaced, text.n), room, &fixed) < 0 ? -1 : finish(out, fixed);
}

/* ---- RedCaps */

static bool is_latin(uint32_t c)
{
    return (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || (c >= 0x1E00 && c <= 0x1EFF) || (c >= 0x2C60 && c <= 0x2C7F) ||
           (c >= 0xA720 && c <= 0xA7FF);
}

static int keep_latin(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        uint32_t c = utf8_next(s, &at);
        bool space = unicode_is_space(c);
        if (space ? buf_byte(out, ' ') < 0 : ((c >= ' ' && c < 0x7F) || is_latin(c)) && buf_add(out, str_of(s.p + from, at - from)) < 0) return -1;
    }
    return 0;
}

static int drop_brackets(struct buf *out, struct str s)
{
    static const char pairs[2][2] = {{'(', ')'}, {'[', ']'}};
    size_t none[2] = {SIZE_MAX, SIZE_MAX}; /* from here on nothing closes that bracket */
    for (size_t i = 0; i < s.n; i++) {
        int kind = s.p[i] == '(' ? 0 : s.p[i] == '[' ? 1 : -1;
        const char *closing = kind >= 0 && i < none[kind] ? memchr(s.p + i, pairs[kind][1], s.n - i) : NULL;
        if (closing) i = (size_t)(closing - s.p);
        else if (buf_byte(out, s.p[i]) < 0) return -1;
        else if (kind >= 0 && none[kind] == SIZE_MAX) none[kind] = i;
    }
    return 0;
}

static int name_users(struct buf *out, struct str s)
{
    buf_clear(out);
    for (size_t i = 0; i < s.n;) {
        while (i < s.n && s.p[i] == ' ') i++;
        size_t from = i;
        while (i < s.n && s.p[i] != ' ') i++;
        struct str word = str_of(s.p + from, i - from);
        if (!word.n) break;
        if ((out->n && buf_byte(out, ' ') < 0) || buf_add(out, word.p[0] == '@' && word.n > 1 ? STR("[USR]") : word) < 0) return -1;
    }
    return 0;
}

int clean_redcaps(struct buf *out, struct str text, struct buf room[2])
{
    struct str fixed;
    buf_clear(out);
    if (text.n == 0) return 0;
    if (fix_text(out, text, room, &fixed) < 0 || unicode_lower(out, fixed) < 0) return -1;
    buf_clear(&room[0]);
    buf_clear(&room[1]);
    if (unicode_nfd(&room[0], buf_str(out)) < 0 || keep_latin(&room[1], buf_str(&room[0])) < 0) return -1;
    buf_clear(&room[0]);
    return drop_brackets(&room[0], buf_str(&room[1])) < 0 ? -1 : name_users(out, buf_str(&room[0]));
}
