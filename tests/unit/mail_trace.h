/*
 * What the tests of mail/ share: a message is scanned whole, cut in two at each octet, and octet by
 * octet, and what the scanner tells is compared as text, one line an event:
 *
 *   field Subject: text            of the message's header; "part-field" of another
 *   header-end
 *   part 0 text/plain 7bit         with its depth; behind that " attachment" and " <name>"
 *   name other.txt
 *   anomaly boundary-open
 *   end
 *
 * Each part of the trace can be left out of what is compared.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "mail/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum trace_what {
    TRACE_FIELDS = 1, /* the message's fields and the end of its header */
    TRACE_PARTS = 2,  /* parts and names */
    TRACE_ANOMALIES = 4,
    TRACE_PART_FIELDS = 8,
};

struct trace {
    struct buf text;
    unsigned what;
    bool chunked;
    struct mail_counts counts;
};

static inline void trace_put(struct trace *t, const char *before, struct span foreign)
{
    assert_true(buf_append(&t->text, span_str(before)));
    assert_true(buf_escape(&t->text, foreign));
}

static inline void trace_part(struct trace *t, const struct mail_event *event)
{
    char number[32];

    (void)snprintf(number, sizeof(number), "part %u ", event->depth);
    trace_put(t, number, event->type);
    trace_put(t, " ", span_str(mail_encoding_name(event->encoding)));
    trace_put(t, event->attachment ? " attachment" : "", (struct span){0});
    if (event->name.len > 0) {
        trace_put(t, " <", event->name);
        trace_put(t, ">", (struct span){0});
    }
}

static inline unsigned trace_kind(const struct mail_event *event)
{
    static const unsigned kinds[] = {
        [MAIL_EVENT_FIELD] = TRACE_FIELDS,      [MAIL_EVENT_HEADER_END] = TRACE_FIELDS,
        [MAIL_EVENT_PART] = TRACE_PARTS,        [MAIL_EVENT_NAME] = TRACE_PARTS,
        [MAIL_EVENT_ANOMALY] = TRACE_ANOMALIES, [MAIL_EVENT_END] = UINT32_MAX,
    };

    return event->kind == MAIL_EVENT_FIELD && !event->top ? TRACE_PART_FIELDS : kinds[event->kind];
}

static inline void trace_tell(void *context, const struct mail_event *event)
{
    struct trace *t = context;

    if ((trace_kind(event) & t->what) == 0) {
        return;
    }
    switch (event->kind) {
    case MAIL_EVENT_FIELD:
        trace_put(t, event->top ? "field " : "part-field ", event->name);
        trace_put(t, ": ", event->value);
        break;
    case MAIL_EVENT_HEADER_END:
        trace_put(t, "header-end", (struct span){0});
        break;
    case MAIL_EVENT_PART:
        trace_part(t, event);
        break;
    case MAIL_EVENT_NAME:
        trace_put(t, "name ", event->name);
        break;
    case MAIL_EVENT_ANOMALY:
        trace_put(t, "anomaly ", span_str(mail_anomaly_name(event->anomaly)));
        break;
    case MAIL_EVENT_END:
        trace_put(t, "end", (struct span){0});
        break;
    }
    trace_put(t, "\n", (struct span){0});
}

/* Scan `wire` in pieces of `piece` octets, the first one of `first`. */
static inline void trace_scan(struct trace *t, struct span wire, size_t first, size_t piece)
{
    struct mail *mail = mail_new(t->chunked, trace_tell, t);

    assert_non_null(mail);
    for (size_t at = 0, len = first; at < wire.len; at += len, len = piece) {
        len = len < wire.len - at ? len : wire.len - at;
        /* A copy of its own, so that a sanitizer sees who reads beside it. */
        unsigned char *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, wire.ptr + at, len);
        assert_true(mail_scan(mail, span_of(copy, len)));
        free(copy);
    }
    assert_true(mail_end(mail));
    t->counts = *mail_counts(mail);
    mail_free(&mail);
    assert_null(mail);
}

static inline void trace_same(const struct mail_counts *a, const struct mail_counts *b)
{
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->header_size, b->header_size);
    assert_int_equal(a->header_line_max, b->header_line_max);
    assert_int_equal(a->header_field_max, b->header_field_max);
    assert_int_equal(a->body_line_max, b->body_line_max);
    assert_int_equal(a->fields, b->fields);
    assert_int_equal(a->received, b->received);
    assert_int_equal(a->to_addresses, b->to_addresses);
    assert_int_equal(a->parts, b->parts);
    assert_int_equal(a->attachments, b->attachments);
    assert_int_equal(a->depth, b->depth);
    assert_int_equal(a->anomalies, b->anomalies);
    assert_int_equal(a->eight_bit, b->eight_bit);
}

/* The trace of a message is `expected`, and the same in all segmentations. Its counts. */
static inline struct mail_counts trace_span(struct span wire, bool chunked, unsigned what,
                                            const char *expected)
{
    struct trace whole = {.what = what, .chunked = chunked};

    trace_scan(&whole, wire, wire.len, wire.len);
    trace_put(&whole, "", SPAN(""));
    assert_true(buf_append(&whole.text, span_of("", 1)));
    assert_string_equal((const char *)buf_span(&whole.text).ptr, expected);
    for (size_t cut = 1; cut <= wire.len; cut++) {
        struct trace other = {.what = what, .chunked = chunked};
        /* The last round is octet by octet. */
        trace_scan(&other, wire, cut < wire.len ? cut : 1, cut < wire.len ? wire.len : 1);
        assert_true(buf_append(&other.text, span_of("", 1)));
        assert_string_equal((const char *)buf_span(&other.text).ptr, expected);
        trace_same(&other.counts, &whole.counts);
        buf_free(&other.text);
    }
    buf_free(&whole.text);
    return whole.counts;
}

/* Structure, names and anomalies of a message behind DATA. */
static inline struct mail_counts trace(const char *wire, const char *expected)
{
    return trace_span(span_str(wire), false, TRACE_PARTS | TRACE_ANOMALIES, expected);
}

#endif
