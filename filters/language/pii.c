/* Every candidate begins at a digit, a "+", a "(" or before an "@"; what none of those is, is passed over byte by byte. */
#include "filters/language/pii.h"

#include <libpsl.h>

const char *const pii_names[PII_KINDS] = {"EMAIL", "IBAN", "CARD", "SSN", "ID", "IPV4", "PHONE"};

static bool is_word(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c >= 0x80; }
static char at(struct str s, size_t i) { return i < s.n ? s.p[i] : 0; }
static bool word_before(struct str s, size_t i) { return i > 0 && is_word(s.p[i - 1]); }

/* ---- digits with separators */

enum { DIGITS_MOST = 40, GROUPS_MOST = 12 };
struct digits {
    char list[DIGITS_MOST];   /* '0'..'9' */
    unsigned count;
    unsigned groups[GROUPS_MOST], group_count; /* digits of each */
    char separators[GROUPS_MOST]; /* before group i; 0 where it begins */
    bool plus, parenthesis;   /* a leading "+"; a group in parentheses */
    size_t end;               /* behind the last digit, or its ")" */
};

static bool separates(char c) { return c == ' ' || c == '-' || c == '.' || c == '/'; }

/* Digits from `i` on, at most `most` groups parted by one separator each (" - ", ") " and " (" too). */
static void read_digits(struct str s, size_t i, unsigned most, struct digits *d)
{
    *d = (struct digits){.end = i};
    d->plus = at(s, i) == '+';
    i += d->plus;
    bool open = false;
    for (char separator = 0; i < s.n && d->group_count < most;) {
        if (at(s, i) == '(' && !open && !d->parenthesis && ascii_is_digit(at(s, i + 1))) open = d->parenthesis = true, i++;
        unsigned n = 0;
        while (ascii_is_digit(at(s, i)) && d->count < DIGITS_MOST) d->list[d->count++] = s.p[i++], n++;
        if (n == 0 || d->count == DIGITS_MOST) break;
        d->separators[d->group_count] = separator;
        d->groups[d->group_count++] = n;
        d->end = i;
        separator = 0;
        if (open && at(s, i) == ')') open = false, separator = ')', d->end = ++i;
        if (open) {
            d->parenthesis = false;
            break;
        }
        if (at(s, i) == ' ' && (at(s, i + 1) == '-' || at(s, i + 1) == '/') && at(s, i + 2) == ' ') separator = at(s, i + 1), i += 3;
        else if (separates(at(s, i))) separator = at(s, i), i++;
        if (!separator || (!ascii_is_digit(at(s, i)) && at(s, i) != '(')) break;
    }
}

static unsigned luhn(const char *digits, unsigned n) /* modulo 10: 0 where the last digit is right */
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0');
        if (i % 2) d = d > 4 ? 2 * d - 9 : 2 * d;
        sum += d;
    }
    return sum % 10;
}

static unsigned number_of(const char *digits, unsigned n)
{
    unsigned value = 0;
    for (unsigned i = 0; i < n; i++) value = value * 10 + (unsigned)(digits[i] - '0');
    return value;
}

static uint64_t modulo(const char *digits, unsigned n, unsigned by)
{
    uint64_t rest = 0;
    for (unsigned i = 0; i < n; i++) rest = (rest * 10 + (unsigned)(digits[i] - '0')) % by;
    return rest;
}

static bool is_issuer(const char *d, unsigned n)
{
    unsigned two = number_of(d, 2), three = number_of(d, 3), four = number_of(d, 4);
    if (d[0] == '4') return n == 13 || n == 16 || n == 19;
    if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return n == 16;
    if (two == 34 || two == 37) return n == 15;
    if (four == 6011 || (three >= 644 && three <= 649) || two == 65 || (four >= 3528 && four <= 3589) || two == 62) return n >= 16;
    if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39) return n >= 14;
    return (four == 5018 || four == 5020 || four == 5038 || four == 5893 || four == 6304 || (four >= 6759 && four <= 6763)) && n >= 13;
}

static bool is_isbn_or_ean(const struct digits *d)
{
    if (d->count == 13 || d->count == 8) { /* EAN: weights 1 and 3 from the right */
        unsigned sum = 0;
        for (unsigned i = 0; i < d->count; i++) sum += (unsigned)(d->list[d->count - 1 - i] - '0') * (i % 2 ? 3 : 1);
        if (sum % 10 == 0) return d->count == 13 || d->group_count == 1;
    }
    if (d->count == 10 && d->separators[1] != '.') { /* ISBN-10 */
        unsigned sum = 0;
        for (unsigned i = 0; i < 10; i++) sum += (unsigned)(d->list[i] - '0') * (10 - i);
        return sum % 11 == 0 && d->group_count != 3; /* three groups are a telephone number's */
    }
    return false;
}

/* ---- one kind each: bytes of the span that begins at i, 0 where none does */

static bool one_separator(const struct digits *d)
{
    for (unsigned i = 1; i < d->group_count; i++)
        if ((d->separators[i] != ' ' && d->separators[i] != '-') || d->separators[i] != d->separators[1]) return false;
    return true;
}

static bool is_card(const struct digits *d)
{
    if (d->plus || d->parenthesis || d->count < 13 || d->count > 19 || !one_separator(d)) return false;
    for (unsigned i = 0; i + 1 < d->group_count; i++)
        if (d->groups[i] < 4) return false;
    return is_issuer(d->list, d->count) && luhn(d->list, d->count) == 0;
}

static bool has_groups(const struct digits *d, unsigned count, const unsigned *groups, const char *separators)
{
    if (d->plus || d->parenthesis || d->group_count != count) return false;
    for (unsigned i = 0; i < count; i++)
        if (d->groups[i] != groups[i] || (i && d->separators[i] != separators[i - 1])) return false;
    return true;
}

static bool is_ssn(const struct digits *d)
{
    if (!has_groups(d, 3, (const unsigned[]){3, 2, 4}, "--")) return false;
    unsigned area = number_of(d->list, 3);
    return area != 0 && area != 666 && area < 900 && number_of(d->list + 3, 2) != 0 && number_of(d->list + 5, 4) != 0;
}

static bool is_cpf(const struct digits *d)
{
    if (!has_groups(d, 4, (const unsigned[]){3, 3, 3, 2}, "..-")) return false;
    for (unsigned check = 9; check < 11; check++) {
        unsigned sum = 0;
        for (unsigned i = 0; i < check; i++) sum += (unsigned)(d->list[i] - '0') * (check + 1 - i);
        if (sum * 10 % 11 % 10 != (unsigned)(d->list[check] - '0')) return false;
    }
    return memcmp(d->list, "00000000000", 9) != 0;
}

static bool is_pesel(const struct digits *d)
{
    static const unsigned weights[11] = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
    if (d->plus || d->parenthesis || d->count != 11 || d->group_count != 1) return false;
    unsigned month = number_of(d->list + 2, 2) % 20, day = number_of(d->list + 4, 2), sum = 0;
    for (unsigned i = 0; i < 11; i++) sum += weights[i] * (unsigned)(d->list[i] - '0');
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && sum % 10 == 0;
}

/* 1 or 2, year, month, department, commune, serial, key: 15 digits, spaces between them or none. */
static bool is_nir(const struct digits *d)
{
    if (d->plus || d->parenthesis || d->count != 15 || (d->list[0] != '1' && d->list[0] != '2')) return false;
    for (unsigned i = 1; i < d->group_count; i++)
        if (d->separators[i] != ' ') return false;
    unsigned month = number_of(d->list + 3, 2);
    return ((month >= 1 && month <= 12) || month >= 20) && 97 - modulo(d->list, 13, 97) == number_of(d->list + 13, 2);
}

static size_t dni_at(struct str s, size_t i) /* eight digits, or X, Y, Z and seven, then the letter of the number modulo 23 */
{
    char c = at(s, i);
    bool foreigner = c == 'X' || c == 'Y' || c == 'Z';
    char digits[8] = {foreigner ? (char)('0' + (c - 'X')) : c};
    for (size_t k = 1; k < 8; k++)
        if (!ascii_is_digit(digits[k] = at(s, i + k))) return 0;
    if (!ascii_is_digit(digits[0])) return 0;
    size_t end = i + 8 + (at(s, i + 8) == '-');
    if (at(s, end) != "TRWAGMYFPDXBNJZSQVHLCKE"[number_of(digits, 8) % 23] || is_word(at(s, end + 1))) return 0;
    return end + 1 - i;
}

static unsigned iban_length(const char *country)
{
    static const char lengths[] = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23"
                                  "GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21MC27MD24ME22MK19MR27MT31MU30"
                                  "NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27TL23TN24TR26UA29VA22VG24XK20";
    for (const char *p = lengths; *p; p += 4)
        if (p[0] == country[0] && p[1] == country[1]) return number_of(p + 2, 2);
    return 0;
}

static size_t iban_at(struct str s, size_t i)
{
    if (!ascii_is_digit(at(s, i + 2)) || !ascii_is_digit(at(s, i + 3))) return 0;
    unsigned length = iban_length(s.p + i), n = 0;
    char all[40];
    size_t k = i;
    for (; n < length && k < s.n; k++) {
        char c = s.p[k];
        if (c == ' ' && n % 4 == 0 && n) continue;
        if (!ascii_is_digit(c) && !(c >= 'A' && c <= 'Z')) return 0;
        all[n++] = c;
    }
    if (length == 0 || n != length || is_word(at(s, k))) return 0;
    unsigned rest = 0; /* the first four go to the end; letters count 10 to 35 */
    for (unsigned j = 0; j < n; j++) {
        char c = all[(j + 4) % n];
        rest = ascii_is_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97 : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
    }
    return rest == 1 ? k - i : 0;
}

static bool word_stands_before(struct str s, size_t i, struct str word) /* with marks and spaces between */
{
    while (i > 0 && (s.p[i - 1] == ' ' || s.p[i - 1] == ':' || s.p[i - 1] == '.' || s.p[i - 1] == '#' || s.p[i - 1] == '-' || s.p[i - 1] == '(')) i--;
    return i >= word.n && str_eq_nocase(str_of(s.p + i - word.n, word.n), word) && !word_before(s, i - word.n);
}

static size_t ipv4_at(struct str s, size_t i)
{
    size_t k = i;
    if (i > 0 && (s.p[i - 1] == '.' || s.p[i - 1] == '-')) return 0;
    for (unsigned octet = 0; octet < 4; octet++) {
        size_t from = k;
        while (k < from + 4 && ascii_is_digit(at(s, k))) k++;
        if (k == from || k > from + 3 || number_of(s.p + from, (unsigned)(k - from)) > 255 || (k > from + 1 && s.p[from] == '0')) return 0;
        if (octet < 3 && at(s, k++) != '.') return 0;
    }
    bool goes_on = is_word(at(s, k)) || (at(s, k) == '.' && ascii_is_digit(at(s, k + 1)));
    if (goes_on || word_stands_before(s, i, STR("version")) || word_stands_before(s, i, STR("ver")) || word_stands_before(s, i, STR("v"))) return 0;
    return k - i;
}

/* ---- telephone numbers */

static bool called_for(struct str s, size_t i) /* a word before says what comes */
{
    static const struct str words[] = {STR("tel"), STR("telephone"), STR("phone"), STR("call"), STR("fax"), STR("mobile"), STR("cell"),
                                       STR("whatsapp"), STR("tlf"), STR("telefon"), STR("telefono"), STR("ph")};
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        if (word_stands_before(s, i, words[w])) return true;
    return false;
}

static bool is_date(const struct digits *d)
{
    if (d->plus || d->parenthesis || d->group_count < 2 || d->group_count > 4) return false;
    unsigned a = d->groups[0], b = d->groups[1], c = d->group_count > 2 ? d->groups[2] : 0;
    unsigned first = number_of(d->list, a > 4 ? 4 : a);
    bool year_first = a == 4 && first >= 1000 && first < 2200;
    if (year_first && b <= 2) return true;          /* 2003-09-05, 2003.09 */
    if (year_first && b == 4) return true;          /* 1999-2003 */
    return a <= 2 && b <= 2 && (c == 4 || c == 2);  /* 05.09.2003, with more behind it or not */
}

static bool same_separators(const struct digits *d)
{
    for (unsigned i = 2; i < d->group_count; i++)
        if (d->separators[i] != d->separators[1]) return false;
    return true;
}

/* Groups of a number without "+" and without a word that calls for it. */
static bool grouped_as_phone(const struct digits *d)
{
    unsigned n = d->group_count;
    bool thousands = n > 1 && d->groups[0] <= 3; /* 1.234.567 */
    for (unsigned i = 1; i < n; i++) thousands &= d->groups[i] == 3 && d->separators[i] == '.';
    if (thousands || is_date(d) || is_isbn_or_ean(d)) return false;
    if (d->count < 7 || d->count > 12 || n < 2) return false;
    for (unsigned i = 0; i < n; i++)
        if (d->groups[i] > 8 || (d->groups[i] < 2 && i)) return false;
    if (d->parenthesis) return d->groups[0] >= 1 && n >= 2;
    const unsigned *g = d->groups;
    bool marks = same_separators(d) && (d->separators[1] == '-' || d->separators[1] == '.');
    if (n == 2 && g[0] == 3 && g[1] == 4) return d->separators[1] == '-' && d->list[0] >= '2';
    if (n == 3 && g[0] == 3 && g[1] == 3 && g[2] == 4) return d->list[0] >= '2' && d->list[3] >= '2';
    if (n == 4 && g[0] == 1 && d->list[0] == '1' && g[1] == 3 && g[2] == 3 && g[3] == 4) return true;
    if (d->list[0] != '0' || d->list[1] == '0') return false;
    return g[0] >= 2 && d->count >= 9 && (d->separators[1] == ' ' || d->separators[1] == '/' || marks);
}

static bool stands_alone(struct str s, size_t i, const struct digits *d)
{
    char before = i ? s.p[i - 1] : 0, after = at(s, d->end), next = at(s, d->end + 1);
    if (before == '$' || before == '#' || before == '%' || before == '=' || before == '_' || before == '/' || before == ',') return false;
    if ((before == '.' || before == '-') && i > 1 && is_word(s.p[i - 2])) return false;
    if (before == ' ' && i > 1 && ascii_is_digit(s.p[i - 2])) return false; /* the rest of a longer number */
    if (is_word(after) || after == '%' || after == '_' || after == '$' || after == '/') return false;
    if (i > 2 && (memcmp(s.p + i - 3, "\xE2\x82\xAC", 3) == 0 || memcmp(s.p + i - 2, "\xC2\xA3", 2) == 0)) return false; /* € £ */
    return !((after == ',' || after == '.' || after == '-') && ascii_is_digit(next));
}

static bool is_phone(struct str s, size_t i, const struct digits *d)
{
    if (!stands_alone(s, i, d)) return false;
    if (d->plus) return d->count >= 8 && d->count <= 15 && d->list[0] != '0';
    if (grouped_as_phone(d)) return true;
    return d->count >= 7 && d->count <= 15 && called_for(s, i) && !is_date(d);
}

/* ---- e-mail */

static bool is_local(char c) { return is_word(c) ? (unsigned char)c < 0x80 : c && strchr("!#$%&'*+/=?^_`{|}~.-", c); }

static bool has_public_suffix(struct str host)
{
    char name[256];
    const psl_ctx_t *list = psl_builtin();
    if (!list || host.n >= sizeof name) return false;
    for (size_t i = 0; i < host.n; i++) name[i] = ascii_lower(host.p[i]);
    name[host.n] = 0;
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (psl_is_public_suffix2(list, dot + 1, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE)) return true;
    return false;
}

enum { LOCAL_MOST = 64, DOMAIN_MOST = 253 }; /* RFC 5321 §4.5.3.1 */

/* Of the "@" at i; not before `from`. */
static bool email_around(struct str s, size_t i, size_t from, struct pii_span *span)
{
    size_t start = i, end = i + 1;
    while (start > from && i - start < LOCAL_MOST && is_local(s.p[start - 1])) start--;
    while (start < i && !is_word(s.p[start]) && s.p[start] != '_') start++; /* quotation marks and stops before it */
    while (end < s.n && end - i <= DOMAIN_MOST && (is_word(s.p[end]) || s.p[end] == '-' || (s.p[end] == '.' && is_word(at(s, end + 1))))) end++;
    while (end > i + 1 && s.p[end - 1] == '-') end--;
    if (start == i || s.p[i - 1] == '.' || end == i + 1 || s.p[i + 1] == '-') return false;
    for (size_t k = start; k + 1 < i; k++)
        if (s.p[k] == '.' && s.p[k + 1] == '.') start = k + 2; /* "...name@": the stops are not of it */
    if (start >= i || !has_public_suffix(str_of(s.p + i + 1, end - i - 1))) return false;
    *span = (struct pii_span){(uint32_t)start, (uint32_t)end, PII_EMAIL};
    return true;
}

/* ---- all of them */

static bool has_check(struct str s, const struct digits *d, enum pii_kind *kind)
{
    if (is_word(at(s, d->end))) return false;
    *kind = is_card(d) ? PII_CARD : is_ssn(d) ? PII_SSN : PII_ID;
    return *kind != PII_ID || is_cpf(d) || is_pesel(d) || is_nir(d);
}

static bool number_at(struct str s, size_t i, struct pii_span *span)
{
    struct digits d;
    size_t n;
    *span = (struct pii_span){.start = (uint32_t)i};
    if ((n = ipv4_at(s, i)) || (n = dni_at(s, i))) {
        span->kind = at(s, i + n - 1) >= 'A' ? PII_ID : PII_IPV4;
        span->end = (uint32_t)(i + n);
        return true;
    }
    read_digits(s, i, GROUPS_MOST, &d);
    if (d.count < 7) return false;
    struct digits checked = d;
    for (unsigned groups = d.group_count; groups && checked.count >= 9; read_digits(s, i, --groups, &checked)) {
        if (!has_check(s, &checked, &span->kind)) continue;
        span->end = (uint32_t)checked.end;
        return true;
    }
    span->end = (uint32_t)d.end;
    span->kind = PII_PHONE;
    return is_phone(s, i, &d);
}

/* Behind the digits and marks that were looked at in vain. */
static size_t skip_number(struct str s, size_t i)
{
    i++;
    while (i < s.n && (ascii_is_digit(s.p[i]) || ((s.p[i] == '.' || s.p[i] == '-' || s.p[i] == ',') && ascii_is_digit(at(s, i + 1))))) i++;
    return i;
}

size_t pii_find(struct str s, struct pii_span *spans, size_t room)
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i < s.n && count < room;) {
        struct pii_span *span = &spans[count];
        char c = s.p[i];
        if (c == '@') {
            if (email_around(s, i, from, span)) {
                while (count && spans[count - 1].end > span->start) count--; /* digits of its local part were taken for a number */
                spans[count] = (struct pii_span){span->start, span->end, PII_EMAIL};
                from = i = spans[count++].end;
                continue;
            }
        } else if (ascii_is_digit(c) || (c == '+' && (ascii_is_digit(at(s, i + 1)) || at(s, i + 1) == '(')) || (c == '(' && ascii_is_digit(at(s, i + 1)))) {
            bool fits = !word_before(s, i) && number_at(s, i, span);
            if (fits) from = i = spans[count++].end;
            else i = c == '+' || c == '(' ? i + 1 : skip_number(s, i);
            continue;
        } else if (c >= 'A' && c <= 'Z' && !word_before(s, i)) {
            size_t n = iban_at(s, i), kind = n ? PII_IBAN : PII_ID;
            if (!n && c >= 'X') n = dni_at(s, i);
            if (n) {
                *span = (struct pii_span){(uint32_t)i, (uint32_t)(i + n), (enum pii_kind)kind};
                from = i = spans[count++].end;
                continue;
            }
        }
        i++;
    }
    return count;
}

int pii_mask(struct buf *out, struct str text, const struct pii_span *spans, size_t count)
{
    size_t at_byte = 0;
    for (size_t i = 0; i < count; i++) {
        if (buf_add(out, str_of(text.p + at_byte, spans[i].start - at_byte)) < 0) return -1;
        if (buf_byte(out, '[') < 0 || buf_add(out, str_from(pii_names[spans[i].kind])) < 0 || buf_byte(out, ']') < 0) return -1;
        at_byte = spans[i].end;
    }
    return buf_add(out, str_from_at(text, at_byte));
}
