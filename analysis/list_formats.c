/* The formats of list, by name. A new one is an emitter (listing.h) and a row here. */
#include "analysis/listing.h"

#include <stddef.h>

const struct list_format list_formats[] = {
    {"text", list_text, true, true}, {"json", list_json, true, true},
    {"csv", list_csv, false, true},  {"md", list_md, false, true},
    {"dot", list_dot, true, true},   {"html", report_html, true, false},
    {NULL, NULL, false, false},
};
