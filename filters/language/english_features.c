/* What a token's neighbours and the tags before it say. Each kind of feature is a number of its own; none is ever taken again. */
#include "filters/language/english_features.h"

#include "filters/language/gazetteer.h"

enum { /* kinds of features; behind those of facts.h */
    WORD_TWO_BEFORE = FEATURE_CONTEXT, WORD_TWO_AFTER, SHAPE_BEFORE_AT, SHAPE_AT_AFTER, WORD_BEFORE_AT, WORD_AT_AFTER, LEXICON_AT_AFTER,
    LEXICON_BEFORE_AT, LEXICON_BEFORE_AFTER, ENDING_AT_AFTER,
    TAG_BEFORE, TAG_TWO_BEFORE, TAG_BEFORE_WORD, TAG_BEFORE_LEXICON, TAG_BEFORE_LEXICON_AFTER, TAG_BEFORE_ENDING, TAG_BEFORE_WORD_AFTER,
    ENTITY_BEFORE, ENTITY_BEFORE_WORD, ENTITY_BEFORE_SHAPE, ENTITY_UPOS, ENTITY_UPOS_AROUND, ENTITY_TWO_BEFORE, ENTITY_BEFORE_NAMES,
    ENTITY_NAMES_AROUND, ENTITY_PAIR_BEFORE, ENTITY_PAIR_AFTER, ENTITY_EARLIER, ENTITY_BEFORE_UPOS, ENTITY_WORDS_AROUND, ENTITY_NAMES_UPOS,
    ENTITY_UPOS_SHAPE, ENTITY_BEFORE_WORD_BEFORE,
};

void english_shared_features(const struct english_place *p, uint32_t f[ENGLISH_SHARED])
{
    f[0] = facts_feature(WORD_TWO_BEFORE, p->two_before->lower, 0);
    f[1] = facts_feature(WORD_TWO_AFTER, p->two_after->lower, 0);
    f[2] = facts_feature(SHAPE_BEFORE_AT, p->before->shape, p->at->shape);
    f[3] = facts_feature(SHAPE_AT_AFTER, p->at->shape, p->after->shape);
    f[4] = facts_feature(WORD_BEFORE_AT, p->before->lower, p->at->lower);
    f[5] = facts_feature(WORD_AT_AFTER, p->at->lower, p->after->lower);
    f[6] = facts_feature(LEXICON_AT_AFTER, p->at->lexicon, p->after->lexicon);
    f[7] = facts_feature(LEXICON_BEFORE_AT, p->before->lexicon, p->at->lexicon);
    f[8] = facts_feature(LEXICON_BEFORE_AFTER, p->before->lexicon, p->after->lexicon ^ p->at->lexicon << 8);
    f[9] = facts_feature(ENDING_AT_AFTER, p->at->ending, p->after->ending);
}

void english_upos_features(const struct english_place *p, unsigned before, unsigned two_before, uint32_t f[ENGLISH_UPOS_OWN])
{
    f[0] = facts_feature(TAG_BEFORE, before, 0);
    f[1] = facts_feature(TAG_TWO_BEFORE, before, two_before);
    f[2] = facts_feature(TAG_BEFORE_WORD, before, p->at->lower);
    f[3] = facts_feature(TAG_BEFORE_LEXICON, before | two_before << 8, p->at->lexicon);
    f[4] = facts_feature(TAG_BEFORE_LEXICON_AFTER, before, p->after->lexicon ^ p->at->lexicon * 31);
    f[5] = facts_feature(TAG_BEFORE_ENDING, before, p->at->ending);
    f[6] = facts_feature(TAG_BEFORE_WORD_AFTER, before, p->after->lower);
}

void english_entity_features(const struct english_place *p, const struct english_tags *t, uint32_t f[ENGLISH_ENTITY_OWN])
{
    unsigned e = t->entity_before;
    f[0] = facts_feature(ENTITY_BEFORE, e, 0);
    f[1] = facts_feature(ENTITY_BEFORE_WORD, e, p->at->lower);
    f[2] = facts_feature(ENTITY_BEFORE_SHAPE, e, p->at->shape);
    f[3] = facts_feature(ENTITY_UPOS, t->upos, 0);
    f[4] = facts_feature(ENTITY_UPOS_AROUND, t->upos_before | t->upos << 8 | t->upos_after << 16, 0);
    f[5] = facts_feature(ENTITY_TWO_BEFORE, e | t->entity_two_before << 8, 0);
    f[6] = facts_feature(ENTITY_BEFORE_NAMES, e, p->at->names);
    f[7] = facts_feature(ENTITY_NAMES_AROUND, p->before->names | p->at->names << 10 | p->after->names << 20, 0);
    f[8] = facts_feature(ENTITY_PAIR_BEFORE, t->pair_before, e);
    f[9] = facts_feature(ENTITY_PAIR_AFTER, t->pair_after, t->upos);
    f[10] = facts_feature(ENTITY_EARLIER, t->earlier, p->at->shape & 7);
    f[11] = facts_feature(ENTITY_BEFORE_UPOS, e | t->upos << 8 | t->upos_after << 16, 0);
    f[12] = facts_feature(ENTITY_WORDS_AROUND, p->before->lower, p->after->lower);
    f[13] = facts_feature(ENTITY_NAMES_UPOS, p->at->names, t->upos | t->upos_after << 8);
    f[14] = facts_feature(ENTITY_UPOS_SHAPE, t->upos, p->at->shape);
    f[15] = facts_feature(ENTITY_BEFORE_WORD_BEFORE, e, p->before->lower);
}

unsigned english_pair(struct str first, struct str second)
{
    char both[GAZETTEER_LONGEST + 1];
    size_t n = 0;
    if (first.n + 1 + second.n > GAZETTEER_LONGEST || !ascii_is_alpha(first.p[0]) || !ascii_is_alpha(second.p[0])) return 0;
    for (size_t i = 0; i < first.n; i++) both[n++] = ascii_lower(first.p[i]);
    both[n++] = ' ';
    for (size_t i = 0; i < second.n; i++) both[n++] = ascii_lower(second.p[i]);
    struct name found;
    gazetteer_find(str_of(both, n), &found);
    return found.kinds;
}

unsigned english_named_find(const struct english_named *named, uint32_t word)
{
    unsigned kept = named->count < ENGLISH_NAMED ? named->count : ENGLISH_NAMED;
    for (unsigned i = 0; i < kept; i++)
        if (named->words[i] == word) return 1u + named->entities[i];
    return 0;
}
