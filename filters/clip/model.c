/* The door of clip.h: weights, configuration, tokenizer, preprocessing and towers put together. */
#include "filters/clip/clip.h"

const char *clip_precision_name(enum clip_precision precision)
{
    static const char *const names[] = {"reference", "f32", "bf16", "int8"};
    return names[precision];
}
