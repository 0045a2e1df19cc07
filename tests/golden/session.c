/*
 * The reader of golden sessions.
 *
 *   session = "```session" LF *( line LF ) "```"
 *   opening = "```opening " name LF *( line LF ) "```"    a session, and how others begin
 *   line    = "policy " statements / "trace " words / "open " name
 *           / "client " address ":" port [ " sessions " number ] [ " listener " name ]
 *           / ( "S:" / "C:" ) [ " " text ]                bytes from a side
 *           / ( "<" / ">" ) [ SP ] [ SP ] text            bytes to the client, to the server
 *           / "! " event / "wait " number ( "s" / "ms" ) / "close " side / "drain"
 *           / "closed " ( "server" / "client" [ " linger" / " reset" ] )
 *           / "connect" [ " fails" / " later" ] / "" / "# " comment
 */
#include "session.h"

#include "config/parse.h"
#include "drive.h"
#include "policy/address.h"

#include <stdio.h>
#include <stdlib.h>

/* How several sessions of a file begin. */
struct opening {
    struct opening *next;
    struct span name, lines; /* in the file's content */
    unsigned line;           /* of the first of them */
};

/* One file while it is read. */
struct reader {
    const char *path;
    struct text *errors;
    unsigned line;
    char title[100];
    struct session *session;  /* the one that is being read, or NULL */
    struct opening *openings; /* owned; the latest is the first */
    bool opened;              /* the lines that are read stand in an opening */
    bool block_open;          /* the last line was a line of input */
    unsigned trace;           /* of the steps to come */
    bool failed;
};

static void error(struct reader *r, const char *what, struct span word)
{
    text_printf(r->errors, "%s:%u: %s", r->path, r->line, what);
    if (word.len > 0) {
        text_printf(r->errors, " \"%.*s\"", SPAN_ARG(word));
    }
    text_add(r->errors, SPAN("\n"));
    r->failed = true;
}

static bool cut_prefix(struct span *s, struct span prefix)
{
    if (s->len < prefix.len || !span_equal(span_head(*s, prefix.len), prefix)) {
        return false;
    }
    *s = span_from(*s, prefix.len);
    return true;
}

static int hex_digit(unsigned char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, ascii_lower(c)) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static void unescape(struct reader *r, struct span s, struct text *out);

/* "\{600 x}": `*s` begins behind the brace. */
static void unescape_repeat(struct reader *r, struct span *s, struct text *out)
{
    size_t blank = span_find(*s, ' ');
    size_t end = blank;
    struct text once = {0};
    uint64_t count;

    unsigned depth = 0; /* of repeats inside of this one */
    for (; end < s->len && (s->ptr[end] != '}' || depth > 0); end++) {
        depth -= s->ptr[end] == '}';
        if (s->ptr[end] == '\\' && end + 1 < s->len) {
            end++;
            depth += s->ptr[end] == '{';
        }
    }
    if (blank == s->len || end >= s->len || !span_number(span_head(*s, blank), &count) ||
        count > 1000000) {
        error(r, "expected \\{COUNT TEXT} in", *s);
        *s = span_from(*s, s->len);
        return;
    }
    unescape(r, span_of(s->ptr + blank + 1, end - blank - 1), &once);
    for (uint64_t i = 0; i < count; i++) {
        text_add(out, text_span(&once));
    }
    text_free(&once);
    *s = span_from(*s, end + 1);
}

/* One escape; `*s` begins behind the backslash. */
static void unescape_one(struct reader *r, struct span *s, struct text *out)
{
    unsigned char c = s->ptr[0];
    const char *from = "rnt0\\}", *to = "\r\n\t\0\\}";
    const char *known = c != '\0' ? strchr(from, c) : NULL;

    *s = span_from(*s, 1);
    if (known != NULL) {
        text_add(out, span_of(to + (known - from), 1));
    } else if (c == '{') {
        unescape_repeat(r, s, out);
    } else if (c == 'x' && s->len >= 2 && hex_digit(s->ptr[0]) >= 0 && hex_digit(s->ptr[1]) >= 0) {
        unsigned char octet = (unsigned char)(hex_digit(s->ptr[0]) * 16 + hex_digit(s->ptr[1]));
        text_add(out, span_of(&octet, 1));
        *s = span_from(*s, 2);
    } else {
        error(r, "unknown escape before", *s);
    }
}

static void unescape(struct reader *r, struct span s, struct text *out)
{
    while (s.len > 0) {
        size_t plain = span_find(s, '\\');
        text_add(out, span_head(s, plain));
        s = span_from(s, plain);
        if (s.len == 1) {
            error(r, "a backslash that nothing follows", span_of(NULL, 0));
            return;
        }
        if (s.len > 0) {
            s = span_from(s, 1);
            unescape_one(r, &s, out);
        }
    }
}

/* A line of a dialogue: CRLF follows unless it ends in a single backslash. */
static void read_text(struct reader *r, struct span s, struct text *out)
{
    size_t slashes = 0;

    while (slashes < s.len && s.ptr[s.len - 1 - slashes] == '\\') {
        slashes++;
    }
    bool open = slashes % 2 == 1;
    unescape(r, open ? span_head(s, s.len - 1) : s, out);
    if (!open) {
        text_add(out, SPAN("\r\n"));
    }
}

static struct step *step_add(struct reader *r, enum step_kind kind)
{
    struct step *step = calloc(1, sizeof(*step));

    if (step == NULL) {
        abort();
    }
    step->kind = kind;
    step->line = r->line;
    step->opening = r->opened;
    step->trace = r->trace;
    if (r->session->last_step != NULL) {
        r->session->last_step->next = step;
    } else {
        r->session->steps = step;
    }
    r->session->last_step = step;
    r->block_open = false;
    return step;
}

static void want_mark(struct reader *r, struct want *want)
{
    want->marks = realloc(want->marks, (want->mark_count + 1) * sizeof(*want->marks));
    if (want->marks == NULL) {
        abort();
    }
    want->marks[want->mark_count++] = (struct mark){want->bytes.len, r->line};
}

unsigned want_line(const struct want *want, size_t at)
{
    unsigned line = 0;

    for (size_t i = 0; i < want->mark_count && want->marks[i].at <= at; i++) {
        line = want->marks[i].line;
    }
    return line;
}

static void read_input(struct reader *r, enum gate_side side, struct span text)
{
    struct step *step = r->session->last_step;

    cut_prefix(&text, SPAN(" "));
    if (!r->block_open || step->side != side) {
        step = step_add(r, STEP_INPUT);
        step->side = side;
        r->block_open = true;
    }
    read_text(r, text, &step->input);
}

static void read_output(struct reader *r, enum gate_side side, struct span text)
{
    struct want *want = &r->session->last_step->out[side];

    if (cut_prefix(&text, SPAN(" "))) {
        cut_prefix(&text, SPAN(" "));
    }
    want_mark(r, want);
    read_text(r, text, &want->bytes);
    r->block_open = false;
}

static void read_line_wanted(struct reader *r, struct want *want, struct span text)
{
    uint64_t count = 1;

    if (cut_prefix(&text, SPAN("*"))) {
        struct span number = span_word(&text);
        if (!span_number(number, &count) || text.len == 0) {
            error(r, "expected *COUNT EVENT, got", number);
            return;
        }
        text = span_from(text, 1);
    }
    for (uint64_t i = 0; i < count; i++) {
        want_mark(r, want);
        text_add(&want->bytes, text);
        text_add(&want->bytes, SPAN("\n"));
    }
    r->block_open = false;
}

static void read_wait(struct reader *r, struct span text)
{
    struct step *step = step_add(r, STEP_WAIT);
    bool ms = text.len > 2 && span_equal(span_from(text, text.len - 2), SPAN("ms"));
    size_t unit = ms ? 2 : 1;

    if (text.len <= unit || text.ptr[text.len - 1] != 's' ||
        !span_number(span_head(text, text.len - unit), &step->ms)) {
        error(r, "expected wait NUMBERs or NUMBERms, got", text);
    }
    step->ms *= ms ? 1 : 1000;
}

static void read_side(struct reader *r, struct span text)
{
    struct step *step = step_add(r, STEP_CLOSE);

    if (span_equal(text, SPAN("client"))) {
        step->side = GATE_CLIENT;
    } else if (span_equal(text, SPAN("server"))) {
        step->side = GATE_SERVER;
    } else {
        error(r, "expected close client or close server, got", text);
    }
}

static void read_connect(struct reader *r, struct span text)
{
    struct step *step = r->session->last_step;

    if (step->kind == STEP_START && step->ok) { /* the first word on it */
        step->ok = false;
        if (span_equal(text, SPAN(" later"))) {
            return;
        }
    }
    step = step_add(r, STEP_CONNECT);
    step->ok = text.len == 0;
    if (text.len > 0 && !span_equal(text, SPAN(" fails"))) {
        error(r, "expected connect, connect later or connect fails, got", text);
    }
}

static void read_trace(struct reader *r, struct span text)
{
    static const struct {
        struct span word;
        unsigned trace;
    } words[] = {{{(const unsigned char *)"phases", 6}, DRIVE_TRACE_PHASES},
                 {{(const unsigned char *)"hides", 5}, DRIVE_TRACE_HIDES},
                 {{(const unsigned char *)"envelope", 8}, DRIVE_TRACE_ENVELOPE}};

    for (struct span word = span_word(&text); word.len > 0; word = span_word(&text)) {
        unsigned trace = 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            trace |= span_equal(word, words[i].word) ? words[i].trace : 0;
        }
        if (trace == 0) {
            error(r, "expected trace phases, hides or envelope, got", word);
        }
        r->trace |= trace;
    }
    if (r->session->last_step->kind == STEP_START) {
        r->session->last_step->trace = r->trace;
    }
}

/* "client 192.0.2.1:25 sessions 3 listener outside" */
static void read_client(struct reader *r, struct span text)
{
    struct session *session = r->session;
    struct span where = span_word(&text), word;
    struct policy_network network;
    uint64_t number = 0;
    size_t colon = where.len;

    while (colon > 0 && where.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !policy_network_parse(span_head(where, colon - 1), &network) ||
        !span_number(span_from(where, colon), &number) || number > UINT16_MAX) {
        error(r, "expected client ADDRESS:PORT, got", where);
        return;
    }
    session->facts.client_address = network.address;
    session->facts.client_port = (uint16_t)number;
    while ((word = span_word(&text)).len > 0) {
        struct span value = span_word(&text);
        if (span_equal(word, SPAN("sessions")) && span_number(value, &number) &&
            number <= UINT32_MAX) {
            session->facts.client_sessions = (uint32_t)number;
        } else if (span_equal(word, SPAN("listener")) && value.len > 0 &&
                   value.len < sizeof(session->listener)) {
            memcpy(session->listener, value.ptr, value.len);
            session->facts.listener = span_str(session->listener);
        } else {
            error(r, "expected sessions N or listener NAME, got", word);
        }
    }
}

static void read_opening(struct reader *r, struct span name);

static void read_line(struct reader *r, struct span line)
{
    struct step *step = r->session->last_step;

    if (line.len == 0 || line.ptr[0] == '#') {
        return;
    }
    if (cut_prefix(&line, SPAN("policy "))) {
        text_add(&r->session->statements, line);
        text_add(&r->session->statements, SPAN("\n"));
    } else if (cut_prefix(&line, SPAN("client "))) {
        read_client(r, line);
    } else if (cut_prefix(&line, SPAN("open "))) {
        read_opening(r, line);
    } else if (cut_prefix(&line, SPAN("trace "))) {
        read_trace(r, line);
    } else if (cut_prefix(&line, SPAN("S:"))) {
        read_input(r, GATE_SERVER, line);
    } else if (cut_prefix(&line, SPAN("C:"))) {
        read_input(r, GATE_CLIENT, line);
    } else if (cut_prefix(&line, SPAN("<"))) {
        read_output(r, GATE_CLIENT, line);
    } else if (cut_prefix(&line, SPAN(">"))) {
        read_output(r, GATE_SERVER, line);
    } else if (cut_prefix(&line, SPAN("! "))) {
        read_line_wanted(r, &step->events, line);
    } else if (cut_prefix(&line, SPAN("closed "))) {
        read_line_wanted(r, &step->closed, line);
    } else if (cut_prefix(&line, SPAN("wait "))) {
        read_wait(r, line);
    } else if (cut_prefix(&line, SPAN("close "))) {
        read_side(r, line);
    } else if (cut_prefix(&line, SPAN("connect"))) {
        read_connect(r, line);
    } else if (span_equal(line, SPAN("drain"))) {
        step_add(r, STEP_DRAIN);
    } else {
        error(r, "a line that says nothing to the runner:", line);
    }
}

/* Cut the next line off `*content`. */
static struct span next_line(struct span *content)
{
    size_t lf = span_find(*content, '\n');
    struct span line = span_head(*content, lf);

    *content = span_from(*content, lf < content->len ? lf + 1 : lf);
    return line;
}

static void read_opening(struct reader *r, struct span name)
{
    const struct opening *opening = r->openings;
    unsigned line = r->line;

    while (opening != NULL && !span_equal(opening->name, name)) {
        opening = opening->next;
    }
    if (opening == NULL || r->opened) {
        error(r, "no opening of that name:", name);
        return;
    }
    r->opened = true;
    r->line = opening->line - 1;
    for (struct span rest = opening->lines; rest.len > 0;) {
        r->line++;
        read_line(r, next_line(&rest));
    }
    r->opened = false;
    r->block_open = false;
    r->line = line;
}

/* `rest` is what follows the line that begins the opening. */
static void opening_begin(struct reader *r, struct span name, struct span rest)
{
    struct opening *opening = calloc(1, sizeof(*opening));
    unsigned char *end = memmem(rest.ptr, rest.len, "\n```", 4);

    if (opening == NULL) {
        abort();
    }
    opening->name = name;
    opening->lines = span_head(rest, end != NULL ? (size_t)(end - rest.ptr) + 1 : 0);
    opening->line = r->line + 1;
    opening->next = r->openings;
    r->openings = opening;
}

/* A heading of the document is the title of the sessions below it. */
static void read_prose(struct reader *r, struct span line)
{
    if (line.len > 0 && line.ptr[0] == '#') {
        while (line.len > 0 && (line.ptr[0] == '#' || line.ptr[0] == ' ')) {
            line = span_from(line, 1);
        }
        snprintf(r->title, sizeof(r->title), "%.*s", SPAN_ARG(line));
        for (char *hash; (hash = strchr(r->title, '#')) != NULL;) {
            *hash = '_'; /* a directive to readers of TAP */
        }
    }
}

static void session_begin(struct reader *r, struct session ***end)
{
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        abort();
    }
    session->line = r->line;
    memcpy(session->title, r->title, sizeof(session->title));
    session->facts.hostname = SPAN("gate.example");
    r->session = session;
    r->trace = 0;
    **end = session;
    *end = &session->next;
    step_add(r, STEP_START)->ok = true;
}

/* The policy: the statements inside of the smallest configuration that is complete. */
static void session_end(struct reader *r)
{
    struct text source = {0};
    char *errors = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&errors, &size);

    if (out == NULL) {
        abort();
    }
    text_add(&source, SPAN("listener l { listen 127.0.0.1:25; backend b; policy p }\n"
                           "backend b { server 127.0.0.1:25 }\n"
                           "policy p {\n"));
    text_add(&source, text_span(&r->session->statements));
    text_add(&source, SPAN("}\n"));
    r->session->config = config_parse("policy", text_span(&source), out);
    fclose(out);
    if (r->session->config == NULL) {
        r->line = r->session->line;
        error(r, errors, span_of(NULL, 0));
    }
    free(errors);
    text_free(&source);
    r->session = NULL;
}

const struct policy *session_policy(const struct session *session)
{
    return &session->config->policies->policy;
}

static void read_all(struct reader *r, struct span content, struct session **sessions_r)
{
    struct session **end = sessions_r;
    bool fenced = false; /* in a block of another kind */

    while (content.len > 0) {
        struct span line = next_line(&content);
        struct span name = line;
        r->line++;
        bool fence = line.len >= 3 && memcmp(line.ptr, "```", 3) == 0;
        if (r->session != NULL && fence) {
            session_end(r);
        } else if (r->session != NULL) {
            read_line(r, line);
        } else if (!fenced && cut_prefix(&name, SPAN("```opening "))) {
            opening_begin(r, name, content);
            session_begin(r, &end);
        } else if (!fenced && span_equal(line, SPAN("```session"))) {
            session_begin(r, &end);
        } else if (fence) {
            fenced = !fenced;
        } else if (!fenced) {
            read_prose(r, line);
        }
    }
    if (r->session != NULL) {
        error(r, "a session without its end", span_of(NULL, 0));
    }
}

bool session_read(const char *path, struct session **sessions_r, struct text *errors)
{
    struct reader r = {.path = path, .errors = errors};
    struct text content = {0};
    unsigned char piece[4096];
    FILE *in = fopen(path, "re");

    *sessions_r = NULL;
    if (in == NULL) {
        text_printf(errors, "%s: cannot be read\n", path);
        return false;
    }
    for (size_t n; (n = fread(piece, 1, sizeof(piece), in)) > 0;) {
        text_add(&content, span_of(piece, n));
    }
    fclose(in);
    read_all(&r, text_span(&content), sessions_r);
    if (!r.failed && *sessions_r == NULL) {
        error(&r, "no session in it", span_of(NULL, 0));
    }
    while (r.openings != NULL) {
        struct opening *opening = r.openings;
        r.openings = opening->next;
        free(opening);
    }
    text_free(&content);
    return !r.failed;
}

static void want_free(struct want *want)
{
    text_free(&want->bytes);
    free(want->marks);
}

void session_free(struct session **sessions)
{
    while (*sessions != NULL) {
        struct session *session = *sessions;
        *sessions = session->next;
        while (session->steps != NULL) {
            struct step *step = session->steps;
            session->steps = step->next;
            text_free(&step->input);
            want_free(&step->out[GATE_CLIENT]);
            want_free(&step->out[GATE_SERVER]);
            want_free(&step->events);
            want_free(&step->closed);
            free(step);
        }
        text_free(&session->statements);
        config_free(&session->config);
        free(session);
    }
}
