/* The tagger on the published captions whose answers are recorded, and on the borders between its rules. */
#include "filters/language/tagger.h"
#include "filters/language/wordnet.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

enum { WORDS_MAX = 64 };
struct tagged {
    struct str words[WORDS_MAX];
    uint16_t tags[WORDS_MAX];
    size_t count;
};

static void tag_text(const char *text, struct tagged *out)
{
    struct unicode_words walk = {0};
    assert_int_equal(unicode_words_begin(&walk, str_from(text)), 0);
    out->count = 0;
    for (struct str word; (word = unicode_words_next(&walk)).p;) {
        assert_true(out->count < WORDS_MAX);
        out->words[out->count++] = word;
    }
    unicode_words_end(&walk);
    struct tagger *tagger = tagger_open(STR("wordnet"));
    assert_non_null(tagger);
    assert_int_equal(tagger_tag(tagger, out->words, out->count, out->tags), 0);
    tagger_close(tagger);
}

static size_t count_tag(const struct tagged *tagged, unsigned tag)
{
    size_t n = 0;
    for (size_t i = 0; i < tagged->count; i++) n += (tagged->tags[i] & tag) != 0;
    return n;
}

/* the tags of one word in the middle of a text */
static unsigned tag_of(const char *word)
{
    struct tagger *tagger = tagger_open(STR("wordnet"));
    struct str words[] = {STR("x"), str_from(word)};
    uint16_t tags[2];
    assert_int_equal(tagger_tag(tagger, words, 2, tags), 0);
    tagger_close(tagger);
    return tags[1];
}

static void test_noun_ratios_of_the_published_captions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t nouns, words; /* 0.57, 0.47, 0.65 */
    } captions[] = {
        {"Harrison Ford and Calista Flockhart attend the premiere of 'Hollywood Homicide' at the 29th American Film Festival "
         "September 5, 2003 in Deauville, France.", 13, 23},
        {"Side view of a British Airways Airbus A319 aircraft on approach to land with landing gear down", 8, 17},
        {"Two sculptures by artist Duncan McKellar adorn trees outside the derelict Norwich Union offices in Bristol, UK", 11, 17},
    };
    for (size_t i = 0; i < 3; i++) {
        struct tagged tagged;
        tag_text(captions[i].text, &tagged);
        assert_int_equal(tagged.count, captions[i].words);
        assert_int_equal(count_tag(&tagged, TAG_NOUN), captions[i].nouns);
        assert_true(count_tag(&tagged, TAG_DETERMINER) > 0);
        assert_true(count_tag(&tagged, TAG_PREPOSITION) > 0);
    }
}

static void test_closed_classes_come_before_everything(void **state)
{
    (void)state;
    assert_int_equal(tag_of("the"), TAG_DETERMINER);
    assert_int_equal(tag_of("The"), TAG_DETERMINER); /* a capital makes no name of it */
    assert_int_equal(tag_of("OF"), TAG_PREPOSITION);
    assert_int_equal(tag_of("down"), TAG_PREPOSITION); /* WordNet has the noun */
    assert_int_equal(tag_of("her"), TAG_DETERMINER | TAG_PRONOUN);
    assert_int_equal(tag_of("that"), TAG_DETERMINER | TAG_PRONOUN | TAG_CONJUNCTION);
    assert_int_equal(tag_of("are"), TAG_VERB); /* also a measure of land */
    assert_int_equal(tag_of("and"), TAG_CONJUNCTION);
}

static void test_only_the_first_word_may_have_a_capital_without_being_a_name(void **state)
{
    (void)state;
    struct tagged tagged;
    tag_text("Running Running \xC3\x89lan \xC3\xA9lan", &tagged);
    assert_int_equal(tagged.count, 4);
    assert_int_equal(tagged.tags[0], TAG_VERB);
    assert_int_equal(tagged.tags[1], TAG_NOUN | TAG_PROPER_NOUN);
    assert_int_equal(tagged.tags[2], TAG_NOUN | TAG_PROPER_NOUN); /* a capital beyond ASCII is one too */
    assert_int_equal(tagged.tags[3], TAG_NOUN);
}

static void test_counts_decide_and_ties_fall_to_the_noun(void **state)
{
    (void)state;
    assert_int_equal(tag_of("dog"), TAG_NOUN);
    assert_int_equal(tag_of("run"), TAG_VERB);
    assert_int_equal(tag_of("beautiful"), TAG_ADJECTIVE);
    assert_int_equal(tag_of("quickly"), TAG_ADVERB);
    struct wordnet_word found; /* an entry as noun and verb, met as neither */
    assert_true(wordnet_find(STR("backpack"), &found));
    assert_int_equal(found.entry[WORDNET_NOUN], 1);
    assert_int_equal(found.entry[WORDNET_VERB], 1);
    assert_int_equal(tag_of("backpack"), TAG_NOUN);
}

static void test_inflected_words_are_found_by_their_lemma(void **state)
{
    (void)state;
    assert_int_equal(tag_of("sculptures"), TAG_NOUN);
    assert_int_equal(tag_of("churches"), TAG_NOUN);
    assert_int_equal(tag_of("ladies"), TAG_NOUN);
    assert_int_equal(tag_of("geese"), TAG_NOUN);   /* irregular */
    assert_int_equal(tag_of("women"), TAG_NOUN);
    assert_int_equal(tag_of("went"), TAG_VERB);    /* irregular */
    assert_int_equal(tag_of("landing"), TAG_VERB); /* more often of "land" than the noun */
    assert_int_equal(tag_of("baked"), TAG_VERB);
    assert_int_equal(tag_of("takes"), TAG_VERB);
    assert_int_equal(tag_of("largest"), TAG_ADJECTIVE);
    struct wordnet_word found;
    assert_false(wordnet_find(STR("takes"), &found));
    struct wordnet_word take;
    assert_true(wordnet_find(STR("take"), &take));
    assert_int_equal(wordnet_score(STR("takes"), &found, WORDNET_VERB), take.entry[WORDNET_VERB]); /* counted once */
    enum { PERSON = 18, GROUP = 14 }; /* lexnames(5WN) */
    wordnet_find(STR("senators"), &found);
    assert_int_equal(wordnet_noun_file(STR("senators"), &found), PERSON);
    wordnet_find(STR("village"), &found);
    assert_int_equal(wordnet_noun_file(STR("village"), &found), GROUP);
    wordnet_find(STR("beautiful"), &found);
    assert_int_equal(wordnet_noun_file(STR("beautiful"), &found), 0);
}

static void test_unknown_words_are_nouns_and_digits_are_numbers(void **state)
{
    (void)state;
    assert_int_equal(tag_of("qwrtzx"), TAG_NOUN);
    assert_int_equal(tag_of("\xE7\x8C\xAB"), TAG_NOUN);
    assert_int_equal(tag_of("1920x1080"), TAG_NUMBER);
    assert_int_equal(tag_of("5"), TAG_NUMBER); /* WordNet has it as a noun */
    assert_int_equal(tag_of("29th"), TAG_NUMBER);
    assert_int_equal(tag_of("\xD9\xA3"), TAG_NUMBER); /* ARABIC-INDIC DIGIT THREE */
    assert_int_equal(tag_of("A319"), TAG_NOUN | TAG_PROPER_NOUN);
}

static void test_apostrophes_join_words(void **state)
{
    (void)state;
    assert_int_equal(tag_of("dog's"), TAG_NOUN);
    assert_int_equal(tag_of("dog\xE2\x80\x99s"), TAG_NOUN); /* ’ */
    assert_int_equal(tag_of("isn't"), TAG_VERB);
    assert_int_equal(tag_of("Isn\xE2\x80\x99t"), TAG_VERB);
    assert_int_equal(tag_of("we're"), TAG_PRONOUN);
    assert_int_equal(tag_of("o'clock"), TAG_ADVERB); /* an entry of its own */
    assert_int_equal(tag_of("O'Brien"), TAG_NOUN | TAG_PROPER_NOUN);
}

static void test_long_words_and_empty_texts_do_no_harm(void **state)
{
    (void)state;
    char longest[WORDNET_LONGEST + 2];
    memset(longest, 'a', sizeof longest);
    for (size_t n = WORDNET_LONGEST - 1; n <= WORDNET_LONGEST + 1; n++) {
        longest[n] = 0;
        assert_int_equal(tag_of(longest), TAG_NOUN);
        longest[n - 1] = 's'; /* an ending, so that the base is looked up too */
        assert_int_equal(tag_of(longest), TAG_NOUN);
        memset(longest, 'a', sizeof longest);
    }
    struct tagger *tagger = tagger_open(STR("wordnet"));
    assert_int_equal(tagger_tag(tagger, NULL, 0, NULL), 0);
    tagger_close(tagger);
    tagger_close(NULL);
}

static void test_another_tagger_is_a_usage_error(void **state)
{
    (void)state;
    assert_null(tagger_open(STR("brill")));
    assert_int_equal(fail_code(), EXIT_USAGE);
    assert_string_equal(fail_message(), "there is no tagger 'brill': english and wordnet are");
}

static void test_the_digest_is_32_hexadecimal_digits(void **state)
{
    (void)state;
    struct tagger *tagger = tagger_open(STR("wordnet"));
    assert_string_equal(tagger_digest(tagger), wordnet_digest());
    assert_int_equal(strlen(wordnet_digest()), 32);
    assert_int_equal(strspn(wordnet_digest(), "0123456789abcdef"), 32);
    tagger_close(tagger);
}

/* Every line of the sources that this machine has is in the table: scores, parts, irregular forms. */
static void test_the_table_has_every_single_word_of_the_index(void **state)
{
    (void)state;
    static const char *const files[] = {"noun", "verb", "adj", "adv"};
    size_t words = 0;
    for (unsigned part = 0; part < WORDNET_PARTS; part++) {
        char path[64], line[65536];
        snprintf(path, sizeof path, "/usr/share/wordnet/index.%s", files[part]);
        FILE *file = fopen(path, "r");
        if (!file) skip();
        while (fgets(line, sizeof line, file)) {
            line[strcspn(line, " ")] = 0;
            if (!*line || strpbrk(line, "_-/")) continue;
            struct wordnet_word found;
            assert_true(wordnet_find(str_from(line), &found));
            assert_true(found.entry[part] >= 1);
            assert_int_equal(found.entry[part] % 10, 1);
            words++;
        }
        fclose(file);
    }
    assert_true(words > 80000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noun_ratios_of_the_published_captions),
        cmocka_unit_test(test_closed_classes_come_before_everything),
        cmocka_unit_test(test_only_the_first_word_may_have_a_capital_without_being_a_name),
        cmocka_unit_test(test_counts_decide_and_ties_fall_to_the_noun),
        cmocka_unit_test(test_inflected_words_are_found_by_their_lemma),
        cmocka_unit_test(test_unknown_words_are_nouns_and_digits_are_numbers),
        cmocka_unit_test(test_apostrophes_join_words),
        cmocka_unit_test(test_long_words_and_empty_texts_do_no_harm),
        cmocka_unit_test(test_another_tagger_is_a_usage_error),
        cmocka_unit_test(test_the_digest_is_32_hexadecimal_digits),
        cmocka_unit_test(test_the_table_has_every_single_word_of_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
