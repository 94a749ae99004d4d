/* Zero-shot classes: which of some described classes a picture is nearest to.
 *
 *     struct zeroshot *z = zeroshot_open("filters/lists/laion_nsfw.txt");
 *     zeroshot_embed(z, clip, work);                        runs the prompts through the text tower
 *     struct zeroshot_best best[ZEROSHOT_TAKE_MOST];
 *     zeroshot_apply(z, embedding, best);                   zeroshot_take(z) classes, best first
 *     zeroshot_label(z, best)                               "UNSURE", or the best class's name
 *
 * A list is a text file, a thing a line; "#" begins a comment:
 *
 *     list      laion_nsfw           its name, for columns (else the file's)
 *     take      2                    so many best classes count (1)
 *     template  a photo of a {}.     a prompt of every class, {} being its name; without any: the name alone
 *     group     unsafe               of the classes below
 *     class     golden retriever     its name, to the end of the line
 *     prompt    a sitting dog        a prompt of the class above, instead of the templates
 *     feature   floppy ears          of the class above: the prompt "NAME, which has floppy ears", instead of the templates
 *     answer    unsafe UNLIKELY UNSURE NSFW      the label, by how many of the best are of the group: none, one, two
 *
 * A class's vector is the mean of its prompts' embeddings (each of length 1), made of length 1 again; its probability is the
 * softmax of 100 times the cosines over all classes. Equal cosines: the class that stands first. (spec: clip.md section 8.)
 */
#ifndef WINNOW_CLIP_ZEROSHOT_H
#define WINNOW_CLIP_ZEROSHOT_H

#include "filters/clip/clip.h"

enum { ZEROSHOT_TAKE_MOST = 32, ZEROSHOT_CLASSES_MOST = 100000, ZEROSHOT_PROMPTS_MOST = 10000000 };

struct zeroshot;

struct zeroshot *zeroshot_open(const char *path); /* NULL with a sentence: file:line: what is wrong */
/* The parser alone; `name` is the list's where the text does not say one, `file` stands in messages. */
struct zeroshot *zeroshot_parse(const char *file, struct str name, struct str text);
void zeroshot_close(struct zeroshot *z); /* NULL is allowed */

const char *zeroshot_name(const struct zeroshot *z);       /* [a-z0-9_]+ */
size_t zeroshot_take(const struct zeroshot *z);            /* 1 to the number of classes */
bool zeroshot_answers(const struct zeroshot *z);           /* the label is an answer, not a class */
size_t zeroshot_classes(const struct zeroshot *z);
struct str zeroshot_class(const struct zeroshot *z, size_t i);
struct hash128 zeroshot_digest(const struct zeroshot *z);  /* of the text */

/* Makes the class vectors. Once; after it the list is immutable. -1 with a sentence. */
int zeroshot_embed(struct zeroshot *z, const struct clip *clip, struct clip_work *work);

struct zeroshot_best {
    size_t class;
    double cosine, probability;
};
void zeroshot_apply(const struct zeroshot *z, const float *embedding, struct zeroshot_best *best);
struct str zeroshot_label(const struct zeroshot *z, const struct zeroshot_best *best);

#endif
