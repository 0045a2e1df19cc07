/*
 * Replies of any octets. Beside what the sanitizers see: a reply is the same whole and octet by
 * octet, and its lines make it up.
 */
#include "smtp/reply.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_MAX_FUZZED = 64, LINES_MAX_FUZZED = 5 };

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_reply: %s\n", what);
        abort();
    }
}

static void check_lines(struct span bytes, const struct smtp_reply *reply)
{
    struct smtp_reply_line line;
    enum smtp_reply_error error;
    unsigned lines = 0;

    for (bytes.len = reply->size; bytes.len > 0; bytes = span_from(bytes, line.size)) {
        require(smtp_reply_line_parse(bytes, LINE_MAX_FUZZED, &line, &error) == 1, "a bad line");
        require(line.code == reply->code && line.size <= reply->longest, "a line of another reply");
        require(line.last == (line.size == bytes.len), "a last line that is not the last");
        struct span enhanced = smtp_reply_enhanced(line.code, line.text);
        require(enhanced.len == 0 || enhanced.ptr == line.text.ptr, "an enhanced code elsewhere");
        lines++;
    }
    require(lines == reply->lines && lines <= LINES_MAX_FUZZED, "lines that were not counted");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smtp_reply whole = {0}, octets = {0};
    struct span in = span_of(data, size);
    int got = smtp_reply_parse(&whole, in, LINE_MAX_FUZZED, LINES_MAX_FUZZED);
    int piece = 0;

    for (size_t len = 1; len <= size && piece == 0; len++) {
        piece = smtp_reply_parse(&octets, span_head(in, len), LINE_MAX_FUZZED, LINES_MAX_FUZZED);
    }
    require(piece == got && memcmp(&whole, &octets, sizeof(whole)) == 0,
            "another reply octet by octet");
    require(smtp_reply_error_text((enum smtp_reply_error)whole.error)[0] != '\0', "no text");
    if (got > 0) {
        check_lines(in, &whole);
    }
    return 0;
}
