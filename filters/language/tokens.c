/* A chunk between white space loses marks at its ends, then is cut inside. What is kept whole is found first: addresses,
 * emoticons, abbreviations, numbers. */
#include "filters/language/tokens.h"

#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

struct out {
    struct token *tokens;
    size_t count;
    const char *base;
};

static void emit(struct out *o, struct str s)
{
    if (!s.n) return;
    uint32_t start = (uint32_t)(s.p - o->base);
    o->tokens[o->count++] = (struct token){start, start + (uint32_t)s.n};
}

static struct str head(struct str s, size_t n) { return str_of(s.p, n < s.n ? n : s.n); }
static struct str tail(struct str s, size_t n) { return str_of(s.p + (n < s.n ? n : s.n), n < s.n ? s.n - n : 0); }
static bool is_letter(char c) { return ascii_is_alpha(c) || (unsigned char)c >= 0x80; } /* what is not ASCII is taken as letters */
static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_word(char c) { return is_letter(c) || ascii_is_digit(c); }

/* ---- words known by sight; lower case, sorted by nothing: each list is short and asked of few chunks */

static bool in_list(struct str s, const char *list) /* words between single spaces, one at each end too */
{
    char word[20];
    if (s.n == 0 || s.n > sizeof word - 3) return false;
    word[0] = ' ';
    for (size_t i = 0; i < s.n; i++) word[1 + i] = ascii_lower(s.p[i]);
    word[1 + s.n] = ' ';
    word[2 + s.n] = 0;
    return strstr(list, word) != NULL;
}

/* Their full stop belongs to them. */
static const char abbreviations[] =
    " mr mrs ms dr st jr sr prof rev gen gov sen rep reps sec lt col sgt capt cpl cmdr adm maj hon pres fr ft mt inc ltd co corp "
    "bros dept assn univ jan feb mar apr jun jul aug sept sep oct nov dec mon tue tues wed thu thurs fri sat sun etc vs al eg ie thur arr arrv drs sts pvt "
    "approx est ext no nos vol vols pp ed eds fig op cit cf messrs mssrs ave blvd rd hwy apt bldg lb lbs oz min hrs yrs "
    "tel conf ref encl attn ca calif fla mass wash tex penn conn minn wis mich ala ariz ark colo ga ill ind kan ky la md mo neb "
    "nev okla ore tenn va vt wyo que ont a.m p.m u.s u.k u.n i.e e.g ph.d ";
/* Words of that list that are words themselves: at a text's end their full stop is the sentence's. */
static const char also_words[] = " etc no mar sat sun fig min ed ill la ms mass wash ore ind mon jan col gen fr al est ref rep co ";

/* In front of a hyphen: no words of their own. */
static const char prefixes[] = " non pre re co ex anti e mid pro post multi semi sub un ultra micro pseudo inter intra counter arch "
                               "mis de neo proto psycho socio bi tri hyper mega mini x u t quasi extra over trans uni ";

/* Faces and their like, parted by spaces; none is longer than four bytes. */
static const char emoticons[] = " :) :( ;) :-) :-( ;-) :D :P :p =) (: :/ :-D :-P ;-P :'( <3 ^_^ ^^ :o :O xD XD :] :| -> =( :-/ D: 8) w/ w/o b/c "
                                "c/o --> <- => o_o O_o ;D =D :)) :(( ";
static bool is_emoticon(struct str s)
{
    char word[8] = " ";
    if (s.n < 2 || s.n > 4 || (is_word(s.p[0]) && is_word(s.p[1]) && s.p[1] != 'D')) return false;
    memcpy(word + 1, s.p, s.n);
    word[1 + s.n] = ' ';
    return strstr(emoticons, word) != NULL;
}

static size_t emoticon_before(struct str s) /* ":)" at the end of a longer chunk */
{
    for (size_t n = 2; n <= 3 && n < s.n; n++) {
        struct str face = str_of(s.p + s.n - n, n);
        if (strchr(":;=", face.p[0]) && strchr(")(", face.p[n - 1]) && is_emoticon(face)) return n;
    }
    return 0;
}

/* ---- marks */

/* Bytes of the quotation mark, dash or other mark beyond ASCII that begins at `i`; 0 where it is none. */
static size_t wide_mark(struct str s, size_t i)
{
    unsigned char a = (unsigned char)s.p[i], b = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0, c = i + 2 < s.n ? (unsigned char)s.p[i + 2] : 0;
    if (a == 0xE2 && b == 0x80 && ((c >= 0x90 && c <= 0xA7) || (c >= 0xB0 && c <= 0xBF))) return 3; /* – — ‘ ’ “ ” • … ‰ ‹ › */
    if (a == 0xE2 && (b == 0x84 || b == 0x86 || b == 0x87) && c) return 3; /* ™ № arrows */
    if (a == 0xC2 && b >= 0xA1 && b <= 0xBF && b != 0xAA && b != 0xB5 && b != 0xBA && b != 0xAD) return 2; /* « » ¡ ¿ © ® ° £ ½ */
    if (a == 0xE2 && b == 0x82 && c >= 0xA0) return 3; /* currencies */
    if (a == 0xE3 && b == 0x80 && c >= 0x81 && c <= 0x9F) return 3; /* 、 。 and brackets */
    if (a == 0xEF && (b == 0xBC || b == 0xBD)) return 3; /* full width */
    return 0;
}

static bool is_quote(struct str s, size_t i) /* ‘ or ’ */
{
    return i + 2 < s.n && memcmp(s.p + i, "\xE2\x80", 2) == 0 && (s.p[i + 2] == '\x98' || s.p[i + 2] == '\x99');
}
static bool is_right_quote(struct str s, size_t i) { return i + 2 < s.n && memcmp(s.p + i, "\xE2\x80\x99", 3) == 0; }
static bool is_apostrophe(struct str s, size_t i, size_t *bytes)
{
    *bytes = s.p[i] == '\'' || s.p[i] == '`' ? 1 : is_quote(s, i) ? 3 : 0;
    return *bytes != 0;
}

static bool ends_sentence(char c) { return c == '.' || c == '!' || c == '?'; }
static bool runs_on(char c, char next) /* whether the mark goes on: "...", "?!", "----" */
{
    return ends_sentence(c) ? ends_sentence(next) : next == c && strchr("-*=_~+<>'`#$/\\", c);
}

/* Two of these are one mark, of more each is its own: no more than three are looked at, so that long runs take no time. */
enum { QUOTES_MOST = 2 };
static bool is_run_of_quotes(char c) { return c == '\'' || c == '`'; }
static size_t longest_run(char c, size_t left) { return is_run_of_quotes(c) && left > QUOTES_MOST + 1 ? QUOTES_MOST + 1 : left; }

/* Bytes of the mark at `i`: a run of marks that are written in runs, else one. 0 where no mark stands. */
static size_t mark_at(struct str s, size_t i)
{
    char c = s.p[i];
    if ((unsigned char)c >= 0x80) {
        size_t n = wide_mark(s, i);
        bool twice = n == 3 && is_quote(s, i) && i + 6 <= s.n && memcmp(s.p + i, s.p + i + 3, 2) == 0 && is_quote(s, i + 3);
        return twice ? 6 : n;
    }
    if (is_word(c)) return 0;
    size_t n = 1, most = longest_run(c, s.n - i);
    while (n < most && runs_on(c, s.p[i + n])) n++;
    return n > QUOTES_MOST && is_run_of_quotes(c) ? 1 : n;
}

static size_t mark_before(struct str s) /* of the mark that ends s */
{
    char c = s.p[s.n - 1];
    if ((unsigned char)c >= 0x80) {
        size_t i = s.n - 1;
        while (i > 0 && ((unsigned char)s.p[i] & 0xC0) == 0x80) i--;
        size_t n = wide_mark(s, i);
        if (i + n != s.n) return 0;
        return n == 3 && i >= 3 && mark_at(s, i - 3) == 6 ? 6 : n;
    }
    if (is_word(c)) return 0;
    size_t n = 1, most = longest_run(c, s.n);
    while (n < most && runs_on(c, s.p[s.n - 1 - n])) n++;
    return n > QUOTES_MOST && is_run_of_quotes(c) ? 1 : n;
}

/* ---- addresses */

static bool has(struct str s, struct str needle) { return str_find(s, needle) != SIZE_MAX; }

static bool is_domain_ending(struct str s)
{
    return s.n && in_list(s, " com org net edu gov mil co uk us de fr ca au info biz tv io me eu jp ru doc xls pdf txt jpg jpeg png gif htm html "
                      "url exe zip ppt xlsx docx php asp ");
}

/* URLs, mail addresses, host and file names: one token, without the marks that hang on their end. */
static bool is_address(struct str s)
{
    if (s.n < 4) return false;
    if (has(s, STR("://")) || str_starts_nocase(s, STR("www.")) || str_starts_nocase(s, STR("mailto:"))) return true;
    const char *at = memchr(s.p, '@', s.n);
    if (at && at > s.p && at + 1 < s.p + s.n && (is_word(at[-1]) || at[-1] == '.') && is_word(at[1])) return true;
    size_t dot = s.n;
    while (dot > 0 && s.p[dot - 1] != '.') dot--;
    if (dot == 1 && is_domain_ending(tail(s, 1))) return true; /* ".doc" */
    if (dot < 2 || !is_word(s.p[dot - 2]) || !is_domain_ending(tail(s, dot))) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i]) && !strchr("._-/#", s.p[i])) return false;
    return true;
}

/* ---- inside a chunk */

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i])) return false;
    return s.n > 0;
}

/* "cannot" and its like: how many letters the first of its two words has; 0 for others. */
static size_t fused_at(struct str s)
{
    static const struct {
        char word[9];
        uint8_t first;
    } fused[] = {{"arent", 3}, {"cannot", 3}, {"cant", 2}, {"couldnt", 5}, {"didnt", 3}, {"doesnt", 4}, {"dont", 2}, {"dunno", 2}, {"gimme", 3},
                 {"gonna", 3}, {"gotta", 3}, {"hasnt", 3}, {"havent", 4}, {"im", 1}, {"isnt", 2}, {"ive", 1}, {"lemme", 3}, {"shouldnt", 6},
                 {"thats", 4}, {"wanna", 3}, {"wasnt", 3}, {"werent", 4}, {"wont", 2}, {"wouldnt", 5}, {"youre", 3}};
    static const uint8_t from[27] = {0, 1, 1, 4, 8, 8, 8, 11, 13, 16, 16, 16, 17, 17, 17, 17, 17, 17, 17, 18, 19, 19, 19, 24, 24, 25, 25}; /* of each letter */
    unsigned letter = (unsigned)(unsigned char)(s.p[0] | 0x20) - 'a';
    if (s.n < 2 || s.n > 8 || letter > 25) return 0;
    for (size_t i = from[letter]; i < from[letter + 1]; i++)
        if (fused[i].word[1] == ascii_lower(s.p[1]) && str_eq_nocase(s, str_from(fused[i].word))) return fused[i].first;
    return 0;
}

static void emit_letters(struct out *o, struct str s) /* a word without marks */
{
    size_t fused = fused_at(s);
    if (fused) emit(o, head(s, fused));
    emit(o, tail(s, fused));
}

/* Cuts clitics off a word: "n't", "'s", "'re" and their like; "cannot" and its like in two. */
static void emit_word(struct out *o, struct str s)
{
    size_t fused = fused_at(s);
    if (fused) {
        emit(o, head(s, fused));
        emit(o, tail(s, fused));
        return;
    }
    static const struct str clitics[] = {{"s", 1}, {"re", 2}, {"ve", 2}, {"ll", 2}, {"d", 1}, {"m", 1}};
    for (size_t i = 1; i < s.n; i++) {
        size_t wide;
        if (!is_apostrophe(s, i, &wide)) continue;
        struct str after = tail(s, i + wide);
        if (i > 1 && (s.p[i - 1] | 0x20) == 'n' && str_eq_nocase(after, STR("t"))) {
            emit_word(o, head(s, i - 1));
            emit(o, tail(s, i - 1));
            return;
        }
        for (size_t k = 0; k < sizeof clitics / sizeof *clitics; k++)
            if (str_eq_nocase(after, clitics[k]) && !(k == 0 && all_digits(head(s, i)))) {
                emit(o, head(s, i));
                emit(o, tail(s, i));
                return;
            }
        if (after.n == 0) { /* "dogs'" */
            emit(o, head(s, i));
            emit(o, tail(s, i));
            return;
        }
    }
    emit(o, s);
}

static bool is_unit(struct str s) { return in_list(s, " am pm a.m p.m km kg mm cm mg ft lb lbs oz mph hrs hr min gb mb ghz mhz kb tb mw kw mwh kwh bn mmbtu cfm x k m "); }

/* "5pm" → "5" "pm"; a number with anything else stays. */
static void emit_number(struct out *o, struct str s)
{
    size_t digits = 0;
    while (digits < s.n && (ascii_is_digit(s.p[digits]) || ((s.p[digits] == ':' || s.p[digits] == '.') && digits + 1 < s.n && ascii_is_digit(s.p[digits + 1])))) digits++;
    struct str unit = tail(s, digits);
    if (digits && unit.n > 1 && is_unit(unit)) {
        emit(o, head(s, digits));
        emit(o, unit);
        return;
    }
    emit_word(o, s);
}

static bool is_number_like(struct str s)
{
    bool digit = false;
    for (size_t i = s.n > 1 && s.p[0] == '+'; i < s.n; i++) {
        if (ascii_is_digit(s.p[i])) digit = true;
        else if (!strchr(".,:/-", s.p[i])) return false;
    }
    return digit;
}

static size_t word_end(struct str s, size_t from) /* letters and digits from there on */
{
    size_t i = from;
    while (i < s.n && is_word(s.p[i]) && !wide_mark(s, i)) i++;
    return i;
}

/* Whether the mark at `i` inside a word stays inside. */
static bool stays_inside(struct str s, size_t i)
{
    char c = s.p[i], before = s.p[i - 1], after = s.p[i + 1];
    size_t wide;
    if (is_apostrophe(s, i, &wide)) return true; /* of emit_word */
    switch (c) {
    case '.': return is_word(before) && is_word(after);
    case ',': return ascii_is_digit(before) && ascii_is_digit(after);
    case ':': return ascii_is_digit(before) && ascii_is_digit(after);
    case '_': return true;
    case '@': return is_word(after);
    case '&': return is_upper(before) && (is_upper(after));
    case '*': case '$': return is_letter(before) && is_letter(after);
    case '/': return (ascii_is_digit(before) && ascii_is_digit(after)) || (i == 1 && s.n == 3);
    case '-': {
        size_t from = i;
        while (from > 0 && is_word(s.p[from - 1])) from--;
        struct str left = str_of(s.p + from, i - from), right = str_of(s.p + i + 1, word_end(s, i + 1) - i - 1);
        if (all_digits(left) && ascii_is_digit(after)) return left.n >= 3 || right.n >= 3 || (from > 0 && s.p[from - 1] == '-');
        return from == 0 && in_list(left, prefixes) && is_letter(after);
    }
    default: return false;
    }
}

static void emit_core(struct out *o, struct str s)
{
    size_t from = 0;
    bool tagged = s.n > 1 && (s.p[0] == '#' || s.p[0] == '@') && is_word(s.p[1]); /* "#word", "@name" */
    size_t first = tagged, wide;
    if (s.n && is_apostrophe(s, 0, &wide) && wide < s.n && is_word(s.p[wide])) first = wide; /* left there for being part of it: "'s", "'60s" */
    for (size_t i = first; i < s.n;) {
        size_t mark = mark_at(s, i);
        if (!mark) {
            i++;
            continue;
        }
        if (i > from && i + mark < s.n && (mark == 1 || is_right_quote(s, i)) && stays_inside(s, i)) {
            i += mark;
            continue;
        }
        struct str word = str_of(s.p + from, i - from);
        if (word.n && ascii_is_digit(word.p[0])) emit_number(o, word);
        else if (word.n) emit_word(o, word);
        emit(o, str_of(s.p + i, mark));
        i += mark;
        from = i;
    }
    struct str word = tail(s, from);
    if (word.n && ascii_is_digit(word.p[0])) emit_number(o, word);
    else if (word.n) emit_word(o, word);
}

/* Whether the full stop that ends s is part of it. `last`: the text ends there. */
static bool keeps_stop(struct str s, bool last)
{
    struct str word = head(s, s.n - 1);
    if (!word.n) return false;
    size_t dots = 0;
    bool initials = true;
    for (size_t i = 0; i < word.n; i++) {
        dots += word.p[i] == '.';
        if (i % 2 ? word.p[i] != '.' : !ascii_is_alpha(word.p[i])) initials = false;
    }
    if (initials && word.n % 2) return word.n > 1 || (is_upper(word.p[0]) && (word.p[0] != 'I' || !last)) || !last;
    if (!in_list(word, abbreviations)) return false;
    bool etc = word.p[0] == 'e' && word.n == 3; /* the one of them that is no word in the middle either */
    return !(in_list(word, also_words) && (last || !(is_upper(word.p[0]) || etc)));
}

static struct str strip_leading(struct out *o, struct str s)
{
    while (s.n) {
        size_t mark = mark_at(s, 0), wide;
        if (!mark || mark == s.n) break;
        char c = s.p[0], next = s.p[mark];
        if (mark == 1 && c == '#' && is_word(next) && !ascii_is_digit(next)) break; /* a hashtag */
        if (mark == 1 && c == '@' && is_word(next)) break;
        if (mark == 1 && (c == '.' || c == '+') && is_word(next)) break; /* ".doc", ".5", "+1" */
        if (mark == 1 && c == '*' && is_letter(next)) break;
        if (is_apostrophe(s, 0, &wide)) { /* "'s", "'em", "'90s" begin words, quotes do not */
            struct str word = str_of(s.p + wide, word_end(s, wide) - wide);
            if (in_list(word, " s re ve ll d m em til tis cause bout n twas cuz ") || (word.n && ascii_is_digit(word.p[0]))) break;
        }
        emit(o, head(s, mark));
        s = tail(s, mark);
    }
    return s;
}

enum { TRAILING_MOST = 64 }; /* marks that one chunk loses at its end; what is left is cut inside */

static void split_chunk(struct out *o, struct str s, bool last)
{
    if (is_emoticon(s)) return emit(o, s);
    s = strip_leading(o, s);
    struct str trailing[TRAILING_MOST];
    size_t count = 0;
    while (s.n > 1 && count < TRAILING_MOST) {
        size_t mark = mark_before(s);
        if (!mark || mark >= s.n) break;
        char c = s.p[s.n - 1];
        if (c == '.' && mark == 1 && keeps_stop(s, last && count == 0)) break;
        if (c == '/' && has(s, STR("://"))) break;
        if (is_emoticon(s)) break;
        size_t face = emoticon_before(s);
        if (face) mark = face;
        s.n -= mark;
        trailing[count++] = str_of(s.p + s.n, mark);
    }
    if (is_emoticon(s) || is_address(s) || is_number_like(s) || (s.n && s.p[s.n - 1] == '.' && !strchr("-/,", s.p[0]) && keeps_stop(s, false) && !memchr(s.p, '-', s.n))) emit(o, s);
    else if (s.n) emit_core(o, s);
    while (count) emit(o, trailing[--count]);
}

/* ---- chunks */

enum { LETTER = 1, DIGIT = 2, COMMA = 4 /* marks that hang on a word, and are nothing else there */, OTHER = 8, SPACE = 16 };
static const uint8_t chunk_kinds[128] = {
    ['0'] = 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, ['A'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['a'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ['\t'] = 16, 16, 16, 16, 16, [0x1C] = 16, 16, 16, 16, 16, [','] = 4, ['!'] = 4, ['?'] = 4, ['\"'] = 4,
};

/* What most chunks are: one word of ASCII letters, maybe with a comma, or a number. As split_chunk would have it; false for others.
 * `kinds`: of all characters, `last`: of the last one. */
static bool emit_plain(struct out *o, struct str s, unsigned kinds, unsigned last)
{
    if (kinds == DIGIT) {
        emit(o, s);
        return true;
    }
    if (kinds == (LETTER | COMMA) && last == COMMA) {
        struct str word = str_of(s.p, s.n - 1);
        if (word.n < 2 || word.p[1] == 'D') return false; /* faces */
        for (size_t i = 0; i < word.n; i++)
            if (!ascii_is_alpha(word.p[i])) return false;
        emit_letters(o, word);
        emit(o, tail(s, word.n));
        return true;
    }
    if (kinds != LETTER || (s.n == 2 && s.p[1] == 'D')) return false;
    emit_letters(o, s);
    return true;
}

/* The chunk that begins at `from`: where it ends, what kinds of characters it has, and the last one's. */
static size_t chunk_end(struct str text, size_t from, size_t end, unsigned *kinds, unsigned *last)
{
    size_t at = from;
    for (*kinds = *last = 0; at < end; *kinds |= *last) {
        size_t here = at;
        unsigned char c = (unsigned char)text.p[at];
        if (c < 0x80) {
            if (chunk_kinds[c] == SPACE) return at;
            *last = chunk_kinds[c] ? chunk_kinds[c] : OTHER;
            at++;
            continue;
        }
        if (unicode_is_space(utf8_next(text, &at))) return here;
        *last = OTHER;
    }
    return at;
}

size_t tokens_split(struct str text, struct token *tokens)
{
    if (text.n > TOKENS_TEXT_MOST) text.n = utf8_cut(text, TOKENS_TEXT_MOST);
    struct out o = {tokens, 0, text.p};
    size_t end = text.n;
    while (end > 0 && ascii_is_space(text.p[end - 1])) end--;
    for (size_t at = 0; at < end;) {
        unsigned kinds, last;
        size_t next = chunk_end(text, at, end, &kinds, &last);
        struct str chunk = str_of(text.p + at, next - at);
        if (chunk.n && !emit_plain(&o, chunk, kinds, last)) split_chunk(&o, chunk, next == end);
        at = next;
        if (at < end) utf8_next(text, &at);
    }
    return o.count;
}
