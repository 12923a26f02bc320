/* The formats of list, by name. A new one is an emitter (listing.h) and a row here. */
#include "analysis/listing.h"

#include <stddef.h>

const struct list_format list_formats[] = {
    {"text", list_text, true}, {"json", list_json, true}, {"csv", list_csv, false},
    {"md", list_md, false},    {"dot", list_dot, true},   {NULL, NULL, false},
};
