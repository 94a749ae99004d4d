/* Presets: what their files hold, how lines are read, what is said of wrong ones. */
#include "filter_help.h"

#include <sys/stat.h>
#include <unistd.h>

static struct chain chain_of(const char *text)
{
    struct chain chain;
    use_own_presets();
    assert_done(chain_init(&chain));
    assert_done(preset_parse(&chain, "test.preset", str_from(text)));
    return chain;
}

static void assert_refused(const char *text, const char *sentence)
{
    struct chain chain;
    use_own_presets();
    assert_done(chain_init(&chain));
    int result = preset_parse(&chain, "test.preset", str_from(text));
    if (result == 0) result = chain_prepare(&chain, NULL, NULL);
    if (result == 0) fail_msg("taken: %s", text);
    assert_string_equal(fail_message(), sentence);
    assert_int_equal(fail_code(), EXIT_USAGE);
    chain_free(&chain);
}

/* Names and order as published; a group's parts are joined to its name. */
static const struct {
    const char *name, *rules;
} published[] = {
    {"align", "not_porn short_side aspect texts_per_image test_dedup images_per_text rare_token length"},
    {"coyo700m", "bytes aspect min_side nsfw public_dups english fold_space chars noun words common_text nsfw_words pair_dup"},
    {"datacomp-basic", "language words chars min_side aspect"},
    {"laion400m", "wat_image_link url_shape clean_text min_chars language dup timeouts min_bytes bomb format clip_similarity nsfw_tag "
                  "minors_text minors_image animals"},
    {"laion400m-asrun", "wat_image_link url_shape clean_text min_chars language dup timeouts min_bytes bomb format clip_similarity "
                        "nsfw_tag minors_text minors_image animals"},
    {"laion5b", "wat_image_link url_shape clean_text min_chars language dup timeouts min_bytes bomb format clip_similarity nsfw_tag "
                "minors_text minors_image animals"},
    {"cc3m", "jpeg_only both_sides aspect not_adult_image crop_boilerplate pos_mix has_det_noun_prep noun_ratio repetition "
             "first_capital capital_ratio known_words polarity edge_patterns image_label_overlap hypernyms entity_count"},
    {"cc12m", "jpeg_only both_sides aspect not_adult_image crop_boilerplate words has_det_noun repetition known_words polarity "
              "edge_patterns image_label_overlap person_names"},
    {"commonpool", "nonempty pairs toxic_text unsafe_image test_dedup"},
    {"datacomp-text", "language synset"},
    {"datacomp-image", "language words chars cluster"},
    {"datacomp-1b", "language words chars cluster clip_score"},
    {"datacomp-clip30", "clip_score"},
    {"datacomp-laion2b", "language clip_score"},
    {"laion-aesthetics", "watermark unsafe aesthetic"},
    {"laion-aesthetics-v2", "watermark unsafe aesthetic"},
    {"laion-high-resolution", "both_sides"},
    {"metaclip", "parse match balance"},
    {"redcaps", "votes adult caption bad_words nsfw_image faces"},
    {"obelics-images", "url_words format min_side max_side rendered_size aspect url_count nsfw"},
};

static void test_presets_hold_the_published_rules_in_order(void **state)
{
    (void)state;
    use_own_presets();
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct chain chain;
        struct buf names;
        buf_init(&names, 1 << 16);
        assert_done(chain_init(&chain));
        assert_done(preset_add(&chain, published[i].name));
        assert_done(chain_prepare(&chain, NULL, NULL));
        struct str last = STR_ABSENT;
        for (size_t r = 0; r < chain.count; r++) {
            const struct rule *rule = chain.rules[r];
            struct str rest = str_from(rule->name), group = str_cut(&rest, '.');
            assert_true(*rule->source); /* every line says where it comes from */
            if (str_eq(group, last)) continue;
            if (names.n) buf_byte(&names, ' ');
            buf_add(&names, group);
            last = group;
        }
        assert_string_equal(buf_c_string(&names), published[i].rules);
        buf_free(&names);
        chain_free(&chain);
    }
}

static void test_a_preset_prints_every_rule_with_its_source(void **state)
{
    (void)state;
    use_own_presets();
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_done(preset_print(out, published[i].name));
        fclose(out);
        for (struct str rest = str_from(published[i].rules); rest.p;) {
            struct str name = str_cut(&rest, ' ');
            if (str_find(str_of(text, size), name) == SIZE_MAX) fail_msg("%s: %.*s is not printed", published[i].name, STR_ARG(name));
        }
        free(text);
    }
}

static void test_values_may_be_quoted(void **state)
{
    (void)state;
    struct chain chain = chain_of("# comment\n\n  a  text.edge_drop  \"words=stock photo,\"\"x -- y\"\"\"\t-- choice: because -- of this\n");
    const struct rule *rule = chain_find(&chain, STR("a"));
    assert_non_null(rule);
    assert_true(str_eq(rule_value(rule, "words")->text, STR("stock photo,\"x -- y\"")));
    assert_string_equal(rule->provenance, "choice");
    assert_string_equal(rule->source, "because -- of this");
    assert_int_equal(rule->line, 3);
    chain_free(&chain);
}

static void test_wrong_lines_are_named_with_file_line_and_nearest_name(void **state)
{
    (void)state;
    assert_refused("\na text.wrods min=1 -- choice: x", "test.preset:2: no filter 'text.wrods'; did you mean 'text.words'?");
    assert_refused("a nonsense -- choice: x", "test.preset:1: no filter 'nonsense': see winnow help --filters");
    assert_refused("a text.words mim=1 -- choice: x", "test.preset:1: a: filter text.words has no parameter 'mim'; did you mean 'min'?");
    assert_refused("a text.words min=x -- choice: x", "test.preset:1: a: min is 'x': expected a whole number");
    assert_refused("a text.words min=-1 -- choice: x", "test.preset:1: a: min is '-1': expected a whole number");
    assert_refused("a text.repetition max=1.0000000001 -- choice: x",
                   "test.preset:1: a: max is '1.0000000001': expected a decimal number of at most 9 places");
    assert_refused("a text.words split=words min=1 -- choice: x", "test.preset:1: a: split is 'words': expected one of ws|ft|nlp|uni|obew");
    assert_refused("a image.min_side strict=yes min=1 -- choice: x", "test.preset:1: a: strict is 'yes': expected 0 or 1");
    assert_refused("a text.words min=1", "test.preset:1: a: say behind '--' where the rule comes from");
    assert_refused("a text.words min=1 -- rumour: x", "test.preset:1: behind '--' stands 'rumour: x': expected paper:, code: or choice: and the source");
    assert_refused("a text.words min -- choice: x", "test.preset:1: 'min': expected parameter=value, or -- and where the rule comes from");
    assert_refused("a", "test.preset:1: 'a' stands alone: expected a rule's name and its filter");
    assert_refused("A text.words min=1 -- choice: x", "test.preset:1: 'A' is no rule name: small letters, digits, _ - and . inside");
    assert_refused("a text.words min=1 -- choice: x\na text.chars min=1 -- choice: x", "test.preset:2: two rules are named 'a'");
    assert_refused("a text.edge_drop \"words=x -- choice: x", "test.preset:1: a quotation mark is not closed");
    assert_refused("a text.words min=1 \xFF -- choice: x", "test.preset:1: not UTF-8");
    assert_refused("a text.words -- choice: x", "a: filter text.words needs min= or max=");
    assert_refused("a text.words min=3 max=2 -- choice: x", "a: min 3 is above max 2");
    assert_refused("a text.pattern pattern=( -- choice: x", "a: pattern '(': at character 2: missing closing parenthesis");
    assert_refused("a url.hash_blocklist words=12ab -- choice: x", "a: '12ab' is no MD5 or SHA-256 in hexadecimal digits");
    assert_refused("a image.hash_blocklist words=6c1fd52c961019f29e4aff02e2387768 -- choice: x", "a: '6c1fd52c961019f29e4aff02e2387768' is no SHA-256 in hexadecimal digits");
    assert_refused("a text.blocklist list=no-such-list -- choice: x", "a: list 'no-such-list': neither a file nor a list that comes with winnow");
    assert_refused("a text.has form=text -- choice: x", "a: asks for none of determiner, noun, preposition");
    assert_refused("a column.range column=Bad min=1 -- choice: x", "test.preset:1: a: column is 'Bad': no column can have that name");
    assert_refused("a text.words min=1 at=then -- choice: x",
                   "test.preset:1: a: at is 'then': expected one of text|counts|dup|image|dup2|score|last");
    assert_refused("a text.words min=1 if=x -- choice: x", "a: if=x: expected COLUMN:VALUE|VALUE");
}

static void test_rules_are_changed_left_out_and_selected_by_name(void **state)
{
    (void)state;
    struct chain chain = chain_of("a.x text.words min=1 -- choice: x\na.y text.chars min=1 -- choice: x\nb image.bytes min=5000 -- choice: x\n");
    assert_done(chain_assign(&chain, STR("a.x.min=4")));
    assert_int_equal(rule_value(chain.rules[0], "min")->number.units, 4);
    assert_int_equal(chain_assign(&chain, STR("c.min=4")), -1);
    assert_string_equal(fail_message(), "no rule 'c' here; did you mean 'b'?");
    assert_int_equal(chain_assign(&chain, STR("b")), -1);
    assert_done(chain_leave_out(&chain, STR("a")));
    assert_true(chain.rules[0]->left_out && chain.rules[1]->left_out && !chain.rules[2]->left_out);
    assert_int_equal(chain_leave_out(&chain, STR("nothing_like_it")), -1);
    chain_select(&chain, PLACE_TEXT);
    assert_true(chain.rules[2]->left_out);
    chain_free(&chain);
}

static bool has_text_alone(const void *context, struct str name)
{
    (void)context;
    return str_eq(name, STR("text")) || str_eq(name, STR("url"));
}

static void test_what_cannot_be_served_says_what_it_needs(void **state)
{
    (void)state;
    struct chain chain = chain_of("a text.words min=1 -- choice: x\n"
                                  "b image.bytes min=1 -- choice: x\n"
                                  "c score.range column=sim_b32 min=0.3 needs=clip-b32 -- choice: x\n"
                                  "d text.vocab needs=counts -- choice: x\n"
                                  "e corpus.first key=url -- choice: x\n"
                                  "f text.hypernyms -- choice: x\n"
                                  "g extract.pairs -- choice: x\n"
                                  "h text.words min=1 if=tag:NSFW -- choice: x\n"
                                  "i corpus.images_per_text max=10 -- choice: x\n");
    assert_done(chain_prepare(&chain, has_text_alone, NULL));
    struct buf lines;
    buf_init(&lines, 1 << 16);
    assert_int_equal(chain_unserved(&chain, &lines), 7);
    assert_string_equal(buf_c_string(&lines),
                        "b (image.bytes): the rows have no column bytes\n"
                        "c (score.range): the rows have no column sim_b32 (clip-b32)\n"
                        "d (text.vocab): needs list=FILE: words with their count behind a tab; or at=counts, for the input's own counts (counts)\n"
                        "e (corpus.first): run winnow dedup --by url instead\n"
                        "f (text.hypernyms): needs table=FILE: names, a tab, what they are; the text stays as it is\n"
                        "h (text.words): the rows have no column tag\n"
                        "i (corpus.images_per_text): needs --counts with a table of 'winnow count --what images-per-text'\n");
    assert_true(rule_is_asked(chain.rules[0]) && !rule_is_asked(chain.rules[6]));
    buf_free(&lines);
    chain_free(&chain);
}

static void test_presets_and_their_lists_are_found_by_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/winnow-preset-XXXXXX", path[PRESET_PATH_MAX], list[PRESET_PATH_MAX];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/mine.preset", folder);
    snprintf(list, sizeof list, "%s/bad.txt", folder);
    FILE *f = fopen(path, "w");
    fputs("no_bad  text.blocklist  list=bad.txt  -- choice: ours\n", f);
    fclose(f);
    f = fopen(list, "w");
    fputs("# a list\nugly\n\nbad\n", f);
    fclose(f);
    struct judged *j = judge_new();
    assert_done(preset_add(&j->chain, path));
    judge_ready(j);
    assert_dropped(j, "text", "an ugly duck");
    assert_kept(j, "text", "a list");
    judge_free(j);
    unlink(path);
    unlink(list);
    rmdir(folder);
    assert_int_equal(preset_find("laion400n", path), -1);
    assert_string_equal(fail_message(), "no preset 'laion400n'; did you mean 'laion400m'?");
    assert_int_equal(preset_find("/nowhere/x.preset", path), -1);
}

static void test_decimals_are_exact(void **state)
{
    (void)state;
    struct decimal d;
    assert_true(decimal_parse(STR("-2.50"), &d) == 0 && d.units == -250 && d.scale == 100);
    static const char *const wrong[] = {"", "-", ".", "1.", "1..2", "1e3", "+1", " 1", "0x1", "1.0000000000", "1234567890123456789"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(decimal_parse(str_from(wrong[i]), &d), -1);
    struct bounds b = {.has_high = true, .high = {3, 1}};
    assert_true(bounds_hold(&b, 3000000000000000000u, 1000000000000000000u));
    assert_false(bounds_hold(&b, 3000000000000000001u, 1000000000000000000u));
}

static void test_measured_shares_never_contradict_their_bound(void **state)
{
    (void)state;
    struct bounds b = {.has_high = true, .high = {3, 1}};
    for (uint64_t n = 1; n < 2000; n++) {
        struct filter_result r = {.kind = MEASURED_SHARE, .part = 3 * n * n + 1, .whole = n * n};
        struct buf out;
        buf_init(&out, 64);
        assert_done(filter_measured(&out, &r, &b));
        assert_true(strtod(buf_c_string(&out), NULL) > 3);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets_hold_the_published_rules_in_order),
        cmocka_unit_test(test_a_preset_prints_every_rule_with_its_source),
        cmocka_unit_test(test_values_may_be_quoted),
        cmocka_unit_test(test_wrong_lines_are_named_with_file_line_and_nearest_name),
        cmocka_unit_test(test_rules_are_changed_left_out_and_selected_by_name),
        cmocka_unit_test(test_what_cannot_be_served_says_what_it_needs),
        cmocka_unit_test(test_presets_and_their_lists_are_found_by_path),
        cmocka_unit_test(test_decimals_are_exact),
        cmocka_unit_test(test_measured_shares_never_contradict_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
