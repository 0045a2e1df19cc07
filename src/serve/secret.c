/*
 * What of an event may be logged.
 *
 * The gate puts nothing that AUTH carries into its events. What is left are the places where it
 * cannot know: bytes that came out of turn, words that are no verb, and replies of servers that
 * repeat what they do not understand.
 */
#include "serve/secret.h"

enum { WORD_MAX = 20 };

static bool is_secret(enum smtp_verb verb)
{
    return (smtp_verb_info(verb)->flags & SMTP_VERB_SECRET) != 0;
}

/* Letters of one case and hyphens. Of the base64 of nine octets one in 25,000 is. */
static bool looks_like_verb(struct span word)
{
    unsigned upper = 0, lower = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (!ascii_is_alpha(word.ptr[i]) && word.ptr[i] != '-') {
            return false;
        }
        upper += word.ptr[i] != ascii_lower(word.ptr[i]);
        lower += word.ptr[i] != ascii_upper(word.ptr[i]);
    }
    return word.len <= WORD_MAX && (upper == 0 || lower == 0);
}

struct span secret_reply(const struct gate_event *event)
{
    struct span reply = event->reply;
    bool repeats = is_secret(event->verb) || event->verb == SMTP_VERB_UNKNOWN;

    if (!event->by_server || !repeats || reply.len < 4) {
        return reply;
    }
    unsigned code = (unsigned)(reply.ptr[0] - '0') * 100; /* only its class is looked at */
    size_t enhanced = smtp_reply_enhanced(code, span_from(reply, 4)).len;
    return span_head(reply, enhanced > 0 ? 4 + enhanced : 3);
}

struct span secret_text(const struct gate_event *event)
{
    struct span text = event->text;

    if (event->kind != GATE_EVENT_PIPELINING) {
        return text;
    }
    if (is_secret(event->verb) || event->verb == SMTP_VERB_UNKNOWN) {
        return span_of(NULL, 0);
    }
    for (size_t at = 0; at < text.len; at++) {
        if (span_begins_nocase(span_from(text, at), SPAN("AUTH"))) {
            return span_head(text, at + 4);
        }
    }
    return text;
}

struct span secret_word(const struct gate_event *event)
{
    return event->verb != SMTP_VERB_UNKNOWN || looks_like_verb(event->word) ? event->word
                                                                            : span_of(NULL, 0);
}
