/* Names, compiled in: what WordNet has as instances, and English first names.
 *
 *     struct name found;
 *     if (gazetteer_find(STR("los angeles"), &found)) ... found.kinds & NAME_PLACE, found.hypernym is "city"
 *
 * make_gazetteer.py makes the table at build time. Names are ASCII, lower case, their words parted by single spaces. Any thread.
 */
#ifndef WINNOW_GAZETTEER_H
#define WINNOW_GAZETTEER_H

#include "pipeline/base/str.h"

enum name_kind { /* make_gazetteer.py has the same order */
    NAME_FIRST = 1,         /* a first name by the list */
    NAME_PERSON_FIRST = 2,  /* begins, or stands inside, a person's name in WordNet */
    NAME_PERSON_LAST = 4,   /* ends one, or is one */
    NAME_PLACE = 8,
    NAME_PLACE_PART = 16,
    NAME_GROUP = 32,
    NAME_GROUP_PART = 64,
    NAME_PERSON = 128,
    NAME_OTHER = 256,       /* an instance of anything else */
};
enum { GAZETTEER_LONGEST = 63 }; /* bytes */

struct name {
    unsigned kinds;
    struct str hypernym; /* what captions call its class, of lists/hypernyms.txt; absent where nothing there is above it */
};

bool gazetteer_find(struct str lower, struct name *found); /* false: not there, and `found` is empty */
const char *gazetteer_digest(void);                        /* of the table: 32 hexadecimal digits of its SHA-256 */

#endif
