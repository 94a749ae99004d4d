/* What table.c's entries text.* decide by. Each pair is described there; sources in filter-rules §2-§5. */
#ifndef WINNOW_FILTERS_TEXT_FILTERS_H
#define WINNOW_FILTERS_TEXT_FILTERS_H

#include "filters/table.h"

#define FILTER_DECIDES(name) int name(const struct rule *rule, struct filter_row *row, struct filter_result *result)
#define FILTER_PREPARES(name) int name(struct chain *chain, struct rule *rule)

FILTER_DECIDES(text_chars_decide); /* text_length.c */
FILTER_DECIDES(text_words_decide);
FILTER_PREPARES(text_clean_prepare);
FILTER_DECIDES(text_clean_decide);

FILTER_DECIDES(text_first_upper_decide); /* text_case.c */
FILTER_DECIDES(text_cap_ratio_decide);

FILTER_PREPARES(text_unique_ratio_prepare); /* text_repetition.c */
FILTER_DECIDES(text_unique_ratio_decide);
FILTER_DECIDES(text_repetition_decide);
FILTER_DECIDES(text_char_ngram_rep_decide);
FILTER_DECIDES(text_word_ngram_rep_decide);

FILTER_PREPARES(text_word_share_prepare); /* text_shares.c */
FILTER_DECIDES(text_word_share_decide);
FILTER_DECIDES(text_special_ratio_decide);
FILTER_DECIDES(text_punct_ratio_decide);
FILTER_PREPARES(text_sentiment_prepare);
FILTER_DECIDES(text_sentiment_decide);

FILTER_PREPARES(text_blocklist_prepare); /* text_lists.c */
FILTER_DECIDES(text_blocklist_decide);
FILTER_PREPARES(text_vocab_prepare);
FILTER_DECIDES(text_vocab_decide);
FILTER_PREPARES(text_boilerplate_prepare);
FILTER_DECIDES(text_crop_decide);
FILTER_DECIDES(text_edge_drop_decide);
FILTER_PREPARES(text_pattern_prepare);
FILTER_DECIDES(text_pattern_decide);
FILTER_PREPARES(url_pattern_prepare);
FILTER_DECIDES(url_pattern_decide);

FILTER_DECIDES(text_has_decide); /* text_tags.c */
FILTER_DECIDES(text_noun_ratio_decide);
FILTER_PREPARES(text_tags_prepare);

FILTER_PREPARES(text_synset_prepare); /* text_synset.c */
FILTER_DECIDES(text_synset_decide);

FILTER_PREPARES(text_entries_prepare); /* text_entries.c */
FILTER_DECIDES(text_entries_decide);

FILTER_PREPARES(text_language_prepare); /* text_language.c */
FILTER_DECIDES(text_language_decide);

FILTER_PREPARES(text_person_names_prepare); /* text_names.c */
FILTER_DECIDES(text_person_names_decide);
FILTER_PREPARES(text_hypernyms_prepare);
FILTER_DECIDES(text_hypernyms_decide);
FILTER_PREPARES(text_pii_prepare);
FILTER_DECIDES(text_pii_decide);
void text_hypernyms_release(void *state);

/* release functions of what prepare made */
void text_synset_release(void *state);
void text_entries_release(void *state);
void text_phrases_release(void *state);
void text_sentiment_release(void *state);
void text_blocklist_release(void *state);
void text_patterns_release(void *state);

#endif
