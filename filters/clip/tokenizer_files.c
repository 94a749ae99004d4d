/* tokenizer.json, vocab.json with merges.txt, and the list of merges that is part of the program.
 *
 * A tokenizer.json describes a whole pipeline. The engine has CLIP's own pipeline in C, so the description is only checked:
 * what says another pipeline is refused. */
#include "filters/clip/tokenizer_files.h"

#include <jansson.h>
#include <libdeflate.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "filters/clip/tokenizer_json.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

enum { STRINGS_MOST = 16 << 20 }; /* bytes of tokens that are written with escapes: no more than a file has */

static json_t *parse(const char *file, struct str text)
{
    json_error_t error;
    json_t *json = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (!json) return fail("%s: line %d: %s", file, error.line, error.text), NULL;
    if (json_is_object(json)) return json;
    json_decref(json);
    return fail("%s: not a JSON object", file), NULL;
}

/* ---- tokenizer.json ---- */

static const char *type_of(json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type ? type : "none";
}

static int check_model(const char *file, json_t *model)
{
    json_t *suffix = json_object_get(model, "end_of_word_suffix");
    json_t *prefix = json_object_get(model, "continuing_subword_prefix");
    const char *type = json_object_get(model, "type") ? type_of(model) : "BPE"; /* older files leave it out */
    if (strcmp(type, "BPE") != 0) return fail("%s: model.type is %s: CLIP's is BPE", file, type);
    if (!json_is_string(suffix) || strcmp(json_string_value(suffix), "</w>") != 0)
        return fail("%s: model.end_of_word_suffix is not </w>: not CLIP's tokenizer", file);
    if (json_string_length(prefix)) return fail("%s: model.continuing_subword_prefix is not empty: not CLIP's tokenizer", file);
    if (json_is_true(json_object_get(model, "byte_fallback")) || json_is_true(json_object_get(model, "ignore_merges")))
        return fail("%s: model.byte_fallback or ignore_merges: not CLIP's tokenizer", file);
    return 0;
}

static int check_normalizer(const char *file, json_t *normalizer)
{
    bool nfc = false, lower = false;
    size_t i;
    json_t *part;
    if (strcmp(type_of(normalizer), "Sequence") != 0)
        return fail("%s: normalizer is %s: CLIP's is NFC, white space, lower case", file, type_of(normalizer));
    json_array_foreach (json_object_get(normalizer, "normalizers"), i, part) {
        const char *type = type_of(part);
        nfc |= strcmp(type, "NFC") == 0;
        lower |= strcmp(type, "Lowercase") == 0;
        if (strcmp(type, "NFC") != 0 && strcmp(type, "Lowercase") != 0 && strcmp(type, "Replace") != 0)
            return fail("%s: normalizer %s: not CLIP's tokenizer", file, type);
    }
    return nfc && lower ? 0 : fail("%s: the normalizer lacks NFC or Lowercase: not CLIP's tokenizer", file);
}

static int check_splitting(const char *file, json_t *splitting)
{
    const struct str words = STR("'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+");
    json_t *parts = json_object_get(splitting, "pretokenizers");
    json_t *pattern = json_object_get(json_object_get(json_array_get(parts, 0), "pattern"), "Regex");
    if (json_array_size(parts) != 2 || strcmp(type_of(json_array_get(parts, 0)), "Split") != 0 ||
        strcmp(type_of(json_array_get(parts, 1)), "ByteLevel") != 0)
        return fail("%s: pre_tokenizer is not Split, ByteLevel: not CLIP's tokenizer", file);
    if (!json_is_string(pattern) || !str_ends(str_from(json_string_value(pattern)), words))
        return fail("%s: pre_tokenizer splits by another pattern than CLIP's", file);
    return 0;
}

static int read_added(struct vocabulary *v, const char *file, json_t *tokens)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    size_t i;
    json_t *token;
    json_array_foreach (tokens, i, token) {
        json_t *content = json_object_get(token, "content"), *id = json_object_get(token, "id");
        if (!json_is_string(content) || !json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= VOCABULARY_MOST)
            return fail("%s: added_tokens: entry %zu has no content and id", file, i);
        for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
            if (json_is_true(json_object_get(token, flags[f])))
                return fail("%s: added token %s: %s is not served", file, json_string_value(content), flags[f]);
        if (vocabulary_add_literal(v, file, str_from(json_string_value(content)), (uint32_t)json_integer_value(id)) < 0)
            return -1;
    }
    return 0;
}

static int read_tokens(struct vocabulary *v, const char *file, const struct tokenizer_json *j, struct arena *strings)
{
    struct vocabulary_names *names;
    if (tokenizer_json_names(file, j->vocab, strings, &names) < 0) return -1;
    int result = vocabulary_begin(v, names, file, tokenizer_json_count(j->merges));
    if (result == 0) result = tokenizer_json_merges(v, names, file, j->merges, strings);
    vocabulary_names_free(names);
    return result;
}

static int check_pipeline(const char *file, json_t *json)
{
    if (check_model(file, json_object_get(json, "model")) < 0) return -1;
    if (check_normalizer(file, json_object_get(json, "normalizer")) < 0) return -1;
    return check_splitting(file, json_object_get(json, "pre_tokenizer"));
}

int vocabulary_from_tokenizer_json(struct vocabulary *v, const char *file, struct str text)
{
    struct tokenizer_json j;
    struct arena strings;
    bool parted = tokenizer_json_split(&j, text);
    json_t *json = parse(file, parted ? buf_str(&j.rest) : text);
    arena_init(&strings, STRINGS_MOST);
    int result = json ? check_pipeline(file, json) : -1;
    if (result == 0 && !parted) result = fail("%s: no model.vocab and model.merges: not CLIP's tokenizer", file);
    if (result == 0) result = read_tokens(v, file, &j, &strings);
    if (result == 0) result = read_added(v, file, json_object_get(json, "added_tokens"));
    arena_free(&strings);
    json_decref(json);
    buf_free(&j.rest);
    return result;
}

/* ---- vocab.json and merges.txt ---- */

/* Of `vocab`, FOLDER/vocab.json. */
static void name_merges(const char *vocab, char file[PATH_MAX])
{
    const char *slash = strrchr(vocab, '/');
    snprintf(file, PATH_MAX, "%.*smerges.txt", slash ? (int)(slash + 1 - vocab) : 0, vocab);
}

static int read_merge_lines(struct vocabulary *v, const struct vocabulary_names *names, const char *vocab, struct str text)
{
    char file[PATH_MAX];
    name_merges(vocab, file);
    for (uint32_t rank = 0; text.n;) {
        struct str line = str_cut(&text, '\n'), right = line, left = str_cut(&right, ' ');
        if (str_starts(line, STR("#version")) || str_trim(line).n == 0) continue;
        if (!left.n || !right.n) return fail("%s: merge %u is not two symbols", file, rank);
        if (vocabulary_add(v, names, file, left, right, rank++) < 0) return -1;
    }
    return 0;
}

int vocabulary_from_pair(struct vocabulary *v, const char *file, struct str vocab, struct str merges)
{
    size_t lines = 1;
    for (size_t i = 0; i < merges.n; i++) lines += merges.p[i] == '\n';
    struct vocabulary_names *names = NULL;
    struct arena strings;
    arena_init(&strings, STRINGS_MOST);
    int result = utf8_valid(vocab) ? tokenizer_json_names(file, vocab, &strings, &names) : fail("%s: not UTF-8", file);
    if (result == 0) result = vocabulary_begin(v, names, file, lines);
    if (result == 0) result = read_merge_lines(v, names, file, merges);
    if (result == 0) result = vocabulary_add_literal(v, file, STR("<|startoftext|>"), v->start);
    if (result == 0) result = vocabulary_add_literal(v, file, STR("<|endoftext|>"), v->end);
    vocabulary_names_free(names);
    arena_free(&strings);
    return result;
}

/* ---- built in ---- */

/* The first 48,894 of OpenAI's published merges (vocabulary/make_merges.py). */
__asm__(".section .rodata\n"
        ".balign 16\n"
        "clip_merges_gz: .incbin \"filters/clip/vocabulary/merges.u16.gz\"\n"
        "0:\n"
        ".balign 4\n"
        "clip_merges_gz_size: .long 0b - clip_merges_gz\n"
        ".previous\n");
extern const char clip_merges_gz[];
extern const uint32_t clip_merges_gz_size;

int vocabulary_built_in(struct vocabulary *v)
{
    enum { PAIRS_MOST = 4 << 16 };
    size_t n = 0;
    char *pairs = malloc(PAIRS_MOST);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    int result = pairs && d ? 0 : fail_memory();
    if (result == 0 &&
        libdeflate_gzip_decompress(d, clip_merges_gz, clip_merges_gz_size, pairs, PAIRS_MOST, &n) != LIBDEFLATE_SUCCESS)
        result = fail("the built-in vocabulary is damaged");
    if (result == 0) result = vocabulary_from_pairs(v, str_of(pairs, n));
    libdeflate_free_decompressor(d);
    free(pairs);
    return result;
}
