/* IEEE half precision, for numbers that are stored or were stored so. */
#ifndef WINNOW_CLIP_HALF_H
#define WINNOW_CLIP_HALF_H

#include <stdint.h>

uint16_t half_of_float(float x);  /* to nearest, ties to even; too large: infinity */
float half_to_float(uint16_t h);

#endif
