/* Texts from which the model of langid.c learns, and held-out ones that tell how sure it may be.
 *
 *     static struct samples s = {.random = SEED};
 *     samples_classes(&s, "classes.txt"), samples_texts(&s, "texts.tsv.zst"), samples_words(&s, "da=small_da.msgpack.gz") ...
 *     samples_ready(&s);
 *     samples_draw(&s, &text, &class);                   as often as wanted; `text` is good until the next
 *     for (size_t at = 0; samples_held(&s, &at, words, &text, &class);) ...
 *
 * A drawn sample is a run of two to fifteen words of a random line, most often five, or one to nine words drawn by their frequency from
 * the language's list, or, where it has none, from its lines at random; languages come nearly alike often, whatever the number of their
 * lines, English more often. Some samples lose their accents, or the letters that
 * have them, as texts do that went through a wrong charset; names are put around some, and a few English words into some that are not
 * English, since neither says much of the language around them.
 *
 * Held out, and never drawn: the Declaration of Human Rights (source "udhr") of languages that have other texts enough, and one line
 * in 64 of the other texts, one in 16 of English.
 */
#ifndef WINNOW_LANGUAGE_SAMPLES_H
#define WINNOW_LANGUAGE_SAMPLES_H

#include "filters/text/wordlist.h"
#include "pipeline/base/buf.h"

enum { CLASSES_MOST = 128, LANGUAGES_MOST = 256, SAMPLE_FILES_MOST = 16 };

struct sample_line {
    struct str text;
    bool held, declaration;
};
struct sample_language {
    struct str name;
    unsigned class;
    struct sample_line *lines; /* those to draw from first, once ready */
    size_t count, room, drawn;
    struct wordlist words;
    double *rising;            /* of the words: sums of what each is drawn by */
};

struct samples {
    struct buf files[SAMPLE_FILES_MOST];
    unsigned file_count;
    struct buf class_file;
    struct str class_names[CLASSES_MOST]; /* the first is "other" */
    unsigned classes;
    struct sample_language languages[LANGUAGES_MOST];
    unsigned language_count;
    const struct sample_language *english;
    double share[LANGUAGES_MOST];         /* rising: of the draw */
    struct buf names_file;
    struct str *names;
    size_t name_count;
    struct buf sample, run;
    uint64_t random;
};

int samples_classes(struct samples *s, const char *path);        /* first of all */
int samples_texts(struct samples *s, const char *path);          /* `language TAB source TAB text` */
int samples_english(struct samples *s, const char *path);        /* lines, or the "# text = " of a treebank */
int samples_names(struct samples *s, const char *path);          /* a name a line */
int samples_words(struct samples *s, const char *language_path); /* "language=path": of a language that has texts */
int samples_ready(struct samples *s);
int samples_draw(struct samples *s, struct str *text, unsigned *class);

/* The next held-out text of that many words (of three characters each where there are no spaces), from *at on; false at the end.
 * A language gives at most HELD_TEXTS_MOST. */
enum { HELD_TEXTS_MOST = 300 };
struct held_place {
    unsigned language;
    size_t line, offset, given;
};
bool samples_held(const struct samples *s, struct held_place *at, unsigned words, struct str *text, unsigned *class);

#endif
