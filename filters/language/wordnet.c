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
    found->noun_file = p[3];
    p += 4;
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
    *found = (struct wordnet_word){{-1, -1, -1, -1}, {-1, -1, -1, -1}, 0, 0};
    if (lower.n > WORDNET_LONGEST) return false;
    uint32_t hash = fnv1a(lower);
    for (uint32_t at = hash & (WORDNET_SLOTS - 1); wordnet_slots[at]; at = (at + 1) & (WORDNET_SLOTS - 1)) {
        if ((wordnet_slots[at] ^ hash) >> 24) continue;
        const unsigned char *record = wordnet_records + (wordnet_slots[at] & 0xFFFFFF);
        if (record[0] != lower.n || memcmp(record + 1, lower.p, lower.n) != 0) continue;
        read_record(record + 1 + lower.n, found);
        return true;
    }
    return false;
}

/* morphy(7WN): the endings of each part and what stands in their place. Its verb rule "es" → "e" is "s" → "" again. */
struct ending {
    struct str ending, instead;
};
static const struct ending endings[WORDNET_PARTS][9] = {
    [WORDNET_NOUN] = {{STR("s"), STR("")}, {STR("ses"), STR("s")}, {STR("xes"), STR("x")}, {STR("zes"), STR("z")}, {STR("ches"), STR("ch")},
                      {STR("shes"), STR("sh")}, {STR("men"), STR("man")}, {STR("ies"), STR("y")}},
    [WORDNET_VERB] = {{STR("s"), STR("")}, {STR("ies"), STR("y")}, {STR("es"), STR("")}, {STR("ed"), STR("e")}, {STR("ed"), STR("")},
                      {STR("ing"), STR("e")}, {STR("ing"), STR("")}},
    [WORDNET_ADJECTIVE] = {{STR("er"), STR("")}, {STR("est"), STR("")}, {STR("er"), STR("e")}, {STR("est"), STR("e")}},
};

/* What is left of a word by one of a part's rules, and found as an entry of that part. */
static bool find_base(struct str lower, const struct ending *rule, enum wordnet_part part, struct wordnet_word *base)
{
    struct str ending = rule->ending, instead = rule->instead;
    if (lower.n <= ending.n || !str_ends(lower, ending)) return false;
    char bytes[WORDNET_LONGEST + 1];
    size_t kept = lower.n - ending.n;
    if (kept + instead.n > WORDNET_LONGEST) return false;
    memcpy(bytes, lower.p, kept);
    memcpy(bytes + kept, instead.p, instead.n);
    return wordnet_find(str_of(bytes, kept + instead.n), base) && base->entry[part] > 0;
}

int64_t wordnet_score(struct str lower, const struct wordnet_word *found, enum wordnet_part part)
{
    int64_t score = found->entry[part] > 0 ? found->entry[part] : 0;
    if (found->irregular[part] >= 0) return score + found->irregular[part];
    struct wordnet_word base; /* no two rules of a part make the same base of one word, and none makes the word itself */
    for (const struct ending *rule = endings[part]; rule->ending.n; rule++)
        if (find_base(lower, rule, part, &base)) score += base.entry[part];
    return score;
}

unsigned wordnet_noun_file(struct str lower, const struct wordnet_word *found)
{
    struct wordnet_word base;
    if (found->noun_file) return found->noun_file;
    for (const struct ending *rule = endings[WORDNET_NOUN]; rule->ending.n; rule++)
        if (find_base(lower, rule, WORDNET_NOUN, &base)) return base.noun_file;
    return 0;
}

const char *wordnet_digest(void) { return WORDNET_DIGEST; }
