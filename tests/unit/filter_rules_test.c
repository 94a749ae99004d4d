/* Every filter at its boundary: the last row that is kept, the first that is dropped, and what that one is told. */
#include "filter_help.h"

#include <fcntl.h>
#include <unistd.h>

struct cell {
    const char *column, *value;
};
struct boundary {
    const char *rule;
    struct cell kept[2], dropped[2];
    const char *measured, *bound;
};

static const struct boundary boundaries[] = {
    {"text.chars min=5", {{"text", "a b c"}}, {{"text", "ab c"}}, "4", ">=5"},
    {"text.chars max=5", {{"text", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80" "ab"}}, {{"text", "abcdef"}}, "6", "<=5"}, /* 5 code points in 11 bytes */
    {"text.chars form=stored min=6 max=9", {{"text", "a b"}, {"text_raw", "a  b  "}}, {{"text", "a b c d e f"}, {"text_raw", "a \n b"}}, "5", "6..9"},
    {"text.chars form=laion min=5", {{"text", "abcde"}}, {{"text", "ab cd"}, {"text_raw", "ab\xC2\xA0" "cd"}}, "4", ">=5"},
    {"text.chars form=folded max=5", {{"text", "-"}, {"text_raw", " a \t\n b c "}}, {{"text", "-"}, {"text_raw", "a b  c d"}}, "7", "<=5"},
    {"text.words min=3 max=4", {{"text", "a b c"}}, {{"text", "a b"}}, "2", "3..4"},
    {"text.words min=3", {{"text", "a\xE3\x80\x80" "b\xC2\xA0" "c"}}, {{"text", ""}}, "0", ">=3"},
    {"text.words split=ft max=1", {{"text", "a\xE3\x80\x80" "b\xC2\xA0" "c"}}, {{"text", "a b"}}, "2", "<=1"},
    {"text.words split=nlp max=3", {{"text", "it's a - \"photo\"!"}}, {{"text", "a.b, c d e"}}, "4", "<=3"},
    {"text.words split=uni min=3 max=20", {{"text", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"}}, {{"text", "two words"}}, "2", "3..20"},
    {"text.words split=obew max=2", {{"text", "Hello, (123) -- \xE2\x98\x85 World!"}}, {{"text", "a b 4c5"}}, "3", "<=2"},
    {"text.unique_ratio min=0.8", {{"text", "a b c d A"}}, {{"text", "a b c a"}}, "0.75", ">=0.8"},
    {"text.unique_ratio min=1 list=stopwords-en", {{"text", "the cat and the dog"}}, {{"text", "the cat and the cat"}}, "0.5", ">=1"},
    {"text.repetition max=0.2", {{"text", "a b c d A"}}, {{"text", "a b c a"}}, "0.25", "<=0.2"},
    {"text.char_ngram_rep n=2 max=0.5", {{"text", "abcab"}}, {{"text", "abab"}}, "0.6667", "<=0.5"}, /* ab twice of 4; of 3 */
    {"text.word_ngram_rep n=2 max=0.5", {{"text", "a b c a b d"}}, {{"text", "a b a b a"}}, "1", "<=0.5"}, /* 2 of 5; 4 of 4 */
    {"text.first_upper", {{"text", "\"3 Dogs"}}, {{"text", "- dogs"}}, "d", "no small letter first"},
    {"text.first_upper", {{"text", "\xE4\xB8\xAD\xE6\x96\x87"}}, {{"text", "123"}}, "no letter", "no small letter first"},
    {"text.cap_ratio max=0.5", {{"text", "One two Three four"}}, {{"text", "One Two three"}}, "0.6667", "<=0.5"},
    {"text.has determiner=1 noun=1 preposition=1", {{"text", "a dog on grass"}}, {{"text", "dogs on grass"}}, "no determiner",
     "determiner, noun, preposition"},
    {"text.noun_ratio max=0.5", {{"text", "a dog"}}, {{"text", "dog"}}, "1", "<=0.5"},
    {"text.language column=lang lang=en,de", {{"lang", "de"}}, {{"lang", "fr"}}, "fr", "en,de"},
    {"text.language column=lang lang=en p_column=lang_p min_p=0.8", {{"lang", "en"}, {"lang_p", "0.8"}}, {{"lang", "en"}, {"lang_p", "0.79"}},
     "en", "en with p>=0.8"},
    {"text.language lang=en", {{"text", "the president said on Monday that"}}, {{"text", "le chien court sur la plage"}}, "fr", "en"},
    {"text.language column=x named=en at=text", {{"x", "de"}}, {{NULL, NULL}}, NULL, NULL},
    {"text.pii most=1", {{"text", "a@example.org, tel 1999-2003"}}, {{"text", "a@example.org, b@example.org"}}, "2", "<=1"},
    {"text.pii most=0 kinds=phone", {{"text", "a@example.org"}}, {{"text", "+49 30 901820"}}, "1", "<=0"},
    {"text.person_names at=text", {{"text", "a photo of Mary Smith"}}, {{NULL, NULL}}, NULL, NULL},
    {"text.blocklist words=bad,very_bad", {{"text", "badly, no: badness"}}, {{"text", "so BAD!"}}, "bad", "no hit"},
    {"text.blocklist words=bad match=padded", {{"text", "so bad! bad, (bad)"}}, {{"text", "so Bad is"}}, "bad", "no hit"},
    {"text.blocklist \"words=two words\" match=padded", {{"text", "two  words"}}, {{"text", "in two words"}}, "two words", "no hit"},
    {"text.blocklist words=kid,baby match=substring case=1", {{"text", "A Kid"}}, {{"text", "kidney"}}, "kid", "no hit"},
    {"text.crop \"words=stock photo\" at=text", {{"text", "Stock Photo"}}, {{NULL, NULL}}, NULL, NULL},
    {"text.clean form=laion", {{"text", "x"}}, {{NULL, NULL}}, NULL, NULL},
    {"text.edge_drop \"words=logo,profile photo\"", {{"text", "a logos and a logo here"}}, {{"text", "Company | Logo -"}}, "Logo", "not at either end"},
    {"text.pattern list=file-names", {{"text", "an image 12"}}, {{"text", "IMG_1234.jpg"}}, "IMG_1234.jpg", "no match"},
    {"text.pattern pattern=^dog keep=match", {{"text", "Dogs"}}, {{"text", "a dog"}}, "", "a match"},
    {"text.special_ratio max=0.5", {{"text", "ab12"}}, {{"text", "a12"}}, "0.6667", "<=0.5"},
    {"text.stopword_ratio min=0.3", {{"text", "the cat"}}, {{"text", "cat dog"}}, "0", ">=0.3"},
    {"text.punct_ratio min=0.5 min_items=4", {{"text", "a."}}, {{"text", "one two it's. yes"}}, "0.2", ">=0.5"},
    {"url.contains words=.svg,.gif", {{"url", "http://a/b.SVG"}}, {{"url", "http://a/b.svg?x"}}, ".svg", "no hit"},
    {"url.contains of=raw words=logo", {{"url", "http://a/logo"}, {"url_raw", "x"}}, {{"url", "http://a/logo"}}, "logo", "no hit"},
    {"url.pattern pattern=\\d{4}", {{"url", "http://a/123"}}, {{"url", "http://a/1234"}}, "1234", "no match"},
    {"url.extension allow=png,jpg", {{"url", "http://a/b.x/c.JPG?d.gif"}}, {{"url", "http://a.jpg/b"}}, "", "one of png,jpg"},
    {"url.length max=12", {{"url", "http://a/b.c"}}, {{"url", "http://a/b.cd"}}, "13", "<=12"},
    {"url.host_length min=1 max=3", {{"url", "http://u@abc:80/"}}, {{"url", "http://abcd/"}}, "4", "1..3"},
    {"url.valid", {{"url", "https://a.example.com:8080/x?y"}}, {{"url", "ftp://example.com/"}}, "ftp://example.com/", "an absolute URL of http,https"},
    {"url.host_blocklist words=example.com", {{"url", "http://myexample.com/"}}, {{"url", "http://WWW.Example.com/"}}, "Example.com", "host not listed"},
    {"url.hash_blocklist words=6c1fd52c961019f29e4aff02e2387768,C59b3b74fb56adce1223c0903d8faed22c05fd0d9ea86e824f1be38002aee5c4",
     {{"url", "http://example.com/c.jpg"}}, {{"url", "http://example.com/a.jpg"}}, "http://example.com/a.jpg", "hash not listed"},
    {"url.hash_blocklist of=raw words=c59b3b74fb56adce1223c0903d8faed22c05fd0d9ea86e824f1be38002aee5c4",
     {{"url", "http://example.com/b.jpg"}, {"url_raw", "/b.jpg"}}, {{"url", "http://example.com/b.jpg"}}, "http://example.com/b.jpg", "hash not listed"},
    {"image.hash_blocklist words=c59b3b74fb56adce1223c0903d8faed22c05fd0d9ea86e824f1be38002aee5c4",
     {{"sha256", "c59b3b74fb56adce1223c0903d8faed22c05fd0d9ea86e824f1be38002aee5c5"}},
     {{"sha256", "c59b3b74fb56adce1223c0903d8faed22c05fd0d9ea86e824f1be38002aee5c4"}},
     "c59b3b74fb56adce1223c0903d8faed22c05fd0d9ea86e824f1be38002aee5c4", "hash not listed"},
    {"image.bytes min=5000", {{"bytes", "5000"}}, {{"bytes", "4999"}}, "4999", ">=5000"},
    {"image.format allow=jpg,png", {{"format", "jpeg"}}, {{"format", "webp"}}, "webp", "one of jpg,png"},
    {"image.min_side min=200 strict=1", {{"width", "201"}, {"height", "300"}}, {{"width", "300"}, {"height", "200"}}, "200", ">200"},
    {"image.max_side max=20000", {{"width", "20000"}, {"height", "1"}}, {{"width", "1"}, {"height", "20001"}}, "20001", "<=20000"},
    {"image.aspect max=2.5", {{"width", "1010"}, {"height", "404"}}, {{"width", "1011"}, {"height", "404"}}, "2.502", "<=2.5"},
    {"image.aspect max=3 strict=1", {{"width", "299"}, {"height", "100"}}, {{"width", "100"}, {"height", "300"}}, "3", "<3"},
    {"image.aspect max=3", {{"width", "30000000"}, {"height", "10000000"}}, {{"width", "30000001"}, {"height", "10000000"}}, "3.0000001", "<=3"},
    {"image.pixels max=89478484", {{"width", "89478484"}, {"height", "1"}}, {{"width", "9460"}, {"height", "9459"}}, "89482140", "<=89478484"},
    {"corpus.texts_per_image column=texts max=1000", {{"texts", "1000"}}, {{"texts", "1001"}}, "1001", "<=1000"},
    {"corpus.images_per_text column=images max=10", {{"images", "10"}}, {{"images", "11"}}, "11", "<=10"},
    {"corpus.url_count column=n max=10", {{"n", "10"}}, {{"n", "11"}}, "11", "<=10"},
    {"corpus.entity_count column=n min=101", {{"n", "101"}}, {{"n", "100"}}, "100", ">=101"},
    {"column.range column=x min=-0.5 max=1.5", {{"x", "-0.5"}}, {{"x", "1.5000001"}}, "1.5000001", "-0.5..1.5"},
    {"column.range column=x min=1 absent=keep", {{"y", "0"}}, {{"x", "nonsense"}}, "nonsense", ">=1"},
    {"column.label column=x allow=a,b", {{"x", "b"}}, {{"x", "c"}}, "c", "one of a,b"},
    {"picture.blank", {{"p_blank_builtin", "0.5"}}, {{"p_blank_builtin", "0.50001"}}, "0.50001", "<=0.5"},
    {"score.range column=sim_b32 min=0.28", {{"sim_b32", "0.28"}}, {{"sim_b32", "0.27999"}}, "0.27999", ">=0.28"},
    {"score.range column=sim_b32 min=0.5 strict=1", {{"sim_b32", "5.1e-1"}}, {{"sim_b32", "0.5"}}, "0.5", ">0.5"},
    {"score.range column=sim_b32 min=0", {{"sim_b32", "0"}}, {{"z", "1"}}, "absent", ">=0"},
    {"score.range column=p_porn_m plus=p_hentai_m max=0.9", {{"p_porn_m", "0.5"}, {"p_hentai_m", "0.25"}},
     {{"p_porn_m", "0.5"}, {"p_hentai_m", "0.5"}}, "1", "<=0.9"},
    {"score.best column=sim_l14 share=0.3 t=0.243", {{"sim_l14", "0.243"}}, {{"sim_l14", "0.2429"}}, "0.2429", ">=0.243"},
    {"score.choose_text column=sim_b32 min=0.28", {{"sim_b32", "0.28"}, {"text_choice", "blip"}},
     {{"sim_b32", "0.27999"}, {"text_choice", "text"}}, "0.27999", ">=0.28"},
    {"score.label_overlap column=zs_nouns_b32", {{"text", "Two ponies running"}, {"zs_nouns_b32", "pony"}},
     {{"text", "Two ponies running"}, {"zs_nouns_b32", "horse"}}, "0", ">=1"},
    {"score.test_dedup column=sim_tests max=0.975", {{"sim_tests", "0.975"}}, {{"sim_tests", "0.97501"}}, "0.97501", "<=0.975"},
    {"score.label column=zs deny=minor", {{"zs", "adult"}}, {{"zs", "minor"}}, "minor", "none of minor"},
};

static const char *judge_cells(struct judged *j, const struct cell cells[2])
{
    const char *c0 = cells[0].column, *v0 = cells[0].value, *c1 = cells[1].column, *v1 = cells[1].value;
    if (!c1) c1 = "unread", v1 = "";
    return judge_row(j, c0, v0, c1, v1, NULL);
}

static void test_each_filter_keeps_up_to_its_bound_and_tells_what_is_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof boundaries / sizeof *boundaries; i++) {
        const struct boundary *b = &boundaries[i];
        struct judged *j = judge_rule(b->rule);
        if (judge_cells(j, b->kept)) fail_msg("%s: case %zu: dropped with %s", b->rule, i, measured(j));
        if (b->dropped[0].column) {
            if (!judge_cells(j, b->dropped)) fail_msg("%s: case %zu: kept", b->rule, i);
            if (strcmp(measured(j), b->measured) != 0) fail_msg("%s: told '%s', expected '%s'", b->rule, measured(j), b->measured);
            assert_string_equal(j->outcome.rule->bound, b->bound);
        }
        judge_free(j);
    }
}

static const char *list_file(const char *text)
{
    static char path[64];
    strcpy(path, "/tmp/winnow-list-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    return path;
}

static struct judged *judge_with_list(const char *rule, const char *list)
{
    char line[512];
    const char *path = list_file(list);
    snprintf(line, sizeof line, "%s list=%s", rule, path);
    struct judged *j = judge_rule(line);
    unlink(path);
    return j;
}

static void test_vocab_wants_every_word_and_pair_at_its_count(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("text.vocab min_count=5", "dog\t5\nred\t4\nthe\t900\n");
    assert_kept(j, "text", "The dog, 1920");
    assert_told(j, "red", "text", "the RED dog");
    assert_told(j, "cat", "text", "cat");
    judge_free(j);
    j = judge_with_list("text.vocab min_count=5 bigrams=1 numbers_pass=0", "the\t9\ndog\t9\nthe dog\t5\n");
    assert_kept(j, "text", "the dog");
    assert_told(j, "dog the", "text", "dog the");
    assert_told(j, "1920", "text", "1920");
    judge_free(j);
}

static void test_flagged_and_common_words_are_shares_of_all_words(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("text.flagged_ratio max=0.5", "porn\n");
    assert_kept(j, "text", "porn here");
    assert_told(j, "0.6667", "text", "porn, PORN here");
    judge_free(j);
    j = judge_with_list("text.common_ratio min=0.8", "a\nb\nc\nd\n");
    assert_kept(j, "text", "a b c d e");
    assert_told(j, "0.75", "text", "a b c e");
    judge_free(j);
}

static void test_sentiment_sums_valences(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("text.sentiment min=-0.5 max=0.5", "good\t1.9\nbad\t-2.5\n");
    assert_kept(j, "text", "a good day"); /* 1.9 / sqrt(1.9^2 + 15) = 0.44 */
    assert_dropped(j, "text", "bad");     /* -0.542 */
    assert_kept(j, "text", "good and bad");
    judge_free(j);
    j = judge_with_list("text.sentiment max=0.4", "lol\t2.9\nok\t1\nLOL\t1.6\n"); /* 1.6 / sqrt(1.6^2 + 15) = 0.38 */
    assert_kept(j, "text", "lol");
    judge_free(j);
}

static void test_texts_without_an_entry_are_dropped(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("text.entries", "red fox\nsnow\n");
    assert_null(judge_row(j, "text", "A red fox.", NULL));
    assert_string_equal(judge_row(j, "text", "A red\tfoxes", NULL), "rule");
    assert_string_equal(measured(j), "0");
    judge_free(j);
}

/* dog's first synset is n02084071, swim's n00442115 and as a verb v01960929. */
static void test_a_word_counts_by_its_first_synset(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("text.synset", "# ImageNet has dogs\nn02084071\n01960929\n");
    assert_null(judge_row(j, "text", "two DOGS", NULL));
    assert_null(judge_row(j, "text", "a dog", NULL));
    assert_string_equal(judge_row(j, "text", "a dog, barking", NULL), "rule"); /* the comma stays with the word */
    assert_null(judge_row(j, "text", "they swam", NULL));                      /* a verb alone */
    assert_string_equal(judge_row(j, "text", "they swim", NULL), "rule");      /* a noun first */
    assert_string_equal(judge_row(j, "text", "", NULL), "rule");
    assert_string_equal(measured(j), "none");
    judge_free(j);
    j = judge_with_list("text.synset", "n02329401\nn10787470\nn02123045\n"); /* rodent, woman, tabby */
    assert_null(judge_row(j, "text", "women", NULL));      /* an irregular form */
    assert_null(judge_row(j, "text", "some tabbies", NULL));
    assert_null(judge_row(j, "text", "rodents", NULL));
    judge_free(j);
}

/* 10,000 texts of an entry with t = 2,500 of 10,000: a quarter stays, the same one whenever it is asked. */
static void test_balance_keeps_the_share_that_the_count_allows(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("corpus.balance t=2500 counts=list", "head\t10000\ntail\t2500\n");
    struct judged *other = judge_with_list("corpus.balance t=2500 counts=list seed=1", "head\t10000\ntail\t2500\n");
    size_t kept = 0, differ = 0;
    for (int i = 0; i < 10000; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        bool stays = !judge_row(j, "text", "a head", "id", id, NULL);
        assert_int_equal(stays, !judge_row(j, "text", "head, head", "id", id, NULL));
        assert_null(judge_row(j, "text", "head and tail", "id", id, NULL)); /* an entry of up to t texts keeps all of them */
        differ += stays != !judge_row(other, "text", "a head", "id", id, NULL);
        kept += stays;
    }
    assert_in_range(kept, 2350, 2650);    /* 3.5 deviations around 2,500 */
    assert_in_range(differ, 3550, 3950);  /* 2 x 1/4 x 3/4 */
    assert_string_equal(judge_row(j, "text", "nothing", "id", "1", NULL), "rule");
    judge_free(j);
    judge_free(other);
}

static void test_phash_lists_name_pictures(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("image.phash_list", "ffd8a1b2c3d4e5f6\n");
    assert_kept(j, "phash", "ffd8a1b2c3d4e5f7");
    assert_told(j, "ffd8a1b2c3d4e5f6", "phash", "ffd8a1b2c3d4e5f6");
    assert_told(j, "absent", "width", "1");
    judge_free(j);
}

static bool has_columns_of_labels(const void *context, struct str name)
{
    (void)context;
    static const char *const all[] = {"text", "zs_nouns_tiny", "zs_nouns_2_tiny", "zs_nouns_3_tiny", "zs_nouns_5_tiny", "p_nouns_tiny"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (str_eq(name, str_from(all[i]))) return true;
    return false;
}

static void test_all_labels_of_a_picture_are_held_against_the_text(void **state)
{
    (void)state;
    struct judged *j = judge_new();
    assert_done(preset_add_rule(&j->chain, "rule score.label_overlap column=zs_nouns_b32 min=2"));
    assert_done(chain_substitute(&j->chain, "tiny"));
    assert_done(chain_prepare(&j->chain, has_columns_of_labels, NULL));
    assert_string_equal(j->chain.rules[0]->substitute, "zs_nouns_tiny for zs_nouns_b32");
    assert_int_equal(j->chain.rules[0]->slot_count, 4); /* the text and three labels: the fourth is not there */
    j->row = filter_row_new(&j->chain);
    const char *text = "Runners pass the old Concert Halls";
    assert_kept(j, "text", text, "zs_nouns_tiny", "tree", "zs_nouns_2_tiny", "concert hall", "zs_nouns_3_tiny", "runner");
    assert_told(j, "1", "text", text, "zs_nouns_tiny", "hall", "zs_nouns_2_tiny", "hall concert", "zs_nouns_3_tiny", "concert hall door");
    assert_told(j, "0", "text", text);
    assert_told(j, "0", "text", "", "zs_nouns_tiny", "tree");
    assert_kept(j, "text", "White-tailed deer in Paris", "zs_nouns_tiny", "PARIS", "zs_nouns_2_tiny", "white-tailed Deer");
    assert_told(j, "0", "text", "deer", "zs_nouns_tiny", "\xFF deer");
    judge_free(j);
}

static const char *told_language(struct judged *j, const char *label, const char *sure)
{
    static char told[32];
    assert_null(judge_row(j, "label", label, "sure", sure, NULL));
    snprintf(told, sizeof told, "%.*s", STR_ARG(j->row->language));
    return told;
}

static void test_a_language_is_told_where_none_is_asked_for(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.language column=label");
    assert_string_equal(told_language(j, "zh-Latn", ""), "zh-Latn");
    assert_string_equal(told_language(j, "", ""), "");
    judge_free(j);
    j = judge_rule("text.language column=label p_column=sure min_p=1 named=en,zh");
    assert_string_equal(told_language(j, "en", "1"), "en");
    assert_string_equal(told_language(j, "zh-Latn", "1"), "zh");
    assert_string_equal(told_language(j, "de", "1"), "other");
    assert_string_equal(told_language(j, "en", "0"), "none"); /* cld3 does not call itself reliable */
    assert_string_equal(told_language(j, "", "1"), "none");
    assert_string_equal(told_language(j, "unsure", "1"), "none");
    judge_free(j);
}

static void test_rules_behind_read_the_language_that_was_told(void **state)
{
    (void)state;
    struct judged *j = judge_new();
    assert_done(preset_add_rule(&j->chain, "english text.words min=5 if=language:en"));
    assert_done(preset_add_rule(&j->chain, "tell text.language named=en needs=cld3"));
    assert_done(preset_add_rule(&j->chain, "others text.words min=5 if=language:other|none"));
    assert_done(chain_substitute(&j->chain, "winnow_language"));
    assert_done(chain_prepare(&j->chain, has_columns_of_labels, NULL));
    assert_string_equal(j->chain.rules[0]->unserved, "the rows have no column language"); /* it stands before */
    assert_string_equal(j->chain.rules[1]->substitute, "winnow_language for cld3");
    assert_null(j->chain.rules[2]->unserved);
    j->row = filter_row_new(&j->chain);
    assert_kept(j, "text", "the cat is sleeping");
    assert_string_equal(judge_row(j, "text", "le chat dort bien", NULL), "others");
    assert_string_equal(judge_row(j, "text", "12345", NULL), "others");
    judge_free(j);
}

/* A list of blocked entries and one of exceptions, in files that are gone when the rule is made. */
static struct judged *judge_with_exceptions(const char *filter, const char *parameters, const char *exceptions)
{
    char path[] = "/tmp/filter_rules_XXXXXX", line[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, exceptions, strlen(exceptions)), (ssize_t)strlen(exceptions));
    close(fd);
    snprintf(line, sizeof line, "%s %s except=%s", filter, parameters, path);
    struct judged *j = judge_rule(line);
    unlink(path);
    return j;
}

static void test_nothing_is_blocked_within_an_exception(void **state)
{
    (void)state;
    struct judged *j = judge_with_exceptions("text.blocklist", "words=dick,hell", "dick van dyke\ndick van\nhell's kitchen\n");
    assert_kept(j, "text", "Dick Van Dyke in Hell's Kitchen");
    assert_told(j, "dick", "text", "Dick Van Dyke, dick");
    assert_told(j, "hell", "text", "Dick van hell");
    judge_free(j);
    j = judge_with_exceptions("text.blocklist", "words=cunt,ass match=substring", "scunthorpe\nclassic\n");
    assert_kept(j, "text", "A classic in Scunthorpe");
    assert_told(j, "ass", "text", "Scunthorpe: classic assembly");
    judge_free(j);
    j = judge_with_exceptions("text.blocklist", "\"words=two words\" match=padded", "two words more\n");
    assert_kept(j, "text", "a two words more");
    assert_told(j, "two words", "text", "a two words more two words");
    judge_free(j);
}

static void test_exceptions_of_boilerplate_are_longer_phrases_at_the_same_end(void **state)
{
    (void)state;
    struct judged *j = judge_with_exceptions("text.edge_drop", "words=banner,icon", "banner elk\nfashion icon\n");
    assert_kept(j, "text", "Banner Elk in autumn - Fashion Icon");
    assert_told(j, "Banner", "text", "Banner: elk");
    assert_told(j, "icon", "text", "Banner Elk icon");
    assert_told(j, "banner", "text", "fashion icon banner");
    judge_free(j);
    j = judge_with_exceptions("text.crop", "\"words=photo of,stock photo\"", "photo of the year\nrolling stock photo\n");
    assert_kept(j, "text", "Photo of the Year - stock photo");
    assert_true(str_eq(j->row->cells[SLOT_TEXT], STR("Photo of the Year")));
    assert_kept(j, "text", "Photo of the yearly rolling stock photo");
    assert_true(str_eq(j->row->cells[SLOT_TEXT], STR("the yearly rolling stock photo")));
    judge_free(j);
    j = judge_rule("text.edge_drop list=boilerplate-drop except=boilerplate-drop-exceptions");
    assert_kept(j, "text", "Audrey Hepburn, fashion icon");
    assert_told(j, "icon", "text", "Facebook icon");
    judge_free(j);
}

static void test_own_polarity_knows_glad_from_grim(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.sentiment list=polarity-en min=-0.5 max=0.5");
    assert_kept(j, "text", "a dog runs along a beach");
    assert_dropped(j, "text", "a gorgeous happy smiling bride");
    assert_dropped(j, "text", "victims of a terrible massacre");
    judge_free(j);
    j = judge_rule("text.sentiment list=polarity-en min=-1 max=1"); /* as the presets have it: off */
    assert_kept(j, "text", "awesome amazing wonderful gorgeous perfect fantastic superb stunning brilliant marvelous excellent");
    assert_kept(j, "text", "murder rape genocide terrorism holocaust murderers rapist terrorists murders raped");
    judge_free(j);
}

static void test_captions_too_short_for_their_hypernyms_are_dropped(void **state)
{
    (void)state;
    struct judged *j = judge_new();
    char line[256];
    const char *path = list_file("mira holt\tactor\n");
    snprintf(line, sizeof line, "rule text.hypernyms least=3 table=%s", path);
    assert_done(preset_add_rule(&j->chain, line));
    judge_ready(j);
    unlink(path);
    assert_kept(j, "text", "Mira Holt at a party");
    assert_true(str_eq(j->row->cells[SLOT_TEXT], STR("actor at a party")));
    assert_told(j, "2", "text", "Mira Holt singing");
    assert_string_equal(j->outcome.rule->bound, ">=3");
    judge_free(j);
}

static void test_own_profanity_and_its_exceptions(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.blocklist list=profanity-en except=profanity-en-exceptions");
    assert_kept(j, "text", "Scunthorpe cocktail assembly, blue tit and Moby Dick; pussy willow in a vase, Super Bowl XXX");
    assert_told(j, "pussy", "text", "pussy willow, pussy");
    judge_free(j);
}

static void test_registrable_domains_block_their_hosts_and_not_their_neighbours(void **state)
{
    (void)state;
    struct judged *j = judge_with_list("url.host_blocklist", "example.co.uk\nbad.blogspot.com\nco.uk\n10.0.0.1\n");
    assert_dropped(j, "url", "https://a.b.example.co.uk/x");
    assert_kept(j, "url", "https://other.co.uk/x"); /* a public suffix is no host of its own */
    assert_dropped(j, "url", "http://bad.blogspot.com/");
    assert_kept(j, "url", "http://good.blogspot.com/");
    assert_dropped(j, "url", "http://10.0.0.1:8080/");
    judge_free(j);
}

static void test_crop_cuts_both_ends_and_keeps_the_original(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.crop list=boilerplate-crop");
    assert_kept(j, "text", "Photo of a red barn \xE2\x80\x93 Royalty-Free Stock Photo | Getty Images");
    assert_true(str_eq(j->row->cells[SLOT_TEXT], STR("a red barn")));
    assert_true(str_starts(j->row->cells[SLOT_TEXT_RAW], STR("Photo of")));
    assert_kept(j, "text", "photo offers, stock photographs", "text_raw", "the first");
    assert_true(str_eq(j->row->cells[SLOT_TEXT], STR("photo offers, stock photographs")));
    assert_null(j->row->text_before.p);
    assert_kept(j, "text", "A barn - stock photo", "text_raw", "A barn -  stock photo");
    assert_true(str_eq(j->row->cells[SLOT_TEXT_RAW], STR("A barn -  stock photo"))); /* the older original stays */
    judge_free(j);
}

static void test_clean_writes_when_asked(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.clean form=laion write=1");
    assert_kept(j, "text", "a b", "text_raw", "a\xC2\xA0" "b|c");
    assert_true(str_eq(j->row->cells[SLOT_TEXT], STR("ab c")));
    judge_free(j);
}

static void test_a_condition_lets_other_rows_pass(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.blocklist words=kid match=substring if=tag:NSFW|UNSURE");
    assert_kept(j, "text", "a kid", "tag", "UNLIKELY");
    assert_kept(j, "text", "a kid");
    assert_dropped(j, "text", "a kid", "tag", "UNSURE");
    judge_free(j);
}

static void test_a_pattern_that_never_ends_is_given_up_and_dropped(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.pattern pattern=(a+)+(a+)+[bc]$");
    char text[4001] = "";
    memset(text, 'a', sizeof text - 1);
    assert_told(j, "match limit", "text", text);
    judge_free(j);
}

static void test_rules_behind_the_first_are_counted_alone(void **state)
{
    (void)state;
    struct judged *j = judge_new();
    assert_done(preset_add_rule(&j->chain, "short text.chars min=5"));
    assert_done(preset_add_rule(&j->chain, "few text.words min=2"));
    assert_done(preset_add_rule(&j->chain, "again text.repetition max=0"));
    judge_ready(j);
    assert_string_equal(judge_row(j, "text", "ab", NULL), "short");
    assert_true(j->row->failed[0] && j->row->failed[1] && !j->row->failed[2]);
    assert_string_equal(judge_row(j, "text", "abcdef", NULL), "few");
    assert_int_equal(j->counts[0].asked, 2);
    assert_int_equal(j->counts[0].removed, 1);
    assert_int_equal(j->counts[1].asked, 1);
    assert_int_equal(j->counts[1].removed, 1);
    assert_int_equal(j->counts[1].behind_asked, 1);
    assert_int_equal(j->counts[1].behind_failed, 1);
    judge_free(j);
}

static void test_every_filter_that_decides_has_a_boundary_here(void **state)
{
    (void)state;
    static const char *const by_lists[] = {"text.vocab", "text.flagged_ratio", "text.common_ratio", "text.sentiment", "image.phash_list",
                                          "text.entries", "corpus.balance", "text.synset", "text.hypernyms"};
    size_t count;
    const struct filter *table = filter_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool tested = !table[i].decide;
        for (size_t k = 0; k < sizeof boundaries / sizeof *boundaries && !tested; k++)
            tested = strncmp(boundaries[k].rule, table[i].name, strlen(table[i].name)) == 0;
        for (size_t k = 0; k < sizeof by_lists / sizeof *by_lists && !tested; k++) tested = strcmp(by_lists[k], table[i].name) == 0;
        if (!tested) fail_msg("%s has no boundary test", table[i].name);
        assert_true(table[i].decide || table[i].unserved || table[i].done_by);
        assert_ptr_equal(filter_find(str_from(table[i].name)), &table[i]); /* no name twice */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_filter_keeps_up_to_its_bound_and_tells_what_is_beyond),
        cmocka_unit_test(test_vocab_wants_every_word_and_pair_at_its_count),
        cmocka_unit_test(test_flagged_and_common_words_are_shares_of_all_words),
        cmocka_unit_test(test_sentiment_sums_valences),
        cmocka_unit_test(test_texts_without_an_entry_are_dropped),
        cmocka_unit_test(test_a_word_counts_by_its_first_synset),
        cmocka_unit_test(test_balance_keeps_the_share_that_the_count_allows),
        cmocka_unit_test(test_phash_lists_name_pictures),
        cmocka_unit_test(test_nothing_is_blocked_within_an_exception),
        cmocka_unit_test(test_exceptions_of_boilerplate_are_longer_phrases_at_the_same_end),
        cmocka_unit_test(test_own_polarity_knows_glad_from_grim),
        cmocka_unit_test(test_captions_too_short_for_their_hypernyms_are_dropped),
        cmocka_unit_test(test_all_labels_of_a_picture_are_held_against_the_text),
        cmocka_unit_test(test_a_language_is_told_where_none_is_asked_for),
        cmocka_unit_test(test_rules_behind_read_the_language_that_was_told),
        cmocka_unit_test(test_own_profanity_and_its_exceptions),
        cmocka_unit_test(test_registrable_domains_block_their_hosts_and_not_their_neighbours),
        cmocka_unit_test(test_crop_cuts_both_ends_and_keeps_the_original),
        cmocka_unit_test(test_clean_writes_when_asked),
        cmocka_unit_test(test_a_condition_lets_other_rows_pass),
        cmocka_unit_test(test_a_pattern_that_never_ends_is_given_up_and_dropped),
        cmocka_unit_test(test_rules_behind_the_first_are_counted_alone),
        cmocka_unit_test(test_every_filter_that_decides_has_a_boundary_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
