/* Published models by shape: the first activation is that of the weights which data sets were made with (OpenAI's, and
 * LAION-2B's from H/14 on); weights of the same shape and activation from elsewhere have the same name, and another digest.
 * (spec: clip.md section 1.) */
#include "filters/clip/model_name.h"

#include "filters/clip/clip.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct {
    const char *name, *other; /* with the activation; with the other one */
    uint32_t width, layers, patch, size, embed;
    enum clip_activation activation;
} shapes[] = {
    {"b32", "b32_gelu", 768, 12, 32, 224, 512, CLIP_QUICKGELU},
    {"b16", "b16_gelu", 768, 12, 16, 224, 512, CLIP_QUICKGELU},
    {"l14", "l14_gelu", 1024, 24, 14, 224, 768, CLIP_QUICKGELU},
    {"l14_336", "l14_336_gelu", 1024, 24, 14, 336, 768, CLIP_QUICKGELU},
    {"h14", "h14_quick", 1280, 32, 14, 224, 1024, CLIP_GELU},
    {"h14_378", "h14_378_quick", 1280, 32, 14, 378, 1024, CLIP_GELU},
    {"g14", "g14_quick", 1408, 40, 14, 224, 1024, CLIP_GELU},
    {"bigg14", "bigg14_quick", 1664, 48, 14, 224, 1280, CLIP_GELU},
};
static const char *const others[] = {"mb32", "builtin"}; /* the multilingual text tower of LAION-5B; winnow's own model */

bool clip_name_is_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(name, shapes[i].name) == 0 || strcmp(name, shapes[i].other) == 0) return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0) return true;
    return false;
}

static struct str last_part(struct str path)
{
    while (path.n && path.p[path.n - 1] == '/') path.n--;
    size_t begin = path.n;
    while (begin && path.p[begin - 1] != '/') begin--;
    return str_from_at(path, begin);
}

/* The part of a path that tells models apart: the folder's where the file has the name that such files have in all of them. */
static struct str telling_part(const char *path, char real[PATH_MAX])
{
    static const char *const everywhere[] = {"model.", "pytorch_model", "open_clip_"};
    struct str whole = str_from(path), part = last_part(whole);
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
        struct stat about;
        if (!str_starts(part, str_from(everywhere[i])) || stat(path, &about) < 0 || !S_ISREG(about.st_mode)) continue;
        whole.n = (size_t)(part.p - whole.p);
        part = last_part(whole);
    }
    if (part.n && !str_eq(part, STR(".")) && !str_eq(part, STR(".."))) return part;
    snprintf(real, PATH_MAX, "%.*s", STR_ARG(whole));
    char *resolved = realpath(whole.n ? real : ".", NULL);
    snprintf(real, PATH_MAX, "%s", resolved ? resolved : "");
    free(resolved);
    return last_part(str_from(real));
}

static void name_of_path(const char *path, char name[CLIP_NAME_ROOM])
{
    char real[PATH_MAX];
    struct str part = telling_part(path, real);
    size_t n = 0;
    for (size_t i = 0; i < part.n && n + 1 < CLIP_NAME_ROOM; i++) {
        char c = ascii_lower(part.p[i]);
        if (!ascii_is_alpha(c) && !ascii_is_digit(c)) c = '_';
        if (n || ascii_is_alpha(c)) name[n++] = c;
    }
    name[n] = 0;
    if (!n) snprintf(name, CLIP_NAME_ROOM, "model");
    if (clip_name_is_reserved(name)) strcat(name, "_own"); /* a reserved name is far shorter than the room */
}

void clip_name(const struct clip_config *c, const char *path, char name[CLIP_NAME_ROOM])
{
    if (c->kind == CLIP_SMALL && c->small.name[0]) {
        snprintf(name, CLIP_NAME_ROOM, "%s", c->small.name);
        return;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (c->image.width != shapes[i].width || c->image.layers != shapes[i].layers || c->patch != shapes[i].patch ||
            c->image_size != shapes[i].size || c->embed != shapes[i].embed)
            continue;
        snprintf(name, CLIP_NAME_ROOM, "%s", c->image.activation == shapes[i].activation ? shapes[i].name : shapes[i].other);
        return;
    }
    name_of_path(path, name);
}
