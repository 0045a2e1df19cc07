/*
 * Command lines of any octets. Beside what the sanitizers see: every part stands within the line;
 * the canonical form of a good one is canonical, says the same, and is not longer than promised;
 * one that is called canonical is its own canonical form.
 */
#include "smtp/command.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_command: %s\n", what);
        abort();
    }
}

static void require_within(struct span part, struct span line)
{
    require(part.len == 0 || (part.ptr >= line.ptr && part.ptr + part.len <= line.ptr + line.len),
            "a part that is not in the line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span line = span_of(data, size);
    struct smtp_command c, again;
    size_t room = size + SMTP_CANONICAL_MORE + 2;

    smtp_command_parse(line, &c);
    require_within(c.word, line);
    require_within(c.args, line);
    require_within(c.params, line);
    require_within(c.path.text, line);
    require_within(c.path.route, line);
    require(smtp_command_error_text(&c)[0] != '\0', "an error without a text");
    if (c.error != SMTP_COMMAND_OK) {
        require(!c.canonical, "an error that is canonical");
        return 0;
    }
    unsigned char *out = malloc(room);
    size_t len = smtp_command_write(&c, out, room);
    require(len > 2, "a canonical form that is longer than promised");
    require(c.canonical == (len == size + 2 && memcmp(out, data, size) == 0),
            "canonical is not what is written");
    smtp_command_parse(span_of(out, len - 2), &again);
    require(again.error == SMTP_COMMAND_OK && again.canonical && again.verb == c.verb &&
                again.chunk == c.chunk && again.last == c.last &&
                span_equal(again.path.text, c.path.text) &&
                span_equal(again.path.route, c.path.route) && span_equal(again.params, c.params),
            "a canonical form that says something else");
    free(out);
    return 0;
}
