/*
 * Sessions in the log.
 *
 * Text lines follow Postfix's smtpd(8) to the letter where it has a line for the event: filters
 * and statistics in use everywhere are anchored on those. The session's id stands where Postfix
 * would have a queue id, which is a word to all of them; before there is a message it has NOQUEUE,
 * and so have we. What Postfix has no line for is written as "ID: what: VERB from name[ip]: …".
 *
 * Addresses are looked up in no DNS: every client is "unknown", as with Postfix's
 * smtpd_peername_lookup = no.
 *
 * Everything foreign is escaped and cut to a length. What AUTH carries is in no event, and a
 * server's answer to it is logged by its codes alone.
 */
#include "serve/smtplog.h"

#include "base/line.h"
#include "serve/secret.h"

#include <errno.h>
#include <string.h>

enum {
    FIELD_MAX = 320, /* octets of an address, a host name, a command's word */
    TEXT_MAX = 512,  /* octets of a reply or another text */
    ID_LEN = 11,
};
/* Five fields and two texts, each octet of which may become six, and what stands between them. */
static_assert(4 * FIELD_MAX * 6 + 2 * TEXT_MAX * 6 + 1024 < LOG_LINE_MAX, "a line is never cut");

static unsigned char storage[LOG_LINE_MAX];

/* Keywords that were hidden in the gate call that is under way. */
static unsigned char hidden_storage[TEXT_MAX * 6];
static struct line hidden = {.ptr = hidden_storage, .size = sizeof(hidden_storage)};

static struct line begin(void)
{
    return line_in(storage, sizeof(storage));
}

static bool is_json(void)
{
    return log_get_format() == LOG_JSON;
}

static struct span verb_name(enum smtp_verb verb)
{
    return verb == SMTP_VERB_UNKNOWN ? SPAN("UNKNOWN") : smtp_verb_info(verb)->name;
}

/* What the texts are made of. */

static void put_id(struct line *line, const struct session *s)
{
    char text[ID_LEN];

    for (unsigned i = 0; i < ID_LEN; i++) {
        /* Crockford's base 32: no letters that look like digits. */
        text[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[s->id >> (5 * (ID_LEN - 1 - i)) & 31];
    }
    line_put(line, span_of(text, ID_LEN));
}

/* inet_ntop() goes through printf, which costs more than the rest of the line; and mostly it is the
 * client of the line before. */
static void put_ipv4(struct line *line, in_addr_t addr)
{
    static unsigned char text[INET_ADDRSTRLEN];
    static size_t len;
    static in_addr_t last;

    if (addr != last || len == 0) {
        struct line host = line_in(text, sizeof(text));
        const unsigned char *octets = (const unsigned char *)&addr;
        for (unsigned i = 0; i < 4; i++) {
            line_put(&host, i > 0 ? SPAN(".") : SPAN(""));
            line_number(&host, octets[i]);
        }
        last = addr;
        len = host.len;
    }
    line_put(line, span_of(text, len));
}

static void put_host(struct line *line, const union session_peer *peer)
{
    struct net_addr addr = {.len = sizeof(*peer)};
    char host[NET_ADDR_TEXT];

    if (peer->any.sa_family == AF_INET) {
        put_ipv4(line, peer->in.sin_addr.s_addr);
        return;
    }
    memcpy(&addr.any, peer, sizeof(*peer));
    net_addr_format_host(&addr, host);
    line_put(line, span_str(host));
}

static void put_client(struct line *line, const struct session *s)
{
    line_put(line, SPAN("unknown["));
    put_host(line, &s->peer);
    line_put(line, SPAN("]"));
}

static void put_server(struct line *line, const struct session *s)
{
    if (s->server != NULL) {
        line_put(line, SPAN("server "));
        line_put(line, span_str(s->server->text));
    } else {
        line_put(line, SPAN("backend "));
        line_put(line, span_str(s->listener->backend->name));
    }
}

/* "after VERB from unknown[ip]", or, where the server is to blame, "after VERB from server NAME":
 * without the client's address, so that nobody is banned for what our server did. */
static void put_after(struct line *line, const struct session *s, const struct gate_event *event)
{
    line_put(line, SPAN(" after "));
    line_put(line, verb_name(event->verb));
    line_put(line, SPAN(" from "));
    if (event->side == GATE_CLIENT) {
        put_client(line, s);
    } else {
        put_server(line, s);
    }
}

/* "ID: what: VERB from unknown[ip]: " */
static void put_head(struct line *line, const struct session *s, struct span what,
                     const struct gate_event *event)
{
    put_id(line, s);
    line_put(line, what);
    line_put(line, verb_name(event->verb));
    line_put(line, SPAN(" from "));
    put_client(line, s);
    line_put(line, SPAN(": "));
}

static void put_bracketed(struct line *line, struct span name, struct span foreign)
{
    if (foreign.ptr != NULL) {
        line_put(line, name);
        line_escape(line, foreign, FIELD_MAX);
        line_put(line, SPAN(">"));
    }
}

/* "; from=<a> to=<b> proto=ESMTP helo=<h>" */
static void put_envelope(struct line *line, const struct gate_event *event)
{
    line_put(line, SPAN(";"));
    put_bracketed(line, SPAN(" from=<"), event->from);
    put_bracketed(line, SPAN(" to=<"), event->to);
    line_put(line, event->esmtp ? SPAN(" proto=ESMTP") : SPAN(" proto=SMTP"));
    put_bracketed(line, SPAN(" helo=<"), event->helo);
}

/* Text lines by kind */

/* Where Postfix has a queue id: once a message is under way. */
static bool has_queue_id(enum smtp_verb verb)
{
    return verb == SMTP_VERB_DATA || verb == SMTP_VERB_BDAT || verb == SMTP_VERB_BDAT_LAST ||
           verb == SMTP_VERB_END_OF_DATA;
}

static void text_reject(struct line *line, const struct session *s, const struct gate_event *event)
{
    if (has_queue_id(event->verb)) {
        put_id(line, s);
    } else {
        line_put(line, SPAN("NOQUEUE"));
    }
    line_put(line, SPAN(": reject: "));
    line_put(line, verb_name(event->verb));
    line_put(line, SPAN(" from "));
    put_client(line, s);
    line_put(line, SPAN(": "));
    line_escape(line, secret_reply(event), TEXT_MAX);
    put_envelope(line, event);
    if (event->verb == SMTP_VERB_UNKNOWN) {
        put_bracketed(line, SPAN(" command=<"), secret_word(event));
    }
    if (event->by_server) {
        line_put(line, SPAN(" by=server"));
    }
}

static void text_message(struct line *line, const struct session *s, const struct gate_event *event)
{
    unsigned char class = event->reply.len > 0 ? event->reply.ptr[0] : '?';

    put_id(line, s);
    line_put(line, SPAN(": "));
    if (class == '2') {
        /* By this word pflogsumm counts a message as received. */
        line_put(line, SPAN("client="));
        put_client(line, s);
        line_put(line, SPAN(", "));
    }
    line_put(line, SPAN("message from=<"));
    line_escape(line, event->from, FIELD_MAX);
    line_put(line, SPAN("> size="));
    line_number(line, event->size);
    line_put(line, SPAN(" nrcpt="));
    line_number(line, event->recipients);
    line_put(line, class == '2'   ? SPAN(" status=sent (")
                   : class == '4' ? SPAN(" status=deferred (")
                                  : SPAN(" status=bounced ("));
    line_escape(line, event->reply, TEXT_MAX);
    line_put(line, SPAN(")"));
}

static void text_framing(struct line *line, const struct session *s, const struct gate_event *event)
{
    put_head(line, s, SPAN(": framing: "), event);
    if (event->side == GATE_SERVER) {
        line_put(line, SPAN("the server sent "));
    }
    line_put(line, span_str(smtp_body_event_name(event->framing)));
    line_put(line, SPAN(" at octet "));
    line_number(line, event->size);
    line_put(line, SPAN(", action "));
    line_put(line, span_str(policy_framing_words[event->verdict]));
    put_envelope(line, event);
}

/* A rule on trial says what it would have done; `log` says that it applied. */
static void text_rule(struct line *line, const struct session *s, const struct gate_event *event)
{
    bool log = span_equal(event->text, SPAN("log"));

    put_head(line, s, SPAN(": rule: "), event);
    line_escape(line, event->word, FIELD_MAX);
    line_put(line, log ? SPAN(" applies") : event->dry ? SPAN(" would ") : SPAN(" does "));
    line_put(line, log ? span_of(NULL, 0) : event->text);
    put_envelope(line, event);
}

static void text_limit(struct line *line, const struct session *s, const struct gate_event *event)
{
    if (span_equal(event->text, SPAN("errors"))) {
        line_put(line, SPAN("too many errors"));
        put_after(line, s, event);
        return;
    }
    put_head(line, s, SPAN(": limit: "), event);
    line_escape(line, event->text, TEXT_MAX);
}

/* "lost connection after VERB from …" and the others of that form, with or without a text. */
static void text_after(struct line *line, const struct session *s, struct span what,
                       const struct gate_event *event)
{
    struct span text = secret_text(event);

    line_put(line, what);
    put_after(line, s, event);
    if (text.len > 0) {
        line_put(line, SPAN(": "));
        line_escape(line, text, TEXT_MAX);
    }
}

/* "ID: what: VERB from unknown[ip]: text", where "text" is the event's own or `without`. */
static void text_plain(struct line *line, const struct session *s, struct span what,
                       const struct gate_event *event, struct span without)
{
    put_head(line, s, what, event);
    if (event->text.len > 0) {
        line_escape(line, event->text, TEXT_MAX);
    } else {
        line_put(line, without);
    }
}

/* A message that the server refused is a rejection as well, to those that count them. */
static void text_message_refused(const struct session *s, const struct gate_event *event)
{
    struct gate_event refused = *event;
    struct line line = begin();

    if (event->reply.len > 0 && event->reply.ptr[0] == '2') {
        return;
    }
    refused.by_server = true;
    refused.verb = SMTP_VERB_END_OF_DATA;
    text_reject(&line, s, &refused);
    log_text(LOG_LEVEL_INFO, line_span(&line));
}

static void text_event(const struct session *s, const struct gate_event *event)
{
    bool by_server = event->side == GATE_SERVER;
    enum log_level level = LOG_LEVEL_INFO;
    struct line line = begin();

    switch (event->kind) {
    case GATE_EVENT_PHASE:
    case GATE_EVENT_HIDE:
        return;
    case GATE_EVENT_REJECT:
        text_reject(&line, s, event);
        break;
    case GATE_EVENT_MASK:
        text_plain(&line, s, SPAN(": mask: "), event, SPAN("kept from the server"));
        put_bracketed(&line, SPAN("; command=<"), secret_word(event));
        break;
    case GATE_EVENT_FRAMING:
        text_framing(&line, s, event);
        break;
    case GATE_EVENT_MESSAGE:
        text_message_refused(s, event);
        line = begin();
        text_message(&line, s, event);
        break;
    case GATE_EVENT_DARK:
        text_plain(&line, s, SPAN(": unseen: "), event,
                   SPAN("relayed without a look from here on"));
        break;
    case GATE_EVENT_PIPELINING:
        text_after(&line, s, SPAN("improper command pipelining"), event);
        break;
    case GATE_EVENT_PROTOCOL:
        level = by_server ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
        text_after(&line, s, SPAN("protocol error"), event);
        break;
    case GATE_EVENT_LOST:
        level = by_server ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
        text_after(&line, s, SPAN("lost connection"), event);
        break;
    case GATE_EVENT_TIMEOUT:
        level = by_server ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
        text_after(&line, s, SPAN("timeout"), event);
        break;
    case GATE_EVENT_LIMIT:
        text_limit(&line, s, event);
        break;
    case GATE_EVENT_RULE:
        text_rule(&line, s, event);
        break;
    case GATE_EVENT_MEMORY:
        level = LOG_LEVEL_ERROR;
        text_plain(&line, s, SPAN(": memory: "), event, SPAN("out of memory"));
        break;
    }
    log_text(level, line_span(&line));
}

/* JSON */

static void json_text(struct line *line, struct span name, struct span foreign)
{
    if (foreign.ptr != NULL) {
        line_put(line, name);
        line_json(line, foreign, TEXT_MAX);
    }
}

static void json_field(struct line *line, struct span name, struct span foreign)
{
    if (foreign.ptr != NULL) {
        line_put(line, name);
        line_json(line, foreign, FIELD_MAX);
    }
}

static void json_peer(struct line *line, const struct config_listener *listener,
                      const union session_peer *peer)
{
    struct net_addr addr = {.len = sizeof(*peer)};

    memcpy(&addr.any, peer, sizeof(*peer));
    line_put(line, SPAN(",\"client\":\""));
    put_host(line, peer);
    line_put(line, SPAN("\",\"client_port\":"));
    line_number(line, net_addr_port(&addr));
    json_field(line, SPAN(",\"listener\":"), span_str(listener->name));
}

static void json_head(struct line *line, const struct session *s, const char *event)
{
    line_put(line, SPAN("\"event\":\""));
    line_put(line, span_str(event));
    line_put(line, SPAN("\",\"session\":\""));
    put_id(line, s);
    line_put(line, SPAN("\""));
    json_peer(line, s->listener, &s->peer);
    json_field(line, SPAN(",\"backend\":"), span_str(s->listener->backend->name));
    if (s->server != NULL) {
        json_field(line, SPAN(",\"server\":"), span_str(s->server->text));
    }
}

static void json_word(struct line *line, struct span name, struct span own)
{
    line_put(line, name);
    line_put(line, SPAN("\""));
    line_put(line, own);
    line_put(line, SPAN("\""));
}

static void json_event(const struct session *s, const struct gate_event *event)
{
    struct line line = begin();
    enum gate_event_kind kind = event->kind;
    bool message = kind == GATE_EVENT_MESSAGE;

    if (kind == GATE_EVENT_PHASE || kind == GATE_EVENT_HIDE) {
        return;
    }
    json_head(&line, s, gate_event_name(kind));
    json_word(&line, SPAN(",\"side\":"),
              event->side == GATE_CLIENT ? SPAN("client") : SPAN("server"));
    json_word(&line, SPAN(",\"verb\":"), verb_name(event->verb));
    json_field(&line, SPAN(",\"word\":"), secret_word(event));
    json_text(&line, SPAN(",\"reply\":"), secret_reply(event));
    json_text(&line, SPAN(",\"text\":"), secret_text(event));
    json_field(&line, SPAN(",\"from\":"), event->from);
    json_field(&line, SPAN(",\"to\":"), event->to);
    json_field(&line, SPAN(",\"helo\":"), event->helo);
    json_word(&line, SPAN(",\"proto\":"), event->esmtp ? SPAN("ESMTP") : SPAN("SMTP"));
    if (kind == GATE_EVENT_REJECT) {
        line_put(&line,
                 event->by_server ? SPAN(",\"by\":\"server\"") : SPAN(",\"by\":\"gateway\""));
    }
    if (kind == GATE_EVENT_RULE) {
        line_put(&line, event->dry ? SPAN(",\"dry\":true") : SPAN(",\"dry\":false"));
    }
    if (kind == GATE_EVENT_FRAMING) {
        json_word(&line, SPAN(",\"framing\":"), span_str(smtp_body_event_name(event->framing)));
        json_word(&line, SPAN(",\"action\":"), span_str(policy_framing_words[event->verdict]));
    }
    if (kind == GATE_EVENT_FRAMING || message) {
        line_put(&line, message ? SPAN(",\"size\":") : SPAN(",\"offset\":"));
        line_number(&line, event->size);
    }
    if (message) {
        line_put(&line, SPAN(",\"recipients\":"));
        line_number(&line, event->recipients);
    }
    log_members(kind == GATE_EVENT_MEMORY ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, line_span(&line));
}

/* Events */

/* One line for all keywords that an EHLO reply has lost: ten lines of one word each would bury the
 * rest. */
static void note_hidden(const struct gate_event *event)
{
    if (hidden.len > 0) {
        line_put(&hidden, is_json() ? SPAN(",") : SPAN(", "));
    }
    if (is_json()) {
        line_json(&hidden, event->text, FIELD_MAX / 4);
    } else {
        line_escape(&hidden, event->text, FIELD_MAX / 4);
    }
}

static void smtplog_note(const struct session *s, const char *text)
{
    struct line line = begin();

    if (is_json()) {
        json_head(&line, s, "note");
        json_text(&line, SPAN(",\"text\":"), span_str(text));
        log_members(LOG_LEVEL_INFO, line_span(&line));
        return;
    }
    put_id(&line, s);
    line_put(&line, SPAN(": note: "));
    put_client(&line, s);
    line_put(&line, SPAN(": "));
    line_put(&line, span_str(text));
    log_text(LOG_LEVEL_INFO, line_span(&line));
}

/* A body may have a million bare line feeds: the first of each kind is logged. */
static bool is_repeated(struct session *s, const struct gate_event *event)
{
    unsigned bit = 1u << event->framing;

    if (event->kind == GATE_EVENT_MESSAGE) {
        s->framing_logged = 0;
    }
    if (event->kind != GATE_EVENT_FRAMING) {
        return false;
    }
    bool repeated = (s->framing_logged & bit) != 0;
    s->framing_logged |= (uint8_t)bit;
    return repeated;
}

/* A client that is let talk can make lines without end. Says whether this one is too many; the
 * session's last line still counts them all. */
static bool is_too_many(struct session *s, const struct gate_event *event)
{
    bool mask = event->kind == GATE_EVENT_MASK;

    if (event->kind == GATE_EVENT_PHASE || event->kind == GATE_EVENT_MESSAGE ||
        event->kind == GATE_EVENT_DARK || event->kind == GATE_EVENT_LOST ||
        event->kind == GATE_EVENT_TIMEOUT || event->kind == GATE_EVENT_MEMORY) {
        return false;
    }
    if (s->logged > SESSION_LOG_LINES || (mask && s->masks_logged > SESSION_LOG_MASKS)) {
        return true;
    }
    s->logged++;
    s->masks_logged += mask;
    if (s->logged > SESSION_LOG_LINES || (mask && s->masks_logged > SESSION_LOG_MASKS)) {
        smtplog_note(s, mask ? "further masked commands of this session are not logged"
                             : "further events of this session are not logged");
        return true;
    }
    return false;
}

void smtplog_event(void *context, const struct gate_event *event)
{
    struct session *s = context;

    if (event->kind == GATE_EVENT_HIDE) {
        note_hidden(event);
    } else if (is_repeated(s, event) || is_too_many(s, event)) {
        return;
    } else if (is_json()) {
        json_event(s, event);
    } else {
        text_event(s, event);
    }
}

void smtplog_call_done(const struct session *s)
{
    struct line line;

    if (hidden.len == 0) {
        return;
    }
    line = begin();
    if (is_json()) {
        json_head(&line, s, gate_event_name(GATE_EVENT_HIDE));
        line_put(&line, SPAN(",\"keywords\":["));
        line_put(&line, line_span(&hidden));
        line_put(&line, SPAN("]"));
        log_members(LOG_LEVEL_INFO, line_span(&line));
    } else {
        put_id(&line, s);
        line_put(&line, SPAN(": hide: EHLO from "));
        put_client(&line, s);
        line_put(&line, SPAN(": "));
        line_put(&line, line_span(&hidden));
        log_text(LOG_LEVEL_INFO, line_span(&line));
    }
    hidden.len = 0;
    hidden.cut = false;
}

/* Beginnings and ends */

void smtplog_connect(const struct session *s)
{
    struct line line = begin();

    if (is_json()) {
        json_head(&line, s, "connect");
        log_members(LOG_LEVEL_INFO, line_span(&line));
        return;
    }
    line_put(&line, SPAN("connect from "));
    put_client(&line, s);
    log_text(LOG_LEVEL_INFO, line_span(&line));
}

/* " ehlo=1 rcpt=0/1 … commands=3/4", or the same as JSON members. */
static void put_counts(struct line *line, const struct session *s)
{
    bool json = is_json();
    struct gate_count sum = {0, 0};
    unsigned count;
    const struct gate_count *counts = gate_counts(s->gate, &count);

    for (unsigned i = 0; i <= count; i++) {
        const struct gate_count *c = i < count ? &counts[i] : &sum;
        if (c->all == 0 && i < count) {
            continue;
        }
        line_put(line, json ? SPAN(",\"") : SPAN(" "));
        line_put(line, i < count ? span_str(gate_count_name(i)) : SPAN("commands"));
        line_put(line, json ? SPAN("\":[") : SPAN("="));
        line_number(line, c->ok);
        if (json || c->ok != c->all) {
            line_put(line, json ? SPAN(",") : SPAN("/"));
            line_number(line, c->all);
        }
        if (json) {
            line_put(line, SPAN("]"));
        }
        sum.ok += c->ok;
        sum.all += c->all;
    }
}

void smtplog_disconnect(const struct session *s)
{
    struct line line = begin();

    if (is_json()) {
        struct span first;
        json_head(&line, s, "disconnect");
        line_put(&line, SPAN(",\"counts\":{"));
        first = line_span(&line);
        put_counts(&line, s);
        line.ptr[first.len] = ' '; /* in place of the first comma */
        line_put(&line, SPAN("}"));
        log_members(LOG_LEVEL_INFO, line_span(&line));
        return;
    }
    line_put(&line, SPAN("disconnect from "));
    put_client(&line, s);
    put_counts(&line, s);
    log_text(LOG_LEVEL_INFO, line_span(&line));
}

void smtplog_refuse(const struct config_listener *listener, const union session_peer *peer,
                    const char *text)
{
    struct line line = begin();

    if (is_json()) {
        line_put(&line, SPAN("\"event\":\"refuse\""));
        json_peer(&line, listener, peer);
        json_text(&line, SPAN(",\"text\":"), span_str(text));
        log_members(LOG_LEVEL_WARNING, line_span(&line));
        return;
    }
    line_put(&line, SPAN("NOQUEUE: reject: CONNECT from unknown["));
    put_host(&line, peer);
    line_put(&line, SPAN("]: 421 4.3.2 "));
    line_put(&line, span_str(text));
    line_put(&line, SPAN("; proto=SMTP"));
    log_text(LOG_LEVEL_INFO, line_span(&line));
}

void smtplog_unreachable(const struct session *s, int error)
{
    struct line line = begin();
    char where[NET_ADDR_TEXT];

    net_addr_format(&s->server->addrs[s->address], where);
    if (is_json()) {
        json_head(&line, s, "unreachable");
        json_field(&line, SPAN(",\"address\":"), span_str(where));
        json_text(&line, SPAN(",\"error\":"), span_str(strerror(error)));
        log_members(LOG_LEVEL_WARNING, line_span(&line));
        return;
    }
    put_id(&line, s);
    line_put(&line, SPAN(": connect to "));
    line_escape(&line, span_str(where), FIELD_MAX);
    line_put(&line, SPAN(": "));
    line_put(&line, span_str(strerror(error)));
    log_text(LOG_LEVEL_WARNING, line_span(&line));
}

void smtplog_fail(const struct session *s, const char *why)
{
    struct line line = begin();

    if (is_json()) {
        json_head(&line, s, "fail");
        json_text(&line, SPAN(",\"text\":"), span_str(why));
        log_members(LOG_LEVEL_ERROR, line_span(&line));
        return;
    }
    put_id(&line, s);
    line_put(&line, SPAN(": session with "));
    put_client(&line, s);
    line_put(&line, SPAN(" ends: "));
    line_put(&line, span_str(why));
    log_text(LOG_LEVEL_ERROR, line_span(&line));
}
