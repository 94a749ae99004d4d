/* Shapes, endings, WordNet's parts of speech and names of one word. */
#include "filters/language/facts.h"

#include "filters/language/gazetteer.h"
#include "filters/language/tagger.h"
#include "filters/language/tokens.h"
#include "filters/language/wordnet.h"

/* Letters beyond ASCII that have case: Latin-1, Latin Extended-A, Greek and Cyrillic, two bytes each; their lower case is found
 * by arithmetic. Others have none here: rules of English need no more. */
static bool wide_upper(const unsigned char *p, unsigned char lower[2])
{
    unsigned c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F)) c += 32;
    else if (c >= 0x100 && c <= 0x137 && c % 2 == 0) c += 1;
    else if (c >= 0x139 && c <= 0x148 && c % 2 == 1) c += 1;
    else if (c >= 0x14A && c <= 0x177 && c % 2 == 0) c += 1;
    else return false;
    lower[0] = (unsigned char)(0xC0 | c >> 6);
    lower[1] = (unsigned char)(0x80 | (c & 0x3F));
    return true;
}

struct spelled { /* a word taken apart */
    char lower[FACTS_WORD_MOST + 1];
    size_t n;
    uint32_t shape;
    bool ascii, first_upper, any_lower, any_upper, any_digit, any_mark;
};

static void add_shape(uint32_t *shape, unsigned kind, unsigned *last, unsigned *kinds)
{
    if (kind == *last || *kinds >= 8) return; /* runs count once, long words end */
    *last = kind;
    *shape = *shape << 3 | kind;
    ++*kinds;
}

static void spell(struct str word, struct spelled *s)
{
    enum { UPPER = 1, LOWER, DIGIT, OTHER_LETTER, MARK };
    *s = (struct spelled){.ascii = true};
    unsigned last = 0, kinds = 0;
    if (word.n > FACTS_WORD_MOST) word.n = FACTS_WORD_MOST;
    for (size_t i = 0; i < word.n; i++) {
        unsigned char c = (unsigned char)word.p[i], lower[2];
        unsigned kind;
        if (c >= 0x80) {
            s->ascii = false;
            if ((c & 0xE0) == 0xC0 && i + 1 < word.n && wide_upper((const unsigned char *)word.p + i, lower)) {
                s->lower[s->n++] = (char)lower[0];
                s->lower[s->n++] = (char)lower[1];
                kind = UPPER;
                i++;
            } else {
                s->lower[s->n++] = (char)c;
                kind = (c & 0xC0) == 0x80 ? last : OTHER_LETTER;
            }
        } else {
            s->lower[s->n++] = ascii_lower((char)c);
            kind = c >= 'A' && c <= 'Z' ? UPPER : c >= 'a' && c <= 'z' ? LOWER : ascii_is_digit((char)c) ? DIGIT : MARK;
            if (kind == MARK) kind = c == '-' ? 6 : c == '.' ? 7 : MARK;
        }
        if (i == 0 || (i == 1 && kind == UPPER && s->n == 2 && !s->ascii)) s->first_upper = kind == UPPER;
        s->any_upper |= kind == UPPER;
        s->any_lower |= kind == LOWER || kind == OTHER_LETTER;
        s->any_digit |= kind == DIGIT;
        s->any_mark |= kind >= MARK;
        if (kind) add_shape(&s->shape, kind, &last, &kinds);
    }
    s->shape = s->shape << 2 | (word.n == 1 ? 0 : word.n <= 3 ? 1 : 2);
}

/* Bits 0-9: closed classes (enum tag); then per open class whether WordNet has the word as that, and which is commonest. */
static uint32_t lexicon_of(const struct spelled *s)
{
    struct wordnet_word found;
    struct str lower = str_of(s->lower, s->n);
    if (!s->ascii || s->n > WORDNET_LONGEST || !(s->any_lower || s->any_upper)) return 0;
    wordnet_find(lower, &found);
    uint32_t bits = found.closed, best = 0;
    int64_t most = 0;
    for (unsigned part = 0; part < WORDNET_PARTS; part++) {
        int64_t score = wordnet_score(lower, &found, (enum wordnet_part)part);
        if (score > 0) bits |= 1u << (10 + part);
        if (found.entry[part] <= 0 && score > 0) bits |= 1u << (14 + part); /* inflected */
        if (score > most) most = score, best = part + 1;
    }
    return bits | best << 18;
}

static uint32_t add(uint32_t *list, unsigned n, uint32_t feature)
{
    list[n] = feature;
    return n + 1;
}

static void describe_self(const struct facts *f, const struct spelled *s, enum text_case text_case, uint32_t *self)
{
    struct str lower = str_of(s->lower, s->n);
    unsigned n = 0;
    n = add(self, n, facts_feature(FEATURE_BIAS, 0, 0));
    n = add(self, n, facts_feature(FEATURE_LOWER, f->lower, 0));
    n = add(self, n, facts_feature(FEATURE_SHAPE, f->shape, 0));
    for (unsigned i = 1; i <= 3; i++)
        n = add(self, n, facts_feature(FEATURE_BEGIN + i - 1, facts_hash(str_of(lower.p, lower.n < i ? lower.n : i)), lower.n < i));
    for (unsigned i = 1; i <= 5; i++) {
        size_t from = lower.n < i ? 0 : lower.n - i;
        n = add(self, n, facts_feature(FEATURE_END + i - 1, facts_hash(str_from_at(lower, from)), lower.n < i));
    }
    n = add(self, n, facts_feature(FEATURE_LEXICON, f->lexicon, 0));
    n = add(self, n, facts_feature(FEATURE_NAMES, f->names, text_case));
    n = add(self, n, facts_feature(FEATURE_LOWER_SHAPE, f->lower, f->shape));
    n = add(self, n, facts_feature(FEATURE_LEXICON_SHAPE, f->lexicon, f->shape));
    n = add(self, n, facts_feature(FEATURE_NAMES_SHAPE, f->names, f->shape));
    n = add(self, n, facts_feature(FEATURE_FIRST_BYTES, f->ending, f->shape));
    self[n] = facts_feature(FEATURE_FIRST_BYTES, facts_hash(str_of(lower.p, lower.n < 4 ? lower.n : 4)), 1);
}

static void describe_neighbour(const struct facts *f, uint32_t first, uint32_t *features)
{
    features[0] = facts_feature(first, f->lower, 0);
    features[1] = facts_feature(first + 1, f->ending, 0);
    features[2] = facts_feature(first + 2, f->lexicon, 0);
    features[3] = facts_feature(first + 3, f->shape, 0);
    features[4] = facts_feature(first + 4, f->names, 0);
}

void facts_of(struct str word, enum text_case text_case, struct facts *f, struct facts_features *features)
{
    struct spelled s;
    struct name name;
    spell(word, &s);
    struct str lower = str_of(s.lower, s.n);
    f->lower = facts_hash(lower);
    f->ending = facts_hash(str_from_at(lower, lower.n < 3 ? 0 : lower.n - 3));
    f->shape = s.shape << 3 | (uint32_t)text_case;
    f->lexicon = lexicon_of(&s);
    gazetteer_find(lower, &name);
    f->names = name.kinds;
    describe_self(f, &s, text_case, features->self);
    describe_neighbour(f, FEATURE_BEFORE_LOWER, features->before);
    describe_neighbour(f, FEATURE_AFTER_LOWER, features->after);
}

/* Words that tell the text's casing: those with a letter. */
enum text_case facts_text_case(struct str text, const struct token *tokens, size_t count)
{
    size_t words = 0, small = 0, capitals = 0, titles = 0, longer = 0;
    for (size_t i = 0; i < count; i++) {
        struct str word = str_of(text.p + tokens[i].start, tokens[i].end - tokens[i].start);
        if (!ascii_is_alpha(word.p[0])) continue;
        bool upper = word.p[0] <= 'Z', any_small = false, any_capital = false;
        for (size_t k = 1; k < word.n; k++) {
            any_small |= word.p[k] >= 'a' && word.p[k] <= 'z';
            any_capital |= word.p[k] >= 'A' && word.p[k] <= 'Z';
        }
        words++;
        small += !upper && !any_capital;
        capitals += upper && !any_small;
        if (word.n > 3) longer++, titles += upper;
    }
    if (words == 0 || small == words) return CASE_LOWER;
    if (capitals * 10 >= words * 8 && words > 1) return CASE_UPPER;
    return longer > 1 && titles == longer ? CASE_TITLE : CASE_MIXED;
}

const struct facts facts_edge = {.lower = 1, .ending = 1, .shape = 1};

void facts_edge_features(struct facts_features *features)
{
    memset(features, 0, sizeof *features);
    describe_neighbour(&facts_edge, FEATURE_BEFORE_LOWER, features->before);
    describe_neighbour(&facts_edge, FEATURE_AFTER_LOWER, features->after);
}
