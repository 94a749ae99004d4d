/* The language tools on any bytes. The first one chooses: a model (linear.h), an entity table, or a text, which goes through tokens,
 * a tagger with made weights, hypernyms, language identification and personal data; spans lie in it, in order. */
#include "filters/language/english_features.h"
#include "filters/language/hypernyms.h"
#include "filters/language/langid.h"
#include "filters/language/linear.h"
#include "filters/language/pii.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good) abort();
}

enum { ROWS_LOG2 = 8 };

static struct str make_model(const char *note, unsigned columns)
{
    size_t n = 28 + strlen(note) + ((size_t)columns << ROWS_LOG2), room = ZSTD_compressBound(n);
    char *bytes = calloc(1, n), *packed = malloc(room);
    check(bytes && packed);
    memcpy(bytes, "winnow-linear 1\n", 16);
    bytes[16] = ROWS_LOG2;
    bytes[20] = (char)columns;
    bytes[24] = (char)strlen(note);
    memcpy(bytes + 28, note, strlen(note));
    for (size_t i = 28 + strlen(note); i < n; i++) bytes[i] = (char)(i * 2654435761u >> 13);
    size_t packed_bytes = ZSTD_compress(packed, room, bytes, n, 1);
    free(bytes);
    return str_of(packed, packed_bytes);
}

static struct {
    struct english *english;
    struct english_work *work;
    struct langid *langid;
    struct entity_table *table;
} tools;

static void open_tools(void)
{
    if (tools.english) return;
    struct str english = make_model("model english\nupos_rows_log2 8\nnames_rows_log2 7\n", ENGLISH_COLUMNS), languages = make_model("model language\nlabels other en de\n", 3);
    tools.english = english_read(english);
    tools.work = tools.english ? english_work_new(tools.english) : NULL;
    tools.langid = langid_read(languages);
    free((void *)(uintptr_t)english.p);
    free((void *)(uintptr_t)languages.p);
    tools.table = entity_table_read(STR("ann lee\tactor\nparis\tcity\na\tb\n"), "table");
    check(tools.work && tools.langid && tools.table);
}

static void check_text(struct str text)
{
    const struct english_token *tokens;
    struct pii_span spans[8];
    struct buf out;
    size_t count, end = 0, replaced;
    open_tools();
    check(english_tag(tools.english, tools.work, text, ENGLISH_ENTITIES, &tokens, &count) == 0);
    for (size_t i = 0; i < count; i++) {
        check(tokens[i].start >= end && tokens[i].end > tokens[i].start && tokens[i].end <= text.n);
        check(tokens[i].upos < UPOS_COUNT && tokens[i].entity < ENTITY_COUNT);
        check(i ? entity_may_follow(tokens[i - 1].entity, tokens[i].entity) : tokens[i].entity % 2 || !tokens[i].entity);
        end = tokens[i].end;
    }
    buf_init(&out, 1 << 20);
    check(hypernyms_apply(tools.table, tools.english, tools.work, text, &out, NULL, &replaced) == 0);
    check(utf8_valid(buf_str(&out)));
    struct langid_answer answer;
    langid_identify(tools.langid, text, &answer);
    check(answer.p >= 0 && answer.p <= 1.001f && answer.p_second <= answer.p);
    size_t found = pii_find(text, spans, 8);
    for (size_t i = 0; i < found; i++) check(spans[i].end > spans[i].start && spans[i].end <= text.n && (!i || spans[i].start >= spans[i - 1].end));
    buf_clear(&out);
    check(pii_mask(&out, text, spans, found) == 0);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 8192) return 0;
    size_t n = size - 1;
    char *copy = malloc(n + 1);
    check(copy != NULL);
    memcpy(copy, data + 1, n);
    struct str bytes = str_of(copy, n);
    if (data[0] % 4 == 0) {
        linear_close(linear_read(bytes));
    } else if (data[0] % 4 == 1) {
        entity_table_free(entity_table_read(bytes, "table"));
    } else if (utf8_valid(bytes)) {
        char *exact = realloc(copy, n ? n : 1); /* so that a read behind the text is seen */
        if (exact) copy = exact;
        check_text(str_of(copy, n));
    }
    free(copy);
    return 0;
}
