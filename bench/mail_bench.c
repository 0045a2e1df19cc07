/*
 * The driver whose instructions bench/callgrind.py counts for the message scanner, and with which
 * its speed is measured. No sockets, no clock.
 *
 *     bench-mail --shape NAME N        feeds one message of size N, prints "NAME N octets=O"
 *     bench-mail --list                the shapes, each with the size that the guard takes
 *
 * O counts the octets of the message. Each shape is what somebody may think of to make the scanner
 * work more than in proportion; `base64` is what most of the world's mail is made of.
 *
 *     python3 bench/callgrind.py --engine build/bench/bench-mail \
 *         --shapes "$(build/bench/bench-mail --list)"
 *     time build/bench/bench-mail --shape base64 13766000      # about 1 GiB
 */
#include "mail/mail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* How much is fed at once: little, so that copying costs the same per octet whatever the size,
 * which it does not where the C library goes over to copying in one instruction; or what a gateway
 * reads. */
enum { PIECE = 1024, LARGE_PIECE = 65536 };

struct feed {
    struct mail *mail;
    size_t len;
    size_t size; /* of a piece */
    uint64_t events;
    unsigned char piece[LARGE_PIECE];
};

static void count(void *context, const struct mail_event *event)
{
    struct feed *feed = context;

    (void)event;
    feed->events++;
}

static void check(bool done)
{
    if (!done) {
        fputs("bench-mail: memory is out\n", stderr);
        exit(1);
    }
}

static void flush(struct feed *feed)
{
    check(mail_scan(feed->mail, span_of(feed->piece, feed->len)));
    feed->len = 0;
}

static void put_span(struct feed *feed, struct span s)
{
    if (s.len > feed->size - feed->len) {
        flush(feed);
    }
    memcpy(feed->piece + feed->len, s.ptr, s.len);
    feed->len += s.len;
}

static void put(struct feed *feed, const char *text)
{
    put_span(feed, span_str(text));
}

static void put_times(struct feed *feed, const char *text, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        put(feed, text);
    }
}

static void __attribute__((format(printf, 2, 3)))
put_format(struct feed *feed, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    check(len >= 0 && (size_t)len < sizeof(text));
    put(feed, text);
}

#define BASE64_LINE                                                                                \
    "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n"
#define MULTIPART "Content-Type: multipart/mixed; boundary="

/* Whole pieces are fed as they are: the driver itself must not show. */
static void base64(struct feed *feed, unsigned long n)
{
    unsigned long lines = LARGE_PIECE / (sizeof(BASE64_LINE) - 1);

    put(feed, MULTIPART "abc\r\n\r\n--abc\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    flush(feed);
    feed->size = LARGE_PIECE;
    for (; n > lines; n -= lines) {
        if (feed->len == 0) {
            put_times(feed, BASE64_LINE, lines);
        }
        check(mail_scan(feed->mail, span_of(feed->piece, feed->len)));
    }
    feed->len = 0;
    put_times(feed, BASE64_LINE, n);
}

static void plain(struct feed *feed, unsigned long n)
{
    put(feed, "\r\n");
    put_times(feed, "a line, as people write them\r\nand\r\n\r\nanother.\r\n", n);
}

static void header_lines(struct feed *feed, unsigned long n)
{
    put_times(feed, "X-Field: value\r\n", n);
}

static void header_field(struct feed *feed, unsigned long n)
{
    put(feed, "X-Field:\r\n");
    put_times(feed, " and so on and on\r\n", n);
}

static void header_line(struct feed *feed, unsigned long n)
{
    put(feed, "X-Field:");
    put_times(feed, " and so on and on", n);
}

static void no_colon(struct feed *feed, unsigned long n)
{
    put_times(feed, "and-so-on-and-on", n);
}

static void addresses(struct feed *feed, unsigned long n)
{
    put(feed, "To:");
    put_times(feed, " \"a, b\" <c@d.example> (e),\r\n", n);
}

static void nesting(struct feed *feed, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        put_format(feed, MULTIPART "b%lu\r\n\r\n--b%lu\r\n", i, i);
    }
}

static void messages(struct feed *feed, unsigned long n)
{
    put_times(feed, "Content-Type: message/rfc822\r\n\r\n", n);
}

static void parts(struct feed *feed, unsigned long n)
{
    put(feed, MULTIPART "abc\r\n\r\n");
    put_times(feed, "--abc\r\nContent-Disposition: attachment; filename=\"x.txt\"\r\n\r\n", n);
}

static void headless_parts(struct feed *feed, unsigned long n)
{
    put(feed, MULTIPART "abc\r\n\r\n");
    put_times(feed, "--abc\r\n", n);
}

/* As many multiparts as are followed, of boundaries that all begin another, and lines that agree
 * with them to their last octet but one. */
static void open_prefixes(struct feed *feed)
{
    char boundary[MAIL_BOUNDARY_MAX + 1];

    memset(boundary, 'x', sizeof(boundary));
    for (unsigned i = 0; i < MAIL_DEPTH_MAX; i++) {
        unsigned len = MAIL_BOUNDARY_MAX - MAIL_DEPTH_MAX + i;
        put_format(feed, MULTIPART "%.*s\r\n\r\n--%.*s\r\n", (int)len, boundary, (int)len,
                   boundary);
    }
    put(feed, "\r\n");
}

static void prefixes(struct feed *feed, unsigned long n)
{
    char line[MAIL_BOUNDARY_MAX];

    open_prefixes(feed);
    memset(line, 'x', sizeof(line));
    for (unsigned long i = 0; i < n; i++) {
        put_format(feed, "--%.*s\r\n", MAIL_BOUNDARY_MAX - MAIL_DEPTH_MAX - 1, line);
    }
}

static void dashes(struct feed *feed, unsigned long n)
{
    open_prefixes(feed);
    put_times(feed, "--\r\n", n);
}

static void dashes_alone(struct feed *feed, unsigned long n)
{
    put(feed, MULTIPART "abc\r\n\r\n");
    put_times(feed, "--\n", n);
}

static void dash_line(struct feed *feed, unsigned long n)
{
    open_prefixes(feed);
    put(feed, "--xxx");
    put_times(feed, "-- \t-- \t-- \t-- \t", n);
}

static void blank_padding(struct feed *feed, unsigned long n)
{
    put(feed, MULTIPART "abc\r\n\r\n--abc");
    put_times(feed, "                ", n);
}

static void dots(struct feed *feed, unsigned long n)
{
    put(feed, "\r\n");
    put_times(feed, "..\r\n", n);
}

/* A line longer than any before, each time. */
static void growing_lines(struct feed *feed, unsigned long n)
{
    put(feed, "\r\n");
    for (unsigned long i = 0; i < n; i++) {
        for (unsigned long left = 1000 + i % 1000; left > 0;) {
            unsigned long len = left < 500 ? left : 500;
            put_format(feed, "%0*d", (int)len, 0);
            left -= len;
        }
        put(feed, "\r\n");
    }
}

/* A field that holds nothing but its parameters, up to MAIL_FIELD_MAX with the size that --list
 * tells, so that it is the single field's cost that is looked at. It comes a few times, since the
 * first one pays for the memory. */
static void in_a_field(struct feed *feed, const char *before, const char *unit, unsigned long n)
{
    for (unsigned i = 0; i < 20; i++) {
        put(feed, before);
        put_times(feed, unit, n);
        put(feed, "\r\n");
    }
}

static void parameters(struct feed *feed, unsigned long n)
{
    in_a_field(feed, "Content-Type: text/plain", "; name=a; name*=b", n);
}

static void brackets(struct feed *feed, unsigned long n)
{
    in_a_field(feed, "Content-Type: ", "(((((((( a=b (;", n);
}

static void inner_brackets(struct feed *feed, unsigned long n)
{
    in_a_field(feed, "Content-Type: text/plain; ", "a=b (c) d; x=y (", n);
}

static void quotes(struct feed *feed, unsigned long n)
{
    in_a_field(feed, "Content-Type: text/plain; ", "\"\\\"\\\"\" = \"; ", n);
}

static void pieces(struct feed *feed, unsigned long n)
{
    for (unsigned field = 0; field < 20; field++) {
        put(feed, "Content-Type: text/plain");
        for (unsigned long i = n; i > 0; i--) {
            put_format(feed, "; name*%lu*=%%41%%42", i % 32768);
        }
        put(feed, "\r\n");
    }
}

static void words_b(struct feed *feed, unsigned long n)
{
    in_a_field(feed, "Content-Type: text/plain; name=\"", "=?utf-8?b?YWJj?= ", n);
}

static void words_q(struct feed *feed, unsigned long n)
{
    in_a_field(feed, "Content-Type: text/plain; name=\"", "=?utf-8?q?=41=?= =?x? =?", n);
}

/* The same field again and again, each as large as is kept. */
static void fields_of(struct feed *feed, const char *unit, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        put(feed, "Content-Disposition: a; ");
        put_times(feed, unit, MAIL_FIELD_MAX / strlen(unit));
        put(feed, "\r\n");
    }
}

static void name_fields(struct feed *feed, unsigned long n)
{
    fields_of(feed, "filename=\"=?utf-8?b?YWJj?=\";", n);
}

static void piece_fields(struct feed *feed, unsigned long n)
{
    fields_of(feed, "filename*0=x;filename*=''%41;", n);
}

struct shape {
    const char *name;
    void (*feed)(struct feed *feed, unsigned long n);
    unsigned long size; /* for the guard; in a field: up to what is kept of it */
};

static const struct shape shapes[] = {
    {"base64", base64, 400000},
    {"plain", plain, 200000},
    {"header-lines", header_lines, 1000000},
    {"header-field", header_field, 400000},
    {"header-line", header_line, 400000},
    {"no-colon", no_colon, 400000},
    {"addresses", addresses, 40000},
    {"nesting", nesting, 20000},
    {"messages", messages, 20000},
    {"parts", parts, 40000},
    {"headless-parts", headless_parts, 80000},
    {"prefixes", prefixes, 20000},
    {"dashes", dashes, 800000},
    {"dashes-alone", dashes_alone, 80000},
    {"dash-line", dash_line, 400000},
    {"blank-padding", blank_padding, 200000},
    {"dots", dots, 80000},
    {"growing-lines", growing_lines, 4000},
    {"parameters", parameters, 960},
    {"brackets", brackets, 1080},
    {"inner-brackets", inner_brackets, 1020},
    {"quotes", quotes, 1240},
    {"pieces", pieces, 720},
    {"words-b", words_b, 960},
    {"words-q", words_q, 640},
    {"name-fields", name_fields, 80},
    {"piece-fields", piece_fields, 80},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static int list(void)
{
    for (unsigned i = 0; i < SHAPES; i++) {
        printf("%s%s=%lu", i > 0 ? "," : "", shapes[i].name, shapes[i].size);
    }
    putchar('\n');
    return 0;
}

static int run(const struct shape *shape, unsigned long n)
{
    struct feed *feed = calloc(1, sizeof(*feed));

    check(feed != NULL);
    feed->mail = mail_new(false, count, feed);
    check(feed->mail != NULL);
    feed->size = PIECE;
    shape->feed(feed, n);
    flush(feed);
    check(mail_end(feed->mail) && feed->events > 0);
    printf("%s %lu octets=%llu\n", shape->name, n,
           (unsigned long long)mail_counts(feed->mail)->size);
    mail_free(&feed->mail);
    free(feed);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    if (argc == 4 && strcmp(argv[1], "--shape") == 0) {
        char *end = NULL;
        errno = 0;
        unsigned long n = strtoul(argv[3], &end, 10);
        for (unsigned i = 0; i < SHAPES; i++) {
            if (errno == 0 && *end == '\0' && strcmp(argv[2], shapes[i].name) == 0) {
                return run(&shapes[i], n);
            }
        }
    }
    fputs("usage: bench-mail --shape NAME N | --list\n", stderr);
    return 64;
}
