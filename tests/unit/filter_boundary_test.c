/* The boundary matrix of the published presets, cell by cell: one table of pictures, one of texts. */
#include "filter_help.h"

enum { SETS = 9 };
static const char *const sets[SETS] = {"cc3m", "cc12m", "align", "laion400m", "datacomp-basic", "coyo700m",
                                       "tests/data/presets/mmc4.preset", "obelics-images", "tests/data/presets/m3w.preset"};

static const struct picture {
    const char *width, *height, *format, *kept; /* K or D a set, in the order above */
} pictures[] = {
    {"400", "400", "jpeg", "DDKKKKKKK"},
    {"401", "401", "jpeg", "KKKKKKKKK"},
    {"200", "200", "jpeg", "DDDKKKKKK"},
    {"201", "201", "jpeg", "DDKKKKKKK"},
    {"150", "150", "jpeg", "DDDKDDKKK"},
    {"149", "200", "jpeg", "DDDKDDDDK"},
    {"1203", "401", "jpeg", "DDDKKKDDK"},
    {"1204", "401", "jpeg", "DDDKDDDDD"},
    {"802", "401", "jpeg", "KKKKKKKKK"},
    {"1004", "402", "jpeg", "DKKKKKDDK"},
    {"1010", "404", "jpeg", "DKKKKKDDK"},
    {"500", "500", "png", "DDKKKKKKK"},
};

static struct judged *judge_preset(const char *name, enum filter_place place)
{
    struct judged *j = judge_new();
    assert_done(preset_add(&j->chain, name));
    chain_select(&j->chain, place);
    judge_ready(j);
    return j;
}

static void test_every_picture_of_the_matrix_is_judged_as_published(void **state)
{
    (void)state;
    for (size_t set = 0; set < SETS; set++) {
        struct judged *j = judge_preset(sets[set], PLACE_IMAGE);
        for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
            const struct picture *p = &pictures[i];
            for (int turned = 0; turned < 2; turned++) { /* no rule minds which side is which */
                const char *rule = judge_row(j, "width", turned ? p->height : p->width, "height", turned ? p->width : p->height,
                                             "format", p->format, "bytes", "5000", "phash", "0123456789abcdef", NULL);
                if ((p->kept[set] == 'K') != !rule)
                    fail_msg("%s: %sx%s %s: expected %c, dropped by %s", sets[set], p->width, p->height, p->format, p->kept[set],
                             rule ? rule : "nothing");
            }
        }
        judge_free(j);
    }
}

static void test_4999_bytes_are_too_few_and_5000_are_enough(void **state)
{
    (void)state;
    static const char *const with_rule[] = {"laion400m", "laion5b", "laion400m-asrun", "coyo700m"};
    for (size_t i = 0; i < sizeof with_rule / sizeof *with_rule; i++) {
        struct judged *j = judge_preset(with_rule[i], PLACE_IMAGE);
        assert_kept(j, "width", "400", "height", "400", "format", "jpeg", "bytes", "5000");
        assert_dropped(j, "width", "400", "height", "400", "format", "jpeg", "bytes", "4999");
        judge_free(j);
    }
}

static const struct caption {
    const char *text, *kept; /* laion, datacomp, coyo */
} captions[] = {{"ab c", "DDD"}, {"a b c", "KDD"}, {"a b cd", "KKK"}};

static void test_every_text_of_the_matrix_is_judged_as_published(void **state)
{
    (void)state;
    static const char *const names[] = {"laion400m", "datacomp-basic", "coyo700m"};
    for (size_t set = 0; set < 3; set++) {
        struct judged *j = judge_preset(names[set], PLACE_TEXT);
        for (size_t i = 0; i < sizeof captions / sizeof *captions; i++) {
            const char *rule = judge_row(j, "text", captions[i].text, "url", "https://example.com/a.jpg", NULL);
            if ((captions[i].kept[set] == 'K') != !rule)
                fail_msg("%s: '%s': expected %c, dropped by %s", names[set], captions[i].text, captions[i].kept[set], rule ? rule : "nothing");
        }
        judge_free(j);
    }
}

/* The alternative texts of the paper's Table 1, which passed its text rules. */
static void test_the_captions_of_the_cc3m_paper_survive_its_rules(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Harrison Ford and Calista Flockhart attend the premiere of 'Hollywood Homicide' at the 29th American Film Festival "
        "September 5, 2003 in Deauville, France.",
        "Side view of a British Airways Airbus A319 aircraft on approach to land with landing gear down - Stock Image",
        "Two sculptures by artist Duncan McKellar adorn trees outside the derelict Norwich Union offices in Bristol, UK - Stock Image",
    };
    struct judged *j = judge_preset("cc3m", PLACE_TEXT);
    for (size_t i = 0; i < 3; i++) {
        const char *rule = judge_row(j, "text", texts[i], NULL);
        if (rule) fail_msg("%s: dropped by %s: %s, allowed %s", texts[i], rule, measured(j), j->outcome.rule->bound);
        bool cropped = j->row->text_before.p != NULL;
        assert_int_equal(cropped, i > 0);
        if (cropped) { /* " - Stock Image" is gone, and the original stands in text_raw */
            struct str now = j->row->cells[SLOT_TEXT];
            assert_int_equal(now.n, strlen(texts[i]) - strlen(" - Stock Image"));
            assert_true(str_eq(j->row->cells[SLOT_TEXT_RAW], str_from(texts[i])));
        }
    }
    judge_free(j);
}

static void test_without_cropping_first_the_numbers_are_those_of_the_paper(void **state)
{
    (void)state;
    struct judged *j = judge_rule("text.cap_ratio max=0.52");
    assert_told(j, "0.5217", "text", "Harrison Ford and Calista Flockhart attend the premiere of 'Hollywood Homicide' at the 29th "
                "American Film Festival September 5, 2003 in Deauville, France."); /* 12 / 23 */
    judge_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_picture_of_the_matrix_is_judged_as_published),
        cmocka_unit_test(test_4999_bytes_are_too_few_and_5000_are_enough),
        cmocka_unit_test(test_every_text_of_the_matrix_is_judged_as_published),
        cmocka_unit_test(test_the_captions_of_the_cc3m_paper_survive_its_rules),
        cmocka_unit_test(test_without_cropping_first_the_numbers_are_those_of_the_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
