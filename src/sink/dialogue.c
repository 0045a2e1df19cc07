/*
 * The dialogue: command lines, their sequence, and what each verb does. The sequence is that of the
 * tables in smtp/: a verb is taken in the phases of its row, and the reply moves the phase.
 *
 * It is strict, since it is a witness of what its client (the gateway) really sends: a command ends
 * with CRLF and nothing else, and only parameters that EHLO has offered are taken. MAIL and RCPT
 * with their parameters are in envelope.c.
 */
#include "sink/dialogue.h"

#include "base/log.h"
#include "sink/envelope.h"

#include <stdio.h>
#include <time.h>

static const char *const fault_replies[] = {
    [SINK_FAULT_NONE] = "250 2.0.0 Message taken",
    [SINK_FAULT_SIZE] = "552 5.3.4 Message is larger than SIZE allows",
    [SINK_FAULT_FULL] = "452 4.3.1 Disk is full, try again later",
    [SINK_FAULT_IO] = "451 4.3.0 Message cannot be written, try again later",
};

void sink_dialogue_close(struct sink_dialogue *dialogue, const char *reply)
{
    if (!buf_printf(&dialogue->out, "%s\r\n", reply)) {
        buf_free(&dialogue->out); /* then it goes without a word */
    }
    dialogue->phase = SMTP_PHASE_CLOSED;
    dialogue->closing = true;
    dialogue->rude = true;
}

void sink_reply(struct sink_dialogue *d, enum smtp_verb verb, const char *reply)
{
    if (reply[0] == '5' && ++d->errors >= SINK_ERRORS_MAX) {
        sink_dialogue_close(d, "421 4.7.0 Too many errors");
        return;
    }
    if (!buf_printf(&d->out, "%s\r\n", reply)) {
        sink_dialogue_close(d, "421 4.3.0 Out of memory");
        return;
    }
    d->phase = smtp_phase_after(d->phase, verb, (unsigned)(reply[0] - '0'));
}

/* Forget the transaction, with what there is of its message. */
static void transaction_end(struct sink_dialogue *d)
{
    if (d->begun) {
        sink_message_abandon(&d->message);
    }
    buf_free(&d->from);
    buf_free(&d->recipients);
    d->recipient_count = 0;
    d->begun = d->chunk_failed = d->smtputf8 = d->binary = false;
}

static void on_hello(struct sink_dialogue *d, const struct smtp_command *c)
{
    transaction_end(d);
    buf_free(&d->helo);
    d->esmtp = c->verb == SMTP_VERB_EHLO;
    if (!buf_append(&d->helo, c->args) ||
        (d->esmtp && !buf_printf(&d->out,
                                 "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n"
                                 "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-SMTPUTF8\r\n"
                                 "250-CHUNKING\r\n250-BINARYMIME\r\n",
                                 d->site->hostname, (unsigned long long)d->site->size_max))) {
        sink_dialogue_close(d, "421 4.3.0 Out of memory");
        return;
    }
    char reply[300];
    snprintf(reply, sizeof(reply), "250 %s", d->esmtp ? "HELP" : d->site->hostname);
    sink_reply(d, c->verb, reply);
}

static const char *protocol(const struct sink_dialogue *d)
{
    return d->smtputf8 ? "UTF8SMTP" : d->esmtp ? "ESMTP" : "SMTP"; /* RFC 3848, RFC 6531 4.3 */
}

/* The trace headers: Return-Path (RFC 5321 section 4.4), Received, and for each recipient
 * Delivered-To. The name that the client gave is foreign: only letters, digits and what host
 * names and address literals consist of may stand in the field. */
static bool trace_write(const struct sink_dialogue *d, struct buf *trace)
{
    char helo[256], date[64];
    struct span name = buf_span(&d->helo);
    struct tm tm;
    time_t now = time(NULL);
    size_t len = name.len < sizeof(helo) ? name.len : sizeof(helo) - 1;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = name.ptr[i];
        helo[i] = ascii_is_alnum(c) || (c != '\0' && strchr(".-_:[]", c) != NULL) ? (char)c : '?';
    }
    helo[len] = '\0';
    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
    return buf_printf(trace, "Return-Path: <%.*s>\r\n", SPAN_ARG(buf_span(&d->from))) &&
           buf_append(trace, buf_span(&d->recipients)) &&
           buf_printf(trace, "Received: from %s ([%s%s])\r\n\tby %s with %s; %s\r\n", helo,
                      strchr(d->peer, ':') != NULL ? "IPv6:" : "", d->peer, d->site->hostname,
                      protocol(d), date);
}

static enum sink_fault message_begin(struct sink_dialogue *d)
{
    struct buf trace = {0};
    enum sink_fault fault = SINK_FAULT_IO;

    if (trace_write(d, &trace)) {
        fault =
            sink_message_begin(&d->message, d->site->maildir, d->site->size_max, buf_span(&trace));
        d->begun = true;
    }
    buf_free(&trace);
    return fault;
}

/* The message is there: keep it or say why not, and end the transaction. */
static void message_end(struct sink_dialogue *d, enum smtp_verb verb)
{
    enum sink_fault fault = sink_message_commit(&d->message);
    const char *reply = fault_replies[fault];
    struct span to = buf_span(&d->recipients);

    /* Of the first recipient's header, the address. */
    to = span_head(to, span_find(to, '\r'));
    to = span_from(to, sizeof(SINK_DELIVERED_TO) - 1);
    d->site->messages += fault == SINK_FAULT_NONE;
    log_line(fault == SINK_FAULT_NONE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
             "message from [%s]: from=<%.*s> to=<%.*s> nrcpt=%u size=%llu proto=%s helo=<%.*s> "
             "file=%s status=%s",
             d->peer, SPAN_ARG(buf_span(&d->from)), SPAN_ARG(to), d->recipient_count,
             (unsigned long long)d->message.size, protocol(d), SPAN_ARG(buf_span(&d->helo)),
             fault == SINK_FAULT_NONE && d->site->maildir != NULL ? d->message.file.name : "-",
             reply);
    sink_reply(d, verb, reply);
    transaction_end(d);
}

static void on_data(struct sink_dialogue *d, const struct smtp_command *c)
{
    if (d->binary) {
        sink_reply(d, c->verb, "503 5.5.1 BODY=BINARYMIME needs BDAT");
        return;
    }
    enum sink_fault fault = message_begin(d);
    if (fault != SINK_FAULT_NONE && d->begun) {
        sink_message_abandon(&d->message);
        d->begun = false;
    }
    sink_reply(d, c->verb,
               fault == SINK_FAULT_NONE ? "354 End with <CRLF>.<CRLF>" : fault_replies[fault]);
}

/* BDAT: its octets come whatever the answer is, so that the answer waits for them. */
static void bdat(struct sink_dialogue *d, const struct smtp_command *c, const char *refused)
{
    d->in_chunk = true;
    d->chunk = c->chunk;
    d->chunk_last = c->last;
    d->chunk_refused = refused;
    if (refused != NULL) {
        return;
    }
    if (d->chunk_failed || !d->esmtp) {
        d->chunk_refused =
            d->esmtp ? "503 5.5.1 An earlier chunk failed: send RSET" : "503 5.5.1 BDAT needs EHLO";
        return;
    }
    enum sink_fault fault = SINK_FAULT_NONE;
    if (!d->begun) {
        fault = message_begin(d);
    }
    if (fault == SINK_FAULT_NONE) {
        sink_message_expect(&d->message, c->chunk);
    } else if (!d->begun) {
        d->chunk_refused = fault_replies[fault];
    }
}

static void on_bdat(struct sink_dialogue *d, const struct smtp_command *c)
{
    bdat(d, c, NULL);
}

/* All octets of the chunk are there. */
static void chunk_end(struct sink_dialogue *d)
{
    enum smtp_verb verb = d->chunk_last ? SMTP_VERB_BDAT_LAST : SMTP_VERB_BDAT;
    const char *reply = d->chunk_refused;

    d->in_chunk = false;
    if (reply == NULL && d->chunk_last) {
        message_end(d, verb);
        return;
    }
    if (reply == NULL) {
        reply = d->message.fault == SINK_FAULT_NONE ? "250 2.0.0 Chunk taken"
                                                    : fault_replies[d->message.fault];
    }
    bool in_transaction = d->phase == SMTP_PHASE_RCPT || d->phase == SMTP_PHASE_CHUNKS;
    d->chunk_failed = in_transaction && reply[0] != '2';
    sink_reply(d, verb, reply);
    if (in_transaction && d->phase == SMTP_PHASE_READY) {
        transaction_end(d);
    }
}

static void on_rset(struct sink_dialogue *d, const struct smtp_command *c)
{
    transaction_end(d);
    sink_reply(d, c->verb, "250 2.0.0 Ok");
}

static void on_noop(struct sink_dialogue *d, const struct smtp_command *c)
{
    sink_reply(d, c->verb, "250 2.0.0 Ok");
}

static void on_quit(struct sink_dialogue *d, const struct smtp_command *c)
{
    sink_reply(d, c->verb, "221 2.0.0 Bye");
    d->closing = true;
}

static void on_vrfy(struct sink_dialogue *d, const struct smtp_command *c)
{
    sink_reply(d, c->verb, "252 2.0.0 Every address is taken");
}

static void on_help(struct sink_dialogue *d, const struct smtp_command *c)
{
    sink_reply(d, c->verb, "214 2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}

/* The verbs that are implemented. */
static void (*const handlers[SMTP_VERB_WORDS])(struct sink_dialogue *,
                                               const struct smtp_command *) = {
    [SMTP_VERB_HELO] = on_hello,  [SMTP_VERB_EHLO] = on_hello, [SMTP_VERB_MAIL] = sink_mail,
    [SMTP_VERB_RCPT] = sink_rcpt, [SMTP_VERB_DATA] = on_data,  [SMTP_VERB_BDAT] = on_bdat,
    [SMTP_VERB_RSET] = on_rset,   [SMTP_VERB_NOOP] = on_noop,  [SMTP_VERB_QUIT] = on_quit,
    [SMTP_VERB_VRFY] = on_vrfy,   [SMTP_VERB_HELP] = on_help,
};

/* A malformed command, by its kind of error. */
static void reply_malformed(struct sink_dialogue *d, const struct smtp_command *c)
{
    static const char *const codes[] = {
        [SMTP_COMMAND_OK] = "250 2.0.0",        [SMTP_COMMAND_EMPTY] = "500 5.5.2",
        [SMTP_COMMAND_CONTROL] = "500 5.5.2",   [SMTP_COMMAND_ARGUMENT] = "501 5.5.4",
        [SMTP_COMMAND_MISSING] = "501 5.5.4",   [SMTP_COMMAND_KEYWORD] = "501 5.5.4",
        [SMTP_COMMAND_PATH] = "501 5.1.3",      [SMTP_COMMAND_PARAMETER] = "501 5.5.4",
        [SMTP_COMMAND_HELLO] = "501 5.5.4",     [SMTP_COMMAND_CHUNK] = "501 5.5.4",
        [SMTP_COMMAND_MECHANISM] = "501 5.5.4",
    };
    char reply[160];
    const char *code =
        c->error == SMTP_COMMAND_PATH && c->verb == SMTP_VERB_MAIL ? "501 5.1.7" : codes[c->error];

    snprintf(reply, sizeof(reply), "%s %s", code, smtp_command_error_text(c));
    if (c->error == SMTP_COMMAND_CHUNK) {
        sink_dialogue_close(d, reply); /* nobody knows where the next command begins */
    } else {
        sink_reply(d, c->verb, reply);
    }
}

/* Why a verb is out of sequence in this phase. */
static const char *sequence_reply(const struct sink_dialogue *d)
{
    switch (d->phase) {
    case SMTP_PHASE_GREETED:
        return "503 5.5.1 Send HELO or EHLO first";
    case SMTP_PHASE_READY:
        return "503 5.5.1 Send MAIL first";
    case SMTP_PHASE_MAIL:
        return "503 5.5.1 Send RCPT first; a transaction is open";
    case SMTP_PHASE_RCPT:
        return "503 5.5.1 A transaction is open";
    case SMTP_PHASE_CHUNKS:
        return "503 5.5.1 Send the rest in chunks, or RSET";
    case SMTP_PHASE_CONNECT:
    case SMTP_PHASE_DATA:
    case SMTP_PHASE_AUTH:
    case SMTP_PHASE_TLS:
    case SMTP_PHASE_REFUSED:
    case SMTP_PHASE_CLOSED:
        break;
    }
    return "503 5.5.1 Bad sequence of commands";
}

static void command(struct sink_dialogue *d, struct span line)
{
    struct smtp_command c;

    smtp_command_parse(line, &c);
    const struct smtp_verb_info *info = smtp_verb_info(c.verb);
    if (c.error == SMTP_COMMAND_EMPTY || c.error == SMTP_COMMAND_CONTROL) {
        reply_malformed(d, &c);
    } else if (c.verb == SMTP_VERB_UNKNOWN) {
        sink_reply(d, c.verb, "500 5.5.2 Command not recognised");
    } else if (handlers[c.verb] == NULL) {
        sink_reply(d, c.verb, "502 5.5.1 Command not implemented");
    } else if (c.error != SMTP_COMMAND_OK) {
        reply_malformed(d, &c);
    } else if ((info->phases & (1u << d->phase)) == 0) {
        if (c.verb == SMTP_VERB_BDAT) {
            bdat(d, &c, sequence_reply(d));
        } else {
            sink_reply(d, c.verb, sequence_reply(d));
        }
    } else {
        handlers[c.verb](d, &c);
    }
}

/* One line at the beginning of `in`, or what there is of it. Returns the octets consumed; 0 when
 * more are needed. */
static size_t line_input(struct sink_dialogue *d, struct span in)
{
    size_t lf = span_find(in, '\n');

    if (d->skip_line) {
        d->skip_line = lf == in.len;
        return d->skip_line ? in.len : lf + 1;
    }
    if (lf >= SINK_LINE_MAX) {
        sink_reply(d, SMTP_VERB_UNKNOWN, "500 5.5.6 Line is too long");
        d->skip_line = lf == in.len;
        return d->skip_line ? in.len : lf + 1;
    }
    if (lf == in.len) {
        return 0;
    }
    if (lf == 0 || in.ptr[lf - 1] != '\r') {
        sink_reply(d, SMTP_VERB_UNKNOWN, "500 5.5.2 Line ended by LF without CR");
        return lf + 1;
    }
    command(d, span_head(in, lf - 1));
    return lf + 1;
}

static size_t chunk_input(struct sink_dialogue *d, struct span in)
{
    size_t n = in.len < d->chunk ? in.len : (size_t)d->chunk;

    if (d->chunk_refused == NULL) {
        sink_message_chunk(&d->message, span_head(in, n));
    }
    d->chunk -= n;
    return n;
}

size_t sink_dialogue_input(struct sink_dialogue *dialogue, struct span bytes)
{
    struct sink_dialogue *d = dialogue;
    size_t done = 0;

    while (!d->closing && buf_len(&d->out) < SINK_REPLIES_MAX) {
        struct span rest = span_from(bytes, done);
        size_t used = 0;
        if (d->in_chunk) {
            used = chunk_input(d, rest);
            if (d->chunk == 0) {
                chunk_end(d);
                done += used;
                continue;
            }
        } else if (d->phase == SMTP_PHASE_DATA) {
            bool end;
            used = sink_message_data(&d->message, rest, &end);
            if (end) {
                message_end(d, SMTP_VERB_END_OF_DATA);
            }
        } else {
            used = line_input(d, rest);
        }
        if (used == 0) {
            break;
        }
        done += used;
    }
    return d->closing ? bytes.len : done;
}

bool sink_dialogue_begin(struct sink_dialogue *dialogue, struct sink_site *site, const char *peer)
{
    *dialogue = (struct sink_dialogue){.site = site, .peer = peer, .phase = SMTP_PHASE_CONNECT};
    sink_message_init(&dialogue->message);
    if (!buf_printf(&dialogue->out, "220 %s ESMTP ehlogate sink\r\n", site->hostname)) {
        return false;
    }
    dialogue->phase = smtp_phase_after(dialogue->phase, SMTP_VERB_GREETING, 2);
    return true;
}

void sink_dialogue_end(struct sink_dialogue *dialogue)
{
    transaction_end(dialogue);
    buf_free(&dialogue->helo);
    buf_free(&dialogue->out);
}
