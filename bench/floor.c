/*
 * What reading costs at the least: the events of libyaml, or the callbacks of yajl, of a file, and
 * nothing done with them. The parsers are set up as npc sets them up. Knows nothing of npc.
 *
 *     floor yaml|json FILE
 */
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>
#include <yaml.h>

static int read_yaml(FILE *in)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser)) {
        return 1;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_file(&parser, in);
    int ended = 0, failed = 0;
    while (!ended && !failed) {
        failed = !yaml_parser_parse(&parser, &event);
        if (!failed) {
            ended = event.type == YAML_STREAM_END_EVENT;
            yaml_event_delete(&event);
        }
    }
    yaml_parser_delete(&parser);
    return failed;
}

static int on_token(void *ctx)
{
    (void)ctx;
    return 1;
}

static int on_boolean(void *ctx, int value)
{
    (void)ctx, (void)value;
    return 1;
}

static int on_number(void *ctx, const char *text, size_t n)
{
    (void)ctx, (void)text, (void)n;
    return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t n)
{
    (void)ctx, (void)text, (void)n;
    return 1;
}

static int read_json(FILE *in)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_token,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_token,
        .yajl_map_key = on_string,
        .yajl_end_map = on_token,
        .yajl_start_array = on_token,
        .yajl_end_array = on_token,
    };
    unsigned char chunk[32 * 1024];
    yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);
    yajl_config(parser, yajl_allow_multiple_values, 1);
    yajl_config(parser, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_status_ok;
    size_t n;
    while (status == yajl_status_ok && (n = fread(chunk, 1, sizeof chunk, in)) > 0) {
        status = yajl_parse(parser, chunk, n);
    }
    status = status == yajl_status_ok ? yajl_complete_parse(parser) : status;
    yajl_free(parser);
    return status != yajl_status_ok;
}

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (in == NULL) {
        fputs("usage: floor yaml|json FILE\n", stderr);
        return 2;
    }
    int failed = strcmp(argv[1], "json") == 0 ? read_json(in) : read_yaml(in);
    failed |= ferror(in);
    fclose(in);
    return failed;
}
