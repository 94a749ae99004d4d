/* What filters measure of a text: kernels against a byte by byte walk, cleanings against recorded results. */
#include "filter_help.h"

#include "filters/text/boilerplate.h"
#include "filters/text/clean.h"
#include "filters/text/forms.h"
#include "filters/text/measure.h"
#include "filters/text/phrases.h"
#include "filters/text/special.h"
#include "filters/text/stem.h"
#include "filters/url/authority.h"
#include "pipeline/base/unicode.h"
#include "pipeline/base/utf8.h"

/* Texts of 0 to 40 pieces from an alphabet that holds every kind of byte the kernels look at. */
static struct str random_text(unsigned *seed, char room[256])
{
    static const char *const pieces[] = {"a", "b", " ", "  ", "\t", "\n", "\x1C", "\x1F", "\x0B", "\x01", "\x7F", "Z", "9", ".", "|", "&", "abcdefgh",
                                         "\xC3\xA9", "\xC2\xA0", "\xC2\x85", "\xE3\x80\x80", "\xE2\x80\xA8", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"};
    size_t n = 0, count = (*seed = *seed * 1103515245 + 12345) >> 16 & 31;
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[((*seed = *seed * 1103515245 + 12345) >> 16) % (sizeof pieces / sizeof *pieces)];
        memcpy(room + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return str_of(room, n);
}

static void test_counting_eight_bytes_at_a_time_is_counting_one_by_one(void **state)
{
    (void)state;
    unsigned seed = 7;
    char room[512];
    for (int round = 0; round < 20000; round++) {
        struct str s = random_text(&seed, room);
        size_t characters = 0, ws = 0, ft = 0;
        bool in_ws = false, in_ft = false, any_space = false;
        for (size_t at = 0; at < s.n; characters++) {
            uint32_t c = utf8_next(s, &at);
            bool space = unicode_is_space(c), cut = c == 0 || c == ' ' || (c >= 9 && c <= 13);
            ws += !space && !in_ws;
            ft += !cut && !in_ft;
            in_ws = !space;
            in_ft = !cut;
            any_space |= space;
        }
        assert_int_equal(measure_code_points(s), characters);
        assert_int_equal(measure_words_ws(s), ws);
        assert_int_equal(measure_words_ft(s), ft);
        assert_int_equal(measure_has_space(s), any_space);
        size_t at = 0, walked = 0;
        while (measure_next_ws(s, &at).p) walked++;
        assert_int_equal(walked, ws);
        for (at = walked = 0; measure_next_ft(s, &at).p;) walked++;
        assert_int_equal(walked, ft);
    }
}

static void test_a_text_is_handed_back_only_when_cleaning_would_not_change_it(void **state)
{
    (void)state;
    unsigned seed = 11;
    char room[512];
    struct buf out, rooms[2];
    buf_init(&out, 1 << 16);
    buf_init(&rooms[0], 1 << 16);
    buf_init(&rooms[1], 1 << 16);
    size_t kept = 0;
    for (int round = 0; round < 5000; round++) {
        struct str s = random_text(&seed, room);
        if (clean_laion_keeps(s)) {
            assert_done(clean_laion(&out, s, rooms));
            assert_true(str_eq(buf_str(&out), s));
            kept++;
        }
        if (clean_fold_keeps(s)) {
            assert_done(clean_fold_space(&out, s));
            assert_true(str_eq(buf_str(&out), s));
        }
    }
    assert_true(kept > 100);
    buf_free(&out);
    buf_free(&rooms[0]);
    buf_free(&rooms[1]);
}

static void test_redcaps_captions_are_lower_latin_without_brackets_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"My Cat (6 months) [OC] by @some_one", "my cat by [USR]"},
        {"Café Ångström ế", "cafe angstrom e"},
        {"straße łódź", "straße łodz"}, /* letters that are no accents stay */
        {"dog 🐶 犬 собака ok", "dog ok"},
        {"open ( bracket [ stays", "open ( bracket [ stays"},
        {"(a) b (c) d)", "b d)"},
        {"(a (b) c)", "c)"}, /* up to the nearest closing one */
        {"me @ home, a@b @", "me @ home, a@b @"},
        {"“quoted” &amp; fine", "\"quoted\" & fine"},
        {" a \t\n b ", "a b"},
        {"犬", ""},
        {"", ""},
    };
    struct buf out, room[2];
    buf_init(&out, 1 << 18);
    buf_init(&room[0], 1 << 18);
    buf_init(&room[1], 1 << 18);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_done(clean_redcaps(&out, str_from(cases[i].text), room));
        if (!str_eq(buf_str(&out), str_from(cases[i].clean))) fail_msg("case %zu: '%.*s'", i, (int)out.n, out.p);
    }
    char *brackets = malloc(60000); /* without one that closes: the time is no square of the length */
    assert_non_null(brackets);
    memset(brackets, '(', 60000);
    assert_done(clean_redcaps(&out, str_of(brackets, 60000), room));
    assert_int_equal(out.n, 60000);
    free(brackets);
    buf_free(&out);
    buf_free(&room[0]);
    buf_free(&room[1]);
}

/* Results of ftfy 6.3.1 and the crawler's steps around it. */
static void test_laion_cleans_as_its_crawler_did(void **state)
{
    (void)state;
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"&amp;amp;amp; x &eacute;", "& x \xC3\xA9"},
        {"a\x1B[31mred\x1B[0m", "ared"},
        {"\xE2\x80\x98q\xE2\x80\x99 \xE2\x80\x9C" "d\xE2\x80\x9D", "'q' \"d\""},
        {"\xEF\xAC\x81sh \xEF\xAC\x82", "fish fl"},
        {"\xEF\xBC\xA1\xEF\xBC\xA2\xE3\x80\x80\xEF\xBD\xB6\xEF\xBE\x85 \xEF\xBF\xA5", "AB \xE3\x82\xAB\xE3\x83\x8A \xC2\xA5"},
        {"a\xE2\x80\x8B" "b\xC2\xAD" "c\xC2\xA0" "d\xE2\x80\xA8" "e", "abcde"},
        {"<b>&amp;</b>", "<b>&amp;</b>"},
        {"&lt;b&gt; &amp;lt;", "<b> <"},
        {"a|b\tc\nd", "a bc d"},
        {"e\xCC\x81", "\xC3\xA9"},
        {"\xC2\x80\xC2\x93 euro", "\xE2\x82\xAC\" euro"},
        {"&#8364; &#x20AC; &#150; &#0; &nope;", "\xE2\x82\xAC \xE2\x82\xAC \xE2\x80\x93 \xEF\xBF\xBD &nope;"},
        {" \xE3\x80\x80 ends \xC2\xA0", "ends"},
        {"\xEE\x80\x80x", "x"},
        {"", ""},
    };
    struct buf out, room[2];
    buf_init(&out, 1 << 16);
    buf_init(&room[0], 1 << 16);
    buf_init(&room[1], 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_done(clean_laion(&out, str_from(cases[i].text), room));
        if (!str_eq(buf_str(&out), str_from(cases[i].clean))) fail_msg("case %zu: '%.*s'", i, (int)out.n, out.p);
    }
    char *long_text = malloc(3000);
    memset(long_text, 'x', 3000);
    assert_done(clean_laion(&out, str_of(long_text, 3000), room));
    assert_int_equal(out.n, 2000);
    free(long_text);
    buf_free(&out);
    buf_free(&room[0]);
    buf_free(&room[1]);
}

static void test_references_in_references_end(void **state)
{
    (void)state;
    struct buf text, out, room[2];
    buf_init(&text, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_init(&room[0], 1 << 20);
    buf_init(&room[1], 1 << 20);
    buf_byte(&text, '&');
    for (int i = 0; i < 12000; i++) buf_add(&text, STR("amp;"));
    assert_done(clean_laion(&out, buf_str(&text), room));
    assert_true(out.n <= 2000);
    buf_free(&text);
    buf_free(&out);
    buf_free(&room[0]);
    buf_free(&room[1]);
}

static void test_fold_space_leaves_single_spaces(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_done(clean_fold_space(&out, STR(" \t a \xC2\xA0\n b\xE3\x80\x80")));
    assert_true(str_eq(buf_str(&out), STR("a b")));
    assert_false(clean_fold_keeps(STR("a  b")) || clean_fold_keeps(STR("a ")) || clean_fold_keeps(STR("abcdefg ")) || clean_fold_keeps(STR(" a")));
    assert_true(clean_fold_keeps(STR("")) && clean_fold_keeps(STR("abcdefgh ijk")));
    buf_free(&out);
}

static void test_phrases_are_found_by_whole_words(void **state)
{
    (void)state;
    static const struct str entries[] = {{"red", 3}, {"red hot poker", 13}, {"blue", 4}};
    struct phrases *p = phrases_new(entries + 1, NULL, 2);
    struct str text = STR("a red hot poker"), words[4] = {str_of(text.p, 1), str_of(text.p + 2, 3), str_of(text.p + 6, 3), str_of(text.p + 10, 5)};
    assert_true(str_eq(phrases_find(p, words, 4), STR("red hot poker")));
    assert_null(phrases_find(p, words, 3).p);
    assert_int_equal(phrases_longest(p), 3);
    phrases_free(p);
    p = phrases_new(entries, NULL, 3);
    assert_true(str_eq(phrases_find(p, words, 4), STR("red")));
    assert_true(phrases_value(p, STR("blue"), NULL));
    assert_false(phrases_value(p, STR("red hot"), NULL));
    phrases_free(p);
}

static void test_the_automaton_finds_what_a_search_for_each_string_finds(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (int round = 0; round < 3000; round++) {
        char text[64], strings[8][8];
        struct str entries[8];
        size_t n = 40, count = 1 + (seed = seed * 1103515245 + 12345) % 8;
        for (size_t i = 0; i < n; i++) text[i] = "ab.\xC3"[((seed = seed * 1103515245 + 12345) >> 16) & 3];
        for (size_t i = 0; i < count; i++) {
            size_t length = 1 + ((seed = seed * 1103515245 + 12345) >> 16) % 7;
            for (size_t k = 0; k < length; k++) strings[i][k] = "ab.\xC3"[((seed = seed * 1103515245 + 12345) >> 16) & 3];
            entries[i] = str_of(strings[i], length);
        }
        bool expected = false;
        for (size_t i = 0; i < count; i++) expected |= str_find(str_of(text, n), entries[i]) != SIZE_MAX;
        struct substrings *s = substrings_new(entries, count);
        assert_non_null(s);
        struct str found = substrings_find(s, str_of(text, n));
        assert_int_equal(found.p != NULL, expected);
        bool is_entry = !found.p;
        for (size_t i = 0; i < count; i++) is_entry |= found.p && str_eq(found, entries[i]);
        assert_true(is_entry);
        substrings_free(s);
    }
}

static void test_all_bytes_may_stand_in_strings_to_seek(void **state)
{
    (void)state;
    char bytes[256];
    struct str entries[256];
    for (int i = 0; i < 256; i++) bytes[i] = (char)i, entries[i] = str_of(bytes + i, 1);
    struct substrings *s = substrings_new(entries, 255); /* all but 0xFF */
    assert_null(substrings_find(s, str_of(bytes + 255, 1)).p);
    assert_non_null(substrings_find(s, str_of(bytes + 254, 1)).p);
    substrings_free(s);
}

static void test_boilerplate_ends_at_word_borders(void **state)
{
    (void)state;
    static const struct str phrases[] = {{"stock photo", 11}, {"photo of", 8}, {"photo", 5}};
    const struct boilerplate all = {.phrases = phrases, .count = 3}, first = {.phrases = phrases, .count = 1};
    assert_true(str_eq(boilerplate_crop(STR("Cats \xC2\xB7 STOCK Photo | stock photo -"), &all), STR("Cats")));
    assert_true(str_eq(boilerplate_crop(STR("Photo of: cats"), &all), STR("cats")));
    assert_true(str_eq(boilerplate_crop(STR("Livestock photo"), &first), STR("Livestock photo")));
    assert_true(str_eq(boilerplate_crop(STR("Livestock photo"), &all), STR("Livestock")));
    assert_int_equal(boilerplate_crop(STR("stock photo"), &all).n, 0);
    assert_true(str_eq(boilerplate_begins(STR("- photo of x"), &all), STR("photo of")));
    assert_null(boilerplate_ends(STR("photo\xC3\xA9"), &all).p);
}

/* Words from the tables of Porter's paper. */
static void test_words_lose_their_endings_as_porter_has_it(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"caresses", "caress"}, {"ponies", "poni"}, {"ties", "ti"}, {"caress", "caress"}, {"cats", "cat"}, {"feed", "feed"}, {"agreed", "agre"},
        {"plastered", "plaster"}, {"bled", "bled"}, {"motoring", "motor"}, {"sing", "sing"}, {"conflated", "conflat"}, {"troubled", "troubl"},
        {"sized", "size"}, {"hopping", "hop"}, {"tanned", "tan"}, {"falling", "fall"}, {"hissing", "hiss"}, {"fizzed", "fizz"}, {"failing", "fail"},
        {"filing", "file"}, {"happy", "happi"}, {"sky", "sky"}, {"relational", "relat"}, {"conditional", "condit"}, {"rational", "ration"},
        {"valenci", "valenc"}, {"digitizer", "digit"}, {"conformabli", "conform"}, {"radicalli", "radic"}, {"differentli", "differ"}, {"vileli", "vile"},
        {"analogousli", "analog"}, {"vietnamization", "vietnam"}, {"predication", "predic"}, {"operator", "oper"}, {"feudalism", "feudal"},
        {"decisiveness", "decis"}, {"hopefulness", "hope"}, {"callousness", "callous"}, {"formaliti", "formal"}, {"sensitiviti", "sensit"},
        {"sensibiliti", "sensibl"}, {"triplicate", "triplic"}, {"formative", "form"}, {"formalize", "formal"}, {"electriciti", "electr"},
        {"electrical", "electr"}, {"hopeful", "hope"}, {"goodness", "good"}, {"revival", "reviv"}, {"allowance", "allow"}, {"inference", "infer"},
        {"airliner", "airlin"}, {"gyroscopic", "gyroscop"}, {"adjustable", "adjust"}, {"defensible", "defens"}, {"irritant", "irrit"},
        {"replacement", "replac"}, {"adjustment", "adjust"}, {"dependent", "depend"}, {"adoption", "adopt"}, {"homologou", "homolog"},
        {"communism", "commun"}, {"activate", "activ"}, {"angulariti", "angular"}, {"homologous", "homolog"}, {"effective", "effect"},
        {"bowdlerize", "bowdler"}, {"probate", "probat"}, {"rate", "rate"}, {"cease", "ceas"}, {"controll", "control"}, {"roll", "roll"},
        {"at", "at"}, {"3rds", "3rds"}, {"caf\xC3\xA9s", "caf\xC3\xA9s"}, {"", ""},
    };
    char stem[STEM_BYTES_MOST];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t n = word_stem(str_from(pairs[i][0]), stem);
        if (!str_eq(str_of(stem, n), str_from(pairs[i][1]))) fail_msg("%s became %.*s, expected %s", pairs[i][0], (int)n, stem, pairs[i][1]);
    }
    char longest[100];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(word_stem(str_of(longest, sizeof longest), stem), STEM_BYTES_MOST);
    memcpy(longest, "ated", 4);
    for (size_t n = 1; n <= sizeof longest; n++) assert_true(word_stem(str_of(longest, n), stem) <= STEM_BYTES_MOST);
}

static void test_special_characters_are_those_of_obelics(void **state)
{
    (void)state;
    static const uint32_t special[] = {'!', '0', ' ', '~', 0xA0, 0x2026, 0x58EB, 0x1F600, 0x2B50, 0xFFFD};
    static const uint32_t plain[] = {'a', 'Z', 0xE9, 0x4E2D, 0x3042, 0x1F1E6, 0x10FFFF};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) assert_true(text_is_special(special[i]));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) assert_false(text_is_special(plain[i]));
}

static void test_urls_are_taken_apart_as_written(void **state)
{
    (void)state;
    struct written_url w = url_as_written(STR("http://u:p@[::1]:80/a/b.jpg?c/d.png#e"));
    assert_true(str_eq(w.scheme, STR("http")) && str_eq(w.user, STR("u:p")) && str_eq(w.host, STR("[::1]")) && str_eq(w.port, STR("80")));
    assert_true(str_eq(w.path, STR("/a/b.jpg")) && str_eq(w.rest, STR("?c/d.png#e")));
    w = url_as_written(STR("/a?u=http://b/"));
    assert_true(!w.scheme.p && !w.host.p && str_eq(w.path, STR("/a")));
    w = url_as_written(STR("x://"));
    assert_true(str_eq(w.scheme, STR("x")) && w.host.n == 0 && w.path.n == 0);
}

/* Vectors after the cases of Django's own test of URLValidator. */
static void test_urls_are_valid_where_django_takes_them(void **state)
{
    (void)state;
    static const char *const valid[] = {
        "http://www.djangoproject.com/", "HTTP://WWW.DJANGOPROJECT.COM/", "http://localhost/", "http://example.com.", "http://www.example.com:8000/test",
        "http://valid-with-hyphens.com/", "http://200.8.9.10:8000/test", "http://su--b.valid-----hyphens.com/", "http://example.com?something=value",
        "http://\xE4\xBE\x8B\xE5\xAD\x90.\xE6\xB5\x8B\xE8\xAF\x95", "http://xn--vermgensberater-ctb.com", "http://[::192.9.5.5]/ipng", "http://[::1]:8080/",
        "http://0.0.0.0/", "http://userid:password@example.com:8080", "http://-.~_!$&'()*+,;=%40:80%2f@example.com",
    };
    static const char *const invalid[] = {
        "foo", "http://", "http://example", "http://example.", "http://.com", "http://invalid-.com", "http://-invalid.com", "http://invalid.com-",
        "http://256.1.1.1", "http://1.1.1", "http://example.com:123456", "http://example.com:a", "http://exa mple.com", "http://example.com/a b",
        "ftp://example.com", "javascript:alert(1)", "http://a..b.com", "http://[abcd", "http:///x.com", "//example.com/", "http://example.1a",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        if (!url_django_valid(str_from(valid[i]), STR("http,https"))) fail_msg("%s: not taken", valid[i]);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        if (url_django_valid(str_from(invalid[i]), STR("http,https"))) fail_msg("%s: taken", invalid[i]);
}

static void test_damaged_text_is_measured_as_repaired(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.chars max=3");
    assert_kept(j, "text", "a\xFF" "b");
    assert_told(j, "4", "text", "a\xFF\xC3" "b");
    judge_free(j);
}

static void test_a_long_text_of_nothing_but_words_is_measured_whole(void **state)
{
    (void)state;
    char *text = malloc(65537);
    for (int i = 0; i < 65536; i++) text[i] = (char)(i % 2 ? ' ' : 'a' + i / 2 % 26);
    text[65536] = 0;
    static const char *const rules[] = {"text.words split=ws max=1", "text.words split=ft max=1", "text.words split=nlp max=1",
                                        "text.words split=uni max=1", "text.words split=obew max=1"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct judged *j = judge_rule(rules[i]);
        assert_told(j, "32768", "text", text);
        judge_free(j);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting_eight_bytes_at_a_time_is_counting_one_by_one),
        cmocka_unit_test(test_a_text_is_handed_back_only_when_cleaning_would_not_change_it),
        cmocka_unit_test(test_redcaps_captions_are_lower_latin_without_brackets_and_names),
        cmocka_unit_test(test_laion_cleans_as_its_crawler_did),
        cmocka_unit_test(test_references_in_references_end),
        cmocka_unit_test(test_fold_space_leaves_single_spaces),
        cmocka_unit_test(test_phrases_are_found_by_whole_words),
        cmocka_unit_test(test_the_automaton_finds_what_a_search_for_each_string_finds),
        cmocka_unit_test(test_all_bytes_may_stand_in_strings_to_seek),
        cmocka_unit_test(test_boilerplate_ends_at_word_borders),
        cmocka_unit_test(test_words_lose_their_endings_as_porter_has_it),
        cmocka_unit_test(test_special_characters_are_those_of_obelics),
        cmocka_unit_test(test_urls_are_taken_apart_as_written),
        cmocka_unit_test(test_urls_are_valid_where_django_takes_them),
        cmocka_unit_test(test_damaged_text_is_measured_as_repaired),
        cmocka_unit_test(test_a_long_text_of_nothing_but_words_is_measured_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
