#include "filters/text/wordlist.h"

#include "filters/text/wordfreq.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

static bool is_comment(struct str line) { return line.n == 0 || str_starts(line, STR("# ")) || str_eq(line, STR("#")); }

/* Whether every line is a word, one space and a whole number: lists of counts as FrequencyWords has them. */
static bool counts_stand_behind_spaces(struct str rest)
{
    size_t lines = 0;
    while (rest.n) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (is_comment(line)) continue;
        uint64_t count;
        struct str word = str_cut(&line, ' ');
        if (word.n == 0 || memchr(word.p, '\t', word.n) || str_to_u64(line, &count) < 0) return false;
        lines++;
    }
    return lines > 1;
}

static int parse_lines(struct wordlist *list, const char *path)
{
    struct str rest = wordlist_without_bom(buf_str(&list->text));
    size_t lines = 1;
    for (size_t i = 0; i < rest.n; i++) lines += rest.p[i] == '\n';
    list->entries = calloc(lines, sizeof *list->entries);
    list->numbers = calloc(lines, sizeof *list->numbers);
    if (!list->entries || !list->numbers) return fail_memory();
    char separator = counts_stand_behind_spaces(rest) ? ' ' : '\t';
    for (size_t number = 1; rest.p; number++) {
        struct str line = str_cut(&rest, '\n');
        if (!utf8_valid(line)) return fail_usage("%s:%zu: not UTF-8", path, number);
        line = str_trim(line);
        if (is_comment(line)) continue;
        struct str entry = str_trim(str_cut(&line, separator)), value = str_trim(str_cut(&line, separator));
        if (value.n && str_to_double(value, &list->numbers[list->count]) < 0)
            return fail_usage("%s:%zu: '%.*s' behind the tab is no number", path, number, STR_ARG(value));
        if (entry.n) list->entries[list->count++] = entry;
    }
    return 0;
}

static int parse_frequencies(struct wordlist *list, const char *path)
{
    struct wordfreq frequencies;
    struct str word;
    double per_billion;
    size_t words = 0;
    int more = wordfreq_open(&frequencies, buf_str(&list->text));
    while (more >= 0 && (more = wordfreq_next(&frequencies, &word, &per_billion)) > 0) words++;
    if (more < 0) {
        fail_prefix("%s: ", path);
        return -1;
    }
    list->entries = calloc(words + 1, sizeof *list->entries);
    list->numbers = calloc(words + 1, sizeof *list->numbers);
    if (!list->entries || !list->numbers) return fail_memory();
    wordfreq_open(&frequencies, buf_str(&list->text));
    while (list->count < words && wordfreq_next(&frequencies, &list->entries[list->count], &list->numbers[list->count]) > 0) list->count++;
    return 0;
}

/* gzip's members, one behind the other, in place of what they hold. */
static int unpack_gzip(struct buf *bytes, const char *path)
{
    struct buf packed = *bytes;
    buf_init(bytes, WORDLIST_BYTES_MAX);
    z_stream z = {.next_in = (unsigned char *)packed.p, .avail_in = (unsigned)packed.n};
    int state = inflateInit2(&z, 15 + 16), result = state == Z_OK ? 0 : fail_memory();
    while (result == 0 && !(state == Z_STREAM_END && z.avail_in == 0)) {
        if (state == Z_STREAM_END) inflateReset(&z);
        result = buf_reserve(bytes, 1 << 16);
        if (result < 0) break;
        z.next_out = (unsigned char *)bytes->p + bytes->n;
        z.avail_out = bytes->room - bytes->n < UINT_MAX ? (unsigned)(bytes->room - bytes->n) : UINT_MAX;
        unsigned room = z.avail_out;
        state = inflate(&z, Z_NO_FLUSH);
        bytes->n += room - z.avail_out;
        if (state != Z_OK && state != Z_STREAM_END) result = fail("damaged gzip: %s", z.msg ? z.msg : "it ends early");
    }
    inflateEnd(&z);
    buf_free(&packed);
    if (result < 0) fail_prefix("%s: ", path);
    return result;
}

static int parse(struct wordlist *list, const char *name)
{
    if (str_starts(buf_str(&list->text), STR("\x1F\x8B")) && unpack_gzip(&list->text, name) < 0) return -1;
    return wordfreq_is(buf_str(&list->text)) ? parse_frequencies(list, name) : parse_lines(list, name);
}

int wordlist_take(struct wordlist *list, struct buf *bytes, const char *name)
{
    *list = (struct wordlist){.text = *bytes};
    *bytes = (struct buf){.n = 0};
    if (parse(list, name) == 0) return 0;
    wordlist_free(list);
    return -1;
}

int wordlist_read(struct wordlist *list, const char *path)
{
    struct buf bytes;
    *list = (struct wordlist){.count = 0};
    buf_init(&bytes, WORDLIST_BYTES_MAX);
    if (buf_read_file(&bytes, path) == 0) return wordlist_take(list, &bytes, path);
    buf_free(&bytes);
    return -1;
}

int wordlist_lower(struct wordlist *list)
{
    struct buf lower;
    buf_init(&lower, WORDLIST_BYTES_MAX);
    size_t *ends = calloc(list->count + 1, sizeof *ends);
    int result = ends ? 0 : fail_memory();
    for (size_t i = 0; i < list->count && result == 0; i++) {
        result = unicode_lower(&lower, list->entries[i]);
        ends[i + 1] = lower.n;
    }
    for (size_t i = 0; i < list->count && result == 0; i++)
        list->entries[i] = str_of(lower.p + ends[i], ends[i + 1] - ends[i]);
    free(ends);
    struct buf old = list->text;
    if (result == 0) list->text = lower;
    buf_free(result == 0 ? &old : &lower);
    return result;
}

void wordlist_free(struct wordlist *list)
{
    buf_free(&list->text);
    free(list->entries);
    free(list->numbers);
    *list = (struct wordlist){.count = 0};
}
