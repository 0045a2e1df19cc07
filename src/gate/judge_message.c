/*
 * What a message says, as facts for the rules.
 *
 * The scanner tells of header fields and parts as they go by; a rule's verdict stops it there, at
 * the same octet whatever the segmentation.
 */
#include "base/mem.h"
#include "gate/judge_private.h"
#include "gate/private.h"

#include <stdio.h>

bool judge_message_wanted(const struct gate *g)
{
    return g->judge != NULL && (policy_rules_ask(g->judge->rules, POLICY_STAGE_HEADER) ||
                                policy_rules_ask(g->judge->rules, POLICY_STAGE_PART) ||
                                policy_rules_ask(g->judge->rules, POLICY_STAGE_MESSAGE));
}

static void header_forget(struct judge_message *m)
{
    for (uint32_t i = 0; i < m->header_count; i++) {
        mem_free((void *)m->headers[i].value.ptr);
    }
    m->header_count = 0;
}

void judge_message_free(struct judge *j)
{
    struct judge_message *m = j->message;

    if (m == NULL) {
        return;
    }
    header_forget(m);
    mail_free(&m->mail);
    mem_free(m);
    j->message = NULL;
    j->facts.headers = NULL;
    j->facts.header_values = 0;
}

/* Keep a header field's value where some rule names the field. */
static void field_seen(struct judge_message *m, const struct mail_event *event)
{
    const char *const *names;
    size_t count = policy_rules_headers(m->gate->judge->rules, &names);

    for (size_t i = 0; i < count; i++) {
        if (!span_equal_nocase(event->name, span_str(names[i])) ||
            m->header_count == JUDGE_HEADERS_MAX ||
            event->value.len > JUDGE_HEADER_OCTETS_MAX - m->header_octets) {
            continue;
        }
        char *copy = mem_string(event->value);
        if (copy == NULL) {
            m->failed = true;
            return;
        }
        m->headers[m->header_count++] =
            (struct policy_header_value){(uint32_t)i, span_of(copy, event->value.len)};
        m->header_octets += event->value.len;
    }
}

static void counts_to_facts(struct judge_message *m)
{
    const struct mail_counts *c = mail_counts(m->mail);
    struct facts *f = &m->gate->judge->facts;

    f->message_size = c->size;
    f->header_length = c->header_size;
    f->header_line_length = c->header_line_max;
    f->header_field_length = c->header_field_max;
    f->header_count = c->fields;
    f->header_received = c->received;
    f->header_to_count = c->to_addresses;
    f->headers = m->headers;
    f->header_values = m->header_count;
    f->body_length = c->size > c->header_size ? c->size - c->header_size : 0;
    f->body_line_length = c->body_line_max;
    f->body_8bit = c->eight_bit;
    f->mime_parts = c->parts;
    f->mime_malformed = c->anomalies != 0;
    f->mime_anomaly = span_str(m->anomalies);
    f->attachment_count = c->attachments;
}

static void anomaly_seen(struct judge_message *m, enum mail_anomaly anomaly)
{
    size_t len = strlen(m->anomalies);
    snprintf(m->anomalies + len, sizeof(m->anomalies) - len, "%s%s", len > 0 ? " " : "",
             mail_anomaly_name(anomaly));
}

/* ".exe" of "a.b.exe" without its dot, in small letters. */
static struct span extension_of(struct judge_message *m, struct span name)
{
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != '.') {
        at--;
    }
    size_t len = at > 0 ? name.len - at : 0;
    len = len < sizeof(m->extension) ? len : sizeof(m->extension);
    for (size_t i = 0; i < len; i++) {
        m->extension[i] = ascii_lower(name.ptr[at + i]);
    }
    return span_of(m->extension, len);
}

static void ask(struct judge_message *m, enum policy_stage stage)
{
    if (m->verdict == NULL && !m->failed) {
        counts_to_facts(m);
        m->verdict = judge_ask(m->gate, m->out, stage);
    }
}

static void part_seen(struct judge_message *m, const struct mail_event *event)
{
    struct facts *f = &m->gate->judge->facts;

    if (event->kind == MAIL_EVENT_PART) {
        f->mime_type = event->type;
        f->mime_encoding = span_str(mail_encoding_name(event->encoding));
        f->mime_depth = event->depth;
    }
    f->attachment_name = event->name;
    f->attachment_extension = extension_of(m, event->name);
    f->attachment_length = event->name.len;
    ask(m, POLICY_STAGE_PART);
    f->attachment_name = f->attachment_extension = span_of(NULL, 0);
    f->attachment_length = 0;
    if (event->kind == MAIL_EVENT_PART) {
        f->mime_encoding = f->mime_type = span_of(NULL, 0);
    }
}

static void seen(void *context, const struct mail_event *event)
{
    struct judge_message *m = context;

    switch (event->kind) {
    case MAIL_EVENT_FIELD:
        if (event->top) {
            field_seen(m, event);
        }
        break;
    case MAIL_EVENT_HEADER_END:
        ask(m, POLICY_STAGE_HEADER);
        break;
    case MAIL_EVENT_PART:
    case MAIL_EVENT_NAME:
        part_seen(m, event);
        break;
    case MAIL_EVENT_ANOMALY:
        anomaly_seen(m, event->anomaly);
        break;
    case MAIL_EVENT_END:
        ask(m, POLICY_STAGE_MESSAGE);
        break;
    }
    if (m->verdict != NULL || m->failed) {
        mail_stop(m->mail);
    }
}

bool judge_message_begin(struct gate *g, bool chunked)
{
    struct judge *j = g->judge;

    judge_message_free(j);
    j->message = mem_zalloc(sizeof(*j->message));
    if (j->message == NULL) {
        return false;
    }
    j->message->gate = g;
    j->message->mail = mail_new(chunked, seen, j->message);
    j->facts.body_bare_cr = j->facts.body_bare_lf = j->facts.body_nul = false;
    return j->message->mail != NULL;
}

size_t judge_message_feed(struct gate *g, struct gate_out *out, struct span bytes,
                          const struct policy_rule **rule_r)
{
    struct judge_message *m = g->judge->message;

    m->out = out;
    size_t used = mail_scan(m->mail, bytes);
    *rule_r = m->verdict;
    return m->failed || mail_failed(m->mail) ? SIZE_MAX : used;
}

bool judge_message_end(struct gate *g, struct gate_out *out, const struct policy_rule **rule_r)
{
    struct judge_message *m = g->judge->message;

    m->out = out;
    bool ok = mail_end(m->mail) && !m->failed;
    *rule_r = m->verdict;
    judge_message_free(g->judge);
    return ok || *rule_r != NULL;
}

void judge_message_framing(struct gate *g, enum smtp_body_event event)
{
    if (g->judge == NULL) {
        return;
    }
    struct facts *f = &g->judge->facts;
    f->body_bare_cr = f->body_bare_cr || event == SMTP_BODY_BARE_CR;
    f->body_bare_lf = f->body_bare_lf || event == SMTP_BODY_BARE_LF || event == SMTP_BODY_LONE_DOT;
    f->body_nul = f->body_nul || event == SMTP_BODY_NUL;
}
