/*
 * MAIL and RCPT (RFC 5321 section 4.1.1) with the parameters of SIZE (RFC 1870), 8BITMIME
 * (RFC 6152), BINARYMIME (RFC 3030), SMTPUTF8 (RFC 6531) and DSN (RFC 3461).
 *
 * The sink is the end of the line and never writes to anybody, so that a DSN request is checked and
 * then has no effect: everything is delivered, and a "success" notice would be a message that
 * nobody sent in a Maildir that shows what was sent.
 */
#include "sink/envelope.h"

/* Limits of RFC 3461 section 4, in octets. */
enum { ENVID_MAX = 100, ORCPT_MAX = 500 };

/* xtext (RFC 3461 section 4); with `utf8`, octets above 127 too (RFC 6533 section 3). */
static bool is_xtext(struct span s, bool utf8)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = s.ptr[i];
        if (c == '+') {
            for (unsigned j = 1; j <= 2; j++) {
                if (i + j >= s.len || !(ascii_is_digit(s.ptr[i + j]) ||
                                        (s.ptr[i + j] >= 'A' && s.ptr[i + j] <= 'F'))) {
                    return false;
                }
            }
            i += 2;
        } else if (c <= ' ' || c == '=' || c == 0x7f || (c > 0x7f && !utf8)) {
            return false;
        }
    }
    return !utf8 || smtp_utf8_valid(s);
}

/* Each of these takes one parameter: NULL, or the reply that refuses it. */

static const char *take_size(struct sink_dialogue *d, struct span value)
{
    uint64_t size;

    if (value.len > 20 || !span_number(value, &size)) {
        return "501 5.5.4 Syntax: SIZE=octets";
    }
    return size > d->site->size_max ? "552 5.3.4 Message is larger than SIZE allows" : NULL;
}

static const char *take_body(struct sink_dialogue *d, struct span value)
{
    d->binary = span_equal_nocase(value, SPAN("BINARYMIME"));
    return d->binary || span_equal_nocase(value, SPAN("7BIT")) ||
                   span_equal_nocase(value, SPAN("8BITMIME"))
               ? NULL
               : "501 5.5.4 Syntax: BODY=7BIT, 8BITMIME or BINARYMIME";
}

static const char *take_smtputf8(struct sink_dialogue *d, struct span value)
{
    d->smtputf8 = true;
    return value.ptr == NULL ? NULL : "501 5.5.4 SMTPUTF8 takes no value";
}

static const char *take_ret(struct sink_dialogue *d, struct span value)
{
    return span_equal_nocase(value, SPAN("FULL")) || span_equal_nocase(value, SPAN("HDRS"))
               ? NULL
               : "501 5.5.4 Syntax: RET=FULL or HDRS";
}

static const char *take_envid(struct sink_dialogue *d, struct span value)
{
    return value.len > 0 && value.len <= ENVID_MAX && is_xtext(value, false)
               ? NULL
               : "501 5.5.4 Syntax: ENVID=xtext of at most 100 characters";
}

static const char *take_notify(struct sink_dialogue *d, struct span value)
{
    static const char *const refused =
        "501 5.5.4 Syntax: NOTIFY=NEVER, or of SUCCESS,FAILURE,DELAY";

    if (span_equal_nocase(value, SPAN("NEVER"))) {
        return NULL;
    }
    for (;;) {
        size_t comma = span_find(value, ',');
        struct span word = span_head(value, comma);
        if (!span_equal_nocase(word, SPAN("SUCCESS")) &&
            !span_equal_nocase(word, SPAN("FAILURE")) && !span_equal_nocase(word, SPAN("DELAY"))) {
            return refused;
        }
        if (comma == value.len) {
            return NULL;
        }
        value = span_from(value, comma + 1);
    }
}

static const char *take_orcpt(struct sink_dialogue *d, struct span value)
{
    size_t semicolon = span_find(value, ';');
    bool ok = semicolon > 0 && semicolon + 1 < value.len && value.len <= ORCPT_MAX;

    for (size_t i = 0; i < semicolon; i++) {
        ok = ok && (ascii_is_alnum(value.ptr[i]) || value.ptr[i] == '-');
    }
    return ok && is_xtext(span_from(value, semicolon + 1), d->smtputf8)
               ? NULL
               : "501 5.5.4 Syntax: ORCPT=type;address in xtext";
}

static const struct {
    struct span name;
    bool rcpt;
    const char *(*take)(struct sink_dialogue *, struct span value);
} parameters[] = {
#define PARAMETER(word, rcpt, take)                                                                \
    {                                                                                              \
        {(const unsigned char *)(word), sizeof(word) - 1}, rcpt, take                              \
    }
    PARAMETER("SIZE", false, take_size),         PARAMETER("BODY", false, take_body),
    PARAMETER("SMTPUTF8", false, take_smtputf8), PARAMETER("RET", false, take_ret),
    PARAMETER("ENVID", false, take_envid),       PARAMETER("NOTIFY", true, take_notify),
    PARAMETER("ORCPT", true, take_orcpt),
#undef PARAMETER
};
enum { PARAMETERS = sizeof(parameters) / sizeof(parameters[0]) };

/* One parameter; `*seen` has a bit for each that was given before. */
static const char *take(struct sink_dialogue *d, const struct smtp_param *param, bool rcpt,
                        unsigned *seen)
{
    for (unsigned i = 0; i < PARAMETERS; i++) {
        if (parameters[i].rcpt == rcpt && span_equal_nocase(param->name, parameters[i].name)) {
            if ((*seen & 1u << i) != 0) {
                return "501 5.5.4 Parameter is given twice";
            }
            *seen |= 1u << i;
            return parameters[i].take(d, param->value);
        }
    }
    return "555 5.5.4 Parameter is not supported";
}

/* All parameters: NULL, or the reply that refuses one of them. */
static const char *take_all(struct sink_dialogue *d, struct span params, bool rcpt)
{
    struct smtp_param param;
    unsigned seen = 0;
    const char *refused = NULL;

    while (refused == NULL && smtp_param_next(&params, &param) > 0) {
        refused = d->esmtp ? take(d, &param, rcpt, &seen) : "555 5.5.4 Parameters need EHLO";
    }
    return refused;
}

void sink_mail(struct sink_dialogue *dialogue, const struct smtp_command *command)
{
    struct sink_dialogue *d = dialogue;
    const char *refused = take_all(d, command->params, false);

    if (refused == NULL && command->path.utf8 && !d->smtputf8) {
        refused = "553 5.6.7 Address needs SMTPUTF8";
    }
    if (refused == NULL && !buf_append(&d->from, command->path.text)) {
        refused = "451 4.3.0 Out of memory";
    }
    if (refused != NULL) {
        d->smtputf8 = d->binary = false;
    }
    sink_reply(d, command->verb, refused != NULL ? refused : "250 2.1.0 Sender taken");
}

void sink_rcpt(struct sink_dialogue *dialogue, const struct smtp_command *command)
{
    struct sink_dialogue *d = dialogue;
    const char *refused = take_all(d, command->params, true);

    if (refused == NULL && command->path.utf8 && !d->smtputf8) {
        refused = "553 5.6.7 Address needs SMTPUTF8";
    }
    if (refused == NULL && d->recipient_count >= SINK_RECIPIENTS_MAX) {
        refused = "452 4.5.3 Too many recipients";
    }
    if (refused == NULL &&
        !buf_printf(&d->recipients, SINK_DELIVERED_TO "%.*s\r\n", SPAN_ARG(command->path.text))) {
        refused = "451 4.3.0 Out of memory";
    }
    d->recipient_count += refused == NULL;
    sink_reply(d, command->verb, refused != NULL ? refused : "250 2.1.5 Recipient taken");
}
