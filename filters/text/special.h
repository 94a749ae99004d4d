/* OBELICS' special characters: ASCII punctuation, digits, white space, emoji and a list of symbols. Words of the measure
 * `obew` are stripped of them at both ends; text.special_ratio counts them. */
#ifndef WINNOW_FILTERS_SPECIAL_H
#define WINNOW_FILTERS_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_is_special(uint32_t code_point);

#endif
