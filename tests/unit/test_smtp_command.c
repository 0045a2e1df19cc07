/*
 * smtp: command lines, their canonical form, and what is said of those that are none.
 */
#include "smtp/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

struct vector {
    const char *line;
    enum smtp_verb verb;
    enum smtp_command_error error;
    const char *canonical; /* without CRLF; NULL: the line is canonical, or an error */
};

#define OK SMTP_COMMAND_OK

static const struct vector vectors[] = {
    {"HELO client.example", SMTP_VERB_HELO, OK, NULL},
    {"helo client.example", SMTP_VERB_HELO, OK, "HELO client.example"},
    {"EHLO  client.example", SMTP_VERB_EHLO, OK, "EHLO client.example"},
    {" EHLO client.example ", SMTP_VERB_EHLO, OK, "EHLO client.example"},
    {"EHLO\tclient.example\t", SMTP_VERB_EHLO, OK, "EHLO client.example"},
    {"EHLO [192.0.2.1]", SMTP_VERB_EHLO, OK, NULL},
    {"EHLO -_.-", SMTP_VERB_EHLO, OK, NULL},
    {"EHLO", SMTP_VERB_EHLO, SMTP_COMMAND_HELLO, NULL},
    {"HELO a b", SMTP_VERB_HELO, SMTP_COMMAND_HELLO, NULL},
    {"MAIL FROM:<a@b>", SMTP_VERB_MAIL, OK, NULL},
    {"MAIL FROM:<>", SMTP_VERB_MAIL, OK, NULL},
    {"mail from:<a@b>", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b>"},
    {"MAIL From:<a@b>", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b>"},
    {"MAIL FROM: <a@b>", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b>"},
    {"MAIL  FROM:\t<a@b> ", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b>"},
    {"MAIL FROM:a@b", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b>"},
    {"MAIL FROM:a", SMTP_VERB_MAIL, OK, "MAIL FROM:<a>"},
    {"MAIL FROM:<@x,@y:a@b>", SMTP_VERB_MAIL, OK, NULL},
    {"MAIL FROM:@x:a@b", SMTP_VERB_MAIL, OK, "MAIL FROM:<@x:a@b>"},
    {"MAIL FROM:<a@b> SIZE=1 BODY=8BITMIME", SMTP_VERB_MAIL, OK, NULL},
    {"MAIL FROM:<a@b>  SIZE=1", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b> SIZE=1"},
    {"MAIL FROM:<a@b>\tSIZE=1", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b> SIZE=1"},
    {"MAIL FROM:a@b SIZE=1", SMTP_VERB_MAIL, OK, "MAIL FROM:<a@b> SIZE=1"},
    {"MAIL FROM:<\"a b\"@c>", SMTP_VERB_MAIL, OK, NULL},
    {"MAIL", SMTP_VERB_MAIL, SMTP_COMMAND_KEYWORD, NULL},
    {"MAIL FROM", SMTP_VERB_MAIL, SMTP_COMMAND_KEYWORD, NULL},
    {"MAIL FROM <a@b>", SMTP_VERB_MAIL, SMTP_COMMAND_KEYWORD, NULL},
    {"MAIL TO:<a@b>", SMTP_VERB_MAIL, SMTP_COMMAND_KEYWORD, NULL},
    {"MAIL FROM:", SMTP_VERB_MAIL, SMTP_COMMAND_PATH, NULL},
    {"MAIL FROM:<a@b", SMTP_VERB_MAIL, SMTP_COMMAND_PATH, NULL},
    {"MAIL FROM:<a@b>SIZE=1", SMTP_VERB_MAIL, SMTP_COMMAND_PATH, NULL},
    {"MAIL FROM:<a@b> SIZE=", SMTP_VERB_MAIL, SMTP_COMMAND_PARAMETER, NULL},
    {"MAIL FROM:<a@b> SIZE=1 =", SMTP_VERB_MAIL, SMTP_COMMAND_PARAMETER, NULL},
    {"SEND FROM:<a@b>", SMTP_VERB_SEND, OK, NULL},
    {"saml from:a@b", SMTP_VERB_SAML, OK, "SAML FROM:<a@b>"},
    {"RCPT TO:<a@b>", SMTP_VERB_RCPT, OK, NULL},
    {"rcpt to: a@b NOTIFY=NEVER", SMTP_VERB_RCPT, OK, "RCPT TO:<a@b> NOTIFY=NEVER"},
    {"RCPT TO:<Postmaster>", SMTP_VERB_RCPT, OK, NULL},
    {"RCPT TO:<>", SMTP_VERB_RCPT, SMTP_COMMAND_PATH, NULL},
    {"RCPT FROM:<a@b>", SMTP_VERB_RCPT, SMTP_COMMAND_KEYWORD, NULL},
    {"DATA", SMTP_VERB_DATA, OK, NULL},
    {"data ", SMTP_VERB_DATA, OK, "DATA"},
    {"DATA now", SMTP_VERB_DATA, SMTP_COMMAND_ARGUMENT, NULL},
    {"BDAT 0", SMTP_VERB_BDAT, OK, NULL},
    {"BDAT 86 LAST", SMTP_VERB_BDAT, OK, NULL},
    {"bdat  999999999999999 last", SMTP_VERB_BDAT, OK, "BDAT 999999999999999 last"},
    {"BDAT", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT x", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT 1x", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT -1", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT +1", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT 0x10", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT LAST", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT 1 LASTLY", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT 1 2", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT 1 LAST LAST", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BDAT 1000000000000000", SMTP_VERB_BDAT, SMTP_COMMAND_CHUNK, NULL},
    {"BURL imap://a/ LAST", SMTP_VERB_BURL, OK, NULL},
    {"BURL imap://a/", SMTP_VERB_BURL, OK, NULL},
    {"BURL", SMTP_VERB_BURL, SMTP_COMMAND_MISSING, NULL},
    {"BURL imap://a/ FIRST", SMTP_VERB_BURL, SMTP_COMMAND_MISSING, NULL},
    {"RSET", SMTP_VERB_RSET, OK, NULL},
    {"RSET x", SMTP_VERB_RSET, SMTP_COMMAND_ARGUMENT, NULL},
    {"NOOP", SMTP_VERB_NOOP, OK, NULL},
    {"NOOP  a  b ", SMTP_VERB_NOOP, OK, "NOOP a  b"},
    {"QUIT", SMTP_VERB_QUIT, OK, NULL},
    {"QUIT please", SMTP_VERB_QUIT, SMTP_COMMAND_ARGUMENT, NULL},
    {"VRFY root", SMTP_VERB_VRFY, OK, NULL},
    {"VRFY", SMTP_VERB_VRFY, SMTP_COMMAND_MISSING, NULL},
    {"AUTH PLAIN", SMTP_VERB_AUTH, OK, NULL},
    {"AUTH PLAIN AGEAYg==", SMTP_VERB_AUTH, OK, NULL},
    {"AUTH EXTERNAL =", SMTP_VERB_AUTH, OK, NULL},
    {"auth  SCRAM-SHA-256_X  ab+/", SMTP_VERB_AUTH, OK, "AUTH SCRAM-SHA-256_X  ab+/"},
    {"AUTH", SMTP_VERB_AUTH, SMTP_COMMAND_MISSING, NULL},
    {"AUTH PL@IN", SMTP_VERB_AUTH, SMTP_COMMAND_MECHANISM, NULL},
    {"AUTH MMMMMMMMMMMMMMMMMMMMM", SMTP_VERB_AUTH, SMTP_COMMAND_MECHANISM, NULL},
    {"AUTH PLAIN a b", SMTP_VERB_AUTH, SMTP_COMMAND_MECHANISM, NULL},
    {"AUTH PLAIN *", SMTP_VERB_AUTH, SMTP_COMMAND_MECHANISM, NULL},
    {"STARTTLS", SMTP_VERB_STARTTLS, OK, NULL},
    {"STARTTLS x", SMTP_VERB_STARTTLS, SMTP_COMMAND_ARGUMENT, NULL},
    {"XCLIENT NAME=a ADDR=b", SMTP_VERB_XCLIENT, OK, NULL},
    {"XCLIENT", SMTP_VERB_XCLIENT, SMTP_COMMAND_MISSING, NULL},
    {"XYZZY", SMTP_VERB_UNKNOWN, OK, NULL},
    {"xyzzy  plugh ", SMTP_VERB_UNKNOWN, OK, "xyzzy plugh"},
    {"x\xc3\xbc", SMTP_VERB_UNKNOWN, OK, NULL},
    {"", SMTP_VERB_UNKNOWN, SMTP_COMMAND_EMPTY, NULL},
    {" \t ", SMTP_VERB_UNKNOWN, SMTP_COMMAND_EMPTY, NULL},
    {"NOOP\r", SMTP_VERB_UNKNOWN, SMTP_COMMAND_CONTROL, NULL},
    {"NOOP a\rb", SMTP_VERB_NOOP, SMTP_COMMAND_CONTROL, NULL},
    {"NOOP a\x7f", SMTP_VERB_NOOP, SMTP_COMMAND_CONTROL, NULL},
    {"MAIL FROM:<a\x01@b>", SMTP_VERB_MAIL, SMTP_COMMAND_CONTROL, NULL},
};

/* A copy in memory of its exact size. */
static struct span exact(struct span s)
{
    unsigned char *copy = malloc(s.len > 0 ? s.len : 1);

    assert_non_null(copy);
    memcpy(copy, s.ptr, s.len);
    return span_of(copy, s.len);
}

static void assert_within(struct span part, struct span whole)
{
    assert_true(part.len == 0 ||
                (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

/* What holds for every line, whatever it is. */
static void assert_sane(struct span line, const struct smtp_command *c)
{
    unsigned char out[4096];

    assert_within(c->line, line);
    assert_within(c->word, line);
    assert_within(c->args, line);
    assert_within(c->params, line);
    assert_within(c->path.text, line);
    assert_within(c->path.route, line);
    assert_within(c->path.local, line);
    assert_within(c->path.domain, line);
    assert_true(c->error != SMTP_COMMAND_OK || !c->canonical ||
                smtp_command_write(c, out, sizeof(out)) == line.len + 2);
    assert_true(strlen(smtp_command_error_text(c)) > 0);
}

/* The canonical form is canonical, says the same, and is written within the bound. Returns whether
 * there is one. */
static bool assert_canonical(struct span line, const struct smtp_command *c)
{
    if (c->error != SMTP_COMMAND_OK) {
        return false;
    }
    size_t room = line.len + SMTP_CANONICAL_MORE + 2;
    unsigned char *out = malloc(room), *again = malloc(room + SMTP_CANONICAL_MORE);
    struct smtp_command second;

    assert_non_null(out);
    assert_non_null(again);
    size_t len = smtp_command_write(c, out, room);
    assert_true(len >= 2);
    assert_memory_equal(out + len - 2, "\r\n", 2);
    smtp_command_parse(span_of(out, len - 2), &second);
    assert_int_equal(second.verb, c->verb);
    assert_int_equal(second.error, SMTP_COMMAND_OK);
    assert_true(second.canonical);
    assert_true(span_equal(second.path.text, c->path.text));
    assert_true(span_equal(second.path.route, c->path.route));
    assert_true(span_equal(second.params, c->params));
    assert_int_equal(second.chunk, c->chunk);
    assert_int_equal(second.last, c->last);
    assert_int_equal(smtp_command_write(&second, again, room + SMTP_CANONICAL_MORE), len);
    assert_memory_equal(again, out, len);
    assert_int_equal(c->canonical, len == line.len + 2 && memcmp(out, line.ptr, line.len) == 0);
    free(out);
    free(again);
    return true;
}

static void lines_are_taken_apart(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        struct span line = exact(span_str(v->line));
        struct smtp_command c;
        unsigned char out[256];
        smtp_command_parse(line, &c);
        assert_int_equal(c.verb, v->verb);
        assert_int_equal(c.error, v->error);
        assert_sane(line, &c);
        assert_int_equal(c.canonical, v->error == OK && v->canonical == NULL);
        /* Only lines without error have a canonical form. */
        size_t len = v->error == OK ? smtp_command_write(&c, out, sizeof(out)) : 0;
        const char *want = v->error != OK ? "" : v->canonical != NULL ? v->canonical : v->line;
        assert_int_equal(len, v->error == OK ? strlen(want) + 2 : 0);
        assert_memory_equal(out, want, strlen(want));
        assert_canonical(line, &c);
        free((void *)line.ptr);
    }
}

static void a_nul_is_a_control_character(void **state)
{
    struct smtp_command c;

    smtp_command_parse(span_of("NOOP a\0b", 8), &c);
    assert_int_equal(c.error, SMTP_COMMAND_CONTROL);
    smtp_command_parse(span_of("\0", 1), &c);
    assert_int_equal(c.error, SMTP_COMMAND_CONTROL);
}

static void chunks_have_sizes(void **state)
{
    struct smtp_command c;

    smtp_command_parse(SPAN("BDAT 999999999999999 LAST"), &c);
    assert_true(c.chunk == 999999999999999u);
    assert_true(c.last);
    smtp_command_parse(SPAN("BDAT 007"), &c);
    assert_int_equal(c.chunk, 7);
    assert_false(c.last);
    smtp_command_parse(SPAN("BDAT 12 FIRST"), &c);
    assert_int_equal(c.chunk, 0); /* not to be used by mistake */
}

static void what_does_not_fit_is_not_written(void **state)
{
    struct smtp_command c;
    unsigned char out[64];

    smtp_command_parse(SPAN("mail from:a@b SIZE=1"), &c);
    size_t len = smtp_command_write(&c, out, sizeof(out));
    assert_int_equal(len, strlen("MAIL FROM:<a@b> SIZE=1\r\n"));
    for (size_t room = 0; room < len; room++) {
        assert_int_equal(smtp_command_write(&c, out, room), 0);
    }
    assert_int_equal(smtp_command_write(&c, out, len), len);
}

static void errors_have_words(void **state)
{
    static const struct {
        const char *line, *text;
    } texts[] = {{"MAIL", "Syntax: MAIL FROM:<address>"},
                 {"RCPT", "Syntax: RCPT TO:<address>"},
                 {"RCPT TO:<a@-b>", "malformed domain"},
                 {"HELO", "Syntax: HELO hostname"},
                 {"EHLO", "Syntax: EHLO hostname"},
                 {"DATA x", "No argument allowed"},
                 {"VRFY", "An argument is needed"},
                 {"BDAT", "Syntax: BDAT octets [LAST]"},
                 {"BURL", "Syntax: BURL url [LAST]"},
                 {"AUTH", "Syntax: AUTH mechanism [initial-response]"},
                 {"XCLIENT", "Syntax: attribute=value ..."},
                 {"MAIL FROM:<a> =", "Malformed parameter"},
                 {"", "Empty command"},
                 {"NOOP \r", "Control character in command"},
                 {"NOOP", "no error"}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct smtp_command c;
        smtp_command_parse(span_str(texts[i].line), &c);
        assert_string_equal(smtp_command_error_text(&c), texts[i].text);
    }
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* Lines put together from what matters, and any octets. */
static size_t random_line(unsigned char *line, size_t size)
{
    static const char *const parts[] = {"MAIL", "rcpt",   "BDAT", "AUTH ", "EHLO",      " ",
                                        "\t",   "FROM:",  "to:",  "<",     ">",         "@",
                                        "\"",   "\\",     "a",    "b.c",   "[1.2.3.4]", ":",
                                        ",",    "SIZE=1", "=",    "LAST",  "12",        "\xc3\xbc",
                                        "\r",   "\xff",   "-"};
    size_t len = 0;

    for (uint32_t n = random_below(12); n > 0; n--) {
        const char *part = parts[random_below(sizeof(parts) / sizeof(parts[0]))];
        size_t part_len = strlen(part);
        if (random_below(20) == 0) {
            line[len++] = (unsigned char)random_below(256);
        }
        if (len + part_len + 1 < size) {
            memcpy(line + len, part, part_len);
            len += part_len;
        }
    }
    return len;
}

static void random_lines(void **state)
{
    unsigned char bytes[256];
    unsigned good = 0;

    for (unsigned turn = 0; turn < 200000; turn++) {
        struct span line = exact(span_of(bytes, random_line(bytes, sizeof(bytes))));
        struct smtp_command c;
        smtp_command_parse(line, &c);
        assert_sane(line, &c);
        good += assert_canonical(line, &c);
        free((void *)line.ptr);
    }
    assert_in_range(good, 1000, 199000); /* both kinds were tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_taken_apart), cmocka_unit_test(a_nul_is_a_control_character),
        cmocka_unit_test(chunks_have_sizes),     cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(errors_have_words),     cmocka_unit_test(random_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
