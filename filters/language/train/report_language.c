/* What a model of langid.c reaches on texts whose language is known: `language TAB source TAB text`.
 *
 *     report_language MODEL CLASSES.txt TEXTS.tsv...
 *
 * A line a label: texts, share of right answers when "unsure" is not allowed, share answered, share of those right; then the same of
 * all, and precision and recall of English by its probability. Languages count as the label that CLASSES gives them, else as "other".
 */
#include "filters/language/langid.h"
#include "filters/language/train/treebank.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdio.h>

enum { LABELS_MOST = 128 };
struct tally {
    struct str label;
    size_t texts, best, answered, right;
};
struct report {
    struct tally tallies[LABELS_MOST], all;
    unsigned count;
    size_t english;
    struct limited {
        double least;
        size_t told, right;
    } limits[4]; /* English told where its probability is at least that */
};

static struct str label_of(struct str classes, struct str language)
{
    while (classes.n) {
        struct str line = str_cut(&classes, '\n'), label = str_cut(&line, ' ');
        if (label.n && label.p[0] == '#') continue;
        for (struct str name = label; name.n; name = str_cut(&line, ' '))
            if (str_eq(name, language)) return str_starts(label, STR("other")) ? STR("other") : label;
    }
    return STR("other");
}

static struct tally *tally_of(struct report *r, struct str label)
{
    unsigned i = 0;
    while (i < r->count && !str_eq(r->tallies[i].label, label)) i++;
    if (i == LABELS_MOST) return &r->all;
    if (i == r->count) r->tallies[r->count++] = (struct tally){.label = label};
    return &r->tallies[i];
}

static void add(struct tally *t, const struct langid_answer *a, struct str truth)
{
    bool sure = !str_eq(a->label, STR("unsure"));
    t->texts++;
    t->best += str_eq(a->best, truth);
    t->answered += sure;
    t->right += sure && str_eq(a->label, truth);
}

static void add_english(struct report *r, const struct langid_answer *a, bool english)
{
    r->english += english;
    for (struct limited *l = r->limits; l < r->limits + sizeof r->limits / sizeof *r->limits; l++) {
        bool told = str_eq(a->label, STR("en")) && (double)a->p >= l->least;
        l->told += told;
        l->right += told && english;
    }
}

static void print(const struct tally *t)
{
    printf("%.*s\t%zu\t%.4f\t%.4f\t%.4f\n", STR_ARG(t->label), t->texts, (double)t->best / (double)t->texts,
           (double)t->answered / (double)t->texts, (double)t->right / (double)t->answered);
}

static int report(int argc, char **argv)
{
    static struct report r = {.all.label = {"all", 3}, .limits = {{.least = 0.5}, {.least = 0.7}, {.least = 0.9}, {.least = 0.95}}};
    if (argc < 4) return fail_usage("expected: report_language MODEL CLASSES.txt TEXTS.tsv...");
    struct langid *model = langid_open(argv[1]);
    struct buf classes, texts;
    buf_init(&classes, 1 << 20);
    buf_init(&texts, 1 << 30);
    int result = model ? buf_read_file(&classes, argv[2]) : -1;
    for (int i = 3; i < argc && result == 0; i++) result = read_maybe_zstd(&texts, argv[i]);
    for (struct str rest = buf_str(&texts); result == 0 && rest.n;) {
        struct str line = str_cut(&rest, '\n'), truth = label_of(buf_str(&classes), str_cut(&line, '\t'));
        str_cut(&line, '\t');
        if (!utf8_valid(line)) continue;
        struct langid_answer answer;
        langid_identify(model, line, &answer);
        add(tally_of(&r, truth), &answer, truth);
        add(&r.all, &answer, truth);
        add_english(&r, &answer, str_eq(truth, STR("en")));
    }
    puts("label\ttexts\tbest right\tanswered\tright of answered");
    for (unsigned i = 0; result == 0 && i < r.count; i++) print(&r.tallies[i]);
    if (result == 0) print(&r.all);
    for (struct limited *l = r.limits; result == 0 && l < r.limits + sizeof r.limits / sizeof *r.limits; l++)
        printf("English from p %.2f on: precision %.4f, recall %.4f, others called English %.4f\n", l->least, (double)l->right / (double)l->told,
               (double)l->right / (double)r.english, (double)(l->told - l->right) / (double)(r.all.texts - r.english));
    buf_free(&classes);
    buf_free(&texts);
    langid_close(model);
    return result;
}

int main(int argc, char **argv)
{
    if (report(argc, argv) == 0) return 0;
    fprintf(stderr, "report_language: %s\n", fail_message());
    return 1;
}
