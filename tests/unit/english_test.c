/* English sentences: where tokens part, what the shipped model says of plain sentences in any casing, names, hypernyms, models that
 * are damaged. Accuracies on whole treebanks: tests/e2e/language_test.py. */
#include "filters/language/english.h"
#include "filters/language/gazetteer.h"
#include "filters/language/hypernyms.h"
#include "filters/language/langid.h"
#include "filters/language/langid_features.h"
#include "filters/language/linear.h"
#include "filters/language/tagger.h"
#include "pipeline/base/arena.h"
#include "pipeline/base/cpu.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

static void assert_tokens(const char *text, const char *expected) /* parted by single spaces */
{
    struct token *tokens = malloc(tokens_room(str_from(text)) * sizeof *tokens);
    char joined[1024] = "";
    size_t count = tokens_split(str_from(text), tokens), n = 0;
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%.*s", i ? " " : "", (int)(tokens[i].end - tokens[i].start), text + tokens[i].start);
    free(tokens);
    assert_string_equal(joined, expected);
}

static void test_punctuation_stands_alone_save_inside_numbers_and_addresses(void **state)
{
    (void)state;
    assert_tokens("Dogs, cats; birds!", "Dogs , cats ; birds !");
    assert_tokens("(3.5 of 1,200) at 7:30 on 9/11", "( 3.5 of 1,200 ) at 7:30 on 9/11");
    assert_tokens("see http://a.example/b?c=d, or ann@example.org.", "see http://a.example/b?c=d , or ann@example.org .");
    assert_tokens("a photo.jpg and #sunset", "a photo.jpg and #sunset");
    assert_tokens("Wait... what?! -- no!!!", "Wait ... what ?! -- no !!!");
    assert_tokens("\xE2\x80\x9CHi\xE2\x80\x9D \xE2\x80\x93 he said", "\xE2\x80\x9C Hi \xE2\x80\x9D \xE2\x80\x93 he said");
    assert_tokens("thanks :) bye:)", "thanks :) bye :)");
    assert_tokens("AT&T and R&D", "AT&T and R&D");
    assert_tokens("", "");
    assert_tokens("  \t ", "");
}

static void test_clitics_hyphens_and_abbreviations(void **state)
{
    (void)state;
    assert_tokens("can't cannot gonna the dog's we're I'm", "ca n't can not gon na the dog 's we 're I 'm");
    assert_tokens("can\xE2\x80\x99t it\xE2\x80\x99s", "ca n\xE2\x80\x99t it \xE2\x80\x99s");
    assert_tokens("Al-Zaman non-stop e-mail search-engine and/or", "Al - Zaman non-stop e-mail search - engine and / or");
    assert_tokens("Dr. Smith of the U.S. met Mr. X. at 5pm, 5 a.m.", "Dr. Smith of the U.S. met Mr. X. at 5 pm , 5 a.m.");
    assert_tokens("the '60s and 60's", "the '60s and 60's");
}

static void test_a_very_long_text_is_taken_apart_in_linear_time(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4 << 20);
    for (int i = 0; i < 400000; i++) buf_byte(&b, "a.-'!"[i % 5]);
    struct token *tokens = malloc(tokens_room(buf_str(&b)) * sizeof *tokens);
    size_t count = tokens_split(buf_str(&b), tokens);
    assert_true(count > 0 && tokens[count - 1].end == b.n);
    for (size_t i = 1; i < count; i++) assert_true(tokens[i].start >= tokens[i - 1].end);
    free(tokens);
    buf_free(&b);
}

/* ---- the shipped model */

struct open_model {
    struct english *english;
    struct english_work *work;
};

static int open_model(void **state)
{
    static struct open_model m;
    m.english = english_open(NULL);
    m.work = m.english ? english_work_new(m.english) : NULL;
    *state = &m;
    return m.work ? 0 : -1;
}

static int close_model(void **state)
{
    struct open_model *m = *state;
    english_work_free(m->work);
    english_close(m->english);
    return 0;
}

static void assert_upos(struct open_model *m, const char *text, const char *expected)
{
    const struct english_token *tokens;
    char joined[1024] = "";
    size_t count, n = 0;
    assert_int_equal(english_tag(m->english, m->work, str_from(text), ENGLISH_UPOS, &tokens, &count), 0);
    for (size_t i = 0; i < count; i++) n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s", i ? " " : "", upos_names[tokens[i].upos]);
    if (strcmp(joined, expected) != 0) fail_msg("%s: %s", text, joined);
}

static void test_plain_captions_are_tagged_in_any_casing(void **state)
{
    static const char *const texts[] = {"The man sees a dog in the house .", "the man sees a dog in the house .", "THE MAN SEES A DOG IN THE HOUSE .", "The Man Sees A Dog In The House ."};
    for (size_t i = 0; i < 4; i++) assert_upos(*state, texts[i], "DET NOUN VERB DET NOUN ADP DET NOUN PUNCT");
    assert_upos(*state, "they want to house the dogs in the house", "PRON VERB PART VERB DET NOUN ADP DET NOUN");
}

static void test_entities_begin_and_go_on(void **state)
{
    struct open_model *m = *state;
    const struct english_token *tokens;
    size_t count;
    assert_int_equal(english_tag(m->english, m->work, STR("President George Bush visited Baghdad."), ENGLISH_ENTITIES, &tokens, &count), 0);
    assert_int_equal(count, 6);
    assert_int_equal(tokens[1].entity, ENTITY_B_PER);
    assert_int_equal(tokens[2].entity, ENTITY_I_PER);
    assert_int_equal(tokens[3].entity, ENTITY_NONE);
    assert_int_equal(tokens[4].entity, ENTITY_B_LOC);
    assert_int_equal(tokens[4].start, 30);
    assert_int_equal(tokens[4].end, 37);
}

static void test_a_text_is_tagged_alike_whatever_was_tagged_before(void **state)
{
    struct open_model *m = *state;
    const struct english_token *tokens;
    size_t count;
    uint8_t first[16];
    const struct str text = STR("Two men in Boston ride the old red bus to work");
    assert_int_equal(english_tag(m->english, m->work, text, ENGLISH_ENTITIES, &tokens, &count), 0);
    for (size_t i = 0; i < count; i++) first[i] = (uint8_t)(tokens[i].upos | tokens[i].entity << 5);
    char word[16];
    for (int i = 0; i < 100000; i++) { /* pushes every remembered word out */
        snprintf(word, sizeof word, "w%dx%d", i, i * 7);
        assert_int_equal(english_tag(m->english, m->work, str_from(word), ENGLISH_UPOS, &tokens, &count), 0);
    }
    assert_int_equal(english_tag(m->english, m->work, text, ENGLISH_ENTITIES, &tokens, &count), 0);
    for (size_t i = 0; i < count; i++) assert_int_equal(first[i], tokens[i].upos | tokens[i].entity << 5);
}

static void test_the_taggers_door_leaves_punctuation_out(void **state)
{
    (void)state;
    struct tagger *tagger = tagger_open(STR_ABSENT);
    assert_non_null(tagger);
    assert_non_null(tagger_english(tagger));
    struct tagger_work *work = tagger_work_new(tagger);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct str *words;
    const uint16_t *tags;
    size_t count;
    assert_int_equal(tagger_tag_text(tagger, work, STR("The cat, in Rome."), &arena, &words, &tags, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(tags[0], TAG_DETERMINER);
    assert_int_equal(tags[1], TAG_NOUN);
    assert_int_equal(tags[2], TAG_PREPOSITION);
    assert_int_equal(tags[3], TAG_NOUN | TAG_PROPER_NOUN);
    assert_int_equal(tagger_tag_text(tagger, work, STR(""), &arena, &words, &tags, &count), 0);
    assert_int_equal(count, 0);
    arena_free(&arena);
    tagger_work_free(work);
    tagger_close(tagger);
}

/* ---- names and hypernyms */

static void test_the_gazetteer_knows_kinds_and_hypernyms(void **state)
{
    (void)state;
    struct name found;
    assert_true(gazetteer_find(STR("los angeles"), &found));
    assert_true(found.kinds & NAME_PLACE);
    assert_true(str_eq(found.hypernym, STR("city")));
    assert_true(gazetteer_find(STR("mozart"), &found) && str_eq(found.hypernym, STR("composer")));
    assert_true(gazetteer_find(STR("mary"), &found) && found.kinds & NAME_FIRST);
    assert_false(gazetteer_find(STR("zzyzx road"), &found));
}

static void assert_caption(struct open_model *m, const struct entity_table *table, const char *text, const char *expected)
{
    struct buf out;
    size_t replaced;
    buf_init(&out, 1 << 16);
    assert_int_equal(hypernyms_apply(table, m->english, m->work, str_from(text), &out, NULL, &replaced), 0);
    if (!str_eq(buf_str(&out), str_from(expected))) fail_msg("%s\n  became   %.*s\n  expected %s", text, STR_ARG(buf_str(&out)), expected);
    buf_free(&out);
}

static const char table_text[] = "Harrison Ford\tactor\nCalista Flockhart\tactor\nAmerican Film Festival\tfestival\n"
                                 "British Airways\tairline\nAirbus A319\taircraft model\nNorwich Union\tcompany\nDuncan McKellar\tperson\n"
                                 "Jean-Claude Van Damme\tactor\nWashington, D.C.\tcity\n"
                                 "Mira Holt\twriter\t2\nMira Holt\tactor\t40\nMira Holt\tsinger\t40\n";

static void test_published_captions_come_out_as_printed(void **state)
{
    struct entity_table *table = entity_table_read(str_from(table_text), "table");
    assert_non_null(table);
    assert_caption(*state, table,
                   "Harrison Ford and Calista Flockhart attend the premiere of 'Hollywood Homicide' at the 29th American Film Festival "
                   "September 5, 2003 in Deauville, France.",
                   "actors attend the premiere at festival.");
    assert_caption(*state, table, "Side view of a British Airways Airbus A319 aircraft on approach to land with landing gear down",
                   "side view of an aircraft on approach to land with landing gear down");
    assert_caption(*state, table,
                   "Two sculptures by artist Duncan McKellar adorn trees outside the derelict Norwich Union offices in Bristol, UK",
                   "sculptures by person adorn trees outside the derelict offices");
    struct entity_table *none = entity_table_read(STR(""), "none");
    assert_caption(*state, none, "Side view of a British Airways Airbus A319 aircraft on approach to land with landing gear down",
                   "side view of an aircraft on approach to land with landing gear down");
    entity_table_free(none);
    assert_caption(*state, table, "Jean-Claude Van Damme and Mira Holt attend a gala", "actors attend a gala");
    assert_caption(*state, table, "The skyline of Washington, D.C. after a storm", "the skyline of city after a storm");
    entity_table_free(table);
}

static void test_tables_take_the_heaviest_of_equal_names(void **state)
{
    (void)state;
    struct entity_table *table = entity_table_read(str_from(table_text), "table");
    assert_true(str_eq(entity_table_find(table, STR("mira holt")), STR("actor")));
    assert_int_equal(entity_table_find(table, STR("nobody")).n, 0);
    entity_table_free(table);
    assert_null(entity_table_read(STR("a\tb\nonly a name\n"), "t.tsv"));
    assert_string_equal(fail_message(), "t.tsv:2: expected a name, a tab, and what it is");
    assert_null(entity_table_read(STR("a\tb\tmany\n"), "t.tsv"));
    assert_null(entity_table_read(STR("\xFF\tb\n"), "t.tsv"));
    table = entity_table_read(STR(""), "empty");
    assert_int_equal(entity_table_count(table), 0);
    entity_table_free(table);
}

/* ---- models that are damaged */

static struct buf made_model(const char *head, size_t rows, unsigned columns, unsigned said_columns)
{
    struct buf b, packed;
    buf_init(&b, 1 << 20);
    buf_init(&packed, 1 << 20);
    buf_add(&b, str_from(head));
    for (int i = 0; i < 4; i++) buf_byte(&b, i ? 0 : 3);
    for (int i = 0; i < 4; i++) buf_byte(&b, (char)(said_columns >> 8 * i));
    for (int i = 0; i < 4; i++) buf_byte(&b, i ? 0 : 6);
    buf_add(&b, STR("x 1\ny\n"));
    for (size_t i = 0; i < rows * columns; i++) buf_byte(&b, (char)i);
    buf_reserve(&packed, ZSTD_compressBound(b.n));
    packed.n = ZSTD_compress(packed.p, packed.room, b.p, b.n, 1);
    buf_free(&b);
    return packed;
}

static void test_damaged_models_are_refused(void **state)
{
    (void)state;
    struct buf good = made_model("winnow-linear 1\n", 8, 5, 5);
    struct linear *model = linear_read(buf_str(&good));
    assert_non_null(model);
    assert_true(str_eq(linear_note(model, STR("x")), STR("1")));
    assert_true(str_eq(linear_note(model, STR("y")), STR("")));
    assert_null(linear_note(model, STR("z")).p);
    assert_int_equal((*linear_row_at(model, 8 + 2))[4], 14); /* the low bits name the row */
    linear_close(model);
    for (size_t n = 0; n < good.n; n++) assert_null(linear_read(str_of(good.p, n)));
    assert_null(english_read(buf_str(&good))); /* a linear model of something else */
    assert_null(langid_read(buf_str(&good)));
    buf_free(&good);
    const struct {
        const char *head;
        size_t rows;
        unsigned columns, said;
    } bad[] = {{"winnow-linear 2\n", 8, 5, 5}, {"winnow-linear 1\n", 7, 5, 5}, {"winnow-linear 1\n", 8, 5, 6}, {"winnow-linear 1\n", 8, 0, 0}, {"winnow-linear 1\n", 8, 5, 1u << 31}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf packed = made_model(bad[i].head, bad[i].rows, bad[i].columns, bad[i].said);
        assert_null(linear_read(buf_str(&packed)));
        buf_free(&packed);
    }
}

static void test_a_tagger_needs_the_sizes_of_its_tables(void **state)
{
    (void)state;
    const struct {
        const char *note;
        bool good;
    } notes[] = {{"model english\nupos_rows_log2 3\nnames_rows_log2 2\n", true},
                 {"model english\nupos_rows_log2 4\nnames_rows_log2 2\n", false}, /* more rows than the model has */
                 {"model english\nupos_rows_log2 3\nnames_rows_log2 99999999999\n", false},
                 {"model english\nupos_rows_log2 -1\nnames_rows_log2 2\n", false},
                 {"model english\nupos_rows_log2 3\n", false},
                 {"model other\nupos_rows_log2 3\nnames_rows_log2 2\n", false}};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        struct buf b, packed;
        char head[28] = "winnow-linear 1\n";
        head[16] = 3;
        head[20] = 24;
        head[24] = (char)strlen(notes[i].note);
        buf_init(&b, 4096);
        buf_init(&packed, 8192);
        assert_int_equal(buf_add(&b, str_of(head, sizeof head)) | buf_add(&b, str_from(notes[i].note)), 0);
        for (int k = 0; k < 8 * 24; k++) assert_int_equal(buf_byte(&b, (char)k), 0);
        assert_int_equal(buf_reserve(&packed, ZSTD_compressBound(b.n)), 0);
        packed.n = ZSTD_compress(packed.p, packed.room, b.p, b.n, 1);
        struct english *english = english_read(buf_str(&packed));
        assert_int_equal(english != NULL, notes[i].good);
        english_close(english);
        buf_free(&b);
        buf_free(&packed);
    }
}

static void test_every_kernel_has_the_same_sums(void **state)
{
    (void)state;
    if (!(cpu_features() & CPU_AVX2)) skip();
    static const unsigned columns[] = {5, 32, 33, 64, 65, 128};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        struct buf packed = made_model("winnow-linear 1\n", 8, columns[i], columns[i]);
        struct linear *model = linear_read(buf_str(&packed));
        assert_non_null(model);
        uint32_t features[100];
        for (uint32_t k = 0; k < 100; k++) features[k] = k * 2654435761u;
        linear_sum portable[LINEAR_BLOCKS_MOST] = {{3}}, avx2[LINEAR_BLOCKS_MOST] = {{3}};
        linear_add_portable(model, features, 100, portable);
        linear_add_avx2(model, features, 100, avx2);
        assert_memory_equal(portable, avx2, sizeof portable);
        linear_close(model);
        buf_free(&packed);
    }
}

/* ---- languages */

static void test_a_text_seen_step_by_step_has_the_same_ngrams(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < 90; i++) assert_int_equal(buf_printf(&b, "%s-%d ", i % 3 ? "l'\xC3\xA9t\xC3\xA9 Wald" : "a", i), 0);
    for (size_t n = 0; n <= b.n; n += n < 64 ? 1 : 97) {
        struct str part = str_of(b.p, utf8_cut(buf_str(&b), n));
        static struct langid_seen whole, steps;
        langid_see(part, &whole);
        langid_see_begin(part, NULL, &steps);
        for (unsigned least = 1; steps.rest.n && steps.count < LANGID_FEATURES_MOST; least += 5) langid_see_more(&steps, least);
        assert_int_equal(whole.count, steps.count);
        assert_int_equal(whole.letters, steps.letters);
        assert_memory_equal(whole.features, steps.features, whole.count * sizeof *whole.features);
    }
    buf_free(&b);
}

static void test_languages_unsure_and_other(void **state)
{
    (void)state;
    struct langid *model = langid_open(NULL);
    assert_non_null(model);
    static const char *const texts[][2] = {
        {"the president said on Monday that", "en"}, {"der Hund l\xC3\xA4uft \xC3\xBC" "ber die", "de"}, {"le chien court sur la plage", "fr"},
        {"\xD1\x81\xD0\xBE\xD0\xB1\xD0\xB0\xD0\xBA\xD0\xB0 \xD0\xB1\xD0\xB5\xD0\xB6\xD0\xB8\xD1\x82 \xD0\xBF\xD0\xBE \xD0\xBF\xD0\xBB\xD1\x8F\xD0\xB6\xD1\x83", "ru"},
        {"\xE4\xBB\x8A\xE5\xA4\xA9\xE5\xA4\xA9\xE6\xB0\x94\xE5\xBE\x88\xE5\xA5\xBD\xE6\x88\x91\xE4\xBB\xAC", "zh"}, {"1920x1080", "unsure"}, {"", "unsure"}, {"!?", "unsure"},
        {"abahlali bezindawo ezisemakhaya bayakwazi", "other"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct langid_answer answer;
        langid_identify(model, str_from(texts[i][0]), &answer);
        if (!str_eq(answer.label, str_from(texts[i][1]))) fail_msg("%s: %.*s %g", texts[i][0], STR_ARG(answer.label), (double)answer.p);
        assert_true(answer.p >= 0 && answer.p <= 1 && answer.p_second <= answer.p);
    }
    assert_true(langid_has_label(model, STR("en")) && langid_has_label(model, STR("other")));
    assert_false(langid_has_label(model, STR("zu")));
    langid_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_punctuation_stands_alone_save_inside_numbers_and_addresses),
        cmocka_unit_test(test_clitics_hyphens_and_abbreviations),
        cmocka_unit_test(test_a_very_long_text_is_taken_apart_in_linear_time),
        cmocka_unit_test(test_plain_captions_are_tagged_in_any_casing),
        cmocka_unit_test(test_entities_begin_and_go_on),
        cmocka_unit_test(test_a_text_is_tagged_alike_whatever_was_tagged_before),
        cmocka_unit_test(test_the_taggers_door_leaves_punctuation_out),
        cmocka_unit_test(test_the_gazetteer_knows_kinds_and_hypernyms),
        cmocka_unit_test(test_published_captions_come_out_as_printed),
        cmocka_unit_test(test_tables_take_the_heaviest_of_equal_names),
        cmocka_unit_test(test_damaged_models_are_refused),
        cmocka_unit_test(test_a_tagger_needs_the_sizes_of_its_tables),
        cmocka_unit_test(test_every_kernel_has_the_same_sums),
        cmocka_unit_test(test_a_text_seen_step_by_step_has_the_same_ngrams),
        cmocka_unit_test(test_languages_unsure_and_other),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
