#include "filters/clip/zeroshot.h"

#include "pipeline/base/arena.h"
#include "pipeline/base/fail.h"

#include <math.h>
#include <stdlib.h>

enum { FILE_MAX = 64 << 20, TEMPLATES_MOST = 1000, NAME_MOST = 32 };

struct class {
    struct str name;
    struct str group;      /* absent: none */
    size_t first, prompts; /* own prompts: none, and templates count */
};

struct zeroshot {
    struct arena arena; /* the text and all that is made of it */
    const char *file, *name;
    size_t take;
    struct class *classes;
    size_t class_count, class_room;
    struct str *prompts;
    size_t prompt_count, prompt_room;
    struct str templates[TEMPLATES_MOST];
    size_t template_count;
    struct str group;                    /* of the lines being read */
    struct str asked_group;              /* of the answer; absent: none */
    struct str answers[ZEROSHOT_TAKE_MOST + 1];
    size_t answer_count;
    struct hash128 digest;
    float *vectors;                      /* [class_count, embed] */
    size_t embed;
};

/* ---- reading */

static int grow(void **list, size_t *room, size_t count, size_t size, size_t most, const char *what)
{
    if (count < *room) return 0;
    if (count >= most) return fail("more than %zu %s", most, what);
    size_t wanted = *room ? *room * 2 : 64;
    void *grown = realloc(*list, wanted * size);
    if (!grown) return fail_memory();
    *list = grown;
    *room = wanted;
    return 0;
}

static int add_class(struct zeroshot *z, struct str name)
{
    if (grow((void **)&z->classes, &z->class_room, z->class_count, sizeof *z->classes, ZEROSHOT_CLASSES_MOST, "classes") < 0)
        return -1;
    z->classes[z->class_count++] = (struct class){.name = name, .group = z->group};
    return 0;
}

static int add_prompt(struct zeroshot *z, struct str prompt)
{
    if (!z->class_count) return fail("a prompt before the first class");
    if (grow((void **)&z->prompts, &z->prompt_room, z->prompt_count, sizeof *z->prompts, ZEROSHOT_PROMPTS_MOST, "prompts") < 0)
        return -1;
    struct class *c = &z->classes[z->class_count - 1];
    if (!c->prompts) c->first = z->prompt_count;
    c->prompts++;
    z->prompts[z->prompt_count++] = prompt;
    return 0;
}

static int add_feature(struct zeroshot *z, struct str feature)
{
    if (!z->class_count) return fail("a feature before the first class");
    char *prompt = arena_printf(&z->arena, "%.*s, which has %.*s", STR_ARG(z->classes[z->class_count - 1].name), STR_ARG(feature));
    return prompt ? add_prompt(z, str_from(prompt)) : -1;
}

static int add_template(struct zeroshot *z, struct str template)
{
    if (str_find(template, STR("{}")) == SIZE_MAX) return fail("a template needs {} where the name goes");
    if (z->template_count == TEMPLATES_MOST) return fail("more than %d templates", TEMPLATES_MOST);
    z->templates[z->template_count++] = template;
    return 0;
}

static int set_answers(struct zeroshot *z, struct str value)
{
    z->asked_group = str_cut(&value, ' ');
    z->answer_count = 0;
    while (value.p) {
        struct str answer = str_cut(&value, ' ');
        if (!answer.n) continue;
        if (z->answer_count > ZEROSHOT_TAKE_MOST) return fail("more than %d answers", ZEROSHOT_TAKE_MOST + 1);
        z->answers[z->answer_count++] = answer;
    }
    return 0;
}

static int set_name(struct zeroshot *z, struct str name)
{
    bool plain = name.n > 0 && name.n <= NAME_MOST;
    for (size_t i = 0; i < name.n; i++)
        plain &= (name.p[i] >= 'a' && name.p[i] <= 'z') || ascii_is_digit(name.p[i]) || name.p[i] == '_';
    if (!plain) return fail("'%.*s' is no name of a list: at most %d small letters, digits and _", STR_ARG(name), NAME_MOST);
    z->name = arena_c_string(&z->arena, name);
    return z->name ? 0 : -1;
}

static int set_take(struct zeroshot *z, struct str value)
{
    uint64_t take;
    if (str_to_u64(value, &take) < 0 || take < 1 || take > ZEROSHOT_TAKE_MOST)
        return fail("take is '%.*s': expected 1 to %d", STR_ARG(value), ZEROSHOT_TAKE_MOST);
    z->take = (size_t)take;
    return 0;
}

static int set_group(struct zeroshot *z, struct str group)
{
    z->group = group.n ? group : STR_ABSENT;
    return 0;
}

static int read_line(struct zeroshot *z, struct str line)
{
    static const struct {
        struct str word;
        int (*read)(struct zeroshot *z, struct str value);
        bool may_be_empty;
    } words[] = {{{"class", 5}, add_class, false},       {{"prompt", 6}, add_prompt, false}, {{"feature", 7}, add_feature, false},
                 {{"template", 8}, add_template, false}, {{"group", 5}, set_group, true},    {{"answer", 6}, set_answers, false},
                 {{"take", 4}, set_take, false},         {{"list", 4}, set_name, false}};
    struct str value = line, word;
    size_t n = 0;
    while (n < line.n && !ascii_is_space(line.p[n])) n++;
    word = str_of(line.p, n);
    value = str_trim(str_from_at(line, n));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!str_eq(word, words[i].word)) continue;
        if (!value.n && !words[i].may_be_empty) return fail("%.*s: nothing behind it", STR_ARG(word));
        return words[i].read(z, value);
    }
    return fail("'%.*s': expected list, take, template, group, class, prompt, feature or answer", STR_ARG(word));
}

static int check_whole(const struct zeroshot *z)
{
    if (z->class_count < 2) return fail("a list needs two classes");
    if (z->take > z->class_count) return fail("take %zu of %zu classes", z->take, z->class_count);
    if (!z->asked_group.p) return 0;
    if (z->answer_count != z->take + 1) return fail("take %zu needs %zu answers, not %zu", z->take, z->take + 1, z->answer_count);
    for (size_t i = 0; i < z->class_count; i++)
        if (str_eq(z->classes[i].group, z->asked_group)) return 0;
    return fail("no class is of the group '%.*s'", STR_ARG(z->asked_group));
}

static int read_text(struct zeroshot *z, struct str name, struct str text)
{
    struct str rest = arena_copy(&z->arena, text);
    if (!rest.p || set_name(z, name) < 0) return -1;
    z->digest = hash_xxh3_128(text, 0);
    for (unsigned number = 1; rest.n; number++) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!line.n || line.p[0] == '#' || read_line(z, line) == 0) continue;
        fail_prefix("line %u: ", number);
        return -1;
    }
    return check_whole(z);
}

struct zeroshot *zeroshot_parse(const char *file, struct str name, struct str text)
{
    struct zeroshot *z = calloc(1, sizeof *z);
    if (!z) return fail_memory(), NULL;
    arena_init(&z->arena, (size_t)FILE_MAX * 16);
    z->take = 1;
    if (read_text(z, name, text) == 0) return z;
    fail_prefix("%s: ", file);
    zeroshot_close(z);
    return NULL;
}

/* The name of a list without one: its file's, in small letters. */
static struct str name_of_file(const char *path, char name[NAME_MOST + 1])
{
    const char *slash = strrchr(path, '/');
    size_t n = 0;
    for (const char *c = slash ? slash + 1 : path; *c && *c != '.' && n < NAME_MOST; c++)
        name[n++] = ascii_is_alpha(*c) || ascii_is_digit(*c) ? ascii_lower(*c) : '_';
    name[n] = 0;
    return str_of(name, n);
}

struct zeroshot *zeroshot_open(const char *path)
{
    struct buf text;
    char name[NAME_MOST + 1];
    buf_init(&text, FILE_MAX);
    struct zeroshot *z = buf_read_file(&text, path) < 0 ? NULL : zeroshot_parse(path, name_of_file(path, name), buf_str(&text));
    buf_free(&text);
    return z;
}

void zeroshot_close(struct zeroshot *z)
{
    if (!z) return;
    arena_free(&z->arena);
    free(z->classes);
    free(z->prompts);
    free(z->vectors);
    free(z);
}

const char *zeroshot_name(const struct zeroshot *z) { return z->name; }
size_t zeroshot_take(const struct zeroshot *z) { return z->take; }
bool zeroshot_answers(const struct zeroshot *z) { return z->asked_group.p != NULL; }
size_t zeroshot_classes(const struct zeroshot *z) { return z->class_count; }
struct str zeroshot_class(const struct zeroshot *z, size_t i) { return z->classes[i].name; }
struct hash128 zeroshot_digest(const struct zeroshot *z) { return z->digest; }

/* ---- class vectors */

static int fill_template(struct buf *out, struct str template, struct str name)
{
    size_t at = str_find(template, STR("{}"));
    if (buf_add(out, str_of(template.p, at)) < 0 || buf_add(out, name) < 0) return -1;
    return buf_add(out, str_from_at(template, at + 2));
}

/* The texts of one class, in `out`, cut by `ends`. */
static int class_prompts(const struct zeroshot *z, const struct class *c, struct buf *out, size_t *ends)
{
    buf_clear(out);
    size_t n = c->prompts ? c->prompts : z->template_count ? z->template_count : 1;
    for (size_t i = 0; i < n; i++) {
        int result = c->prompts          ? buf_add(out, z->prompts[c->first + i])
                     : z->template_count ? fill_template(out, z->templates[i], c->name)
                                         : buf_add(out, c->name);
        if (result < 0) return -1;
        ends[i] = out->n;
    }
    return 0;
}

static void add_up(const float *rows, size_t n, size_t embed, float *vector)
{
    double sum[4096], length = 0;
    for (size_t c = 0; c < embed; c++) {
        sum[c] = 0;
        for (size_t i = 0; i < n; i++) sum[c] += rows[i * embed + c];
        length += sum[c] * sum[c];
    }
    length = sqrt(length);
    for (size_t c = 0; c < embed; c++) vector[c] = (float)(length > 0 ? sum[c] / length : 0);
}

static int embed_class(struct zeroshot *z, size_t number, const struct clip *clip, struct clip_work *work, struct buf *text)
{
    const struct class *c = &z->classes[number];
    size_t n = c->prompts ? c->prompts : z->template_count ? z->template_count : 1, begin = 0;
    size_t *ends = malloc(n * sizeof *ends);
    struct str *prompts = malloc(n * sizeof *prompts);
    float *rows = malloc(n * z->embed * sizeof *rows);
    int result = ends && prompts && rows ? class_prompts(z, c, text, ends) : fail_memory();
    for (size_t i = 0; result == 0 && i < n; begin = ends[i++]) prompts[i] = str_of(text->p + begin, ends[i] - begin);
    if (result == 0) result = clip_texts(clip, work, prompts, n, &(struct clip_outputs){.embedding = rows});
    if (result == 0) add_up(rows, n, z->embed, z->vectors + number * z->embed);
    free(ends);
    free(prompts);
    free(rows);
    return result;
}

int zeroshot_embed(struct zeroshot *z, const struct clip *clip, struct clip_work *work)
{
    struct buf text;
    z->embed = clip_embed(clip);
    if (z->embed > 4096) return fail("embeddings of %zu numbers: at most 4096", z->embed);
    z->vectors = malloc(z->class_count * z->embed * sizeof *z->vectors);
    if (!z->vectors) return fail_memory();
    buf_init(&text, FILE_MAX);
    int result = 0;
    for (size_t i = 0; result == 0 && i < z->class_count; i++) result = embed_class(z, i, clip, work, &text);
    buf_free(&text);
    return result;
}

/* ---- applying */

/* best[] stays sorted: by cosine, then by place. */
static void consider(struct zeroshot_best *best, size_t *count, size_t take, size_t class, double cosine)
{
    size_t at = *count;
    if (at == take) {
        if (cosine <= best[take - 1].cosine) return;
        at--;
    } else {
        ++*count;
    }
    for (; at && best[at - 1].cosine < cosine; at--) best[at] = best[at - 1];
    best[at] = (struct zeroshot_best){.class = class, .cosine = cosine};
}

void zeroshot_apply(const struct zeroshot *z, const float *embedding, struct zeroshot_best *best)
{
    size_t count = 0;
    double sum = 0, shift = 0; /* sum of e^(100 (cosine - shift)): the highest so far is taken off */
    for (size_t i = 0; i < z->class_count; i++) {
        double cosine = clip_cosine(embedding, z->vectors + i * z->embed, z->embed);
        if (i == 0 || cosine > shift) {
            sum = i ? sum * exp(100 * (shift - cosine)) : 0;
            shift = cosine;
        }
        sum += exp(100 * (cosine - shift));
        consider(best, &count, z->take, i, cosine);
    }
    for (size_t i = 0; i < count; i++) best[i].probability = exp(100 * (best[i].cosine - shift)) / sum;
}

struct str zeroshot_label(const struct zeroshot *z, const struct zeroshot_best *best)
{
    size_t of_group = 0;
    if (!z->asked_group.p) return z->classes[best[0].class].name;
    for (size_t i = 0; i < z->take; i++) of_group += str_eq(z->classes[best[i].class].group, z->asked_group);
    return z->answers[of_group];
}
