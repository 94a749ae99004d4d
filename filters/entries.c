/* What lists and words a rule's parameters name, read into its chain. */
#include "filters/answers.h"
#include "filters/preset.h"
#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/unicode.h"

#include <stdarg.h>

static struct str given(const struct rule *rule, const char *parameter)
{
    const struct rule_value *value = rule_value(rule, parameter);
    return value && value->given ? value->text : STR_ABSENT;
}

/* `extra`: entries that will be added behind those of the list. */
static int copy_list(struct chain *chain, const struct rule *rule, bool lower, struct wordlist *list, size_t extra,
                     struct entries *entries)
{
    entries->items = arena_alloc(&chain->arena, (list->count + extra) * sizeof *entries->items);
    entries->numbers = arena_alloc(&chain->arena, (list->count + extra) * sizeof *entries->numbers);
    if (!entries->items || !entries->numbers) return -1;
    if (lower && wordlist_lower(list) < 0) return -1;
    for (size_t i = 0; i < list->count; i++) {
        entries->numbers[i] = list->numbers[i];
        entries->items[i] = arena_copy(&chain->arena, list->entries[i]);
        if (!entries->items[i].p) {
            fail_prefix("%s: list: ", rule->name);
            return -1;
        }
    }
    entries->count = list->count;
    return 0;
}

static int add_word(struct chain *chain, struct str word, bool lower, struct entries *entries)
{
    struct buf b;
    buf_init(&b, 18 * word.n + 64);
    int result = word.n == 0 ? 0 : lower ? unicode_lower(&b, word) : buf_add(&b, word);
    if (result == 0 && b.n) {
        struct str copy = arena_copy(&chain->arena, buf_str(&b));
        result = copy.p ? 0 : -1;
        entries->numbers[entries->count] = 0;
        entries->items[entries->count++] = copy;
    }
    buf_free(&b);
    return result;
}

static int read_named(struct chain *chain, const struct rule *rule, struct str name, bool lower, size_t extra, struct entries *entries)
{
    struct wordlist list = {.count = 0};
    char path[PRESET_PATH_MAX];
    if (name.p && (preset_find_list(name, rule->file, path) < 0 || wordlist_read(&list, path) < 0)) {
        fail_prefix("%s: ", rule->name);
        return -1;
    }
    int result = copy_list(chain, rule, lower, &list, extra, entries);
    wordlist_free(&list);
    return result;
}

int rule_exceptions(struct chain *chain, const struct rule *rule, bool lower, struct entries *entries)
{
    *entries = (struct entries){.count = 0};
    struct str name = given(rule, "except");
    return name.p ? read_named(chain, rule, name, lower, 0, entries) : 0;
}

int rule_entries(struct chain *chain, const struct rule *rule, bool lower, struct entries *entries)
{
    *entries = (struct entries){.count = 0};
    struct str name = given(rule, "list"), words = given(rule, "words"), pattern = given(rule, "pattern");
    if (!name.p && !words.p && !pattern.p) return 0;
    int result = read_named(chain, rule, name, lower, words.n + 2, entries);
    for (struct str rest = words; result == 0 && rest.p;) result = add_word(chain, str_trim(str_cut(&rest, ',')), lower, entries);
    if (result == 0 && pattern.p) result = add_word(chain, pattern, false, entries);
    return result;
}

int rule_set_bound(struct chain *chain, struct rule *rule, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    rule->bound = arena_c_string(&chain->arena, str_from(text));
    return rule->bound ? 0 : -1;
}
