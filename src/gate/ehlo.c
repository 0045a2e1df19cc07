/*
 * The EHLO reply: what the client is offered is what the server offers, as far as the policy allows
 * it and we can carry it.
 *
 * A hidden line vanishes whole, and the last line that is left gets the space that says so. A
 * masked line keeps its length: X's and a letter that counts the masked lines, as ASA writes it
 * ("250-XXXXXXXA" for STARTTLS).
 */
#include "gate/private.h"

#include <stdio.h>

static enum policy_keyword line_verdict(const struct policy *p, struct span text)
{
    enum smtp_keyword keyword = smtp_keyword_of_line(text);

    /* "AUTH=LOGIN", from before RFC 2554, is a word that ASA does not know. */
    if (keyword == SMTP_KEYWORD_AUTH && text.len > 4 && text.ptr[4] == '=' &&
        p->keyword[SMTP_KEYWORD_UNKNOWN] == POLICY_KEYWORD_MASK) {
        return POLICY_KEYWORD_MASK;
    }
    return policy_keyword_verdict(p, keyword);
}

/* The lines of an EHLO reply, one after the other. */
struct ehlo_lines {
    struct span rest;
    struct smtp_reply_line line;
};

static bool next_line(struct ehlo_lines *lines)
{
    enum smtp_reply_error error;

    if (lines->rest.len == 0 ||
        smtp_reply_line_parse(lines->rest, GATE_REPLY_LINE_READ, &lines->line, &error) <= 0) {
        return false;
    }
    lines->rest = span_from(lines->rest, lines->line.size);
    return true;
}

/* SIZE says the smaller of the server's limit and ours (RFC 1870 section 4). False when the line
 * can stay as it is. */
static bool size_lowered(const struct gate *g, struct span text, uint64_t *size_r)
{
    struct span rest = text;
    uint64_t size = 0;

    span_word(&rest);
    *size_r = g->policy->limits.message_size;
    rest = span_trim(rest);
    if (*size_r == 0) {
        return false;
    }
    return !span_number(rest, &size) || size == 0 || size > *size_r;
}

/* What the server announces, and what of it the client is offered. True when a line must go or
 * change. */
static bool read_keywords(struct gate *g, struct ehlo_lines lines)
{
    bool edited = g->judge != NULL && policy_rules_ask(g->policy->rules, POLICY_STAGE_OFFER);
    uint64_t size;

    g->announced = 0;
    g->offered = 0;
    while (next_line(&lines)) {
        enum smtp_keyword keyword = smtp_keyword_of_line(lines.line.text);
        bool allowed = line_verdict(g->policy, lines.line.text) == POLICY_KEYWORD_ALLOW;
        g->announced |= smtp_keyword_bit(keyword);
        g->offered |= allowed ? smtp_keyword_bit(keyword) : 0;
        edited = edited || !allowed ||
                 (keyword == SMTP_KEYWORD_SIZE && size_lowered(g, lines.line.text, &size));
    }
    g->announced &= ~smtp_keyword_bit(SMTP_KEYWORD_UNKNOWN);
    g->offered &= g->announced;
    return edited;
}

static unsigned char *write_masked(struct gate *g, struct gate_out *out, struct span code,
                                   struct span text, unsigned count)
{
    unsigned char *line = out_reply_line(out, code, false, text, g->policy->limits.reply_line);
    size_t len = (size_t)(out->scratch + out->used - line) - 6;

    memset(line + 4, 'X', len);
    if (len > 0) {
        line[4 + len - 1] = (unsigned char)('A' + count % 26);
    }
    return line;
}

/* The lines that have been edited so far. */
struct ehlo_edits {
    unsigned masked;
    bool sized;
    smtp_keyword_set hidden; /* by a rule */
    smtp_keyword_set shown;
};

/* Write the line as the client may see it. Returns its place, NULL when it is hidden. */
static unsigned char *write_keyword(struct gate *g, struct gate_out *out, struct span code,
                                    struct span text, struct ehlo_edits *edits)
{
    struct gate_event event = {
        .kind = GATE_EVENT_HIDE, .side = GATE_SERVER, .verb = SMTP_VERB_EHLO, .text = text};
    enum policy_keyword verdict = line_verdict(g->policy, text);
    const struct policy_rule *rule = judge_offer(g, out, text);
    smtp_keyword_set bit = smtp_keyword_bit(smtp_keyword_of_line(text));
    char lowered[32];
    uint64_t size;

    if (rule != NULL && verdict != POLICY_KEYWORD_HIDE) {
        verdict =
            rule->effect.action == POLICY_ACTION_HIDE ? POLICY_KEYWORD_HIDE : POLICY_KEYWORD_MASK;
        edits->hidden |= verdict == POLICY_KEYWORD_HIDE ? bit : 0;
    }
    if (verdict != POLICY_KEYWORD_ALLOW) {
        gate_tell(g, out, &event);
        g->offered &= ~bit;
    } else {
        edits->shown |= bit;
    }
    if (verdict == POLICY_KEYWORD_HIDE) {
        return NULL;
    }
    if (verdict == POLICY_KEYWORD_MASK) {
        return write_masked(g, out, code, text, edits->masked++);
    }
    if (smtp_keyword_of_line(text) == SMTP_KEYWORD_SIZE && size_lowered(g, text, &size)) {
        if (edits->sized) { /* one line says it all */
            gate_tell(g, out, &event);
            return NULL;
        }
        edits->sized = true;
        int len = snprintf(lowered, sizeof(lowered), "SIZE %llu", (unsigned long long)size);
        text = span_of(lowered, (size_t)len);
    }
    return out_reply_line(out, code, false, text, g->policy->limits.reply_line);
}

void ehlo_relay(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                struct span bytes)
{
    struct ehlo_lines lines = {.rest = bytes};
    struct ehlo_edits edits = {0};

    next_line(&lines);
    if (!read_keywords(g, lines)) {
        reply_relay(g, out, reply, bytes);
        return;
    }
    unsigned char *last =
        out_reply_line(out, bytes, false, lines.line.text, g->policy->limits.reply_line);
    while (next_line(&lines)) {
        unsigned char *line = write_keyword(g, out, bytes, lines.line.text, &edits);
        last = line != NULL ? line : last;
    }
    last[3] = ' ';
    judge_hid(g, edits.hidden & ~edits.shown);
    g->offered |= edits.hidden & edits.shown; /* by another line */
}
