/* The formats of list, by name. A new one is an emitter (listing.h) and a row here. */
#include "analysis/listing.h"

#include <stddef.h>

const struct list_format list_formats[] = {
    {.name = "text", .emit = list_text, .classes = true},
    {.name = "json", .emit = list_json, .classes = true},
    {.name = "csv", .emit = list_csv},
    {.name = "md", .emit = list_md},
    {.name = "dot", .emit = list_dot, .classes = true},
    {.name = "html", .emit = report_html, .classes = true, .classes_only = true, .findings = true},
    {.name = NULL},
};
