/*
 * What the scanner tells of messages, for tests/unit/mail_differential.py: on standard input, each
 * message behind its length in decimal and LF; on standard output, for each message,
 *
 *   part DEPTH TYPE ENCODING ATTACHMENT NAME        0 or 1; the name in hexadecimal, or "-"
 *   name NAME
 *   anomaly NAME
 *   end
 *
 * Input is cut into pieces of a prime length, which differs from message to message.
 */
#include "mail/mail.h"

#include <stdio.h>
#include <stdlib.h>

static void put_hex(struct span s)
{
    fputs(s.len == 0 ? "-" : "", stdout);
    for (size_t i = 0; i < s.len; i++) {
        printf("%02x", s.ptr[i]);
    }
    putchar('\n');
}

static void tell(void *context, const struct mail_event *event)
{
    (void)context;
    switch (event->kind) {
    case MAIL_EVENT_PART:
        printf("part %u %.*s %s %d ", event->depth, SPAN_ARG(event->type),
               mail_encoding_name(event->encoding), event->attachment);
        put_hex(event->name);
        break;
    case MAIL_EVENT_NAME:
        fputs("name ", stdout);
        put_hex(event->name);
        break;
    case MAIL_EVENT_ANOMALY:
        printf("anomaly %s\n", mail_anomaly_name(event->anomaly));
        break;
    case MAIL_EVENT_END:
        puts("end");
        break;
    case MAIL_EVENT_FIELD:
    case MAIL_EVENT_HEADER_END:
        break;
    }
}

static bool scan(const unsigned char *bytes, size_t len, size_t piece)
{
    struct mail *mail = mail_new(true, tell, NULL);
    bool good = mail != NULL;

    for (size_t at = 0; good && at < len; at += piece) {
        good = mail_scan(mail, span_of(bytes + at, piece < len - at ? piece : len - at));
    }
    good = good && mail_end(mail);
    mail_free(&mail);
    return good;
}

int main(void)
{
    static const size_t pieces[] = {1, 7, 61, 127, 1021, 65521};
    size_t len = 0;

    for (unsigned i = 0; scanf("%zu", &len) == 1 && getchar() == '\n'; i++) {
        unsigned char *bytes = malloc(len + 1);
        if (bytes == NULL || fread(bytes, 1, len, stdin) != len ||
            !scan(bytes, len, pieces[i % 6])) {
            fputs("mail-tell: the input is cut off, or memory is out\n", stderr);
            return 1;
        }
        free(bytes);
    }
    return 0;
}
