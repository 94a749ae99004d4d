/* Look-up in the table that make_wordnet.py writes; its doc string has the layout. */
#include "filters/language/wordnet.h"

#include "generated/wordnet.h"

static uint32_t fnv1a(struct str word)
{
    uint32_t value = 0x811C9DC5;
    for (size_t i = 0; i < word.n; i++) value = (value ^ (unsigned char)word.p[i]) * 0x01000193;
    return value;
}

static void read_record(const unsigned char *p, struct wordnet_word *found)
{
    found->closed = (uint16_t)(p[0] | p[1] << 8);
    unsigned present = p[2];
    p += 3;
    for (unsigned i = 0; i < 2 * WORDNET_PARTS; i++) {
        if (!(present >> i & 1)) continue;
        int32_t score = p[0] | p[1] << 8 | p[2] << 16;
        if (i < WORDNET_PARTS) found->entry[i] = score;
        else found->irregular[i - WORDNET_PARTS] = score;
        p += 3;
    }
}

bool wordnet_find(struct str lower, struct wordnet_word *found)
{
    *found = (struct wordnet_word){{-1, -1, -1, -1}, {-1, -1, -1, -1}, 0};
    if (lower.n > WORDNET_LONGEST) return false;
    for (uint32_t at = fnv1a(lower) & (WORDNET_SLOTS - 1); wordnet_slots[at]; at = (at + 1) & (WORDNET_SLOTS - 1)) {
        const unsigned char *record = wordnet_records + wordnet_slots[at];
        if (record[0] != lower.n || memcmp(record + 1, lower.p, lower.n) != 0) continue;
        read_record(record + 1 + lower.n, found);
        return true;
    }
    return false;
}

/* morphy(7WN): the endings of each part and what stands in their place. Its verb rule "es" → "e" is "s" → "" again. */
struct ending {
    char ending[6], instead[4];
};
static const struct ending endings[WORDNET_PARTS][9] = {
    [WORDNET_NOUN] = {{"s", ""}, {"ses", "s"}, {"xes", "x"}, {"zes", "z"}, {"ches", "ch"}, {"shes", "sh"}, {"men", "man"},
                      {"ies", "y"}},
    [WORDNET_VERB] = {{"s", ""}, {"ies", "y"}, {"es", ""}, {"ed", "e"}, {"ed", ""}, {"ing", "e"}, {"ing", ""}},
    [WORDNET_ADJECTIVE] = {{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"}},
};

int64_t wordnet_score(struct str lower, const struct wordnet_word *found, enum wordnet_part part)
{
    int64_t score = found->entry[part] > 0 ? found->entry[part] : 0;
    if (found->irregular[part] >= 0) return score + found->irregular[part];
    for (const struct ending *rule = endings[part]; *rule->ending; rule++) {
        struct str ending = str_from(rule->ending), instead = str_from(rule->instead);
        if (lower.n <= ending.n || !str_ends(lower, ending)) continue;
        char base[WORDNET_LONGEST + 1];
        size_t kept = lower.n - ending.n;
        if (kept + instead.n > WORDNET_LONGEST) continue;
        memcpy(base, lower.p, kept);
        memcpy(base + kept, instead.p, instead.n);
        struct wordnet_word other; /* no two rules of a part make the same base of one word, and none makes the word itself */
        if (wordnet_find(str_of(base, kept + instead.n), &other) && other.entry[part] > 0) score += other.entry[part];
    }
    return score;
}

const char *wordnet_digest(void) { return WORDNET_DIGEST; }
