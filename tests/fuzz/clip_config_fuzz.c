/* Configurations: any bytes, through all four parsers. What is accepted keeps its promises. */
#include "filters/clip/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct clip_config *c)
{
    if (!c->image.heads || c->image.width % c->image.heads || !c->text.heads || c->text.width % c->text.heads) abort();
    if (!c->grid || c->grid * c->patch != c->image_size || c->context < 2 || !c->vocabulary || !c->embed) abort();
    if (!(c->image.eps > 0) || !(c->text.eps > 0) || !c->image.mlp || !c->text.mlp) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str json = str_of((const char *)data, size);
    for (int parser = 0; parser < 4; parser++) {
        struct clip_config c = {0};
        buf_init(&c.notes, 1 << 20);
        if (parser == 0 && clip_config_parse_hugging_face(&c, "fuzz", json) == 0) check(&c);
        if (parser == 1 && clip_config_parse_openclip(&c, "fuzz", json) == 0) {
            check(&c);
            if (c.preprocess.crop != c.image_size) abort();
        }
        if (parser == 2 && clip_config_parse_preprocessor(&c, "fuzz", json) == 0 &&
            (!c.preprocess.crop || c.preprocess.crop > c.preprocess.size))
            abort();
        if (parser == 3 && clip_config_parse_small(&c, "fuzz", json) == 0 &&
            (convnet_check(&c.small.net, "fuzz") < 0 || c.text.width % c.text.heads || c.context < 2 || c.start_id >= c.vocabulary))
            abort();
        clip_config_free(&c);
    }
    return 0;
}
