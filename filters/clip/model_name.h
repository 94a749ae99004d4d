/* How columns call a model. Private to filters/clip; clip.h has what others need. */
#ifndef WINNOW_CLIP_MODEL_NAME_H
#define WINNOW_CLIP_MODEL_NAME_H

#include "filters/clip/config.h"

enum { CLIP_NAME_ROOM = 25 };

/* By shape and activation, or as the small model's configuration says, else by its folder, or its
 * file where that has a name of its own: small letters, digits and _, beginning with a letter. */
void clip_name(const struct clip_config *config, const char *path, char name[CLIP_NAME_ROOM]);

#endif
