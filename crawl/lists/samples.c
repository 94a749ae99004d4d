/* Members are read one ahead: a sample ends where another key begins. */
#include "crawl/lists/samples.h"

#include "pipeline/base/buf.h"
#include "pipeline/base/fail.h"
#include "shard/store.h"
#include "shard/tar.h"

#include <stdlib.h>

struct shard_samples {
    struct store *store;
    struct tar_reader *tar;
    struct tar_member member; /* the one that is next */
    bool ahead, at_end;       /* ahead: `member` is there, not yet taken */
    struct buf key, json, text;
};

struct shard_samples *shard_samples_open(const char *path)
{
    struct shard_samples *s = calloc(1, sizeof *s);
    if (!s) return fail_memory(), NULL;
    buf_init(&s->key, TAR_NAME_CEILING);
    buf_init(&s->json, SHARD_MEMBER_MAX);
    buf_init(&s->text, SHARD_MEMBER_MAX);
    s->store = store_open(path);
    if (s->store) s->tar = tar_reader_open(store_next, store_skip, s->store);
    if (s->tar) return s;
    if (s->store && !str_starts(str_from(fail_message()), str_from(path))) fail_prefix("%s: ", path); /* a store names its file itself */
    shard_samples_close(s);
    return NULL;
}

void shard_samples_close(struct shard_samples *s)
{
    if (!s) return;
    tar_reader_close(s->tar);
    store_close(s->store);
    buf_free(&s->key);
    buf_free(&s->json);
    buf_free(&s->text);
    free(s);
}

uint64_t shard_samples_offset(const struct shard_samples *s) { return s->member.offset + s->member.size; }

bool shard_samples_ended(const struct shard_samples *s) { return tar_reader_has_end_mark(s->tar); }

static void split_name(struct str name, struct str *key, struct str *extension)
{
    size_t at = name.n;
    while (at && name.p[at - 1] != '/') at--;
    const char *dot = memchr(name.p + at, '.', name.n - at);
    *key = dot ? str_of(name.p, (size_t)(dot - name.p)) : name;
    *extension = dot ? str_from_at(name, key->n + 1) : STR("");
}

static const char *format_of_extension(struct str extension)
{
    static const char *const formats[][2] = {{"jpg", "jpeg"},  {"jpeg", "jpeg"}, {"png", "png"},
                                             {"webp", "webp"}, {"gif", "gif"},   {"avif", "avif"}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (str_eq_nocase(extension, str_from(formats[i][0]))) return formats[i][1];
    return NULL;
}

/* A member that is too long is like a missing one; only the tar itself can be damaged. */
static int read_member(struct shard_samples *s, struct buf *to, struct str *text)
{
    buf_clear(to);
    if (s->member.size > SHARD_MEMBER_MAX) return 0;
    if (tar_reader_data(s->tar, to) < 0) return -1;
    *text = buf_str(to);
    return 0;
}

static int take_member(struct shard_samples *s, struct str extension, struct shard_sample *sample)
{
    const char *format = format_of_extension(extension);
    if (str_eq_nocase(extension, STR("json"))) return read_member(s, &s->json, &sample->json);
    if (str_eq_nocase(extension, STR("txt"))) return read_member(s, &s->text, &sample->text);
    if (!format || sample->format) return 0;
    sample->format = format;
    sample->offset = s->member.offset;
    sample->length = s->member.size;
    return 0;
}

int shard_samples_next(struct shard_samples *s, struct shard_sample *sample)
{
    *sample = (struct shard_sample){0};
    for (bool begun = false;; s->ahead = false) {
        if (!s->ahead && !s->at_end) {
            int more = tar_reader_next(s->tar, &s->member);
            if (more < 0) return -1;
            s->at_end = more == 0;
            s->ahead = more > 0;
        }
        if (!s->ahead) return begun;
        struct str key, extension;
        split_name(s->member.name, &key, &extension);
        if (begun && !str_eq(key, sample->key)) return 1;
        if (!begun) {
            begun = true;
            buf_clear(&s->key);
            if (buf_add(&s->key, key) < 0) return -1;
            sample->key = buf_str(&s->key);
            sample->header = s->member.header;
        }
        if (take_member(s, extension, sample) < 0) return -1;
    }
}
