/* The features of a token that depend on its neighbours and on the tags before it. Private to english.c and its trainer. */
#ifndef WINNOW_ENGLISH_FEATURES_H
#define WINNOW_ENGLISH_FEATURES_H

#include "filters/language/english.h"
#include "filters/language/facts.h"

/* A token between its neighbours; facts_edge stands beyond both ends. */
struct english_place {
    const struct facts *two_before, *before, *at, *after, *two_after;
};
enum { ENGLISH_EDGE = 31 }; /* the tag of what is no token */

struct english_tags { /* around a token, for its entity: enum upos or ENGLISH_EDGE, enum entity */
    unsigned upos_before, upos, upos_after;
    unsigned entity_before, entity_two_before;
    unsigned pair_before, pair_after; /* kinds of names that the token and the one before, or after it, are together */
    unsigned earlier; /* 1 + entity of the same word earlier in the text, 0 without */
};

enum { ENGLISH_SHARED = 10, ENGLISH_UPOS_OWN = 7, ENGLISH_ENTITY_OWN = 16,
       ENGLISH_FEATURES_MOST = FACTS_SELF + FACTS_BEFORE + FACTS_AFTER + ENGLISH_SHARED + ENGLISH_ENTITY_OWN };
enum { ENGLISH_COLUMNS = UPOS_COUNT + ENTITY_COUNT, ENGLISH_ENTITY_COLUMN = UPOS_COUNT };

void english_shared_features(const struct english_place *place, uint32_t features[ENGLISH_SHARED]); /* of both decisions */
/* of the part of speech; tags of the two tokens before, ENGLISH_EDGE beyond the text */
void english_upos_features(const struct english_place *place, unsigned before, unsigned two_before, uint32_t features[ENGLISH_UPOS_OWN]);
void english_entity_features(const struct english_place *place, const struct english_tags *tags, uint32_t features[ENGLISH_ENTITY_OWN]);

/* Kinds of names (gazetteer.h) that two neighbouring words are together: "los angeles". 0 for none. */
unsigned english_pair(struct str first, struct str second);

/* Words of a text that were named before. */
enum { ENGLISH_NAMED = 32 };
struct english_named {
    uint32_t words[ENGLISH_NAMED];
    uint8_t entities[ENGLISH_NAMED];
    unsigned count; /* the last ENGLISH_NAMED are kept, in a ring */
};
unsigned english_named_find(const struct english_named *named, uint32_t word); /* 1 + entity, 0 for none */
static inline void english_named_add(struct english_named *named, uint32_t word, unsigned entity)
{
    named->words[named->count % ENGLISH_NAMED] = word;
    named->entities[named->count++ % ENGLISH_NAMED] = (uint8_t)entity;
}

/* Whether `next` may stand behind `before`: an entity goes on only where one of its kind is. */
static inline bool entity_may_follow(unsigned before, unsigned next)
{
    if (next == ENTITY_NONE || next % 2 == 1) return true;
    return before == next || before == next - 1;
}

#endif
