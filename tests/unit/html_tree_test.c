/* The page scanner against html5lib's expected trees: the <img> elements outside templates, with those attributes that the
 * scanner keeps, in their order. A reader without a tree cannot follow them all; tests/data/html-differences.tsv lists the
 * others with the reason. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>

#include "crawl/html/page.h"
#include "crawl/html/references.h"
#include "tests/unit/html_differences.h"
#include "tests/unit/shared.h"

struct tree_case {
    struct str data, document, fragment, script; /* absent where the case has none */
};

/* The part of a case behind the line `heading`, to the next line that begins with `#` and is a heading, or the end. */
static struct str part_of(struct str text, const char *heading)
{
    static const char *const headings[] = {"#errors", "#new-errors", "#document-fragment", "#script-on", "#script-off", "#document"};
    char line[64];
    snprintf(line, sizeof line, "\n%s\n", heading);
    size_t at = str_find(text, str_from(line));
    if (at == SIZE_MAX) return STR_ABSENT;
    struct str part = str_from_at(text, at + strlen(line));
    size_t end = part.n;
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++) {
        snprintf(line, sizeof line, "\n%s\n", headings[i]);
        size_t next = str_find(str_of(part.p - 1, part.n + 1), str_from(line)); /* an empty part ends where it begins */
        if (next != SIZE_MAX && next < end) end = next > 0 ? next - 1 : 0;
    }
    return str_of(part.p, end);
}

/* Takes the next case off a file. */
static bool next_case(struct str *rest, struct tree_case *out)
{
    if (!rest->n) return false;
    size_t end = str_find(str_from_at(*rest, 1), STR("\n\n#data\n"));
    struct str text = end == SIZE_MAX ? *rest : str_of(rest->p, end + 2); /* with the line end before #data */
    *rest = end == SIZE_MAX ? STR_ABSENT : str_from_at(*rest, end + 2);
    struct str data = str_from_at(text, strlen("\n#data\n"));
    size_t errors = str_find(text, STR("\n#errors\n"));
    assert_true(errors != SIZE_MAX);
    data.n = errors > strlen("\n#data\n") ? errors - strlen("\n#data\n") : 0;
    *out = (struct tree_case){data, part_of(text, "#document"), part_of(text, "#document-fragment"), STR_ABSENT};
    if (str_find(text, STR("\n#script-on\n")) != SIZE_MAX) out->script = STR("on");
    return true;
}

static void put_image(struct buf *out, struct str name, struct str value) /* a line for each attribute that counts */
{
    enum html_attribute_name id = html_attribute_of(name);
    if (id == HTML_ATTRIBUTE_UNKNOWN || (int)id >= (int)HTML_IMAGE_ATTRIBUTES) return;
    buf_printf(out, "%s=", html_attribute_name_texts[id]);
    buf_add(out, value);
    buf_byte(out, '\n');
}

static size_t depth_of(struct str line) /* of a line of the tree, in spaces */
{
    size_t n = 2;
    while (n < line.n && line.p[n] == ' ') n++;
    return n;
}

/* The attributes' lines behind an <img> at that depth. */
static void expected_attributes(struct buf *out, struct str *rest, size_t depth)
{
    while (rest->n) {
        struct str after = *rest, line = str_cut(&after, '\n');
        size_t quote = str_find(line, STR("=\""));
        if (line.n < 3 || depth_of(line) != depth + 2 || line.p[depth + 2] == '<' || line.p[depth + 2] == '"' || quote == SIZE_MAX) return;
        struct str name = str_of(line.p + depth + 2, quote - depth - 2);
        struct str value = str_from_at(*rest, quote + 2); /* may hold line ends */
        size_t end = str_find(value, STR("\"\n"));
        if (end == SIZE_MAX) end = value.n - 1;
        put_image(out, name, str_of(value.p, end));
        *rest = str_from_at(value, end + 2);
    }
}

static void expected_images(struct buf *out, struct str document)
{
    size_t template = SIZE_MAX; /* depth of the open template's content */
    while (document.n) {
        struct str line = str_cut(&document, '\n');
        if (!str_starts(line, STR("| "))) continue;
        size_t depth = depth_of(line);
        struct str node = str_from_at(line, depth);
        if (depth <= template) template = str_eq(node, STR("content")) ? depth : SIZE_MAX;
        if (template != SIZE_MAX || !str_eq(node, STR("<img>"))) continue;
        buf_add(out, STR("img\n"));
        expected_attributes(out, &document, depth);
    }
}

static void found_images(struct buf *out, struct str data)
{
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct html_page page;
    assert_int_equal(html_scan(&page, &arena, data, &(struct html_scan_options){0}), 0);
    for (size_t i = 0; i < page.images; i++) {
        if (page.image[i].flags & HTML_IMAGE_IN_TEMPLATE) continue;
        buf_add(out, STR("img\n"));
        for (unsigned a = 1; a < HTML_IMAGE_ATTRIBUTES; a++) {
            if (!page.image[i].attribute[a].p) continue;
            struct buf value;
            buf_init(&value, 1 << 16);
            assert_int_equal(html_decode_references(&value, page.image[i].attribute[a], true), 0);
            put_image(out, str_from(html_attribute_name_texts[a]), buf_str(&value));
            buf_free(&value);
        }
    }
    arena_free(&arena);
}

struct counts {
    size_t cases, with_images, images;
};

static void run_file(struct str text, const char *file, struct differences *d, struct counts *counts)
{
    struct tree_case c;
    struct buf expected, found;
    buf_init(&expected, 1 << 20);
    buf_init(&found, 1 << 20);
    for (size_t number = 0; next_case(&text, &c); number++) {
        buf_clear(&expected);
        buf_clear(&found);
        expected_images(&expected, c.document);
        found_images(&found, c.data);
        char what[200];
        snprintf(what, sizeof what, "%.*s%.*s%.*s", STR_ARG(c.data), STR_ARG(c.fragment), STR_ARG(c.script));
        differences_note(d, file, number, str_eq(buf_str(&expected), buf_str(&found)), what);
        counts->cases++;
        counts->with_images += expected.n > 0;
        for (size_t i = 0; i + 4 <= expected.n; i++) counts->images += memcmp(expected.p + i, "img\n", 4) == 0;
    }
    buf_free(&expected);
    buf_free(&found);
}

static void test_the_images_of_every_tree_are_found(void **state)
{
    (void)state;
    char folder[4096];
    const char *shared = shared_path("data/conformance/html5lib/tree-construction");
    if (!shared) skip();
    snprintf(folder, sizeof folder, "%s", shared);
    struct differences d;
    differences_open(&d, "tree-construction");
    struct counts counts = {0};
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!str_ends(str_from(entry->d_name), STR(".dat"))) continue;
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_byte(&text, '\n');
        assert_int_equal(buf_read_file(&text, path), 0);
        run_file(buf_str(&text), entry->d_name, &d, &counts);
        buf_free(&text);
    }
    closedir(dir);
    print_message("%zu cases, %zu with images (%zu), %zu listed as different\n", counts.cases, counts.with_images, counts.images,
                  d.listed);
    assert_int_equal(counts.cases, 1778);
    assert_int_equal(differences_close(&d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_images_of_every_tree_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
