/*
 * The bytes of a YAML stream, checked (frontend/clean.h), on their way to a parser: a few lines at
 * a time, so that it has not yet seen what is to be left out. Knows nothing of libyaml.
 */
#ifndef NPC_FRONTEND_YAML_BYTES_H
#define NPC_FRONTEND_YAML_BYTES_H

#include "frontend/clean.h"
#include "frontend/remark.h"
#include "frontend/yaml_block.h"

enum { YAML_WINDOW = 64 << 10 }; /* bytes that are looked at at a time */

struct yaml_bytes {
    struct clean clean;
    struct remark_scan remarks;
    unsigned char *window; /* what was read last */
    size_t n;
    size_t given;       /* of it, to the parser or left out */
    size_t from;        /* where the piece given last begins */
    size_t line;        /* that window[given] stands on, from 0 */
    size_t blank;       /* empty lines to be given in the place of others */
    bool is_behind_key; /* the piece given last ends with a line that ends with a colon */
    bool ended;
};

/* The window's memory is in the arena. */
void yaml_bytes_init(struct yaml_bytes *b, struct ctx *c, struct arena *a, uint32_t file,
                     struct byte_stream in);
/* Gives at most n bytes (n is at least 1); results as of clean_read(). */
long yaml_bytes_read(struct yaml_bytes *b, unsigned char *buf, size_t n);

/* What can be left out (frontend/yaml_block.h) of a block that begins on a line, counted from 0, of
 * which the parser has been given that line and maybe more. */
struct yaml_rest yaml_bytes_rest(struct yaml_bytes *b, size_t line, const struct yaml_block *block);
/* Gives empty lines in the place of that. */
void yaml_bytes_leave_out(struct yaml_bytes *b, const struct yaml_rest *rest);

#endif
