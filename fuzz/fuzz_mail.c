/*
 * The message scanner on any octets. The first one says how the message came (DATA or BDAT) and how
 * it is cut. Beside what the sanitizers see:
 *   - whole, cut and octet by octet the same is told, and the same is counted;
 *   - what is told keeps to the limits and to its order: one end of the message's header, each
 *     anomaly once, the end last;
 *   - size, longest line and 8-bit octets are what a plain count finds.
 */
#include "mail/mail.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_mail: %s\n", what);
        abort();
    }
}

/* What was told, for comparison. */
struct heard {
    uint64_t hash;
    uint32_t anomalies;
    unsigned header_ends;
    unsigned parts;
    bool ended;
    struct mail_counts counts;
};

static void hash(struct heard *heard, const void *ptr, size_t len)
{
    const unsigned char *octets = ptr;

    for (size_t i = 0; i < len; i++) {
        heard->hash = (heard->hash ^ octets[i]) * 0x100000001b3U;
    }
    heard->hash = (heard->hash ^ len) * 0x100000001b3U;
}

static void check_part(struct heard *heard, const struct mail_event *event)
{
    size_t slash = span_find(event->type, '/');

    require(slash > 0 && slash + 1 < event->type.len && event->type.len <= MAIL_TYPE_MAX,
            "a type that is none");
    for (size_t i = 0; i < event->type.len; i++) {
        unsigned char c = event->type.ptr[i];
        require(c > ' ' && c < 127 && c == ascii_lower(c), "a type that is not plain");
    }
    require(event->name.len <= MAIL_NAME_MAX, "a name that is too long");
    require(event->name.len == 0 || event->attachment, "a name, but no attachment");
    require(event->depth <= MAIL_DEPTH_MAX, "a part that is too deep");
    require((heard->parts == 0) == (event->depth == 0) && heard->header_ends == 1,
            "the first part is not the message");
    heard->parts++;
    require(heard->parts <= MAIL_PARTS_MAX, "too many parts");
}

static void tell(void *context, const struct mail_event *event)
{
    struct heard *heard = context;

    require(!heard->ended, "something behind the end");
    switch (event->kind) {
    case MAIL_EVENT_FIELD:
        require(event->name.len > 0 && event->name.len + event->value.len < MAIL_FIELD_MAX,
                "a field that is too long, or has no name");
        require(event->top == (heard->header_ends == 0), "a field of the wrong header");
        break;
    case MAIL_EVENT_HEADER_END:
        heard->header_ends++;
        break;
    case MAIL_EVENT_PART:
        check_part(heard, event);
        break;
    case MAIL_EVENT_NAME:
        require(heard->parts > 0 && event->name.len > 0 && event->name.len <= MAIL_NAME_MAX,
                "another name that is none");
        break;
    case MAIL_EVENT_ANOMALY:
        require((heard->anomalies >> event->anomaly & 1) == 0, "an anomaly twice");
        heard->anomalies |= 1U << event->anomaly;
        break;
    case MAIL_EVENT_END:
        heard->ended = true;
        break;
    }
    const unsigned char facts[] = {(unsigned char)event->kind,
                                   (unsigned char)event->anomaly,
                                   event->top,
                                   (unsigned char)event->encoding,
                                   event->attachment,
                                   (unsigned char)event->depth};
    hash(heard, facts, sizeof(facts));
    hash(heard, event->name.ptr, event->name.len);
    hash(heard, event->value.ptr, event->value.len);
    hash(heard, event->type.ptr, event->type.len);
}

static struct heard scan(struct span message, bool chunked, size_t piece)
{
    struct heard heard = {0};
    struct mail *mail = mail_new(chunked, tell, &heard);

    require(mail != NULL, "out of memory");
    for (size_t at = 0; at < message.len; at += piece) {
        size_t left = message.len - at;
        require(mail_scan(mail, span_of(message.ptr + at, piece < left ? piece : left)),
                "out of memory");
    }
    require(mail_end(mail), "out of memory");
    heard.counts = *mail_counts(mail);
    mail_free(&mail);
    require(heard.ended && heard.header_ends == 1 && heard.parts > 0, "no end, or no message");
    require(heard.anomalies == heard.counts.anomalies, "an anomaly that was not told of");
    return heard;
}

static void check_same(const struct heard *a, const struct heard *b)
{
    require(a->hash == b->hash, "something else is told of a message that is cut otherwise");
    require(a->counts.size == b->counts.size && a->counts.header_size == b->counts.header_size &&
                a->counts.header_line_max == b->counts.header_line_max &&
                a->counts.header_field_max == b->counts.header_field_max &&
                a->counts.body_line_max == b->counts.body_line_max &&
                a->counts.fields == b->counts.fields && a->counts.received == b->counts.received &&
                a->counts.to_addresses == b->counts.to_addresses &&
                a->counts.parts == b->counts.parts &&
                a->counts.attachments == b->counts.attachments &&
                a->counts.depth == b->counts.depth && a->counts.eight_bit == b->counts.eight_bit,
            "something else is counted of a message that is cut otherwise");
}

static void check_counts(const struct mail_counts *counts, struct span message, bool chunked)
{
    uint64_t size = 0, longest = 0;
    bool eight_bit = false;

    for (size_t at = 0; at < message.len;) {
        size_t len = span_find(span_from(message, at), '\n');
        bool ended = at + len < message.len;
        struct span line = span_head(span_from(message, at), len);
        at += len + ended;
        if (line.len > 0 && line.ptr[0] == '.' && !chunked) {
            line = span_from(line, 1);
        }
        size += line.len + ended;
        for (size_t i = 0; i < line.len; i++) {
            eight_bit = eight_bit || line.ptr[i] > 127;
        }
        line.len -= line.len > 0 && line.ptr[line.len - 1] == '\r';
        longest = line.len > longest ? line.len : longest;
    }
    uint64_t counted = counts->header_line_max > counts->body_line_max ? counts->header_line_max
                                                                       : counts->body_line_max;
    require(counts->size == size && counts->header_size <= size, "the size is wrong");
    require(counted == longest, "the longest line is another one");
    require(counts->eight_bit == eight_bit, "8-bit octets, or none, against the count");
    require(counts->depth <= MAIL_DEPTH_MAX && counts->received <= counts->fields &&
                (counts->header_field_max >= counts->header_line_max ||
                 (counts->anomalies >> MAIL_ANOMALY_FIELD_SYNTAX & 1) != 0), /* mbox's "From " */
            "counts that cannot be");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct span message = span_of(data + 1, size - 1);
    bool chunked = (data[0] & 1) != 0;
    struct heard whole = scan(message, chunked, message.len > 0 ? message.len : 1);
    struct heard cut = scan(message, chunked, 1 + (data[0] >> 1));
    struct heard octets = scan(message, chunked, 1);

    check_same(&whole, &cut);
    check_same(&whole, &octets);
    check_counts(&whole.counts, message, chunked);
    return 0;
}
