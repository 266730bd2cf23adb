/* Looking at all of a data set once. */
#ifndef GAN_DATA_SURVEY_H
#define GAN_DATA_SURVEY_H

#include "base/hash.h"
#include "data/facts.h"
#include "data/label_counts.h"
#include "data/sheet.h"

typedef struct gan_survey {
  gan_value_facts facts;
  gan_label_counts labels;
  gan_digest digest; /* XXH3-128 of each row as it is handed out, (H, W, C), behind each its label
                      * as a little-endian int32: the same for the same rows in any format */
} gan_survey;

/* Reads a source from its first row to its last, and checks the end; in pieces, so memory is
 * bounded. `sheet` (or NULL) sees all rows.  GAN_INPUT if it cannot be read. */
GAN_CHECKED gan_status gan_survey_take(gan_source *source, const gan_source_spec *spec,
                                       gan_sheet *sheet, gan_survey *out);

/* Whether what the file says about its values is what they are: GAN_INPUT if not. */
GAN_CHECKED gan_status gan_survey_check(gan_source *source, const gan_source_spec *spec,
                                        const gan_survey *survey);

#endif
