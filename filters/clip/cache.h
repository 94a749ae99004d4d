/* Embeddings of pictures that were computed before, so that another text, prompt list or head decodes no picture.
 *
 *     struct cache *cache = cache_open("OUT/cache", &key);
 *     unsigned char name[CACHE_NAME];
 *     cache_name(name, picture_bytes);                                 by content
 *     const float *numbers = cache_find(cache, name);                  embed numbers, then width; NULL: not there
 *
 *     struct cache_writer *w = cache_writer_open("OUT/cache", "00003", &key, memory, tmp);
 *     cache_writer_add(w, name, embedding, pooled);
 *     cache_writer_publish(w);                                         OUT/cache/KEY-00003.emb
 *
 * A file is written by one task, whole or not at all; a task that runs again keeps what its file had. Any number of tasks read
 * all files whose key is theirs: equal model (numbers, configuration and preprocessing), precision and processor class. Opening
 * looks at headers and sizes alone, so that a thousand tasks may read one another's files; a record is checked when it is found.
 * A file that is cut, or a record that does not agree, is told once on stderr, and the file left aside.
 *
 * The file, little-endian:
 *     8    "WNEMB2\n" and a 0 byte
 *     16   the key
 *     4, 4 embed, width
 *     32   zeros
 *     …    records, rising by name: 16 bytes of name; 8 of its check, the low half of XXH3-128 of the numbers, seeded with the
 *          low half of XXH3-128 of the name; embed + width floats
 *     16   XXH3-128 of all before, low half first
 */
#ifndef WINNOW_CLIP_CACHE_H
#define WINNOW_CLIP_CACHE_H

#include "pipeline/base/hash.h"

enum { CACHE_NAME = 16, CACHE_NUMBERS_MOST = 16000 };

struct cache_key {
    struct hash128 model;  /* clip_digest */
    const char *precision; /* "bf16" */
    const char *class;     /* "cpu-avx2" */
    uint32_t embed, width; /* numbers of an embedding and of a pooled row */
};

void cache_name(unsigned char name[CACHE_NAME], struct str picture); /* the first bytes of its SHA-256 */

struct cache;
struct cache *cache_open(const char *folder, const struct cache_key *key); /* a missing folder is an empty one; NULL with a sentence */
void cache_close(struct cache *cache); /* NULL is allowed */
size_t cache_files(const struct cache *cache);
uint64_t cache_records(const struct cache *cache);
const float *cache_find(const struct cache *cache, const unsigned char name[CACHE_NAME]); /* any thread */

struct cache_writer;
/* `stem` names the task; memory and tmp (NULL: $TMPDIR) are extsort's. Nothing is created before cache_writer_publish. */
struct cache_writer *cache_writer_open(const char *folder, const char *stem, const struct cache_key *key, size_t memory,
                                       const char *tmp);
int cache_writer_add(struct cache_writer *w, const unsigned char name[CACHE_NAME], const float *embedding, const float *pooled);
int cache_writer_publish(struct cache_writer *w); /* does nothing when nothing was added */
void cache_writer_close(struct cache_writer *w);  /* NULL is allowed */

/* ---- whole folders, whatever keys */

struct cache_summary {
    char key[33];          /* "?": of files without a header */
    uint32_t embed, width;
    size_t files, damaged; /* files, and those of them that are not whole */
    uint64_t records, bytes; /* of whole files; a picture that two files hold counts twice */
};
/* Checks every byte of every file; damaged ones are told on stderr. The caller frees *list. */
int cache_survey(const char *folder, struct cache_summary **list, size_t *count);
/* Makes one file, KEY-merged.emb, of the whole files of each key and removes those. How many they were, or -1 with a sentence.
 * Readers that have the old files open keep them. */
int cache_merge(const char *folder, size_t memory, const char *tmp);

#endif
