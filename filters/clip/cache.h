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
 * all files whose key is theirs: equal model (numbers, configuration and preprocessing), precision and processor class. A
 * file's hash is checked when it is opened; one that is damaged is told on stderr and left aside.
 *
 * The file, little-endian:
 *     8    "WNEMB1\n" and a 0 byte
 *     16   the key
 *     4, 4 embed, width
 *     32   zeros
 *     …    records, rising by name: 16 bytes of name, embed + width floats
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

/* Makes one file, KEY-merged.emb, of all files of a key and removes the others. How many there were, or -1 with a sentence. */
int cache_merge(const char *folder, const struct cache_key *key, size_t memory, const char *tmp);

#endif
