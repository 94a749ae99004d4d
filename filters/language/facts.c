/* Shapes, endings, WordNet's parts of speech and names of one word. */
#include "filters/language/facts.h"

#include "filters/language/gazetteer.h"
#include "filters/language/letters.h"
#include "filters/language/tagger.h"
#include "filters/language/wordnet.h"
#include "pipeline/base/utf8.h"

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

enum { M = SHAPE_MARK, H = SHAPE_HYPHEN, S = SHAPE_STOP, D = SHAPE_DIGIT, U = SHAPE_UPPER, L = SHAPE_LOWER };
static const uint8_t kinds[128] = {
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,
    M, H, S, M, D, D, D, D, D, D, D, D, D, D, M, M, M, M, M, M, M, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U,
    U, U, U, M, M, M, M, M, M, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, M, M, M, M, M,
};
static const uint64_t HASH_BEGIN = UINT64_C(0xCBF29CE484222325), HASH_STEP = UINT64_C(0x100000001B3); /* FNV-1a */

/* A character beyond ASCII at `i`: its kind, and its lower case behind what s->lower has. */
static unsigned spell_wide(struct str word, size_t *i, struct spelled *s)
{
    size_t from = *i;
    unsigned char lower[2];
    uint32_t c = utf8_next(word, i);
    if (*i == from + 2 && wide_upper((const unsigned char *)word.p + from, lower)) {
        s->lower[s->n++] = (char)lower[0];
        s->lower[s->n++] = (char)lower[1];
        return SHAPE_UPPER;
    }
    for (size_t k = from; k < *i; k++) s->lower[s->n++] = word.p[k];
    return letters_is(c) ? SHAPE_LETTER : SHAPE_MARK;
}

/* As facts_spell, for words with other characters than ASCII's. */
static void spell_any(struct str word, struct spelled *s)
{
    uint64_t hash = HASH_BEGIN;
    unsigned first = 0, rest = 0;
    memset(s->lower, 0, SPELLED_PADDED);
    s->n = 0;
    for (size_t i = 0; i < word.n;) {
        unsigned char c = (unsigned char)word.p[i];
        unsigned kind, from = s->n;
        if (c < 0x80) {
            kind = kinds[c];
            s->lower[s->n++] = (char)(kind == SHAPE_UPPER ? c | 0x20 : c);
            i++;
        } else {
            kind = spell_wide(word, &i, s);
        }
        if (from) rest |= kind;
        else first = kind;
        for (; from < s->n; from++) hash = (hash ^ (unsigned char)s->lower[from]) * HASH_STEP;
    }
    s->hash = (uint32_t)(hash ^ hash >> 32);
    s->shape = first | rest << SHAPE_BITS;
}

void facts_spell(struct str word, struct spelled *s)
{
    if (word.n > FACTS_WORD_MOST) word.n = utf8_cut(word, FACTS_WORD_MOST);
    uint64_t hash = HASH_BEGIN;
    unsigned first = 0, rest = 0, wide = 0;
    memset(s->lower, 0, SPELLED_PADDED);
    for (size_t i = 0; i < word.n; i++) {
        unsigned char c = (unsigned char)word.p[i];
        unsigned kind = kinds[c & 0x7F];
        wide |= c;
        c |= (unsigned char)((kind & SHAPE_UPPER) << 4); /* 0x20 */
        s->lower[i] = (char)c;
        hash = (hash ^ c) * HASH_STEP;
        if (i) rest |= kind;
        else first = kind;
    }
    s->n = (uint8_t)word.n;
    s->hash = (uint32_t)(hash ^ hash >> 32);
    s->shape = first | rest << SHAPE_BITS;
    if (wide & 0x80) spell_any(word, s);
    s->shape |= (s->n == 1 ? 0u : s->n <= 3 ? 1u : 2u) << 2 * SHAPE_BITS;
}

static uint32_t hash_of(struct str s)
{
    uint64_t h = HASH_BEGIN;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * HASH_STEP;
    return (uint32_t)(h ^ h >> 32);
}

/* Bits 0-9: closed classes (enum tag); then per open class whether WordNet has the word as that, and which is commonest. */
static uint32_t lexicon_of(const struct spelled *s, unsigned *noun)
{
    struct wordnet_word found;
    struct str lower = str_of(s->lower, s->n);
    *noun = 0;
    if (s->n > WORDNET_LONGEST || !((s->shape | s->shape >> SHAPE_BITS) & (SHAPE_LOWER | SHAPE_UPPER))) return 0;
    wordnet_find(lower, &found);
    *noun = wordnet_noun_file(lower, &found);
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

void facts_of(const struct spelled *s, struct facts *f)
{
    struct str lower = str_of(s->lower, s->n);
    struct name name;
    unsigned noun;
    f->lower = s->hash;
    f->ending = hash_of(str_from_at(lower, lower.n < 3 ? 0 : lower.n - 3));
    f->lexicon = lexicon_of(s, &noun);
    gazetteer_find(lower, &name);
    f->names = name.kinds | noun << FACTS_NOUN_BIT;
}

const unsigned facts_count[PLACES] = {FACTS_SELF, FACTS_NEIGHBOUR, FACTS_NEIGHBOUR};

static void describe_for(const struct facts *f, enum facts_place place, uint32_t *list)
{
    uint32_t kind = FEATURE_NEIGHBOUR + FACTS_NEIGHBOUR * ((uint32_t)place - 1);
    list[0] = facts_feature(kind, f->lower, 0);
    list[1] = facts_feature(kind + 1, f->lexicon, f->names >> FACTS_NOUN_BIT);
    list[2] = facts_feature(kind + 2, f->ending, 0);
    list[3] = facts_feature(kind + 3, f->names & FACTS_NAMES, 0);
    list[4] = facts_feature(kind + 4, f->names >> FACTS_NOUN_BIT, 0);
}

void facts_describe(const struct facts *f, struct str lower, struct facts_features *features)
{
    uint32_t *self = features->of[PLACE_SELF];
    *self++ = facts_feature(FEATURE_LOWER, f->lower, 0);
    for (unsigned i = 1; i <= 4; i++)
        *self++ = facts_feature(FEATURE_BEGIN + i - 1, hash_of(str_of(lower.p, lower.n < i ? lower.n : i)), lower.n < i);
    for (unsigned i = 1; i <= 5; i++)
        *self++ = facts_feature(FEATURE_END + i - 1, hash_of(str_from_at(lower, lower.n < i ? 0 : lower.n - i)), lower.n < i);
    *self++ = facts_feature(FEATURE_LEXICON, f->lexicon, 0);
    *self++ = facts_feature(FEATURE_NAMES, f->names & FACTS_NAMES, 0);
    *self++ = facts_feature(FEATURE_NOUN, f->names >> FACTS_NOUN_BIT, 0);
    for (unsigned place = PLACE_NEXT; place < PLACES; place++) describe_for(f, (enum facts_place)place, features->of[place]);
}

void facts_count_case(struct case_count *count, uint32_t shape)
{
    unsigned first = shape & (SHAPE_LOWER | SHAPE_UPPER), rest = shape >> SHAPE_BITS & (SHAPE_LOWER | SHAPE_UPPER);
    bool upper = first == SHAPE_UPPER, longer = shape >> 2 * SHAPE_BITS == 2;
    if (!first) return;
    count->words++;
    count->small += !upper && !(rest & SHAPE_UPPER);
    count->capitals += upper && !(rest & SHAPE_LOWER);
    count->longer += longer;
    count->titles += longer && upper;
}

enum text_case facts_text_case(const struct case_count *c)
{
    if (c->words == 0 || c->small == c->words) return CASE_LOWER;
    if (c->capitals * 10 >= c->words * 8 && c->words > 1) return CASE_UPPER;
    return c->longer > 1 && c->titles == c->longer ? CASE_TITLE : CASE_MIXED;
}

const struct facts facts_edge = {.lower = 1, .ending = 1};

void facts_edge_features(struct facts_features *features)
{
    memset(features, 0, sizeof *features);
    for (unsigned place = PLACE_NEXT; place < PLACES; place++) describe_for(&facts_edge, (enum facts_place)place, features->of[place]);
}
