/* The two hashes of the house: XXH3-128 for keys and checks, SHA-256 for ids, pictures and consent. */
#ifndef WINNOW_HASH_H
#define WINNOW_HASH_H

#include "pipeline/base/str.h"

struct hash128 {
    uint64_t high, low;
};
struct hash_stream; /* XXH3-128 over bytes that come in pieces */

struct hash128 hash_xxh3_128(struct str bytes, uint64_t seed);
struct hash_stream *hash_stream_new(void); /* NULL with a sentence */
void hash_stream_add(struct hash_stream *h, struct str bytes);
struct hash128 hash_stream_value(const struct hash_stream *h);
void hash_stream_free(struct hash_stream *h);
static inline int hash128_compare(struct hash128 a, struct hash128 b)
{
    return a.high != b.high ? (a.high < b.high ? -1 : 1) : (a.low > b.low) - (a.low < b.low);
}
void hash128_hex(struct hash128 h, char out[33]); /* 32 lower-case digits, high half first, and a NUL */

void hash_sha256(struct str bytes, unsigned char out[32]);
/* The id of a pair: the first 16 bytes of SHA-256(url, one 0 byte, text); 32 hexadecimal digits and a NUL. */
void hash_pair_id(struct str url, struct str text, char out[33]);

#endif
