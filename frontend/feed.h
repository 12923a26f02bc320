/* The bytes of one input, from a descriptor or from memory, and what kind of text they are. */
#ifndef NPC_FRONTEND_FEED_H
#define NPC_FRONTEND_FEED_H

#include "frontend/frontend.h"

enum syntax { SYNTAX_NPC, SYNTAX_YAML, SYNTAX_JSON, SYNTAX_UNKNOWN };

struct feed {
    int fd;              /* -1: memory only */
    struct str head;     /* bytes already taken from the descriptor, or the text in memory */
    size_t used;         /* of head */
    struct buf *sniffed; /* where head is, if it was taken from the descriptor */
    struct buf *kept;    /* a copy of the first bytes handed out, for source lines; or NULL */
    uint64_t total;      /* bytes handed out */
    int error;           /* errno of the read that failed, or 0 */
    void (*progress)(void *arg, const struct feed *f); /* now and then; may be NULL */
    void *progress_arg;
    uint64_t told; /* value of total at the last progress */
};

#define FEED_KEPT ((size_t)1 << 20) /* most bytes copied to `kept` */

/* A feed of a descriptor, or of text if fd is -1, which must live as long. */
void feed_init(struct feed *f, struct arena *a, int fd, struct str text);
/* Hands out up to n bytes; 0 at the end, -1 and errno on failure. */
long feed_read(struct feed *f, void *buf, size_t n);
/* The same as a byte_stream. */
struct byte_stream feed_stream(struct feed *f);
/* Reads to the end. False if there are more than `max` bytes (error 0) or reading failed. */
bool feed_read_all(struct feed *f, size_t max, struct buf *out);

/* The syntax that a file's name promises, or SYNTAX_UNKNOWN. */
enum syntax syntax_of_name(struct str name);
/*
 * The syntax of text without a name, by its first token; blanks and comments before it (both npc
 * and YAML write # comments) are skipped:
 *   { or [                        JSON
 *   a word that no colon follows  npc: every statement begins so
 *   anything else, or nothing     YAML
 * Reads ahead as far as it takes, at most 64 KiB; comments longer than that are taken for YAML.
 */
enum syntax feed_sniff(struct feed *f);

#endif
