/* Every filter there is. Sources of the rules that use them stand in the presets; measures in table.h and filter-rules §1. */
#include "filters/table.h"

#include "filters/column_filters.h"
#include "filters/counts/rules.h"
#include "filters/language/synsets.h"
#include "filters/learn/learn.h"
#include "filters/picture/picture_filters.h"
#include "filters/text/text_filters.h"
#include "filters/url/url_filters.h"
#include "pipeline/base/fail.h"

#define END {NULL, FILTER_TEXT, NULL, "", NULL, ""}
#define PARAMETERS(...) .parameters = (const struct filter_parameter[]){__VA_ARGS__, END}

#define FORM {"form", FILTER_CHOICE, "text", "", "text|stored|laion|folded|redcaps", "which form of the text is read"}
#define SPLIT(initial) {"split", FILTER_CHOICE, initial, "", "ws|ft|nlp|uni|obew", "what a word is"}
#define COUNT(name, unit, what) {name, FILTER_COUNT, NULL, unit, NULL, what}
#define DECIMAL(name, what) {name, FILTER_DECIMAL, NULL, "", NULL, what}
#define MIN(unit) COUNT("min", unit, "least that is kept")
#define MAX(unit) COUNT("max", unit, "most that is kept")
#define MIN_SHARE DECIMAL("min", "least that is kept")
#define MAX_SHARE DECIMAL("max", "most that is kept")
#define STRICT {"strict", FILTER_FLAG, "0", "", NULL, "1: the bound itself is dropped"}
#define LIST(initial) {"list", FILTER_LIST, initial, "", NULL, "file of entries, one a line"}
#define EXCEPT(what) {"except", FILTER_LIST, NULL, "", NULL, what}
#define WORDS {"words", FILTER_WORDS, NULL, "", NULL, "entries, separated by commas"}
#define CASE(initial) {"case", FILTER_FLAG, initial, "", NULL, "1: upper and lower case differ"}
#define PATTERN {"pattern", FILTER_TEXT, NULL, "", NULL, "a regular expression (PCRE2)"}
#define KEEP {"keep", FILTER_CHOICE, "none", "", "none|match", "keep texts without a match, or those with one"}
#define OF {"of", FILTER_CHOICE, "url", "", "url|raw", "the resolved URL, or as the page wrote it"}
#define COLUMN(what) {"column", FILTER_COLUMN, NULL, "", NULL, what}
#define BORDERS                                                                                                                   \
    {"borders", FILTER_CHOICE, "spaces", "", "spaces|worldwide", "what parts words: spaces, or none in scripts without them"}
#define TAGGER {"tagger", FILTER_TEXT, NULL, "", NULL, "english (trained) or wordnet (closed classes); english"}

static const struct filter table[] = {
    /* ---- text ---- */
    {"text.chars", "code points of the text (Python's len): min <= n <= max", PLACE_TEXT, FILTER_CHEAP, {"text"},
     PARAMETERS(FORM, MIN("code points"), MAX("code points")), .decide = text_chars_decide},
    {"text.words", "words of the text: min <= n <= max", PLACE_TEXT, FILTER_CHEAP, {"text"},
     PARAMETERS(FORM, SPLIT("ws"), MIN("words"), MAX("words")), .decide = text_words_decide},
    {"text.clean", "makes another project's form of the text; with write=1 it becomes the row's text; drops nothing", PLACE_TEXT,
     FILTER_CHEAP, {"text"}, PARAMETERS(FORM, {"write", FILTER_FLAG, "0", "", NULL, "1: the text is replaced"}),
     .prepare = text_clean_prepare, .decide = text_clean_decide, .changes_text = true},
    {"text.unique_ratio", "distinct words / words, in lower case, without those of a list: >= min", PLACE_TEXT, FILTER_COSTLY,
     {"text"}, PARAMETERS(FORM, SPLIT("nlp"), MIN_SHARE, LIST(NULL)), .prepare = text_unique_ratio_prepare,
     .decide = text_unique_ratio_decide,
     .release = text_phrases_release},
    {"text.repetition", "(words - distinct words) / words, in lower case: <= max", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("nlp"), MAX_SHARE), .decide = text_repetition_decide},
    {"text.char_ngram_rep", "share of the most frequent n-grams of characters (OBELICS' formula): <= max", PLACE_TEXT,
     FILTER_COSTLY,
     {"text"}, PARAMETERS(FORM, {"n", FILTER_COUNT, "10", "code points", NULL, "length of an n-gram"}, MAX_SHARE),
     .decide = text_char_ngram_rep_decide},
    {"text.word_ngram_rep", "share of the n-grams of words that occur more than once: <= max", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("obew"), {"n", FILTER_COUNT, "5", "words", NULL, "length of an n-gram"}, MAX_SHARE),
     .decide = text_word_ngram_rep_decide},
    {"text.first_upper", "the first letter is not a small one; scripts without case pass", PLACE_TEXT, FILTER_CHEAP, {"text"},
     PARAMETERS(FORM), .decide = text_first_upper_decide, .bound = "no small letter first"},
    {"text.cap_ratio", "words that begin with a capital / words: <= max", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("nlp"), MAX_SHARE), .decide = text_cap_ratio_decide},
    {"text.has", "the asked parts of speech are all present", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, {"determiner", FILTER_FLAG, "0", "", NULL, "1: needs one"},
                {"noun", FILTER_FLAG, "0", "", NULL, "1: needs one"},
                {"preposition", FILTER_FLAG, "0", "", NULL, "1: needs one"}, TAGGER),
     .prepare = text_tags_prepare, .decide = text_has_decide},
    {"text.noun_ratio", "nouns / words: <= max", PLACE_TEXT, FILTER_COSTLY, {"text"}, PARAMETERS(FORM, MAX_SHARE, TAGGER),
     .prepare = text_tags_prepare, .decide = text_noun_ratio_decide},
    {"text.vocab", "every word, in lower case, has at least min_count in a list of counts; at=counts without a list: in the input itself", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, LIST(NULL), {"min_count", FILTER_COUNT, "1", "occurrences", NULL, "least count"},
                {"bigrams", FILTER_CHOICE, "0", "", "0|1|auto", "pairs of neighbours too; auto: where more than 10^9 words were counted"},
                {"top", FILTER_COUNT, "0", "words and pairs", NULL, "of the input's own, together: only so many of the most frequent are known, and those as frequent as the last; 0: all"},
                {"numbers_pass", FILTER_FLAG, "1", "", NULL, "words without a letter need no count"}),
     .prepare = text_vocab_prepare, .decide = text_vocab_decide, .release = text_phrases_release},
    {"text.language", "the language of the text is one of `lang` (without `lang`: told in the column `language`, nothing dropped)", PLACE_TEXT,
     FILTER_COSTLY, {NULL},
     PARAMETERS(FORM, {"model", FILTER_LIST, NULL, "", NULL, "fastText's .bin or .ftz, or a model of winnow's; winnow's own"},
                {"lang", FILTER_WORDS, NULL, "", NULL, "labels that are kept"}, DECIMAL("min_p", "least probability"),
                {"named", FILTER_WORDS, NULL, "", NULL, "told are these labels alone; others are \"other\", and \"none\" what is unsure or below min_p"},
                {"lower", FILTER_FLAG, "0", "", NULL, "1: the text in lower case is asked about"},
                COLUMN("column with the label, instead of a model"),
                {"p_column", FILTER_COLUMN, NULL, "", NULL, "column with its probability, or 1 where a detector calls itself sure"}),
     .prepare = text_language_prepare, .decide = text_language_decide},
    {"text.blocklist", "no entry of a list occurs", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, LIST(NULL), WORDS,
                {"match", FILTER_CHOICE, "token", "", "token|padded|substring",
                 "whole words; \" entry \" in \" text \"; anywhere"}, CASE("0"),
                EXCEPT("file of entries within which nothing counts as a hit")),
     .prepare = text_blocklist_prepare, .decide = text_blocklist_decide, .release = text_blocklist_release},
    {"text.crop", "cuts phrases of a list off both ends of the text; drops nothing", PLACE_TEXT, FILTER_CHEAP, {"text"},
     PARAMETERS(LIST(NULL), WORDS, EXCEPT("file of longer phrases, in which nothing is cut")), .prepare = text_boilerplate_prepare,
     .decide = text_crop_decide, .changes_text = true, .finds = true},
    {"text.edge_drop", "neither begins nor ends with a phrase of a list", PLACE_TEXT, FILTER_CHEAP, {"text"},
     PARAMETERS(FORM, LIST(NULL), WORDS, EXCEPT("file of longer phrases, which pass")), .prepare = text_boilerplate_prepare,
     .decide = text_edge_drop_decide},
    {"text.pattern", "no regular expression matches (or, with keep=match, one does)", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, LIST(NULL), PATTERN, CASE("0"), KEEP), .prepare = text_pattern_prepare, .decide = text_pattern_decide,
     .release = text_patterns_release},
    {"text.sentiment", "polarity between -1 and 1 by a list of valences: min <= s <= max", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("nlp"), LIST(NULL), MIN_SHARE, MAX_SHARE), .prepare = text_sentiment_prepare,
     .decide = text_sentiment_decide,
     .release = text_sentiment_release},
    {"text.special_ratio", "special characters (punctuation, digits, spaces, symbols, emoji) / code points: <= max", PLACE_TEXT,
     FILTER_COSTLY, {"text"}, PARAMETERS(FORM, MAX_SHARE), .decide = text_special_ratio_decide},
    {"text.stopword_ratio", "stop words / words: >= min", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("obew"), LIST("stopwords-en"), MIN_SHARE), .prepare = text_word_share_prepare,
     .decide = text_word_share_decide,
     .release = text_phrases_release},
    {"text.flagged_ratio", "words of a list / words: <= max", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("obew"), LIST(NULL), MAX_SHARE), .prepare = text_word_share_prepare, .decide = text_word_share_decide,
     .release = text_phrases_release},
    {"text.common_ratio", "words of a list of common ones / words: >= min", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("obew"), LIST(NULL), MIN_SHARE), .prepare = text_word_share_prepare, .decide = text_word_share_decide,
     .release = text_phrases_release},
    {"text.punct_ratio", "marks , ; : ? ! . / (words and marks): >= min", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, MIN_SHARE, {"min_items", FILTER_COUNT, "12", "words and marks", NULL, "texts with fewer are kept"}),
     .decide = text_punct_ratio_decide},
    {"text.entries", "entries of a list that the text holds (MetaCLIP): min <= n <= max", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, LIST(NULL), BORDERS, {"min", FILTER_COUNT, "1", "entries", NULL, "least that is kept"}, MAX("entries")),
     .prepare = text_entries_prepare, .decide = text_entries_decide, .release = text_entries_release},
    {"text.synset", "the first WordNet synset of some word is in a list of synsets (DataComp)", PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, SPLIT("ws"), LIST(NULL), {"wordnet", FILTER_TEXT, SYNSETS_FOLDER, "", NULL, "folder of WordNet 3.0"}),
     .prepare = text_synset_prepare, .decide = text_synset_decide, .release = text_synset_release},
    {"text.hypernyms", "replaces names by what they are (\"Harrison Ford\" -> \"actor\"), as CC3M did; drops nothing but, with `least`, what is too short then", PLACE_TEXT,
     FILTER_COSTLY, {"text"}, PARAMETERS({"table", FILTER_LIST, NULL, "", NULL, "names, a tab, what they are; WordNet's names come behind it"},
                COUNT("least", "words", "texts of fewer are dropped")),
     .prepare = text_hypernyms_prepare, .decide = text_hypernyms_decide, .release = text_hypernyms_release, .changes_text = true, .finds = true,
     .names_entities = true},
    {"text.person_names", "replaces each name of a person by <PERSON>; drops nothing", PLACE_TEXT, FILTER_COSTLY, {"text"},
     .prepare = text_person_names_prepare, .decide = text_person_names_decide, .changes_text = true, .finds = true},
    {"text.pii", "addresses and numbers of persons in the text: <= most (without it: counted); with mask=1 each becomes [EMAIL], [PHONE] ...",
     PLACE_TEXT, FILTER_COSTLY, {"text"},
     PARAMETERS(FORM, COUNT("most", "findings", "more are dropped"), {"kinds", FILTER_WORDS, "email,phone,card,ipv4,iban,ssn,id", "", NULL, "which of them"},
                {"mask", FILTER_FLAG, "0", "", NULL, "1: the text is rewritten"}),
     .prepare = text_pii_prepare, .decide = text_pii_decide, .changes_text = true, .finds = true},

    /* ---- URLs ---- */
    {"url.contains", "no string of a list occurs in the URL, upper and lower case apart", PLACE_TEXT, FILTER_CHEAP, {"url"},
     PARAMETERS(OF, LIST(NULL), WORDS), .prepare = url_contains_prepare, .decide = url_contains_decide,
     .release = url_contains_release},
    {"url.pattern", "no regular expression matches the URL (or, with keep=match, one does)", PLACE_TEXT, FILTER_COSTLY, {"url"},
     PARAMETERS(LIST(NULL), PATTERN, CASE("0"), KEEP), .prepare = text_pattern_prepare, .decide = url_pattern_decide,
     .release = text_patterns_release},
    {"url.extension", "the path's ending is one of `allow`", PLACE_TEXT, FILTER_CHEAP, {"url"},
     PARAMETERS(OF, {"allow", FILTER_WORDS, "png,jpeg,jpg", "", NULL, "endings without the dot"}), .prepare = url_extension_prepare,
     .decide = url_extension_decide},
    {"url.length", "code points of the URL: min <= n <= max", PLACE_TEXT, FILTER_CHEAP, {"url"},
     PARAMETERS(OF, MIN("code points"), MAX("code points")), .decide = url_length_decide},
    {"url.host_length", "code points of the host: min <= n <= max", PLACE_TEXT, FILTER_CHEAP, {"url"},
     PARAMETERS(OF, MIN("code points"), MAX("code points")), .decide = url_host_length_decide},
    {"url.valid", "an absolute URL of one of `schemes` as Django's validator has it", PLACE_TEXT, FILTER_CHEAP, {"url"},
     PARAMETERS(OF, {"schemes", FILTER_WORDS, "http,https", "", NULL, "schemes that are kept"}), .prepare = url_valid_prepare,
     .decide = url_valid_decide},
    {"url.host_blocklist", "neither the host nor a domain above it, down to the registrable one, is listed", PLACE_TEXT,
     FILTER_CHEAP,
     {"url"}, PARAMETERS(OF, LIST(NULL), WORDS), .prepare = url_host_blocklist_prepare, .decide = url_host_blocklist_decide,
     .release = text_phrases_release},
    {"url.hash_blocklist", "the URL's MD5 or SHA-256 is not listed", PLACE_TEXT, FILTER_COSTLY, {"url"}, PARAMETERS(OF, LIST(NULL), WORDS),
     .prepare = url_hash_blocklist_prepare, .decide = url_hash_blocklist_decide, .release = hash_blocklist_release},

    /* ---- pictures ---- */
    {"image.bytes", "bytes of the picture as it came: min <= n <= max", PLACE_IMAGE, FILTER_CHEAP, {"bytes"},
     PARAMETERS(MIN("bytes"), MAX("bytes")), .decide = image_bytes_decide},
    {"image.format", "what the first bytes say the picture is, is one of `allow`", PLACE_IMAGE, FILTER_CHEAP, {"format"},
     PARAMETERS({"allow", FILTER_WORDS, "jpeg,png,webp,gif", "", NULL, "formats; jpg is jpeg"}), .prepare = image_format_prepare,
     .decide = image_format_decide},
    {"image.min_side", "the shorter side: >= min (> min when strict)", PLACE_IMAGE, FILTER_CHEAP, {"width", "height"},
     PARAMETERS(MIN("pixels"), STRICT), .decide = image_min_side_decide},
    {"image.max_side", "the longer side: <= max (< max when strict)", PLACE_IMAGE, FILTER_CHEAP, {"width", "height"},
     PARAMETERS(MAX("pixels"), STRICT), .decide = image_max_side_decide},
    {"image.aspect", "longer side / shorter side: <= max (< max when strict)", PLACE_IMAGE, FILTER_CHEAP, {"width", "height"},
     PARAMETERS(MAX_SHARE, STRICT), .decide = image_aspect_decide},
    {"image.pixels", "width x height: min <= n <= max", PLACE_IMAGE, FILTER_CHEAP, {"width", "height"},
     PARAMETERS(MIN("pixels"), MAX("pixels")), .decide = image_pixels_decide},
    {"image.phash_list", "the perceptual hash is not listed", PLACE_IMAGE, FILTER_CHEAP, {"phash"}, PARAMETERS(LIST(NULL)),
     .prepare = image_phash_list_prepare, .decide = image_phash_list_decide, .release = text_phrases_release},
    {"image.hash_blocklist", "the SHA-256 of the picture's bytes as they came is not listed", PLACE_IMAGE, FILTER_CHEAP, {"sha256"},
     PARAMETERS(LIST(NULL), WORDS), .prepare = image_hash_blocklist_prepare, .decide = image_hash_blocklist_decide,
     .release = hash_blocklist_release},
    {"picture.blank", "the picture shows nothing (one colour, a spacer, a tile that says so), as winnow score --classifier blank has it: <= max",
     PLACE_SCORE, FILTER_CHEAP, {"p_blank_builtin"}, PARAMETERS({"max", FILTER_DECIMAL, "0.5", "", NULL, "most that is kept"}),
     .decide = score_range_decide},
    {"image.nested_dup", "perceptual hash further than `distance` from those kept on the same page", PLACE_IMAGE,
     FILTER_COSTLY, {"phash"},
     PARAMETERS(COUNT("distance", "bits", "as near is a duplicate")),
     .unserved = "needs the pictures of a page together, which this version does not gather"},

    /* ---- the whole input ---- */
    {"corpus.texts_per_image", "distinct texts that the image has in the input: <= max", PLACE_COUNTS, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column with the count; without it the tables of --counts are asked"),
                {"by", FILTER_CHOICE, "url", "", "url|sha256", "what makes two images one"}, MAX("texts")),
     .prepare = corpus_count_prepare, .decide = corpus_count_decide},
    {"corpus.images_per_text", "images that the text has in the input: <= max", PLACE_COUNTS, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column with the count; without it the tables of --counts are asked"),
                {"form", FILTER_CHOICE, "text", "", "text|folded", "the text as extract made it, or as stored with white space folded"},
                MAX("images")),
     .prepare = corpus_count_prepare, .decide = corpus_count_decide},
    {"corpus.url_count", "occurrences of the image's URL in the input: <= max", PLACE_COUNTS, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column with the count; without it the tables of --counts are asked"), MAX("occurrences")),
     .prepare = corpus_count_prepare, .decide = corpus_count_decide},
    {"corpus.entity_count", "every entity that names of the text became occurs at least min times in the rows that were counted", PLACE_LAST,
     FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column with the smallest count; without it the table of entities of --counts is asked"), MIN("occurrences")),
     .prepare = corpus_entities_prepare, .decide = corpus_entities_decide},
    {"corpus.first", "the first occurrence of a key", PLACE_DUP, FILTER_CHEAP, {NULL},
     PARAMETERS({"key", FILTER_TEXT, "url+text", "", NULL, "columns joined by +"}), .prepare = corpus_first_prepare,
     .unserved = "done by winnow dedup"},
    {"corpus.balance", "a text stays with the chance that the counts of its entries give it (MetaCLIP)", PLACE_LAST, FILTER_COSTLY,
     {"text"},
     PARAMETERS(FORM, {"t", FILTER_COUNT, "20000", "texts", NULL, "entries of up to so many texts keep all of them"},
                {"seed", FILTER_COUNT, "0", "", NULL, "of the coins"}, LIST(NULL), BORDERS,
                {"counts", FILTER_CHOICE, "input", "", "input|list", "counted over the input, which is walked twice, or told by the list"}),
     .prepare = corpus_balance_prepare, .decide = corpus_balance_decide, .release = corpus_balance_release,
     .learning = &corpus_balance_learning},

    /* ---- columns and scores ---- */
    {"column.range", "the number in a column: min <= x <= max", PLACE_LAST, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column"), MIN_SHARE, MAX_SHARE, STRICT,
                {"absent", FILTER_CHOICE, "drop", "", "drop|keep", "rows without a value"}),
     .prepare = column_prepare, .decide = column_range_decide},
    {"column.label", "the value of a column is one of `allow`, none of `deny`", PLACE_LAST, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column"), {"allow", FILTER_WORDS, NULL, "", NULL, "values that are kept"},
                {"deny", FILTER_WORDS, NULL, "", NULL, "values that are dropped"}),
     .prepare = column_label_prepare, .decide = column_label_decide},
    {"score.range", "a model's score: min <= x <= max", PLACE_SCORE, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column that winnow score makes"), {"plus", FILTER_COLUMN, NULL, "", NULL, "a second column, added to it"},
                MIN_SHARE, MAX_SHARE, STRICT),
     .prepare = score_range_prepare, .decide = score_range_decide},
    {"score.label", "a model's label is one of `allow`, none of `deny`; without either it is told, nothing dropped", PLACE_SCORE,
     FILTER_CHEAP, {NULL}, PARAMETERS(COLUMN("column that winnow score makes"),
                {"allow", FILTER_WORDS, NULL, "", NULL, "labels that are kept"},
                                      {"deny", FILTER_WORDS, NULL, "", NULL, "labels that are dropped"}),
     .prepare = column_label_prepare, .decide = column_label_decide},
    {"score.best", "a model's score is among the best share of the pool, or at least t where that is known; ties at the bound stay",
     PLACE_SCORE, FILTER_CHEAP, {NULL}, PARAMETERS(COLUMN("column that winnow score makes"),
                DECIMAL("share", "part of the pool that stays; the rows are walked twice"), DECIMAL("t", "the bound, when it is known")),
     .prepare = score_best_prepare, .decide = score_best_decide, .release = score_best_release,
     .learning = &score_best_learning},
    {"score.choose_text", "the text that winnow score --choose-text chose is near enough to the picture: its score is >= min",
     PLACE_SCORE, FILTER_CHEAP, {NULL}, PARAMETERS(COLUMN("column that winnow score makes"), MIN_SHARE, STRICT),
     .prepare = score_choose_text_prepare, .decide = column_range_decide},
    {"score.label_overlap", "labels of the picture whose words, stemmed, stand in the text: >= min", PLACE_SCORE, FILTER_COSTLY,
     {"text"},
     PARAMETERS(COLUMN("column with the first of the labels that winnow score --classes LIST gave; the others' are found beside it"),
                {"min", FILTER_COUNT, "1", "labels", NULL, "least that is kept"}),
     .prepare = score_label_overlap_prepare, .decide = score_label_overlap_decide},
    {"score.test_dedup", "the largest cosine with a picture of the test sets: <= max", PLACE_SCORE, FILTER_CHEAP, {NULL},
     PARAMETERS(COLUMN("column with it, which another program made"), MAX_SHARE), .prepare = column_prepare,
     .decide = column_range_decide},

    /* ---- what other commands have done by then ---- */
    {"extract.pairs", "an image with a text", PLACE_TEXT, FILTER_CHEAP, {NULL}, .done_by = "extract"},
    {"fetch.timeouts", "the picture came in time", PLACE_IMAGE, FILTER_CHEAP, {NULL}, .done_by = "fetch"},
};

static const struct filter_parameter common[] = {
    {"at", FILTER_CHOICE, NULL, "", "text|counts|dup|image|dup2|score|last", "another place than the filter's own"},
    {"if", FILTER_TEXT, NULL, "", NULL, "COLUMN:VALUE|VALUE: rows without one of these values pass"},
    {"needs", FILTER_TEXT, NULL, "", NULL, "the model or list that the rule needs, for the message when it is not there"},
};

static const char *const place_names[PLACES] = {"text", "counts", "dup", "image", "dup2", "score", "last"};

const char *filter_place_name(enum filter_place place) { return place_names[place]; }

int filter_place_find(struct str name, enum filter_place *place)
{
    for (int i = 0; i < PLACES; i++)
        if (str_eq(name, str_from(place_names[i]))) {
            *place = (enum filter_place)i;
            return 0;
        }
    return fail_usage("no place '%.*s': text, counts, dup, image, dup2, score or last", STR_ARG(name));
}

const struct filter *filter_table(size_t *count)
{
    *count = sizeof table / sizeof *table;
    return table;
}

const struct filter_parameter *filter_parameter_common(size_t i) { return i < sizeof common / sizeof *common ? &common[i] : NULL; }

const struct filter *filter_find(struct str name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (str_eq(name, str_from(table[i].name))) return &table[i];
    return NULL;
}

const char *filter_nearest(struct str name)
{
    const char *near = NULL;
    size_t best = 5;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t distance = str_distance(name, str_from(table[i].name));
        if (distance < best) best = distance, near = table[i].name;
    }
    return near;
}

static void print_parameter(FILE *out, const struct filter_parameter *p)
{
    fprintf(out, "      %-14s %s", p->name, p->what);
    if (p->choices) fprintf(out, ": %s", p->choices);
    if (p->unit[0]) fprintf(out, " (%s)", p->unit);
    if (p->initial) fprintf(out, " [%s]", p->initial);
    fputc('\n', out);
}

void filters_print_table(FILE *out)
{
    fputs("Filters, in the order of the places where they are asked. Defaults stand in [ ].\n", out);
    for (int place = 0; place < PLACES; place++) {
        fprintf(out, "\nat %s:\n", place_names[place]);
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            const struct filter *f = &table[i];
            if (f->place != (enum filter_place)place) continue;
            fprintf(out, "\n  %s\n      %s\n", f->name, f->what);
            if (f->unserved) fprintf(out, "      unserved: %s\n", f->unserved);
            if (f->done_by) fprintf(out, "      done by winnow %s\n", f->done_by);
            for (const struct filter_parameter *p = f->parameters; p && p->name; p++) print_parameter(out, p);
        }
    }
    fputs("\nEvery filter also takes\n", out);
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) print_parameter(out, &common[i]);
}
