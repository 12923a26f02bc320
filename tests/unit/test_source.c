/* The lines of many places at once, as sources_line() gives them one by one. */
#include "base/source.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

static const char text[] = "first\r\n\nthird\n\xC3\xBC\nlast";
static const char *const lines[] = {"first", "", "third", "\xC3\xBC", "last"};

static struct span at(uint32_t file, uint32_t line)
{
    return (struct span){.file = file, .line = line, .col = 1, .len = 1};
}

/* Reads lines of file 1 that `wanted` numbers, 0 ending them. */
static void expect(struct ctx *c, const uint32_t *wanted)
{
    struct span places[16] = {{0}};
    struct str read[16];
    size_t n = 0;
    for (; wanted[n] != 0; n++) {
        places[n] = at(1, wanted[n]);
    }
    sources_lines(&c->sources, places, n, &c->arena, read);
    struct source_mark mark = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t col;
        CU_ASSERT(str_eq(read[i], sources_excerpt(&c->sources, places[i], &mark, &c->arena, &col)));
        CU_ASSERT(str_is(read[i], wanted[i] <= 5 ? lines[wanted[i] - 1] : ""));
        CU_ASSERT(str_eq(read[i], sources_line(&c->sources, places[i], &c->arena)));
    }
}

static void expect_all(struct ctx *c)
{
    expect(c, (uint32_t[]){1, 2, 3, 4, 5, 0});
    expect(c, (uint32_t[]){1, 1, 3, 3, 3, 5, 0});
    expect(c, (uint32_t[]){5, 6, 7, 0}); /* behind the end */
    expect(c, (uint32_t[]){4, 0});
    expect(c, (uint32_t[]){0});
    /* excerpts go back where they must */
    struct source_mark mark = {0};
    for (uint32_t line = 5, col; line > 0; line--) {
        struct str read = sources_excerpt(&c->sources, at(1, line), &mark, &c->arena, &col);
        CU_ASSERT(str_is(read, lines[line - 1]));
    }
}

static void of_kept_text(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    sources_get(&c.sources, sources_add(&c.sources, STR("kept")))->text = STR(text);
    expect_all(&c);
    ctx_free(&c);
}

static void of_a_file(void)
{
    char path[] = "/tmp/npc-test-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    struct source *s = sources_get(&c.sources, sources_add(&c.sources, str_of(path)));
    s->reopen = true;
    expect_all(&c);
    /* lines that are split between two reads, and one that is too long for an excerpt */
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    for (int i = 0; i < 4000; i++) {
        CU_ASSERT(dprintf(fd, "line %d\n", i + 1) > 0);
    }
    dprintf(fd, "%05000d", 7);
    struct span places[4001];
    struct str read[4001];
    for (uint32_t i = 0; i < 4001; i++) {
        places[i] = at(1, i + 1);
    }
    sources_lines(&c.sources, places, 4001, &c.arena, read);
    for (uint32_t i = 0; i < 4000; i++) {
        CU_ASSERT(str_eq(read[i], str_printf(&c.arena, "line %u", i + 1)));
    }
    CU_ASSERT_EQUAL(read[4000].n, 4096);
    /* excerpts are read on from the mark: they do not see what changed before it */
    struct source_mark mark = {0};
    for (uint32_t line = 3000, col; line < 4000; line += 499) {
        CU_ASSERT(str_eq(sources_excerpt(&c.sources, at(1, line), &mark, &c.arena, &col),
                         str_printf(&c.arena, "line %u", line)));
        CU_ASSERT_EQUAL(pwrite(fd, "\n\n\n", 3, 0), 3);
    }
    close(fd);
    unlink(path);
    ctx_free(&c);
}

static void of_several_files(void)
{
    struct ctx c;
    ctx_init(&c, unit_oom, NULL);
    sources_get(&c.sources, sources_add(&c.sources, STR("a")))->text = STR("a1\na2\n");
    sources_add(&c.sources, STR("gone"));
    sources_get(&c.sources, sources_add(&c.sources, STR("/nonexistent/file")))->reopen = true;
    sources_get(&c.sources, sources_add(&c.sources, STR("b")))->text = STR("b1\nb2\n");
    const struct span places[] = {at(1, 2), at(2, 1), at(3, 1), at(4, 1), at(4, 2)};
    struct str read[5];
    sources_lines(&c.sources, places, 5, &c.arena, read);
    const char *const want[] = {"a2", "", "", "b1", "b2"};
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT(str_is(read[i], want[i]));
    }
    ctx_free(&c);
}

UNIT_MAIN("source", TEST(of_kept_text), TEST(of_a_file), TEST(of_several_files))
