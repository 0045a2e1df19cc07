/*
 * bench-engine: the engine alone, without sockets and clock, for counting instructions.
 *
 *     bench-engine --shape NAME N      feeds one session of that shape and size and prints
 *                                      "NAME N octets=O": O octets came out for the server
 *     bench-engine --list              names the shapes
 *
 * bench/callgrind.py compares what a shape costs at a size and at half of it. Whatever the engine
 * does not take at once is a mistake in the shape, and ends the program.
 */
#include "gate/gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 65536, GROUP = 50, TEXT_MAX = 32768 };

static struct policy policy;
static const struct gate_facts facts = {.hostname = {(const unsigned char *)"gate.example", 12}};
static struct gate_out out;
static struct gate *gate;
static uint64_t to_server;

static void fail(const char *what)
{
    fprintf(stderr, "bench-engine: %s\n", what);
    exit(EXIT_FAILURE);
}

static void take_output(void)
{
    for (unsigned i = 0; i < out.pieces[GATE_SERVER]; i++) {
        to_server += out.piece[GATE_SERVER][i].len;
    }
    if ((out.requests & (GATE_CLOSE_CLIENT | GATE_CLOSE_SERVER)) != 0) {
        fail("the session has ended");
    }
}

/* As a caller does it: what is left of the input is shown again until it is gone. */
static void feed(enum gate_side side, struct span bytes)
{
    while (bytes.len > 0) {
        gate_out_begin(&out);
        size_t used = gate_input(gate, &out, 0, side, bytes);
        take_output();
        if (used == 0) {
            fail("input that is not taken");
        }
        bytes = span_from(bytes, used);
    }
}

static void client(const char *bytes)
{
    feed(GATE_CLIENT, span_str(bytes));
}

static void server(const char *bytes)
{
    feed(GATE_SERVER, span_str(bytes));
}

static void begin(const char *ehlo_reply)
{
    policy_begin(&policy, policy_profile_find(SPAN("esmtp")));
    policy.limits.recipients = 0;
    policy.limits.errors = 0;
    policy.framing[SMTP_BODY_BARE_LF] = POLICY_FRAMING_FIX;
    gate = gate_new(&policy, &facts);
    if (gate == NULL) {
        fail("out of memory");
    }
    gate_out_begin(&out);
    gate_start(gate, &out, 0);
    gate_out_begin(&out);
    gate_connected(gate, &out, 0, true);
    server("220 mx.example.com ESMTP\r\n");
    client("EHLO client.example\r\n");
    server(ehlo_reply);
}

static const char capable[] = "250-mx.example.com\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n"
                              "250-VRFY\r\n250-8BITMIME\r\n250 CHUNKING\r\n";

static void envelope(void)
{
    client("MAIL FROM:<sender@example.com>\r\nRCPT TO:<recipient@example.net>\r\n");
    server("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n");
}

static void data(void)
{
    envelope();
    client("DATA\r\n");
    server("354 go ahead\r\n");
}

static void dot(void)
{
    client(".\r\n");
    server("250 2.0.0 Ok: queued\r\n");
}

/* `n` times `line`, as it is received: in blocks that cut lines anywhere. */
static void lines(uint64_t n, const char *line)
{
    static unsigned char block[BLOCK];
    size_t len = strlen(line), at = 0, held = 0;

    while (n > 0 || at > 0) {
        while (held < BLOCK && n > 0) {
            size_t take = len - at < BLOCK - held ? len - at : BLOCK - held;
            memcpy(block + held, line + at, take);
            held += take;
            at += take;
            if (at == len) {
                at = 0;
                n--;
            }
        }
        feed(GATE_CLIENT, span_of(block, held));
        held = 0;
    }
}

static void shape_million_lines(uint64_t n)
{
    begin(capable);
    data();
    lines(n, "The quick brown fox jumps over the lazy dog, and then over another.\r\n");
    dot();
}

static void shape_stuffed_lines(uint64_t n)
{
    begin(capable);
    data();
    lines(n, "..\r\n...dots\r\n");
    dot();
}

static void shape_short_lines(uint64_t n)
{
    begin(capable);
    data();
    lines(n, "\r\n");
    dot();
}

/* One line, of so many times 64 octets. */
static void shape_long_line(uint64_t n)
{
    begin(capable);
    data();
    lines(n, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    client("\r\n");
    dot();
}

static void shape_fixed_lines(uint64_t n)
{
    begin(capable);
    data();
    lines(n, "a line that ends in LF alone\n.\n");
    client("\r\n"); /* only behind CRLF is a dot the end */
    dot();
}

static void group(const char *command, const char *reply, uint64_t n)
{
    char commands[TEXT_MAX], replies[TEXT_MAX];
    size_t command_len = strlen(command), reply_len = strlen(reply);

    for (uint64_t i = 0; i < n; i++) {
        memcpy(commands + i * command_len, command, command_len);
        memcpy(replies + i * reply_len, reply, reply_len);
    }
    feed(GATE_CLIENT, span_of(commands, n * command_len));
    feed(GATE_SERVER, span_of(replies, n * reply_len));
}

static void groups(const char *command, const char *reply, uint64_t n)
{
    for (uint64_t done = 0; done < n; done += GROUP) {
        group(command, reply, n - done < GROUP ? n - done : GROUP);
    }
}

static void shape_recipients(uint64_t n)
{
    begin(capable);
    client("MAIL FROM:<sender@example.com>\r\n");
    server("250 2.1.0 Ok\r\n");
    groups("RCPT TO:<recipient@example.net>\r\n", "250 2.1.5 Ok\r\n", n);
    client("DATA\r\n");
    server("354 go ahead\r\n");
    client("Subject: x\r\n\r\n");
    dot();
}

/* Commands that have to be put into canonical form. */
static void shape_rewritten(uint64_t n)
{
    begin(capable);
    client("MAIL FROM:<sender@example.com>\r\n");
    server("250 2.1.0 Ok\r\n");
    groups("rcpt to: recipient@example.net \r\n", "550 5.1.1 no\n", n);
}

/* Messages of one session, each step answered before the next. */
static void shape_small(uint64_t n)
{
    begin("250 mx.example.com\r\n");
    for (uint64_t i = 0; i < n; i++) {
        client("MAIL FROM:<sender@example.com>\r\n");
        server("250 2.1.0 Ok\r\n");
        client("RCPT TO:<recipient@example.net>\r\n");
        server("250 2.1.5 Ok\r\n");
        client("DATA\r\n");
        server("354 go ahead\r\n");
        client("Subject: small\r\n\r\nHello.\r\n.\r\n");
        server("250 2.0.0 Ok: queued\r\n");
    }
}

/* Messages in groups, each group behind the end of the message before it. */
static void shape_pipelined(uint64_t n)
{
    begin(capable);
    client("MAIL FROM:<sender@example.com>\r\nRCPT TO:<recipient@example.net>\r\nDATA\r\n");
    for (uint64_t i = 1; i < n; i++) {
        server("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go ahead\r\n");
        client("Subject: small\r\n\r\nHello.\r\n.\r\n"
               "MAIL FROM:<sender@example.com>\r\nRCPT TO:<recipient@example.net>\r\nDATA\r\n");
        server("250 2.0.0 Ok: queued\r\n");
    }
}

static void shape_chunks(uint64_t n)
{
    begin(capable);
    envelope();
    groups("BDAT 10\r\n12345678\r\n", "250 2.0.0 Ok\r\n", n);
    client("BDAT 0 LAST\r\n");
    server("250 2.0.0 Ok: queued\r\n");
}

/* Commands that are refused, between some that are not. */
static void shape_bad_lines(uint64_t n)
{
    begin(capable);
    for (uint64_t i = 0; i < n; i++) {
        client("VRFY root\r\nNOOP\r\nRCPT TO:<\r\nxyzzy\r\n");
        server("250 2.0.0 Ok\r\n");
    }
}

/* EHLO replies that are edited. */
static void shape_hellos(uint64_t n)
{
    begin(capable);
    for (uint64_t i = 0; i < n; i++) {
        client("EHLO client.example\r\n");
        server(capable);
    }
}

/* Commands and replies that come an octet at a time. */
static void shape_trickled(uint64_t n)
{
    static const char command[] = "NOOP a line of some length, to be looked at again and again\r\n";
    static const char reply[] = "250 2.0.0 Ok\r\n";

    begin(capable);
    for (uint64_t i = 0; i < n; i++) {
        for (size_t len = 1; len < sizeof(command) - 1; len++) {
            gate_out_begin(&out);
            if (gate_input(gate, &out, 0, GATE_CLIENT, span_of(command, len)) != 0) {
                fail("half a line is taken");
            }
        }
        client(command);
        server(reply);
    }
}

static const struct {
    const char *name;
    void (*feed)(uint64_t n);
} shapes[] = {
    {"million-lines", shape_million_lines}, {"stuffed-lines", shape_stuffed_lines},
    {"short-lines", shape_short_lines},     {"long-line", shape_long_line},
    {"fixed-lines", shape_fixed_lines},     {"recipients", shape_recipients},
    {"rewritten", shape_rewritten},         {"small", shape_small},
    {"pipelined", shape_pipelined},         {"chunks", shape_chunks},
    {"bad-lines", shape_bad_lines},         {"hellos", shape_hellos},
    {"trickled", shape_trickled},
};

enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static int usage(void)
{
    fputs("usage: bench-engine --shape NAME N | --list\n", stderr);
    return 64;
}

int main(int argc, char **argv)
{
    uint64_t n;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (unsigned i = 0; i < SHAPES; i++) {
            puts(shapes[i].name);
        }
        return EXIT_SUCCESS;
    }
    if (argc != 4 || strcmp(argv[1], "--shape") != 0 || !span_number(span_str(argv[3]), &n)) {
        return usage();
    }
    for (unsigned i = 0; i < SHAPES; i++) {
        if (strcmp(shapes[i].name, argv[2]) == 0) {
            shapes[i].feed(n);
            printf("%s %" PRIu64 " octets=%" PRIu64 "\n", argv[2], n, to_server);
            gate_free(&gate);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "bench-engine: there is no shape %s\n", argv[2]);
    return usage();
}
