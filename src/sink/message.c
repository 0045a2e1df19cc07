/*
 * Messages on their way to the disk (RFC 5321 section 4.5.2 for the dots, RFC 3030 for chunks).
 *
 * The end of the data is found by smtp/body, which alone knows "CRLF . CRLF"; what is written is
 * taken from the input itself and not from the scanner's events, so that no event can change it.
 * A dot is taken away where a line begins behind CRLF, and nowhere else.
 */
#include "sink/message.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Pieces that are written together. */
enum { PIECES = 64 };

struct pieces {
    struct iovec at[PIECES];
    int count;
};

static void fail(struct sink_message *m, enum sink_fault fault)
{
    if (m->fault == SINK_FAULT_NONE) {
        m->fault = (uint8_t)fault;
        if (m->maildir != NULL) {
            sink_file_abandon(&m->file, m->maildir);
        }
    }
}

static void fail_errno(struct sink_message *m)
{
    fail(m, errno == ENOSPC || errno == EDQUOT ? SINK_FAULT_FULL : SINK_FAULT_IO);
}

static void pieces_write(struct sink_message *m, struct pieces *p)
{
    if (m->fault == SINK_FAULT_NONE && m->maildir != NULL &&
        !sink_file_write(&m->file, p->at, p->count)) {
        fail_errno(m);
    }
    p->count = 0;
}

static void pieces_add(struct sink_message *m, struct pieces *p, struct span s)
{
    if (s.len == 0) {
        return;
    }
    m->size += s.len;
    if (m->size > m->size_max) {
        fail(m, SINK_FAULT_SIZE);
        return;
    }
    if (p->count == PIECES) {
        pieces_write(m, p);
    }
    p->at[p->count++] = (struct iovec){(void *)(uintptr_t)s.ptr, s.len};
}

/* The next octets of a DATA body: add them without the dots that were stuffed. */
static void unstuff(struct sink_message *m, struct pieces *p, struct span s)
{
    if (s.len > 0 && m->after_cr && s.ptr[0] == '\n') {
        pieces_add(m, p, span_head(s, 1));
        s = span_from(s, 1);
        m->after_cr = false;
        m->line_start = true;
    }
    if (s.len == 0) {
        return;
    }
    if (m->line_start && s.ptr[0] == '.') {
        s = span_from(s, 1);
    }
    m->after_cr = m->line_start = false;
    const unsigned char *dot;
    while (s.len > 0 && (dot = memmem(s.ptr, s.len, "\r\n.", 3)) != NULL) {
        size_t line = (size_t)(dot - s.ptr) + 2;
        pieces_add(m, p, span_head(s, line));
        s = span_from(s, line + 1);
    }
    pieces_add(m, p, s);
    m->after_cr = s.len > 0 && s.ptr[s.len - 1] == '\r';
    m->line_start = s.len > 1 && s.ptr[s.len - 1] == '\n' && s.ptr[s.len - 2] == '\r';
}

void sink_message_init(struct sink_message *message)
{
    *message = (struct sink_message){.file = {.fd = -1}};
}

enum sink_fault sink_message_begin(struct sink_message *message, const struct sink_maildir *maildir,
                                   uint64_t size_max, struct span trace)
{
    struct iovec piece = {(void *)(uintptr_t)trace.ptr, trace.len};

    sink_message_init(message);
    message->maildir = maildir;
    message->size_max = size_max;
    message->line_start = true;
    smtp_body_begin(&message->body, false, 0);
    if (maildir != NULL && (!sink_file_begin(&message->file, maildir) ||
                            !sink_file_write(&message->file, &piece, 1))) {
        fail_errno(message);
    }
    return (enum sink_fault)message->fault;
}

size_t sink_message_data(struct sink_message *message, struct span in, bool *end_r)
{
    struct sink_message *m = message;
    struct pieces p = {.count = 0};
    size_t done = 0;

    *end_r = false;
    while (done < in.len && !*end_r) {
        struct span rest = span_from(in, done);
        struct smtp_body_scan scan = smtp_body_scan(&m->body, rest);
        struct span raw = span_head(rest, scan.used);
        done += scan.used;
        *end_r = scan.event == SMTP_BODY_END;
        if (*end_r && raw.len < 2) {
            m->held = false; /* the CR of the last line's CRLF */
            break;
        }
        if (m->held) {
            unstuff(m, &p, SPAN("\r"));
            m->held = false;
        }
        if (*end_r) {
            raw.len -= 2; /* the dot before it is taken for a stuffed one */
        } else if (scan.event == SMTP_BODY_MORE && raw.len > 0 && raw.ptr[raw.len - 1] == '\r') {
            raw.len--;
            m->held = true;
        }
        unstuff(m, &p, raw);
    }
    pieces_write(m, &p);
    return done;
}

void sink_message_chunk(struct sink_message *message, struct span in)
{
    struct pieces p = {.count = 0};

    pieces_add(message, &p, in);
    pieces_write(message, &p);
}

void sink_message_expect(struct sink_message *message, uint64_t more)
{
    if (message->size > message->size_max || more > message->size_max - message->size) {
        fail(message, SINK_FAULT_SIZE);
    }
}

enum sink_fault sink_message_commit(struct sink_message *message)
{
    if (message->fault == SINK_FAULT_NONE && message->maildir != NULL &&
        !sink_file_commit(&message->file, message->maildir)) {
        fail_errno(message);
    }
    return (enum sink_fault)message->fault;
}

void sink_message_abandon(struct sink_message *message)
{
    if (message->maildir != NULL) {
        sink_file_abandon(&message->file, message->maildir);
    }
    sink_message_init(message);
}
