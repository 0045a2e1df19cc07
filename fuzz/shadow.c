/*
 * A mail server's view of what the engine sends it.
 *
 * It shares nothing with the engine but the tables of words: commands are cut at LF, bodies end at
 * CRLF "." CRLF, chunks have their size, and a reply answers the oldest command that has none.
 */
#include "shadow.h"

#include "smtp/command.h"

#include <stdlib.h>

void shadow_begin(struct shadow *s, const struct policy *policy)
{
    *s = (struct shadow){.policy = policy};
}

void shadow_end(struct shadow *s)
{
    text_free(&s->got);
    text_free(&s->said);
    text_free(&s->shown);
}

static bool ask(struct shadow *s, enum smtp_verb verb)
{
    if (s->asked_count == SHADOW_ASKED_MAX) {
        return false;
    }
    s->asked[s->asked_count++] = (uint8_t)verb;
    return true;
}

static bool is_sync(enum smtp_verb verb)
{
    return (smtp_verb_info(verb)->flags & SMTP_VERB_SYNC) != 0;
}

/* May octets come, or must the server answer first? */
static bool may_come(const struct shadow *s)
{
    return s->asked_count == 0 || !is_sync((enum smtp_verb)s->asked[s->asked_count - 1]);
}

/* Must the server never see this irregularity? */
static bool forbidden(const struct shadow *s, enum smtp_body_event event)
{
    uint8_t verdict = s->policy->framing[event];
    return verdict == POLICY_FRAMING_REFUSE || verdict == POLICY_FRAMING_FIX;
}

/* The length of the first reply in `bytes`, 0 where it is not complete; `*code_r` is '2' to '5', or
 * 0 where it is no reply. A line without code ends it. */
static size_t reply_length(struct span bytes, unsigned char *code_r)
{
    size_t at = 0;

    for (;;) {
        size_t lf = span_find(span_from(bytes, at), '\n');
        const unsigned char *line = bytes.ptr + at;
        if (at + lf == bytes.len) {
            return 0;
        }
        bool code = lf >= 3 && line[0] >= '2' && line[0] <= '5' && ascii_is_digit(line[1]) &&
                    ascii_is_digit(line[2]);
        at += lf + 1;
        *code_r = code ? line[0] : 0;
        if (!code || line[3] != '-') {
            return at;
        }
    }
}

const char *shadow_said(struct shadow *s, struct span bytes)
{
    unsigned char code;
    size_t len;

    text_add(&s->said, bytes);
    while ((len = reply_length(text_span(&s->said), &code)) > 0) {
        bool closing = memcmp(s->said.ptr, "421", len < 3 ? len : 3) == 0;
        text_drop(&s->said, len);
        s->good_replies += code == '2';
        bool unasked = s->greeted && s->asked_count == 0;
        if (code == 0 || closing || unasked) {
            s->over = true;
        } else if (s->greeted) {
            enum smtp_verb verb = (enum smtp_verb)s->asked[0];
            memmove(s->asked, s->asked + 1, --s->asked_count);
            bool auth = verb == SMTP_VERB_AUTH || verb == SMTP_VERB_AUTH_RESPONSE ||
                        verb == SMTP_VERB_X_EXPS;
            s->state = code == '3' && verb == SMTP_VERB_DATA ? SHADOW_BODY
                       : code == '3' && auth                 ? SHADOW_AUTH
                                                             : s->state;
        }
        s->greeted = true;
    }
    return NULL;
}

/* Is the line what PIX and ASA put in a command's place? */
static bool is_replacement(struct span line)
{
    size_t x = 0, blank = 4;

    while (x < line.len && line.ptr[x] == 'X') {
        x++;
    }
    while (line.len >= 4 && blank < line.len && line.ptr[blank] == ' ') {
        blank++;
    }
    return x == line.len || (span_begins_nocase(line, SPAN("NOOP")) && blank == line.len);
}

static const char *check_line(const struct shadow *s, struct span line)
{
    bool crlf = line.len > 0 && line.ptr[line.len - 1] == '\r';

    if (!crlf) {
        return "a command line that does not end in CRLF";
    }
    line.len--;
    if (forbidden(s, SMTP_BODY_BARE_CR) && span_find(line, '\r') < line.len) {
        return "a bare CR in a command line";
    }
    if (forbidden(s, SMTP_BODY_NUL) && span_find(line, '\0') < line.len) {
        return "a NUL in a command line";
    }
    return NULL;
}

/* A command line as a server reads it: the word up to a blank, whatever the case. */
static const char *take_command(struct shadow *s, struct span line)
{
    struct span rest = line;
    struct span word = span_word(&rest);
    enum smtp_verb verb = smtp_verb_find(word);
    bool replaced = is_replacement(line);
    struct smtp_command command;

    if (!replaced && s->policy->command[verb] != POLICY_COMMAND_ALLOW) {
        return "a command that the policy does not allow";
    }
    if (verb == SMTP_VERB_EHLO && s->policy->ehlo != POLICY_EHLO_PASS) {
        return "an EHLO that the policy does not allow";
    }
    if (verb == SMTP_VERB_STARTTLS && s->policy->starttls == POLICY_STARTTLS_HIDE) {
        return "a STARTTLS that the policy hides";
    }
    if (verb == SMTP_VERB_BDAT) {
        smtp_command_parse(line, &command);
        s->chunk = command.chunk;
        if (command.error != SMTP_COMMAND_OK) {
            return "a BDAT whose size cannot be read";
        }
        s->state = s->chunk > 0 ? SHADOW_CHUNK : SHADOW_LINES;
    }
    return ask(s, verb) ? NULL : "more commands than a server should have to remember";
}

static const char *take_auth(struct shadow *s, struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = line.ptr[i];
        if (!ascii_is_alnum(c) && c != '+' && c != '/' && c != '=' &&
            !(c == '*' && line.len == 1)) {
            return "an AUTH response that is not base64";
        }
    }
    s->state = SHADOW_LINES;
    return ask(s, SMTP_VERB_AUTH_RESPONSE) ? NULL : "too many outstanding";
}

/* A line of what the server got; how many octets it has, 0 where it is not complete. */
static size_t take_line(struct shadow *s, const char **wrong_r)
{
    struct span in = text_span(&s->got);
    size_t lf = span_find(in, '\n');

    if (lf == in.len) {
        return 0;
    }
    struct span line = span_head(in, lf);
    *wrong_r = check_line(s, line);
    if (*wrong_r == NULL) {
        line.len--;
        *wrong_r = s->state == SHADOW_AUTH ? take_auth(s, line) : take_command(s, line);
    }
    return lf + 1;
}

static bool is_line_end(unsigned char c)
{
    return c == '\r' || c == '\n';
}

/* What is in the body, up to `len`, that may not be there. The last octet may be half of a pair. */
static const char *check_body(const struct shadow *s, struct span body, bool complete)
{
    bool strict = forbidden(s, SMTP_BODY_BARE_CR) && forbidden(s, SMTP_BODY_BARE_LF);

    for (size_t i = 0; i < body.len; i++) {
        unsigned char c = body.ptr[i];
        unsigned char before = i > 0 ? body.ptr[i - 1] : '\n';
        bool last = i + 1 == body.len;
        if (c == '\n' && before != '\r' && forbidden(s, SMTP_BODY_BARE_LF)) {
            return "a bare LF in a body";
        }
        if (c == '\r' && !last && body.ptr[i + 1] != '\n' && forbidden(s, SMTP_BODY_BARE_CR)) {
            return "a bare CR in a body";
        }
        if (c == '\0' && forbidden(s, SMTP_BODY_NUL)) {
            return "a NUL in a body";
        }
        bool dot = c == '.' && is_line_end(before) && !last && is_line_end(body.ptr[i + 1]);
        if (dot && strict && !(complete && i + 3 == body.len)) {
            return "an end of data inside of a body";
        }
    }
    return NULL;
}

/* The body as far as it is there; how many octets it has when it is complete, else 0. */
static size_t take_body(struct shadow *s, const char **wrong_r)
{
    struct span in = text_span(&s->got);
    bool begin = in.len >= 3 && memcmp(in.ptr, ".\r\n", 3) == 0;
    unsigned char *end = in.len > 0 ? memmem(in.ptr, in.len, "\r\n.\r\n", 5) : NULL;
    size_t len = begin ? 3 : end != NULL ? (size_t)(end - in.ptr) + 5 : 0;

    *wrong_r = check_body(s, len > 0 ? span_head(in, len) : in, len > 0);
    if (len > 0) {
        s->state = SHADOW_LINES;
        if (!ask(s, SMTP_VERB_END_OF_DATA)) {
            *wrong_r = "too many outstanding";
        }
    }
    return len;
}

static size_t take_chunk(struct shadow *s)
{
    size_t len = s->got.len < s->chunk ? s->got.len : (size_t)s->chunk;

    s->chunk -= len;
    s->state = s->chunk > 0 ? SHADOW_CHUNK : SHADOW_LINES;
    return len;
}

const char *shadow_got(struct shadow *s, struct span bytes)
{
    const char *wrong = NULL;
    size_t len = 1;

    if (bytes.len == 0 || s->over) {
        return NULL;
    }
    text_add(&s->got, bytes);
    while (s->got.len > 0 && len > 0 && wrong == NULL) {
        if (s->state == SHADOW_LINES && !may_come(s)) {
            return "octets where the server has to answer first";
        }
        len = s->state == SHADOW_BODY    ? take_body(s, &wrong)
              : s->state == SHADOW_CHUNK ? take_chunk(s)
                                         : take_line(s, &wrong);
        text_drop(&s->got, len);
    }
    return wrong;
}

const char *shadow_shown(struct shadow *s, struct span bytes)
{
    static const struct span bye = {(const unsigned char *)"221 2.0.0 gate.example Bye\r\n", 28};
    unsigned char code;
    size_t len;

    text_add(&s->shown, bytes);
    while ((len = reply_length(text_span(&s->shown), &code)) > 0) {
        struct span reply = span_head(text_span(&s->shown), len);
        bool own = span_equal(reply, bye);
        bool quit = s->asked_count == 1 && s->asked[0] == SMTP_VERB_QUIT;
        if (code == 0 || reply.ptr[len - 2] != '\r') {
            return "a line to the client that is no reply";
        }
        if (own && !quit && s->good_shown == s->good_replies) {
            return "a 221 of ours where more than a QUIT is outstanding";
        }
        s->good_shown += code == '2' && !own;
        text_drop(&s->shown, len);
        if (s->good_shown > s->good_replies) {
            return "a 2yz that the server has not said";
        }
    }
    return NULL;
}
