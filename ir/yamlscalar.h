/*
 * What YAML readers take an unquoted scalar for. Two generations of YAML are in use and disagree
 * (`no`, `012`, `1:30`, `0o7`), so this is the union: a scalar is a string here only if every
 * reader takes it for one.
 */
#ifndef NPC_IR_YAMLSCALAR_H
#define NPC_IR_YAMLSCALAR_H

#include "base/str.h"

enum yaml_sense {
    YAML_SENSE_STRING,
    YAML_SENSE_NULL, /* the empty scalar too */
    YAML_SENSE_BOOL,
    YAML_SENSE_INT,
    YAML_SENSE_FLOAT,
    YAML_SENSE_TIMESTAMP,
    YAML_SENSE_MERGE /* << and =, which YAML 1.1 gives a meaning of their own */
};

/*
 * The sense of a plain scalar by the types of YAML 1.1 (yaml.org/type) and the core schema of YAML
 * 1.2 (section 10.3.2), and of what go-yaml, which Kubernetes reads with, takes on top of them
 * (0X, 0O, 0B, one-digit months). If they differ, the sense that is not a string wins.
 * YAML 1.1's pattern for floats, taken literally, also matches 1.2.3 and a lone dot: no reader does
 * that, and neither does this.
 */
enum yaml_sense yaml_resolve(struct str plain);

/* Whether every reader takes the plain scalar for a string. It says nothing about characters that
 * a plain scalar cannot hold, such as ": ". */
bool yaml_plain_is_string(struct str plain);

/* "a boolean", "an integer", …: for messages. */
const char *yaml_sense_name(enum yaml_sense s);

#endif
