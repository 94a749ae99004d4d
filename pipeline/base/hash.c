/* XXH3-128 by libxxhash; SHA-256 by libcrypto's own functions rather than its one-shot SHA256(): that looks the algorithm up
 * anew each time, which costs several times the hash of a pair (measured on a busy machine: 3.7 µs against 0.7 µs). They cannot fail. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "pipeline/base/hash.h"

#include "pipeline/base/fail.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <xxhash.h>

struct hash_stream {
    XXH3_state_t *state;
};

static struct hash128 from_xxh(XXH128_hash_t h) { return (struct hash128){h.high64, h.low64}; }

struct hash128 hash_xxh3_128(struct str bytes, uint64_t seed)
{
    return from_xxh(XXH3_128bits_withSeed(bytes.p, bytes.n, seed));
}

struct hash_stream *hash_stream_new(void)
{
    struct hash_stream *h = malloc(sizeof *h);
    if (h && (h->state = XXH3_createState())) {
        XXH3_128bits_reset(h->state);
        return h;
    }
    free(h);
    fail_memory();
    return NULL;
}

void hash_stream_add(struct hash_stream *h, struct str bytes) { XXH3_128bits_update(h->state, bytes.p, bytes.n); }
struct hash128 hash_stream_value(const struct hash_stream *h) { return from_xxh(XXH3_128bits_digest(h->state)); }

void hash_stream_free(struct hash_stream *h)
{
    if (h) XXH3_freeState(h->state);
    free(h);
}

void hash128_hex(struct hash128 h, char out[33])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) out[i] = digits[(i < 16 ? h.high >> (60 - 4 * i) : h.low >> (124 - 4 * i)) & 15];
    out[32] = 0;
}

void hash_sha256(struct str bytes, unsigned char out[32])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.p, bytes.n);
    SHA256_Final(out, &context);
}

void hash_pair_id(struct str url, struct str text, char out[33])
{
    unsigned char digest[32];
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, url.p, url.n);
    SHA256_Update(&context, "", 1);
    SHA256_Update(&context, text.p, text.n);
    SHA256_Final(digest, &context);
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[32] = 0;
}
