/* The tokenizer against html5lib's cases, with every set of kernels. What differs is listed in tests/data/html-differences.tsv
 * with its reason, and what is listed must differ. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>

#include "crawl/html/references.h"
#include "crawl/html/tokenizer.h"
#include "tests/unit/html_differences.h"
#include "tests/unit/shared.h"

static void lower(struct buf *b)
{
    for (size_t i = 0; i < b->n; i++) b->p[i] = ascii_lower(b->p[i]);
}

static json_t *string_of(const struct buf *b) { return json_stringn_nocheck(b->p ? b->p : "", b->n); }

static json_t *name_of(struct str raw)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(html_normalise_text(&b, raw, 0xFFFD), 0);
    lower(&b);
    json_t *name = string_of(&b);
    buf_free(&b);
    return name;
}

static json_t *comment_of(struct str raw) /* of comments and doctype identifiers; null for an absent one */
{
    if (!raw.p) return json_null();
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(html_normalise_text(&b, raw, 0xFFFD), 0);
    json_t *text = string_of(&b);
    buf_free(&b);
    return text;
}

static void add_text(struct buf *text, const struct html_token *token)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    bool data = token->state == HTML_STATE_DATA, cdata = token->state == HTML_STATE_CDATA;
    assert_int_equal(html_normalise_text(&b, token->data, data || cdata ? 0 : 0xFFFD), 0);
    if (data || token->state == HTML_STATE_RCDATA) assert_int_equal(html_decode_references(text, buf_str(&b), false), 0);
    else assert_int_equal(buf_add(text, buf_str(&b)), 0);
    buf_free(&b);
}

static json_t *attributes_of(const struct html_tokenizer *t, struct html_token *token)
{
    json_t *all = json_object();
    for (struct html_attribute a; html_token_attribute(t, token, &a);) {
        json_t *name = name_of(a.name);
        if (!json_object_get(all, json_string_value(name))) {
            struct buf value;
            buf_init(&value, 1 << 20);
            assert_int_equal(html_decode_references(&value, a.value, true), 0);
            json_object_set_new_nocheck(all, json_string_value(name), string_of(&value));
            buf_free(&value);
        }
        json_decref(name);
    }
    return all;
}

static void end_text(json_t *tokens, struct buf *text)
{
    if (text->n) json_array_append_new(tokens, json_pack("[s,o]", "Character", string_of(text)));
    buf_clear(text);
}

static json_t *token_of(const struct html_tokenizer *t, struct html_token *token)
{
    switch (token->kind) {
    case HTML_TOKEN_START_TAG: {
        json_t *out = json_pack("[s,o,o]", "StartTag", name_of(token->name), attributes_of(t, token));
        if (token->self_closing) json_array_append_new(out, json_true());
        return out;
    }
    case HTML_TOKEN_END_TAG: return json_pack("[s,o]", "EndTag", name_of(token->name));
    case HTML_TOKEN_COMMENT: return json_pack("[s,o]", "Comment", comment_of(token->data));
    default: {
        struct html_doctype d = html_parse_doctype(token);
        return json_pack("[s,o,o,o,b]", "DOCTYPE", d.name.p ? name_of(d.name) : json_null(), comment_of(d.public_id),
                         comment_of(d.system_id), !d.quirks);
    }
    }
}

static json_t *tokens_of(struct str input, enum html_state state, struct str last, const struct html_kernels *k)
{
    struct html_tokenizer t = html_tokenizer(input);
    t.k = k;
    t.state = state;
    t.last_start_tag = last;
    json_t *tokens = json_array();
    struct buf text;
    buf_init(&text, 1 << 20);
    for (struct html_token token; html_next_token(&t, &token);) {
        if (token.kind == HTML_TOKEN_TEXT) {
            add_text(&text, &token);
            continue;
        }
        end_text(tokens, &text);
        json_array_append_new(tokens, token_of(&t, &token));
    }
    end_text(tokens, &text);
    buf_free(&text);
    return tokens;
}

/* ---- The files ---- */

static void put_unit(struct buf *b, uint32_t unit) /* lone surrogates stand as three bytes, which no UTF-8 would have */
{
    uint32_t high = 0;
    if (b->n >= 3 && unit >= 0xDC00 && unit <= 0xDFFF && (unsigned char)b->p[b->n - 3] == 0xED && (b->p[b->n - 2] & 0x30) == 0x20)
        high = 0xD000u | ((uint32_t)(b->p[b->n - 2] & 0x3F) << 6) | (uint32_t)(b->p[b->n - 1] & 0x3F);
    if (high) {
        b->n -= 3;
        buf_code_point(b, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
    } else if (unit >= 0xD800 && unit <= 0xDFFF) {
        buf_byte(b, (char)0xED);
        buf_byte(b, (char)(0x80 | ((unit >> 6) & 0x3F)));
        buf_byte(b, (char)(0x80 | (unit & 0x3F)));
    } else {
        buf_code_point(b, unit);
    }
}

/* Undoes `\uHHHH` in every string of a value that is "doubleEscaped". */
static json_t *unescape(const json_t *value)
{
    if (json_is_array(value)) {
        json_t *out = json_array();
        for (size_t i = 0; i < json_array_size(value); i++) json_array_append_new(out, unescape(json_array_get(value, i)));
        return out;
    }
    if (json_is_object(value)) {
        json_t *out = json_object();
        for (void *i = json_object_iter((json_t *)value); i; i = json_object_iter_next((json_t *)value, i)) {
            json_t *key = json_string_nocheck(json_object_iter_key(i)), *plain = unescape(key);
            json_object_set_new_nocheck(out, json_string_value(plain), unescape(json_object_iter_value(i)));
            json_decref(plain);
            json_decref(key);
        }
        return out;
    }
    if (!json_is_string(value)) return json_deep_copy(value);
    struct buf b;
    buf_init(&b, 1 << 20);
    struct str s = str_of(json_string_value(value), json_string_length(value));
    for (size_t i = 0; i < s.n; i++) {
        unsigned unit;
        if (s.n - i >= 6 && s.p[i] == '\\' && s.p[i + 1] == 'u' && sscanf(s.p + i + 2, "%4x", &unit) == 1) {
            put_unit(&b, unit);
            i += 5;
        } else {
            buf_byte(&b, s.p[i]);
        }
    }
    json_t *out = string_of(&b);
    buf_free(&b);
    return out;
}

static enum html_state state_named(const char *name)
{
    static const struct {
        const char *name;
        enum html_state state;
    } states[] = {
        {"Data state", HTML_STATE_DATA},       {"RCDATA state", HTML_STATE_RCDATA},         {"RAWTEXT state", HTML_STATE_RAWTEXT},
        {"Script data state", HTML_STATE_SCRIPT}, {"PLAINTEXT state", HTML_STATE_PLAINTEXT}, {"CDATA section state", HTML_STATE_CDATA},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, name) == 0) return states[i].state;
    fail_msg("no state is called %s", name);
    return HTML_STATE_DATA;
}

/* Runs a case in one state with all kernels; true if all give what is expected. */
static bool passes(struct str input, const json_t *expected, enum html_state state, struct str last)
{
    /* a copy without a byte to spare, so that reading beyond shows under the sanitizer */
    char *copy = malloc(input.n + 1);
    memcpy(copy, input.p, input.n);
    bool same = true;
    for (const struct html_kernels *const *k = html_kernels_all(); *k; k++) {
        json_t *tokens = tokens_of(str_of(copy, input.n), state, last, *k);
        same = same && json_equal(tokens, (json_t *)expected);
        json_decref(tokens);
    }
    free(copy);
    return same;
}

static bool case_passes(const json_t *raw)
{
    json_t *test = json_is_true(json_object_get(raw, "doubleEscaped")) ? unescape(raw) : json_deep_copy(raw);
    const json_t *input = json_object_get(test, "input"), *states = json_object_get(test, "initialStates");
    struct str last = str_from(json_string_value(json_object_get(test, "lastStartTag")));
    bool pass = true;
    size_t n = states ? json_array_size(states) : 1;
    for (size_t i = 0; i < n; i++) {
        const char *name = states ? json_string_value(json_array_get(states, i)) : "Data state";
        pass = passes(str_of(json_string_value(input), json_string_length(input)), json_object_get(test, "output"),
                      state_named(name), last) && pass;
    }
    json_decref(test);
    return pass;
}

static void run_file(const char *path, const char *file, struct differences *d, size_t *cases)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!root) fail_msg("%s: %s", file, error.text);
    const json_t *tests = json_object_get(root, "tests");
    if (!tests) tests = json_object_get(root, "xmlViolationTests");
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        differences_note(d, file, i, case_passes(test), json_string_value(json_object_get(test, "description")));
        ++*cases;
    }
    json_decref(root);
}

static void test_every_case_of_html5lib_gives_its_tokens(void **state)
{
    (void)state;
    char folder[4096];
    const char *found = shared_path("data/conformance/html5lib/tokenizer");
    if (!found) skip();
    snprintf(folder, sizeof folder, "%s", found);
    struct differences d;
    differences_open(&d, "tokenizer");
    size_t cases = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[8192];
        if (!str_ends(str_from(entry->d_name), STR(".test"))) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        run_file(path, entry->d_name, &d, &cases);
    }
    closedir(dir);
    print_message("%zu cases, %zu listed as different\n", cases, d.listed);
    assert_int_equal(cases, 6810);
    assert_int_equal(differences_close(&d), 0);
}

/* ---- Claims that the cases do not make ---- */

static void test_a_tag_that_the_page_cuts_is_none(void **state)
{
    (void)state;
    json_t *tokens = tokens_of(STR("a<img src=x alt='b"), HTML_STATE_DATA, STR_ABSENT, html_kernels());
    assert_int_equal(json_array_size(tokens), 1);
    json_decref(tokens);
}

static void test_cdata_is_text_in_foreign_content_alone(void **state)
{
    (void)state;
    struct html_tokenizer t = html_tokenizer(STR("<![CDATA[x]]>"));
    struct html_token token;
    assert_true(html_next_token(&t, &token));
    assert_int_equal(token.kind, HTML_TOKEN_COMMENT);
    t = html_tokenizer(STR("<![CDATA[x]]>"));
    t.foreign = true;
    assert_true(html_next_token(&t, &token));
    assert_int_equal(token.kind, HTML_TOKEN_TEXT);
    assert_true(str_eq(token.data, STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_of_html5lib_gives_its_tokens),
        cmocka_unit_test(test_a_tag_that_the_page_cuts_is_none),
        cmocka_unit_test(test_cdata_is_text_in_foreign_content_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
