/* The text form of chains, and where presets and lists lie. What is printed of them stands in preset_print.c. */
#include "filters/preset.h"

#include "filters/text/wordlist.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- one line ---- */

/* The next field of a line, moved over: up to white space, or what stands between double quotes. Absent at the end. In a
 * quoted value "" is a quotation mark. The value is built in `text`. */
static int next_field(struct str *line, struct buf *text, bool *more)
{
    buf_clear(text);
    struct str s = *line;
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_from_at(s, 1);
    *more = s.n > 0;
    bool quoted = false;
    size_t i = 0;
    for (; i < s.n && (quoted || (s.p[i] != ' ' && s.p[i] != '\t')); i++) {
        if (s.p[i] != '"') {
            if (buf_byte(text, s.p[i]) < 0) return -1;
        } else if (quoted && i + 1 < s.n && s.p[i + 1] == '"') {
            if (buf_byte(text, s.p[i++]) < 0) return -1;
        } else {
            quoted = !quoted;
        }
    }
    if (quoted) return fail_usage("a quotation mark is not closed");
    *line = str_from_at(s, i);
    return 0;
}

static int parse_provenance(struct chain *chain, struct rule *rule, struct str text)
{
    static const char *const kinds[] = {"paper", "code", "choice"};
    struct str source = text, kind = str_trim(str_cut(&source, ':'));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!str_eq(kind, str_from(kinds[i])) || !source.p) continue;
        rule->provenance = kinds[i];
        rule->source = arena_c_string(&chain->arena, str_trim(source));
        return rule->source ? 0 : -1;
    }
    return fail_usage("behind '--' stands '%.*s': expected paper:, code: or choice: and the source", STR_ARG(text));
}

static int parse_parameter(struct chain *chain, struct rule *rule, struct str field)
{
    struct str value = field, name = str_cut(&value, '=');
    if (!value.p) return fail_usage("'%.*s': expected parameter=value, or -- and where the rule comes from", STR_ARG(field));
    return chain_set(chain, rule, name, value);
}

static int parse_rule(struct chain *chain, struct str line, const char *file, unsigned number)
{
    struct buf field, name;
    buf_init(&field, PRESET_BYTES_MAX);
    buf_init(&name, PRESET_BYTES_MAX);
    bool more, provenance = false;
    struct rule *rule = NULL;
    int result = next_field(&line, &name, &more) < 0 || next_field(&line, &field, &more) < 0 ? -1 : 0;
    if (result == 0 && !more)
        result = fail_usage("'%.*s' stands alone: expected a rule's name and its filter", STR_ARG(buf_str(&name)));
    if (result == 0 && !(rule = chain_add(chain, buf_str(&name), buf_str(&field)))) result = -1;
    if (rule) rule->file = file, rule->line = number;
    while (result == 0 && !provenance) {
        bool quoted = str_trim(line).n && str_trim(line).p[0] == '"';
        result = next_field(&line, &field, &more);
        if (result < 0 || !more) break;
        if (!quoted && str_eq(buf_str(&field), STR("--"))) {
            provenance = true;
            result = parse_provenance(chain, rule, str_trim(line));
        } else {
            result = parse_parameter(chain, rule, buf_str(&field));
        }
    }
    if (result == 0 && file && !provenance) result = fail_usage("%s: say behind '--' where the rule comes from", rule->name);
    buf_free(&field);
    buf_free(&name);
    return result;
}

int preset_add_rule(struct chain *chain, const char *line)
{
    if (!utf8_valid(str_from(line))) return fail_usage("a rule is not UTF-8");
    return parse_rule(chain, str_from(line), NULL, 0);
}

int preset_parse(struct chain *chain, const char *file, struct str text)
{
    unsigned number = 1;
    for (struct str rest = wordlist_without_bom(text); rest.p; number++) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (line.n == 0 || line.p[0] == '#') continue;
        int result = !utf8_valid(line) ? fail_usage("not UTF-8") : parse_rule(chain, line, file, number);
        if (result < 0) {
            fail_prefix("%s:%u: ", file, number);
            return -1;
        }
    }
    return 0;
}

/* ---- where files lie ---- */

/* From the program's folder: the checkout, an installation, and build folders up to build/asan/tests/unit. */
static const char *const from_program[] = {"filters",       "../share/winnow",  "../filters",
                                           "../../filters", "../../../filters", "../../../../filters"};
enum { PRESET_NAME_MAX = 128 };
enum { ROOTS = 1 + sizeof from_program / sizeof *from_program };

/* The i-th folder that may hold `kind` ("presets" or "lists"); false when there is none. */
static bool folder(size_t i, const char *kind, char path[PRESET_PATH_MAX])
{
    const char *given = getenv("WINNOW_PRESETS");
    char program[PRESET_PATH_MAX];
    if (i == 0) {
        if (!given || !*given) return false;
        return snprintf(path, PRESET_PATH_MAX, strcmp(kind, "presets") == 0 ? "%s" : "%s/../%s", given, kind) < PRESET_PATH_MAX;
    }
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) return false;
    program[n] = 0;
    char *slash = strrchr(program, '/');
    if (slash) *slash = 0;
    return snprintf(path, PRESET_PATH_MAX, "%s/%s/%s", program, from_program[i - 1], kind) < PRESET_PATH_MAX;
}

static bool find_named(const char *kind, struct str name, const char *ending, char path[PRESET_PATH_MAX])
{
    char root[PRESET_PATH_MAX];
    for (size_t i = 0; i < ROOTS; i++) {
        if (!folder(i, kind, root)) continue;
        int n = snprintf(path, PRESET_PATH_MAX, "%s/%.*s%s", root, STR_ARG(name), ending);
        if (n < PRESET_PATH_MAX && access(path, R_OK) == 0) return true;
    }
    return false;
}

static int is_preset(const struct dirent *entry)
{
    struct str name = str_from(entry->d_name);
    return str_ends(name, STR(".preset")) && name.n > 7 && name.n <= PRESET_NAME_MAX;
}

void preset_each(void (*each)(void *context, const char *name, const char *path), void *context)
{
    char root[PRESET_PATH_MAX], path[PRESET_PATH_MAX];
    struct dirent **entries;
    int count = -1;
    for (size_t i = 0; i < ROOTS && count < 0; i++)
        if (folder(i, "presets", root)) count = scandir(root, &entries, is_preset, alphasort);
    for (int i = 0; i < count; i++) {
        char name[PRESET_NAME_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)(strlen(entries[i]->d_name) - 7), entries[i]->d_name);
        if (snprintf(path, sizeof path, "%s/%s", root, entries[i]->d_name) < PRESET_PATH_MAX) each(context, name, path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

struct nearest {
    struct str name;
    size_t distance;
    char found[PRESET_NAME_MAX + 1];
};

static void note_nearest(void *context, const char *name, const char *path)
{
    struct nearest *n = context;
    (void)path;
    size_t distance = str_distance(n->name, str_from(name));
    if (distance >= n->distance) return;
    n->distance = distance;
    snprintf(n->found, sizeof n->found, "%s", name);
}

int preset_find(const char *name, char path[PRESET_PATH_MAX])
{
    if (strchr(name, '/') || str_ends(str_from(name), STR(".preset"))) {
        if (strlen(name) >= PRESET_PATH_MAX) return fail_usage("a path of over %d bytes", PRESET_PATH_MAX);
        strcpy(path, name);
        return access(path, R_OK) == 0 ? 0 : fail_usage("preset %s: %s", name, strerror(errno));
    }
    if (find_named("presets", str_from(name), ".preset", path)) return 0;
    struct nearest near = {.name = str_from(name), .distance = 5};
    preset_each(note_nearest, &near);
    if (!near.found[0]) return fail_usage("no preset '%s': winnow help --preset lists them", name);
    return fail_usage("no preset '%s'; did you mean '%s'?", name, near.found);
}

int preset_find_list(struct str name, const char *file, char path[PRESET_PATH_MAX])
{
    if (name.n == 0 || memchr(name.p, 0, name.n)) return fail_usage("a list without a name");
    if (!memchr(name.p, '/', name.n)) {
        if (find_named("lists", name, ".txt", path)) return 0;
        const char *slash = file ? strrchr(file, '/') : NULL;
        int n = snprintf(path, PRESET_PATH_MAX, "%.*s%.*s", slash ? (int)(slash + 1 - file) : 0, file ? file : "", STR_ARG(name));
        if (n < PRESET_PATH_MAX && slash && access(path, R_OK) == 0) return 0;
    }
    if (snprintf(path, PRESET_PATH_MAX, "%.*s", STR_ARG(name)) >= PRESET_PATH_MAX)
        return fail_usage("a path of over %d bytes", PRESET_PATH_MAX);
    return access(path, R_OK) == 0 ? 0 : fail_usage("list '%.*s': neither a file nor a list that comes with winnow", STR_ARG(name));
}

int preset_find_model(const char *name, char path[PRESET_PATH_MAX])
{
    static const char file[] = "/config.json";
    if (strcmp(name, "builtin") != 0)
        return snprintf(path, PRESET_PATH_MAX, "%s", name) < PRESET_PATH_MAX ? 0 : fail_usage("a path of over %d bytes", PRESET_PATH_MAX);
    if (!find_named("clip", str_from(name), file, path))
        return fail("the built-in model is not there: expected filters/clip/builtin beside the program, or ../share/winnow/clip/builtin");
    path[strlen(path) - strlen(file)] = 0;
    return 0;
}

int preset_find_classifier(const char *name, char path[PRESET_PATH_MAX])
{
    if (find_named("clip", str_from(name), "/model.safetensors", path)) return 0;
    return fail("classifier %s is not there: expected filters/clip/%s beside the program, or ../share/winnow/clip/%s", name, name, name);
}

int preset_add(struct chain *chain, const char *name)
{
    char path[PRESET_PATH_MAX];
    if (preset_find(name, path) < 0) return -1;
    const char *file = arena_c_string(&chain->arena, str_from(path));
    struct buf text;
    buf_init(&text, PRESET_BYTES_MAX);
    int result = file && buf_read_file(&text, path) == 0 ? preset_parse(chain, file, buf_str(&text)) : -1;
    buf_free(&text);
    return result;
}
