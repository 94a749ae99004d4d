/* XXH3-128 by libxxhash; SHA-256 by libcrypto's one-shot interface, which needs no context and cannot fail on valid input. */
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
    SHA256((const unsigned char *)bytes.p, bytes.n, out);
}

void hash_pair_id(struct str url, struct str text, char out[33])
{
    enum { ON_STACK = 4096 };
    unsigned char stack[ON_STACK], digest[32];
    unsigned char *joined = url.n + text.n < ON_STACK ? stack : malloc(url.n + text.n + 1);
    if (!joined) abort(); /* urls and texts are at most 64 KiB each; a machine without 128 KiB cannot go on */
    memcpy(joined, url.p, url.n);
    joined[url.n] = 0;
    if (text.n) memcpy(joined + url.n + 1, text.p, text.n);
    SHA256(joined, url.n + 1 + text.n, digest);
    if (joined != stack) free(joined);
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[32] = 0;
}
