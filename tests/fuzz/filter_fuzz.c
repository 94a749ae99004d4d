/* Presets of any bytes, and every filter over cells of any bytes.
 *
 * First byte even: the rest is a preset. Odd: the rest is cells, separated by 0xFF bytes, in the order of the chain's columns.
 * What must hold: no crash, no failure but a sentence, the same answer when asked twice, a text that rules made is valid UTF-8. */
#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

static const char every_filter[] =
    "a1 text.chars min=1 max=50 -- choice: x\n"
    "a2 text.chars form=stored min=1 -- choice: x\n"
    "a3 text.chars form=laion min=1 -- choice: x\n"
    "a4 text.chars form=folded min=1 -- choice: x\n"
    "b1 text.words split=ws min=1 -- choice: x\n"
    "b2 text.words split=ft min=1 -- choice: x\n"
    "b3 text.words split=nlp min=1 -- choice: x\n"
    "b4 text.words split=uni min=1 form=folded -- choice: x\n"
    "b5 text.words split=obew min=1 -- choice: x\n"
    "c1 text.unique_ratio min=0.5 list=stopwords-en -- choice: x\n"
    "c2 text.repetition max=0.5 -- choice: x\n"
    "c3 text.char_ngram_rep max=0.1 -- choice: x\n"
    "c4 text.word_ngram_rep max=0.1 -- choice: x\n"
    "d1 text.first_upper -- choice: x\n"
    "d2 text.cap_ratio max=0.5 -- choice: x\n"
    "d3 text.has noun=1 determiner=1 preposition=1 -- choice: x\n"
    "d4 text.noun_ratio max=0.5 -- choice: x\n"
    "e1 text.vocab list=stopwords-en min_count=0 bigrams=1 -- choice: x\n"
    "e2 text.blocklist list=boilerplate-drop match=token -- choice: x\n"
    "e3 text.blocklist list=boilerplate-drop match=padded -- choice: x\n"
    "e4 text.blocklist list=boilerplate-drop match=substring -- choice: x\n"
    "e5 text.edge_drop list=boilerplate-drop -- choice: x\n"
    "e6 text.pattern list=file-names -- choice: x\n"
    "e7 text.sentiment list=stopwords-en max=0.5 -- choice: x\n"
    "f1 text.special_ratio max=0.5 -- choice: x\n"
    "f2 text.stopword_ratio min=0.5 -- choice: x\n"
    "f3 text.punct_ratio min=0.5 -- choice: x\n"
    "g1 text.crop list=boilerplate-crop -- choice: x\n"
    "g2 text.words split=nlp max=5 -- choice: x\n"
    "g3 text.clean form=laion write=1 -- choice: x\n"
    "h1 url.contains words=.svg,javascript: -- choice: x\n"
    "h2 url.extension of=raw -- choice: x\n"
    "h3 url.length max=50 of=raw -- choice: x\n"
    "h4 url.host_length max=10 of=raw -- choice: x\n"
    "h5 url.valid of=raw -- choice: x\n"
    "h6 url.host_blocklist words=example.com of=raw -- choice: x\n"
    "h7 url.pattern pattern=[a-z]+\\d -- choice: x\n"
    "i1 image.bytes min=5 -- choice: x\n"
    "i2 image.format -- choice: x\n"
    "i3 image.min_side min=5 -- choice: x\n"
    "i4 image.aspect max=2.5 -- choice: x\n"
    "i5 image.pixels max=100 -- choice: x\n"
    "j1 column.range column=score min=-1.5 max=2 strict=1 -- choice: x\n"
    "j2 column.label column=label allow=a,b -- choice: x\n"
    "j3 text.language column=label lang=en p_column=score min_p=0.5 -- choice: x\n"
    "j4 text.language column=label named=en -- choice: x\n"
    "j5 score.label_overlap column=zs_nouns_b32 if=language:en|other -- choice: x\n"
    "k1 text.edge_drop list=boilerplate-drop except=boilerplate-drop-exceptions -- choice: x\n"
    "k2 text.pii mask=1 -- choice: x\n"
    "k3 text.crop list=boilerplate-crop except=boilerplate-crop-exceptions at=text -- choice: x\n";

static struct chain chain;
static struct filter_row *row;

static void check(int result)
{
    if (result == 0) return;
    fprintf(stderr, "%s\n", fail_message());
    abort();
}

static void prepare(void)
{
    setenv("WINNOW_PRESETS", "filters/presets", 0);
    check(chain_init(&chain));
    check(preset_parse(&chain, "fuzz", str_from(every_filter)));
    check(chain_prepare(&chain, NULL, NULL));
    row = filter_row_new(&chain);
    if (!row) check(-1);
}

static struct str cells_at[CHAIN_COLUMNS];

static void judge(struct buf *told)
{
    static struct rule_counts counts[CHAIN_RULES];
    struct chain_outcome outcome;
    filter_row_begin(row);
    memcpy(row->cells, cells_at, sizeof cells_at);
    check(chain_judge(&chain, row, true, counts, &outcome));
    for (size_t i = 0; i < chain.count; i++) check(buf_byte(told, row->failed[i] ? 'D' : 'K'));
    if (outcome.rule) check(filter_measured(told, &outcome.result, &outcome.rule->bounds));
    if (row->text_before.p && !utf8_valid(row->cells[SLOT_TEXT])) abort();
}

static void fuzz_rows(struct str data)
{
    if (!row) prepare();
    struct buf first, second;
    buf_init(&first, 16 << 20);
    buf_init(&second, 16 << 20);
    memset(cells_at, 0, sizeof cells_at);
    for (size_t i = 0; i < chain.column_count && data.p; i++) cells_at[i] = str_cut(&data, '\xFF');
    judge(&first);
    judge(&second);
    if (!str_eq(buf_str(&first), buf_str(&second))) abort();
    buf_free(&first);
    buf_free(&second);
}

static void fuzz_preset(struct str text)
{
    struct chain fuzzed;
    check(chain_init(&fuzzed));
    if (preset_parse(&fuzzed, "fuzz", text) < 0 && !*fail_message()) abort();
    chain_free(&fuzzed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1 << 16) return 0;
    struct str rest = str_of((const char *)data + 1, size - 1);
    if (data[0] & 1) fuzz_rows(rest);
    else fuzz_preset(rest);
    return 0;
}
