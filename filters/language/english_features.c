/* What a token's writing, its neighbours and the tags before it say. Each kind of feature is a number of its own. */
#include "filters/language/english_features.h"

#include "filters/language/gazetteer.h"

enum { /* kinds of features; behind those of facts.h */
    SHAPE = FEATURE_CONTEXT, LEXICON_SHAPE, NAMES_SHAPE, SHAPE_BEFORE_AT, SHAPE_AT_AFTER, LEXICON_AT_AFTER,
    TAG_BEFORE, TAG_TWO_BEFORE, TAG_BEFORE_LEXICON, TAG_BEFORE_ENDING,
    ENTITY_BEFORE, ENTITY_BEFORE_WORD, ENTITY_BEFORE_SHAPE, ENTITY_UPOS, ENTITY_UPOS_AROUND, ENTITY_TWO_BEFORE, ENTITY_BEFORE_NAMES,
    ENTITY_NAMES_AROUND, ENTITY_MATCH, ENTITY_MATCH_UPOS, ENTITY_EARLIER, ENTITY_BEFORE_UPOS, ENTITY_WORDS_AROUND, ENTITY_NAMES_UPOS,
    ENTITY_UPOS_SHAPE, ENTITY_BEFORE_WORD_BEFORE, ENTITY_MATCH_AROUND, ENTITY_NOUN_BEFORE, ENTITY_NOUN_AFTER, ENTITY_WORDS_BEFORE,
    ENTITY_WORDS_AFTER, ENTITY_WORD_BEFORE_SHAPE, ENTITY_ENDING_SHAPE, ENTITY_WORD_BEFORE_AT, ENTITY_WORD_AT_AFTER, ENTITY_LEXICON_BEFORE_AT,
    ENTITY_LEXICON_AROUND, ENTITY_ENDING_AT_AFTER, ENTITY_TWO_BEFORE_WORD, ENTITY_TWO_AFTER_WORD,
    ENTITY_TWO_BEFORE_KIND, ENTITY_TWO_AFTER_KIND, ENTITY_WORD_SHAPE,
};

void english_shared_features(const struct english_word *w, uint32_t f[ENGLISH_SHARED])
{
    const struct facts *at = &w->facts;
    uint32_t shape = w->shape;
    f[0] = facts_feature(SHAPE, shape, 0);
    f[1] = facts_feature(LEXICON_SHAPE, at->lexicon, shape);
    f[2] = facts_feature(NAMES_SHAPE, at->names & FACTS_NAMES, shape);
    f[3] = facts_feature(SHAPE_BEFORE_AT, w[-1].shape, shape);
    f[4] = facts_feature(SHAPE_AT_AFTER, shape, w[1].shape);
    f[5] = facts_feature(LEXICON_AT_AFTER, at->lexicon, w[1].facts.lexicon);
}

void english_upos_features(const struct english_word *w, unsigned before, unsigned two_before, uint32_t f[ENGLISH_UPOS_OWN])
{
    const struct facts *at = &w->facts;
    f[0] = facts_feature(TAG_BEFORE, before, 0);
    f[1] = facts_feature(TAG_TWO_BEFORE, before, two_before);
    f[2] = facts_feature(TAG_BEFORE_LEXICON, before | two_before << 8, at->lexicon);
    f[3] = facts_feature(TAG_BEFORE_ENDING, before, at->ending);
}

void english_names_features(const struct english_word *w, const struct english_around *a, uint32_t f[ENGLISH_NAMES_OWN])
{
    const struct facts *before = &w[-1].facts, *at = &w[0].facts, *after = &w[1].facts;
    uint32_t names = at->names & FACTS_NAMES;
    f[0] = facts_feature(ENTITY_UPOS, a->upos, 0);
    f[1] = facts_feature(ENTITY_UPOS_AROUND, a->upos_before | a->upos << 8 | a->upos_after << 16, 0);
    f[2] = facts_feature(ENTITY_NAMES_AROUND, (before->names & FACTS_NAMES) | names << 10 | (after->names & FACTS_NAMES) << 20, 0);
    f[3] = facts_feature(ENTITY_MATCH_UPOS, a->match, a->upos);
    f[4] = facts_feature(ENTITY_WORDS_AROUND, before->lower, after->lower);
    f[5] = facts_feature(ENTITY_NAMES_UPOS, names, a->upos | a->upos_after << 8);
    f[6] = facts_feature(ENTITY_UPOS_SHAPE, a->upos, w->shape);
    f[7] = facts_feature(ENTITY_MATCH_AROUND, a->match_before | a->match_after << 16, 0);
    f[8] = facts_feature(ENTITY_NOUN_BEFORE, before->names >> FACTS_NOUN_BIT, names | a->upos << 16);
    f[9] = facts_feature(ENTITY_NOUN_AFTER, after->names >> FACTS_NOUN_BIT, names | a->upos << 16);
    f[10] = facts_feature(ENTITY_WORDS_BEFORE, w[-2].facts.lower, before->lower);
    f[11] = facts_feature(ENTITY_WORDS_AFTER, w[2].facts.lower, after->lower);
    f[12] = facts_feature(ENTITY_WORD_BEFORE_SHAPE, before->lower, w->shape);
    f[13] = facts_feature(ENTITY_ENDING_SHAPE, at->ending, w->shape);
    f[14] = facts_feature(ENTITY_WORD_BEFORE_AT, before->lower, at->lower);
    f[15] = facts_feature(ENTITY_WORD_AT_AFTER, at->lower, after->lower);
    f[16] = facts_feature(ENTITY_LEXICON_BEFORE_AT, before->lexicon, at->lexicon);
    f[17] = facts_feature(ENTITY_LEXICON_AROUND, before->lexicon, after->lexicon ^ at->lexicon << 8);
    f[18] = facts_feature(ENTITY_ENDING_AT_AFTER, at->ending, after->ending);
    f[19] = facts_feature(ENTITY_TWO_BEFORE_WORD, w[-2].facts.lower, 0);
    f[20] = facts_feature(ENTITY_TWO_AFTER_WORD, w[2].facts.lower, 0);
    f[21] = facts_feature(ENTITY_TWO_BEFORE_KIND, w[-2].facts.lexicon, w[-2].facts.names);
    f[22] = facts_feature(ENTITY_TWO_AFTER_KIND, w[2].facts.lexicon, w[2].facts.names);
    f[23] = facts_feature(ENTITY_WORD_SHAPE, at->lower, w->shape);
}

void english_history_features(const struct english_word *w, const struct english_around *a, const struct english_history *h,
                              uint32_t f[ENGLISH_NAMES_HISTORY])
{
    unsigned e = h->before;
    f[0] = facts_feature(ENTITY_BEFORE, e, 0);
    f[1] = facts_feature(ENTITY_BEFORE_WORD, e, w->facts.lower);
    f[2] = facts_feature(ENTITY_BEFORE_SHAPE, e, w->shape);
    f[3] = facts_feature(ENTITY_TWO_BEFORE, e | h->two_before << 8, 0);
    f[4] = facts_feature(ENTITY_BEFORE_NAMES, e, w->facts.names & FACTS_NAMES);
    f[5] = facts_feature(ENTITY_MATCH, a->match, e);
    f[6] = facts_feature(ENTITY_EARLIER, h->earlier, w->shape & 7);
    f[7] = facts_feature(ENTITY_BEFORE_UPOS, e | a->upos << 8 | a->upos_after << 16, 0);
    f[8] = facts_feature(ENTITY_BEFORE_WORD_BEFORE, e, w[-1].facts.lower);
}

/* Kinds of names that `count` neighbouring tokens are together, their words parted by spaces. */
static unsigned kinds_of(struct str text, const struct token *tokens, size_t count)
{
    char name[GAZETTEER_LONGEST + 1];
    size_t n = 0;
    struct name found;
    for (size_t i = 0; i < count; i++) {
        struct str word = str_of(text.p + tokens[i].start, tokens[i].end - tokens[i].start);
        if (n + 1 + word.n > GAZETTEER_LONGEST) return 0;
        if (i) name[n++] = ' ';
        for (size_t k = 0; k < word.n; k++) name[n++] = ascii_lower(word.p[k]);
    }
    gazetteer_find(str_of(name, n), &found);
    return found.kinds;
}

void english_match_names(struct str text, const struct token *tokens, const struct english_word *words, size_t count, uint16_t *matches)
{
    for (size_t i = 0, kinds = 0, length; i < count; i += length) {
        for (length = count - i < MATCH_WORDS_MOST ? count - i : MATCH_WORDS_MOST; length > 1; length--) /* its ends are parts of names */
            if ((words[i].facts.names & FACTS_NAMES) && (words[i + length - 1].facts.names & FACTS_NAMES) &&
                (kinds = kinds_of(text, tokens + i, length)))
                break;
        if (length <= 1) length = 1, kinds = 0;
        for (size_t k = 0; k < length; k++) matches[i + k] = (uint16_t)(kinds | (k ? MATCH_GOES_ON : 0));
    }
}

unsigned english_named_find(const struct english_named *named, uint32_t word)
{
    unsigned kept = named->count < ENGLISH_NAMED ? named->count : ENGLISH_NAMED;
    for (unsigned i = 0; i < kept; i++)
        if (named->words[i] == word) return 1u + named->entities[i];
    return 0;
}
