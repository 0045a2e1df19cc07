/*
 * The greeting (RFC 5321 section 3.1): passed, stripped of what it tells about the server, or
 * masked as PIX and ASA mask it. Its code always stays.
 *
 * "hide" keeps "ESMTP" since Postfix senders fall back to HELO where a greeting is made of 2, 0,
 * space and "*" alone (smtp_pix_workarounds), which is what the masks cause and are there to show.
 */
#include "gate/private.h"

#include "smtp/path.h"

/* The name by which the server introduces itself, or ours where it does not. */
static struct span server_name(const struct gate *g, struct span bytes)
{
    struct smtp_reply_line line;
    enum smtp_reply_error error;

    if (smtp_reply_line_parse(bytes, GATE_REPLY_LINE_READ, &line, &error) > 0) {
        struct span word = span_word(&line.text);
        if (smtp_domain_valid(word, false) || smtp_literal_valid(word)) {
            return word;
        }
    }
    return g->facts->hostname;
}

static void mask(struct gate *g, struct gate_out *out, struct span bytes, bool all)
{
    struct smtp_reply_line line;
    enum smtp_reply_error error;

    while (bytes.len > 0 && smtp_reply_line_parse(bytes, GATE_REPLY_LINE_READ, &line, &error) > 0) {
        unsigned char *to =
            out_reply_line(out, bytes, line.last, line.text, g->policy->limits.reply_line);
        unsigned char *end = out->scratch + out->used - 2;
        for (unsigned char *c = to + 4; c < end; c++) {
            bool kept = !all && (*c == '2' || *c == '0' || *c == ' ');
            *c = kept ? *c : '*';
        }
        bytes = span_from(bytes, line.size);
    }
}

/* One line that tells no more than the name and whether there is service. */
static void plain(struct gate *g, struct gate_out *out, unsigned code, struct span name)
{
    bool hide = g->policy->banner == POLICY_BANNER_HIDE;
    const char *what = code < 400   ? (hide ? " ESMTP" : "")
                       : code < 500 ? " Service not available"
                                    : " No SMTP service here";

    out_text(out, GATE_CLIENT, "%u %.*s%s", code, SPAN_ARG(name), what);
}

static void show(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                 struct span bytes, enum policy_banner banner)
{
    switch (banner) {
    case POLICY_BANNER_PASS:
        reply_relay(g, out, reply, bytes);
        break;
    case POLICY_BANNER_HIDE:
    case POLICY_BANNER_HOST:
        plain(g, out, reply->code, server_name(g, bytes));
        break;
    case POLICY_BANNER_MASK:
    case POLICY_BANNER_MASK_ALL:
        mask(g, out, bytes, banner == POLICY_BANNER_MASK_ALL);
        break;
    case POLICY_BANNER_TEXT:
        if (reply->code < 400) {
            out_text(out, GATE_CLIENT, "%u %s", reply->code, g->policy->banner_text);
        } else {
            plain(g, out, reply->code, g->facts->hostname);
        }
        break;
    }
}

void greeting_relay(struct gate *g, struct gate_out *out, const struct smtp_reply *reply,
                    struct span bytes)
{
    struct span line = span_head(bytes, span_find(bytes, '\r'));

    if (reply->code < 400 && reply->code >= 300) {
        struct gate_event event = {.kind = GATE_EVENT_PROTOCOL,
                                   .side = GATE_SERVER,
                                   .verb = SMTP_VERB_GREETING,
                                   .text = SPAN("intermediate reply as greeting")};
        gate_tell(g, out, &event);
        gate_fail(g, out, "421 4.3.0 %.*s Mail server broke the protocol",
                  SPAN_ARG(g->facts->hostname));
        return;
    }
    enum policy_banner banner = (enum policy_banner)g->policy->banner;
    const struct policy_rule *rule = judge_greeting(g, out, bytes);
    if (rule != NULL && rule->effect.action == POLICY_ACTION_MASK) {
        banner = POLICY_BANNER_MASK_ALL;
    } else if (rule != NULL) {
        gate_sentence(g, out, rule);
        return;
    }
    show(g, out, reply, bytes, banner);
    if (reply->code >= 400) {
        struct gate_event event = {.kind = GATE_EVENT_REJECT,
                                   .verb = SMTP_VERB_GREETING,
                                   .by_server = true,
                                   .reply = span_head(line, span_find(line, '\n'))};
        gate_tell(g, out, &event);
    }
    enum smtp_phase phase =
        smtp_phase_after(SMTP_PHASE_CONNECT, SMTP_VERB_GREETING, reply->code / 100u);
    if (phase == SMTP_PHASE_CLOSED) {
        gate_end(g, out, GATE_LINGER);
    } else {
        gate_set_phase(g, out, phase);
        gate_settled(g, out);
    }
}
