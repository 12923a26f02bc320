/* frontend/feed: where bytes come from, and what kind of text they are. */
#include "frontend/feed.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void test_syntax_of_name(void)
{
    CU_ASSERT_EQUAL(syntax_of_name(STR("a/b.npc")), SYNTAX_NPC);
    CU_ASSERT_EQUAL(syntax_of_name(STR("b.yaml")), SYNTAX_YAML);
    CU_ASSERT_EQUAL(syntax_of_name(STR("b.yml")), SYNTAX_YAML);
    CU_ASSERT_EQUAL(syntax_of_name(STR("b.json")), SYNTAX_JSON);
    CU_ASSERT_EQUAL(syntax_of_name(STR("b.NPC")), SYNTAX_UNKNOWN);
    CU_ASSERT_EQUAL(syntax_of_name(STR("npc")), SYNTAX_UNKNOWN);
    CU_ASSERT_EQUAL(syntax_of_name(STR("b.yaml.bak")), SYNTAX_UNKNOWN);
    CU_ASSERT_EQUAL(syntax_of_name(STR("")), SYNTAX_UNKNOWN);
}

static const struct {
    const char *text;
    enum syntax syntax;
} sniffed[] = {
    {"", SYNTAX_YAML},
    {"\n\n  # only a comment", SYNTAX_YAML},
    {"{\"kind\": 1}", SYNTAX_JSON},
    {"  [", SYNTAX_JSON},
    {" \t\r\n{", SYNTAX_JSON},
    {"kind\t: Pod\n", SYNTAX_YAML},
    {"\xef\xbb\xbf{}", SYNTAX_JSON},
    {"apiVersion: v1\n", SYNTAX_YAML},
    {"kind : Pod\n", SYNTAX_YAML},
    {"kind:", SYNTAX_YAML},
    {"---\nkind: Pod\n", SYNTAX_YAML},
    {"- a\n", SYNTAX_YAML},
    {"\"kind\": Pod\n", SYNTAX_YAML},
    {"'kind': Pod\n", SYNTAX_YAML},
    {"%YAML 1.2\n", SYNTAX_YAML},
    {"# npc\nkind: Pod\n", SYNTAX_YAML},
    {"npc 1\n", SYNTAX_NPC},
    {"# kind: Pod\nnpc 1\n", SYNTAX_NPC},
    {"\xef\xbb\xbfnpc 1\n", SYNTAX_NPC},
    {"include \"x.npc\"", SYNTAX_NPC},
    {"include\"x.npc\"", SYNTAX_NPC},
    {"policy a:b", SYNTAX_NPC},
    {"namespace\n  shop {", SYNTAX_NPC},
    {"namespace{", SYNTAX_NPC},
    {"let a = {tcp/80}", SYNTAX_NPC},
    {"word", SYNTAX_YAML}, /* cut off: not a whole statement of either */
};

static void test_sniff(void)
{
    for (size_t i = 0; i < sizeof sniffed / sizeof sniffed[0]; i++) {
        struct arena a;
        arena_init(&a, unit_oom, NULL);
        struct feed f;
        feed_init(&f, &a, -1, str_of(sniffed[i].text));
        enum syntax got = feed_sniff(&f);
        if (got != sniffed[i].syntax) {
            fprintf(stderr, "sniff %s: %d\n", sniffed[i].text, (int)got);
        }
        CU_ASSERT_EQUAL(got, sniffed[i].syntax);
        arena_free(&a);
    }
}

/* A pipe that hands out `text` in pieces of one byte, and is closed. */
static int pipe_of(const char *text)
{
    int fd[2];
    CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
    size_t n = strlen(text);
    CU_ASSERT_EQUAL_FATAL(write(fd[1], text, n), (ssize_t)n);
    close(fd[1]);
    return fd[0];
}

static void test_sniffed_bytes_come_again(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    static const char text[] = "# a comment\nnamespace shop { }\n";
    int fd = pipe_of(text);
    struct feed f;
    feed_init(&f, &a, fd, (struct str){0});
    CU_ASSERT_EQUAL(feed_sniff(&f), SYNTAX_NPC);
    struct buf *all = buf_new(&a);
    CU_ASSERT(feed_read_all(&f, 1000, all));
    CU_ASSERT(str_is(buf_text(all), text));
    CU_ASSERT_EQUAL(f.total, strlen(text));
    close(fd);
    arena_free(&a);
}

static void test_limit(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    struct feed f;
    feed_init(&f, &a, -1, STR("12345"));
    struct buf *b = buf_new(&a);
    CU_ASSERT(feed_read_all(&f, 5, b));
    CU_ASSERT(str_is(buf_text(b), "12345"));
    feed_init(&f, &a, -1, STR("123456"));
    CU_ASSERT_FALSE(feed_read_all(&f, 5, buf_new(&a)));
    CU_ASSERT_EQUAL(f.error, 0);
    arena_free(&a);
}

static void test_read_error(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    int fd[2];
    CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
    struct feed f;
    feed_init(&f, &a, fd[1], (struct str){0}); /* the end for writing */
    CU_ASSERT_EQUAL(feed_sniff(&f), SYNTAX_YAML);
    CU_ASSERT_FALSE(feed_read_all(&f, 5, buf_new(&a)));
    CU_ASSERT_EQUAL(f.error, EBADF);
    close(fd[0]);
    close(fd[1]);
    arena_free(&a);
}

static void test_kept(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    size_t n = FEED_KEPT + 100;
    char *text = arena_alloc(&a, n);
    memset(text, 'x', n);
    text[0] = 'a';
    struct feed f;
    feed_init(&f, &a, -1, (struct str){text, n});
    f.kept = buf_new(&a);
    CU_ASSERT(feed_read_all(&f, n, buf_new(&a)));
    CU_ASSERT_EQUAL(f.kept->n, FEED_KEPT);
    CU_ASSERT_EQUAL(f.kept->p[0], 'a');
    arena_free(&a);
}

static void count_call(void *arg, const struct feed *f)
{
    CU_ASSERT(f->total > 0);
    ++*(int *)arg;
}

static void test_progress(void)
{
    struct arena a;
    arena_init(&a, unit_oom, NULL);
    size_t n = (size_t)5 << 20;
    struct feed f;
    feed_init(&f, &a, -1, (struct str){arena_alloc(&a, n), n});
    int calls = 0;
    f.progress = count_call;
    f.progress_arg = &calls;
    CU_ASSERT(feed_read_all(&f, n, buf_new(&a)));
    CU_ASSERT_EQUAL(calls, 80); /* each 64 KiB */
    arena_free(&a);
}

UNIT_MAIN("feed", TEST(test_syntax_of_name), TEST(test_sniff), TEST(test_sniffed_bytes_come_again),
          TEST(test_limit), TEST(test_read_error), TEST(test_kept), TEST(test_progress))
