/* Look-up in the table that make_gazetteer.py writes; its doc string has the layout. */
#include "filters/language/gazetteer.h"

#include "generated/gazetteer.h"

bool gazetteer_find(struct str lower, struct name *found)
{
    *found = (struct name){.kinds = 0};
    if (lower.n == 0 || lower.n > GAZETTEER_LONGEST) return false;
    uint32_t hash = 0x811C9DC5;
    for (size_t i = 0; i < lower.n; i++) hash = (hash ^ (unsigned char)lower.p[i]) * 0x01000193;
    for (uint32_t at = hash & (GAZETTEER_SLOTS - 1); gazetteer_slots[at]; at = (at + 1) & (GAZETTEER_SLOTS - 1)) {
        if ((gazetteer_slots[at] ^ hash) >> 24) continue;
        const unsigned char *record = gazetteer_records + (gazetteer_slots[at] & 0xFFFFFF), *p = record + 1 + record[0];
        if (record[0] != lower.n || memcmp(record + 1, lower.p, lower.n) != 0) continue;
        found->kinds = (unsigned)(p[0] | p[1] << 8);
        if (p[2]) found->hypernym = str_of((const char *)p + 3, p[2]);
        return true;
    }
    return false;
}

const char *gazetteer_digest(void) { return GAZETTEER_DIGEST; }
