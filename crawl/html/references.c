/* A name with `;` can only be the whole run of alphanumerics before one, since no name holds a `;` elsewhere; so it is looked
 * up at once, and prefixes are tried only for the few names that count without. */
#include "crawl/html/references.h"

#include "crawl/html/references_table.h"

bool html_needs_decoding(struct str utf8)
{
    for (size_t i = 0; i < utf8.n; i++)
        if (utf8.p[i] == '&' || utf8.p[i] == '\r' || utf8.p[i] == '\0') return true;
    return false;
}

static const struct html_reference *find_name(struct str name)
{
    size_t low = 0, high = HTML_REFERENCES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct html_reference *r = &html_references[middle];
        int order = str_compare(str_of(html_reference_names + r->at, r->length), name);
        if (order == 0) return r;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static bool is_alphanumeric(char c) { return ascii_is_alpha(c) || ascii_is_digit(c); }

/* The named reference at the start of s (behind its `&`) and the bytes that it takes there; NULL for none. */
static const struct html_reference *match_name(struct str s, bool in_attribute, size_t *taken)
{
    size_t run = 0;
    while (run < s.n && run <= HTML_LONGEST_REFERENCE && is_alphanumeric(s.p[run])) run++;
    const struct html_reference *found = run < s.n && s.p[run] == ';' ? find_name(str_of(s.p, run)) : NULL;
    *taken = run + 1;
    for (size_t n = run < HTML_LONGEST_BARE ? run : HTML_LONGEST_BARE; !found && n >= 2; n--) {
        found = find_name(str_of(s.p, n));
        if (found && !found->bare) found = NULL;
        *taken = n;
    }
    if (found && in_attribute && s.p[*taken - 1] != ';' && *taken < s.n && (s.p[*taken] == '=' || is_alphanumeric(s.p[*taken])))
        return NULL;
    return found;
}

/* What a numeric reference to `number` means: windows-1252's characters for the C1 controls that it has in their place. */
static uint32_t numeric_code_point(uint32_t number)
{
    static const uint16_t windows_1252[32] = {
        0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
        0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
    };
    if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return 0xFFFD;
    return number >= 0x80 && number <= 0x9F ? windows_1252[number - 0x80] : number;
}

/* A numeric reference at the start of s (behind `&#`): its bytes, 0 for none. */
static size_t match_number(struct str s, uint32_t *code_point)
{
    bool hexadecimal = s.n > 0 && (s.p[0] | 0x20) == 'x';
    size_t i = hexadecimal, start = i;
    uint32_t number = 0;
    for (; i < s.n; i++) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0 || (!hexadecimal && digit > 9)) break;
        number = number > 0x10FFFF ? number : number * (hexadecimal ? 16 : 10) + (uint32_t)digit;
    }
    if (i == start) return 0;
    *code_point = numeric_code_point(number);
    return i + (i < s.n && s.p[i] == ';');
}

/* Appends what stands for the `&` at the start of s, and moves s behind it. */
static int decode_one(struct buf *out, struct str *s, bool in_attribute)
{
    struct str behind = str_from_at(*s, 1);
    size_t taken;
    uint32_t code_point;
    if (behind.n && behind.p[0] == '#') {
        taken = match_number(str_from_at(behind, 1), &code_point);
        *s = str_from_at(behind, taken ? taken + 1 : 0);
        return taken ? buf_code_point(out, code_point) : buf_byte(out, '&');
    }
    const struct html_reference *r = match_name(behind, in_attribute, &taken);
    *s = str_from_at(behind, r ? taken : 0);
    if (!r) return buf_byte(out, '&');
    if (buf_code_point(out, r->first) < 0) return -1;
    return r->second ? buf_code_point(out, r->second) : 0;
}

static int decode(struct buf *out, struct str s, bool references, bool in_attribute, uint32_t nul)
{
    while (s.n) {
        size_t plain = 0;
        while (plain < s.n && s.p[plain] != '\r' && s.p[plain] != '\0' && !(s.p[plain] == '&' && references)) plain++;
        if (buf_add(out, str_of(s.p, plain)) < 0) return -1;
        s = str_from_at(s, plain);
        if (!s.n) break;
        int result;
        if (*s.p == '&') {
            result = decode_one(out, &s, in_attribute);
        } else if (*s.p == '\0') {
            result = nul ? buf_code_point(out, nul) : buf_byte(out, '\0');
            s = str_from_at(s, 1);
        } else {
            result = buf_byte(out, '\n');
            s = str_from_at(s, s.n > 1 && s.p[1] == '\n' ? 2 : 1);
        }
        if (result < 0) return -1;
    }
    return 0;
}

int html_decode_references(struct buf *out, struct str utf8, bool in_attribute)
{
    return decode(out, utf8, true, in_attribute, in_attribute ? 0xFFFD : 0);
}

int html_normalise_text(struct buf *out, struct str utf8, uint32_t nul) { return decode(out, utf8, false, false, nul); }
