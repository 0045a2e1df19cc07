/*
 * Commands by the grammar of their verbs (RFC 5321 section 4.1.1, RFC 3030, RFC 4954).
 *
 *   command = verb [ SP arguments ] CRLF            blanks may stand in excess; they are cut
 *   MAIL SP "FROM:" path [ SP parameters ]          a blank behind the colon is accepted
 *   RCPT SP "TO:" path [ SP parameters ]
 *   BDAT SP 1*DIGIT [ SP "LAST" ]
 *   AUTH SP mechanism [ SP ( base64 / "=" ) ]
 */
#include "smtp/command.h"

/* The longest number of a chunk-size: no server takes chunks of 10^15 octets. */
enum { CHUNK_DIGITS_MAX = 15, MECHANISM_MAX = 20 };

static enum smtp_command_error parse_hello(struct smtp_command *c)
{
    struct span rest = c->args;
    struct span name = span_word(&rest);

    /* Real clients send underscores, dots at the end, bare addresses and single words. A name that
     * is one printable word does no harm; RFC 5321 section 4.1.4 forbids refusing it for being
     * wrong. */
    return name.len > 0 && span_trim(rest).len == 0 ? SMTP_COMMAND_OK : SMTP_COMMAND_HELLO;
}

static enum smtp_command_error parse_path(struct smtp_command *c, struct span keyword, bool null_ok)
{
    if (!span_begins_nocase(c->args, keyword)) {
        return SMTP_COMMAND_KEYWORD;
    }
    struct span rest = span_trim(span_from(c->args, keyword.len));
    c->path_error = smtp_path_parse(&rest, null_ok, true, &c->path);
    if (c->path_error != SMTP_PATH_OK) {
        return SMTP_COMMAND_PATH;
    }
    c->params = span_trim(rest);
    rest = c->params;
    struct smtp_param param;
    int more;
    while ((more = smtp_param_next(&rest, &param)) > 0) {
    }
    return more == 0 ? SMTP_COMMAND_OK : SMTP_COMMAND_PARAMETER;
}

static bool parse_last(struct smtp_command *c, struct span rest)
{
    rest = span_trim(rest);
    c->last = span_equal_nocase(rest, SPAN("LAST"));
    return c->last || rest.len == 0;
}

static enum smtp_command_error parse_chunk(struct smtp_command *c)
{
    struct span rest = c->args;
    struct span size = span_word(&rest);

    if (size.len > CHUNK_DIGITS_MAX || !span_number(size, &c->chunk) || !parse_last(c, rest)) {
        c->chunk = 0;
        return SMTP_COMMAND_CHUNK;
    }
    return SMTP_COMMAND_OK;
}

static enum smtp_command_error parse_burl(struct smtp_command *c)
{
    struct span rest = c->args;
    struct span url = span_word(&rest);
    return url.len > 0 && parse_last(c, rest) ? SMTP_COMMAND_OK : SMTP_COMMAND_MISSING;
}

static bool is_base64(unsigned char c)
{
    return ascii_is_alnum(c) || c == '+' || c == '/' || c == '=';
}

static enum smtp_command_error parse_auth(struct smtp_command *c)
{
    struct span rest = c->args;
    struct span mechanism = span_word(&rest);
    struct span initial = span_trim(rest);

    if (mechanism.len == 0) {
        return SMTP_COMMAND_MISSING;
    }
    bool ok = mechanism.len <= MECHANISM_MAX;
    for (size_t i = 0; i < mechanism.len; i++) {
        unsigned char m = mechanism.ptr[i];
        ok = ok && (ascii_is_alnum(m) || m == '-' || m == '_');
    }
    for (size_t i = 0; i < initial.len; i++) {
        ok = ok && is_base64(initial.ptr[i]);
    }
    return ok ? SMTP_COMMAND_OK : SMTP_COMMAND_MECHANISM;
}

static enum smtp_command_error parse_args(struct smtp_command *c, enum smtp_grammar grammar)
{
    switch (grammar) {
    case SMTP_GRAMMAR_ANY:
    case SMTP_GRAMMAR_OPTIONAL:
        return SMTP_COMMAND_OK;
    case SMTP_GRAMMAR_NONE:
        return c->args.len == 0 ? SMTP_COMMAND_OK : SMTP_COMMAND_ARGUMENT;
    case SMTP_GRAMMAR_TEXT:
    case SMTP_GRAMMAR_ATTRIBUTES:
        return c->args.len > 0 ? SMTP_COMMAND_OK : SMTP_COMMAND_MISSING;
    case SMTP_GRAMMAR_HELLO:
        return parse_hello(c);
    case SMTP_GRAMMAR_MAIL:
        return parse_path(c, SPAN("FROM:"), true);
    case SMTP_GRAMMAR_RCPT:
        return parse_path(c, SPAN("TO:"), false);
    case SMTP_GRAMMAR_BDAT:
        return parse_chunk(c);
    case SMTP_GRAMMAR_BURL:
        return parse_burl(c);
    case SMTP_GRAMMAR_AUTH:
        return parse_auth(c);
    }
    return SMTP_COMMAND_OK;
}

static bool has_path(const struct smtp_command *c)
{
    uint8_t grammar = smtp_verb_info(c->verb)->grammar;
    return grammar == SMTP_GRAMMAR_MAIL || grammar == SMTP_GRAMMAR_RCPT;
}

/* A run of output that stops quietly at the end of its room. */
struct writer {
    unsigned char *out;
    size_t len, size;
};

static void put(struct writer *w, struct span s)
{
    if (s.len <= w->size - w->len) {
        memcpy(w->out + w->len, s.ptr, s.len);
        w->len += s.len;
    } else {
        w->size = w->len; /* nothing fits behind what did not fit */
    }
}

static void put_canonical(struct writer *w, const struct smtp_command *c)
{
    struct span name = smtp_verb_info(c->verb)->name;

    put(w, c->verb == SMTP_VERB_UNKNOWN ? c->word : name);
    if (c->args.len > 0) {
        put(w, SPAN(" "));
    }
    if (!has_path(c)) {
        put(w, c->args);
        return;
    }
    bool rcpt = smtp_verb_info(c->verb)->grammar == SMTP_GRAMMAR_RCPT;
    put(w, rcpt ? SPAN("TO:<") : SPAN("FROM:<"));
    if (c->path.route.len > 0) {
        put(w, c->path.route);
        put(w, SPAN(":"));
    }
    put(w, c->path.text);
    put(w, SPAN(">"));
    if (c->params.len > 0) {
        put(w, SPAN(" "));
        put(w, c->params);
    }
}

size_t smtp_command_write(const struct smtp_command *command, unsigned char *out, size_t size)
{
    struct writer w = {out, 0, size};

    put_canonical(&w, command);
    put(&w, SPAN("\r\n"));
    return w.len > 2 && w.out[w.len - 1] == '\n' ? w.len : 0;
}

/* Is the line what put_canonical() would write? Answered without writing. */
static bool is_canonical(const struct smtp_command *c)
{
    struct span name = smtp_verb_info(c->verb)->name;
    size_t len = c->word.len + (c->args.len > 0 ? 1 + c->args.len : 0);

    if (c->error != SMTP_COMMAND_OK || c->line.len != len ||
        (c->verb != SMTP_VERB_UNKNOWN && !span_equal(c->word, name)) ||
        (c->args.len > 0 && c->line.ptr[c->word.len] != ' ')) {
        return false;
    }
    if (!has_path(c)) {
        return true;
    }
    bool rcpt = smtp_verb_info(c->verb)->grammar == SMTP_GRAMMAR_RCPT;
    struct span keyword = rcpt ? SPAN("TO:<") : SPAN("FROM:<");
    size_t args = keyword.len + (c->path.route.len > 0 ? c->path.route.len + 1 : 0) +
                  c->path.text.len + 1 + (c->params.len > 0 ? 1 + c->params.len : 0);
    return c->path.bracketed && c->args.len == args &&
           memcmp(c->args.ptr, keyword.ptr, keyword.len) == 0 &&
           (c->params.len == 0 || c->params.ptr[-1] == ' ');
}

void smtp_command_parse(struct span line, struct smtp_command *command_r)
{
    struct smtp_command *c = command_r;
    struct span rest = line;

    *c = (struct smtp_command){.line = line};
    c->word = span_word(&rest);
    c->args = span_trim(rest);
    c->verb = smtp_verb_find(c->word);
    if (span_has_control(line)) {
        c->error = SMTP_COMMAND_CONTROL;
    } else if (c->word.len == 0) {
        c->error = SMTP_COMMAND_EMPTY;
    } else {
        c->error = parse_args(c, (enum smtp_grammar)smtp_verb_info(c->verb)->grammar);
    }
    c->canonical = is_canonical(c);
}

const char *smtp_command_error_text(const struct smtp_command *command)
{
    static const char *const syntax[] = {
        [SMTP_GRAMMAR_ANY] = "Syntax error",
        [SMTP_GRAMMAR_NONE] = "No argument allowed",
        [SMTP_GRAMMAR_OPTIONAL] = "Syntax error",
        [SMTP_GRAMMAR_TEXT] = "An argument is needed",
        [SMTP_GRAMMAR_HELLO] = "Syntax: HELO hostname",
        [SMTP_GRAMMAR_MAIL] = "Syntax: MAIL FROM:<address>",
        [SMTP_GRAMMAR_RCPT] = "Syntax: RCPT TO:<address>",
        [SMTP_GRAMMAR_BDAT] = "Syntax: BDAT octets [LAST]",
        [SMTP_GRAMMAR_BURL] = "Syntax: BURL url [LAST]",
        [SMTP_GRAMMAR_AUTH] = "Syntax: AUTH mechanism [initial-response]",
        [SMTP_GRAMMAR_ATTRIBUTES] = "Syntax: attribute=value ...",
    };
    if (command->verb == SMTP_VERB_EHLO && command->error == SMTP_COMMAND_HELLO) {
        return "Syntax: EHLO hostname";
    }
    switch (command->error) {
    case SMTP_COMMAND_OK:
        return "no error";
    case SMTP_COMMAND_EMPTY:
        return "Empty command";
    case SMTP_COMMAND_CONTROL:
        return "Control character in command";
    case SMTP_COMMAND_PATH:
        return smtp_path_error_text(command->path_error);
    case SMTP_COMMAND_PARAMETER:
        return "Malformed parameter";
    case SMTP_COMMAND_ARGUMENT:
    case SMTP_COMMAND_MISSING:
    case SMTP_COMMAND_KEYWORD:
    case SMTP_COMMAND_HELLO:
    case SMTP_COMMAND_CHUNK:
    case SMTP_COMMAND_MECHANISM:
        return syntax[smtp_verb_info(command->verb)->grammar];
    }
    return "Syntax error";
}
