/*
 * base: escaping, lines of bounded length, and the log that survives the process that wrote it.
 */
#include "base/escape.h"
#include "base/line.h"
#include "base/log.h"
#include "smtp/path.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

enum { FILE_MAX_SIZE = 1 << 20 };

static char folder[] = "/tmp/ehlogate-test-log-XXXXXX";
static char path[sizeof(folder) + 8];
static char content[FILE_MAX_SIZE + 1];

/* All that is in the log file. */
static const char *log_content(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, content, FILE_MAX_SIZE);
    assert_true(n >= 0);
    content[n] = '\0';
    close(fd);
    return content;
}

static void assert_match(const char *text, const char *pattern)
{
    regex_t regex;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int found = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    if (found != 0) {
        print_error("%s\ndoes not match %s\n", text, pattern);
    }
    assert_int_equal(found, 0);
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

/* A JSON value of RFC 8259 at *at, which is moved behind it. */
static bool json_value(const char **at);

static bool json_string(const char **at)
{
    const char *p = *at;

    if (*p++ != '"') {
        return false;
    }
    for (; *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) {
            return false; /* and the end of the text */
        }
        if (*p == '\\') {
            p++;
            if (*p == 'u') {
                for (unsigned i = 0; i < 4; i++) {
                    if (strchr("0123456789abcdefABCDEF", *++p) == NULL || *p == '\0') {
                        return false;
                    }
                }
            } else if (*p == '\0' || strchr("\"\\/bfnrt", *p) == NULL) {
                return false;
            }
        }
    }
    *at = p + 1;
    return true;
}

static bool json_object(const char **at)
{
    do {
        (*at)++;
        if (!json_string(at) || *(*at)++ != ':' || !json_value(at)) {
            return false;
        }
    } while (**at == ',');
    return *(*at)++ == '}';
}

static bool json_value(const char **at)
{
    if (**at == '{') {
        return json_object(at);
    }
    if (**at == '"') {
        return json_string(at);
    }
    size_t digits = strspn(*at, "0123456789");
    *at += digits;
    return digits > 0;
}

static void assert_json_lines(const char *text)
{
    while (*text != '\0') {
        const char *line = text;
        if (!json_value(&text) || *text != '\n') {
            print_error("not a JSON line: %s\n", line);
            assert_true(false);
        }
        text++;
    }
}

struct vector {
    struct span in;
    const char *text, *json;
};
static const struct vector vectors[] = {
    {SPAN(""), "", "\"\""},
    {SPAN("plain text, 100 %s"), "plain text, 100 %s", "\"plain text, 100 %s\""},
    {SPAN("a\"b"), "a\"b", "\"a\\\"b\""},
    {SPAN("a\\x0Ab"), "a\\\\x0Ab", "\"a\\\\x0Ab\""},
    {SPAN("a\r\nNov 24 forged"), "a\\x0D\\x0ANov 24 forged", "\"a\\u000D\\u000ANov 24 forged\""},
    {SPAN("nul\0here\x7f\x1b[2J"), "nul\\x00here\\x7F\\x1B[2J",
     "\"nul\\u0000here\\u007F\\u001B[2J\""},
    {SPAN("gr\xc3\xbc\xc3\x9f @ \xe4\xbe\x8b \xf0\x9f\x93\xa7"),
     "gr\xc3\xbc\xc3\x9f @ \xe4\xbe\x8b \xf0\x9f\x93\xa7",
     "\"gr\xc3\xbc\xc3\x9f @ \xe4\xbe\x8b \xf0\x9f\x93\xa7\""},
    /* Latin-1, a lone continuation, a cut sequence. */
    {SPAN("\xe9t\xe9 \x80 \xe4\xbe"), "\\xE9t\\xE9 \\x80 \\xE4\\xBE",
     "\"\xef\xbf\xbdt\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\""},
    /* Overlong "/", a surrogate, above U+10FFFF. */
    {SPAN("\xc0\xaf"), "\\xC0\\xAF", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {SPAN("\xed\xa0\x80"), "\\xED\\xA0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {SPAN("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80",
     "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    /* C1 control, right-to-left override, line separator, a tag beyond the BMP. */
    {SPAN("\xc2\x9b"
          "2J"),
     "\\xC2\\x9B2J", "\"\\u009B2J\""},
    {SPAN("exe\xe2\x80\xae"
          "fdp"),
     "exe\\xE2\\x80\\xAEfdp", "\"exe\\u202Efdp\""},
    {SPAN("\xe2\x80\xa8"), "\\xE2\\x80\\xA8", "\"\\u2028\""},
    {SPAN("\xf3\xa0\x81\x81"), "\\xF3\\xA0\\x81\\x81", "\"\\uDB40\\uDC41\""},
};

static void foreign_bytes_are_escaped(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct buf text = {0}, json = {0};
        assert_true(buf_escape(&text, vectors[i].in));
        assert_int_equal(buf_len(&text), strlen(vectors[i].text));
        assert_memory_equal(buf_span(&text).ptr, vectors[i].text, buf_len(&text));
        assert_true(buf_json(&json, vectors[i].in));
        assert_int_equal(buf_len(&json), strlen(vectors[i].json));
        assert_memory_equal(buf_span(&json).ptr, vectors[i].json, buf_len(&json));
        buf_free(&text);
        buf_free(&json);
    }
}

/* Whatever comes in, what comes out is one line, is UTF-8, and for JSON is a JSON string. */
static void any_bytes_make_valid_output(void **state)
{
    uint32_t seed = 1;

    for (unsigned round = 0; round < 20000; round++) {
        unsigned char in[24];
        for (size_t i = 0; i < sizeof(in); i++) {
            seed = seed * 1664525 + 1013904223;
            /* UTF-8's lead and continuation bytes more often than chance has them. */
            in[i] = (unsigned char)(round % 2 == 0 ? seed >> 24 : 0x80 | seed >> 25);
        }
        struct buf text = {0}, json = {0};
        assert_true(buf_escape(&text, span_of(in, sizeof(in))));
        assert_true(smtp_utf8_valid(buf_span(&text)));
        for (size_t i = 0; i < buf_len(&text); i++) {
            assert_true(buf_span(&text).ptr[i] >= ' ' && buf_span(&text).ptr[i] != 0x7f);
        }
        assert_true(buf_json(&json, span_of(in, sizeof(in))));
        assert_true(smtp_utf8_valid(buf_span(&json)));
        assert_true(buf_append(&json, span_of("", 1)));
        const char *at = (const char *)buf_span(&json).ptr;
        assert_true(json_string(&at));
        assert_int_equal(*at, '\0');
        buf_free(&text);
        buf_free(&json);
    }
}

static void lines_are_as_buffers_are(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unsigned char bytes[256];
        struct line line = line_in(bytes, sizeof(bytes));
        line_escape(&line, vectors[i].in, 256);
        assert_false(line.cut);
        assert_int_equal(line.len, strlen(vectors[i].text));
        assert_memory_equal(bytes, vectors[i].text, line.len);
        line = line_in(bytes, sizeof(bytes));
        line_json(&line, vectors[i].in, 256);
        assert_int_equal(line.len, strlen(vectors[i].json));
        assert_memory_equal(bytes, vectors[i].json, line.len);
    }
}

static void lines_are_cut(void **state)
{
    unsigned char bytes[8];
    struct line line = line_in(bytes, sizeof(bytes));

    line_escape(&line, SPAN("abcdefgh"), 3);
    assert_int_equal(line.len, 6);
    assert_memory_equal(bytes, "abc...", 6);
    assert_false(line.cut);
    line_escape(&line, SPAN("\x01"), 1); /* four octets do not fit into two */
    assert_true(line.cut);
    assert_int_equal(line.len, 6);

    line = line_in(bytes, sizeof(bytes));
    line_number(&line, 0);
    line_number(&line, 1234567);
    assert_memory_equal(bytes, "01234567", 8);
    assert_false(line.cut);
    line_put(&line, SPAN("x"));
    assert_true(line.cut);
    assert_int_equal(line.len, 8);

    unsigned char number[32];
    line = line_in(number, sizeof(number));
    line_number(&line, UINT64_MAX);
    assert_int_equal(line.len, 20);
    assert_memory_equal(number, "18446744073709551615", 20);
}

static int open_text(void **state)
{
    unlink(path);
    log_name("ehlogate/test");
    return log_open(path, LOG_TEXT) ? 0 : -1;
}

static int open_json(void **state)
{
    unlink(path);
    log_name("ehlogate/test");
    return log_open(path, LOG_JSON) ? 0 : -1;
}

static int close_log(void **state)
{
    log_attach(NULL);
    return log_open(NULL, LOG_TEXT) ? 0 : -1;
}

static void text_lines_have_postfix_prefix(void **state)
{
    log_line(LOG_LEVEL_INFO, "connect from %s", "unknown[192.0.2.1]");
    log_line(LOG_LEVEL_WARNING, "forged\n%s\t\\ \xff", "Nov 24");
    log_text(LOG_LEVEL_ERROR, SPAN("already \\x0A escaped"));
    const char *text = log_content();
    assert_int_equal(count_lines(text), 3);
    assert_match(text, "^[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [^ .]+ "
                       "ehlogate/test\\[[0-9]+\\]: connect from unknown\\[192\\.0\\.2\\.1\\]\n");
    assert_non_null(strstr(text, "]: warning: forged\\x0ANov 24\\x09\\\\ \\xFF\n"));
    assert_non_null(strstr(text, "]: error: already \\x0A escaped\n"));
}

static void json_lines_are_objects(void **state)
{
    log_line(LOG_LEVEL_WARNING, "say \"%s\"\r\n", "\x01 \xff");
    log_members(LOG_LEVEL_INFO, SPAN("\"event\":\"connect\",\"client\":\"192.0.2.1\""));
    const char *text = log_content();
    assert_int_equal(count_lines(text), 2);
    assert_json_lines(text);
    assert_match(text,
                 "^\\{\"time\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\."
                 "[0-9]{3}Z\",\"level\":\"warning\",\"process\":\"ehlogate/test\",\"pid\":[0-9]"
                 "+,\"message\":\"say ");
    assert_non_null(
        strstr(text, "\"message\":\"say \\\"\\u0001 \xef\xbf\xbd\\\"\\u000D\\u000A\"}\n"));
    assert_non_null(strstr(text, ",\"event\":\"connect\",\"client\":\"192.0.2.1\"}\n"));
}

static void long_lines_are_cut_whole(void **state)
{
    static char longest[3 * LOG_LINE_MAX];

    memset(longest, 1, sizeof(longest) - 1);
    log_line(LOG_LEVEL_INFO, "%s", longest);
    const char *text = log_content();
    assert_int_equal(count_lines(text), 1);
    assert_json_lines(text);
    assert_true(strlen(text) > 4096);
    assert_true(strlen(text) < LOG_LINE_MAX + 512);
}

static void lines_wait_for_the_flush(void **state)
{
    struct log_ring *ring = log_ring_new();

    assert_non_null(ring);
    log_attach(ring);
    log_line(LOG_LEVEL_INFO, "one");
    log_line(LOG_LEVEL_INFO, "two");
    assert_string_equal(log_content(), "");
    assert_true(log_pending() > 0);
    log_flush();
    assert_int_equal(log_pending(), 0);
    assert_int_equal(count_lines(log_content()), 2);
    log_attach(NULL);
    log_recover(&ring);
    assert_null(ring);
    assert_int_equal(count_lines(log_content()), 2);
}

static void killed_process_leaves_its_lines(void **state)
{
    struct log_ring *ring = log_ring_new();
    int status;

    assert_non_null(ring);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        log_name("ehlogate/child");
        log_attach(ring);
        log_line(LOG_LEVEL_INFO, "first");
        log_flush();
        log_line(LOG_LEVEL_INFO, "second");
        log_line(LOG_LEVEL_INFO, "third");
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(count_lines(log_content()), 1);
    log_recover(&ring);
    const char *text = log_content();
    assert_int_equal(count_lines(text), 3);
    char pattern[128];
    snprintf(pattern, sizeof(pattern),
             "ehlogate/child\\[%d\\]: first\n.*\\[%d\\]: second\n.*: third\n", pid, pid);
    assert_match(text, pattern);
}

/* A full buffer is written, not dropped. */
static void many_lines_overflow_into_the_file(void **state)
{
    enum { LINES = 5000 };
    struct log_ring *ring = log_ring_new();

    assert_non_null(ring);
    log_attach(ring);
    for (unsigned i = 0; i < LINES; i++) {
        log_line(LOG_LEVEL_INFO, "line %u of many that together exceed the buffer", i);
    }
    log_attach(NULL);
    log_recover(&ring);
    assert_int_equal(count_lines(log_content()), LINES);
}

/* A log that takes nothing loses lines, but says how many, and never blocks the writer for long. */
static void stalled_log_counts_what_it_loses(void **state)
{
    enum { LINES = 20000 };
    struct log_ring *ring = log_ring_new();
    int saved = dup(STDERR_FILENO), pair[2];
    static char text[4 << 20];
    size_t len = 0;

    assert_non_null(ring);
    assert_int_equal(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
    assert_true(log_open(NULL, LOG_TEXT));
    assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    log_attach(ring);
    for (unsigned i = 0; i < LINES; i++) {
        log_line(LOG_LEVEL_INFO, "before");
    }
    size_t stuck = log_pending();
    for (unsigned i = 0; i < 8; i++) { /* the pipe's share of it at a time, and what was left */
        ssize_t n;
        while ((n = read(pair[0], text + len, sizeof(text) - 1 - len)) > 0) {
            len += (size_t)n;
        }
        log_flush();
    }
    log_line(LOG_LEVEL_INFO, "after");
    log_flush();
    ssize_t last = read(pair[0], text + len, sizeof(text) - 1 - len);
    log_attach(NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pair[0]);
    close(pair[1]);
    log_recover(&ring);

    assert_true(stuck > 0);
    assert_true(last > 0);
    text[len + (size_t)last] = '\0';
    unsigned lines = count_lines(text), lost;
    const char *report = strstr(text, "warning: ");
    assert_non_null(report);
    assert_int_equal(sscanf(report, "warning: %u log lines were lost", &lost), 1);
    assert_int_equal(lines - 2 + lost, LINES); /* but "after" and the report */
    assert_non_null(strstr(text, "]: after\n"));
}

static void folder_that_is_not_there_is_an_error(void **state)
{
    assert_false(log_open("/nonexistent/ehlogate.log", LOG_TEXT));
    assert_int_equal(errno, ENOENT);
}

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/log", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_bytes_are_escaped),
        cmocka_unit_test(any_bytes_make_valid_output),
        cmocka_unit_test(lines_are_as_buffers_are),
        cmocka_unit_test(lines_are_cut),
        cmocka_unit_test_setup_teardown(text_lines_have_postfix_prefix, open_text, close_log),
        cmocka_unit_test_setup_teardown(json_lines_are_objects, open_json, close_log),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_whole, open_json, close_log),
        cmocka_unit_test_setup_teardown(lines_wait_for_the_flush, open_text, close_log),
        cmocka_unit_test_setup_teardown(killed_process_leaves_its_lines, open_text, close_log),
        cmocka_unit_test_setup_teardown(many_lines_overflow_into_the_file, open_text, close_log),
        cmocka_unit_test_setup_teardown(stalled_log_counts_what_it_loses, open_text, close_log),
        cmocka_unit_test_setup_teardown(folder_that_is_not_there_is_an_error, open_text, close_log),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
