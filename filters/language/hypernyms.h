/* Names become what they are: the text transformation of Conceptual Captions (Sharma et al., ACL 2018, §3.4).
 *
 *     struct entity_table *table = entity_table_read(bytes, name);
 *     hypernyms_apply(table, english, work, text, &out);
 *         "Harrison Ford and Calista Flockhart attend the premiere"  →  "actors attend the premiere"
 *
 * In the paper's order: (1) proper nouns, numbers and units that stand before a noun go ("a British Airways aircraft" → "an aircraft");
 * (2) dates, durations and places behind a preposition go ("in Los Angeles"); (3) names become their hypernym, with the article and
 * the common noun that stood before them ("artist Duncan McKellar" → "person"); names without one go; (4) what now is said twice
 * is said once ("actor and actor" → "actors"). The result is in lower case, with "a" and "an" repaired.
 * A name's hypernym is the table's; else WordNet's (gazetteer.h); else "person" for what the tagger holds to be one. The paper used a
 * knowledge graph that is not published: the table is the user's choice, and filters/language/make_entities.py makes one of a
 * Wikidata dump.
 *
 * Table: UTF-8, a line an entity: name, tab, hypernym, and, if there is a third column, a weight; of equal names the heaviest
 * counts, of equal weights the first. Names are compared without regard to ASCII case, from the beginning of a token to the end of one.
 */
#ifndef WINNOW_HYPERNYMS_H
#define WINNOW_HYPERNYMS_H

#include "filters/language/english.h"
#include "pipeline/base/buf.h"

enum { ENTITY_SEPARATOR = '|' };
enum { ENTITY_TABLE_BYTES_MOST = 1 << 30, ENTITY_WORDS_MOST = 12 /* tokens of a name that is looked for */ };

struct entity_table;
struct entity_table *entity_table_read(struct str bytes, const char *name); /* copies; NULL with a sentence "name:line: ..." */
void entity_table_free(struct entity_table *table);
size_t entity_table_count(const struct entity_table *table);
struct str entity_table_find(const struct entity_table *table, struct str lower); /* words parted by single spaces; absent: no entry */

/* Appends the transformed text of valid UTF-8; to `entities`, unless NULL, the hypernyms that names became, in their order, parted by
 * '|', as many as fit below its ceiling. *replaced: how many. 0, or -1 with a sentence. */
int hypernyms_apply(const struct entity_table *table, const struct english *english, struct english_work *work, struct str text,
                    struct buf *out, struct buf *entities, size_t *replaced);

#endif
