/* A scanner with one code point of look-ahead. Hugging Face's pattern knows the two literals too, which only capital letters
 * can bring this far ("<|STARTOFTEXT|>" lower-cased); a second pattern then parts each into "<|", its letters and "|>". */
#include "filters/clip/tokenizer_words.h"

#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

enum class { SPACE, LETTER, NUMBER, OTHER };

static enum class class_of(uint32_t c)
{
    if (unicode_is_space(c) && !(c >= 0x1C && c <= 0x1F)) return SPACE;
    unsigned classes = unicode_classes(c);
    if (classes & UNICODE_LETTER) return LETTER;
    return classes & (UNICODE_DIGIT | UNICODE_OTHER_NUMBER) ? NUMBER : OTHER;
}

static struct str take(struct words *w, size_t n)
{
    struct str word = str_of(w->text.p + w->at, n);
    w->at += n;
    return word;
}

/* The length of a contraction at an apostrophe; 0: none. Without regard to case the long s is an s. */
static size_t contraction(struct str s, enum tokenizer_form form)
{
    static const struct str known[] = {STR("'s"), STR("'t"), STR("'re"), STR("'ve"), STR("'m"), STR("'ll"), STR("'d")};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_starts(s, known[i])) return known[i].n;
    return form == TOKENIZER_OPENAI && str_starts(s, STR("'\u017F")) ? 3 : 0;
}

static size_t literal(struct str s)
{
    if (str_starts(s, STR("<|startoftext|>"))) return 15;
    return str_starts(s, STR("<|endoftext|>")) ? 13 : 0;
}

/* Whether the word ends before what follows is looked at. */
static bool special(struct words *w, struct str *word)
{
    struct str rest = str_from_at(w->text, w->at);
    size_t n = rest.p[0] == '\'' ? contraction(rest, w->form) : 0;
    if (n == 0 && w->tail && w->at == w->tail) n = 2; /* the end of a literal */
    if (n == 0 && w->form == TOKENIZER_HUGGING_FACE && rest.p[0] == '<' && literal(rest)) {
        w->tail = w->at + literal(rest) - 2;
        n = 2;
    }
    if (n) *word = take(w, n);
    return n != 0;
}

struct str words_next(struct words *w)
{
    struct str s = w->text, word;
    size_t end = w->at;
    enum class first = SPACE;
    while (end < s.n) { /* to the first that is not white space */
        w->at = end;
        first = class_of(utf8_next(s, &end));
        if (first != SPACE) break;
    }
    if (first == SPACE) return w->at = s.n, STR_ABSENT;
    if (special(w, &word)) return word;
    for (size_t next = end; first != NUMBER && next < s.n; end = next)
        if (class_of(utf8_next(s, &next)) != first) break;
    return take(w, end - w->at);
}
