/*
 * The device's regular expressions, written for PCRE2.
 *
 *     regex   = branch { "|" branch }
 *     branch  = { ( "^" | atom { repeat } ) }
 *     atom    = "." | "(" regex ")" | "[" [ "^" ] range… "]" | escape | character
 *     repeat  = "?" | "*" | "+" | "{" x "}" | "{" x ",}" | "{" x "," y "}"
 *     escape  = "\r" | "\n" | "\t" | "\f" | "\x" hex hex | "\" octal octal octal | "\" character
 *
 * They are a small language beside PCRE2's, and what means something there must not come to mean
 * something by itself: "\d" is the letter d, "(?" repeats nothing, "a+?" repeats a repeated atom
 * and is not lazy, "[:alpha:]" is six characters, "{" without a number is a brace.
 *
 * "$" is no anchor in the device's manuals, but configurations have it at the end of patterns.
 * There both readings match: whoever blocks "\.exe$" wants it blocked.
 */
#include "asa/private.h"

enum { GROUPS_MAX = 64, REPEAT_MAX = 65535 };

struct translation {
    struct span in;
    size_t at;
    struct asa_pattern *out;
    bool atom;        /* there is something to repeat */
    size_t begin;     /* where it begins in the output */
    bool repeated;    /* it is repeated already … */
    unsigned char by; /* … by this "?", "*" or "+", or 0 for another */
    size_t groups[GROUPS_MAX], opened[GROUPS_MAX]; /* where each open "(" is in output and input */
    unsigned depth;
};

static bool fault(struct translation *t, size_t at, const char *what)
{
    if (t->out->fault == NULL) {
        t->out->fault = what;
        t->out->fault_at = at;
    }
    return false;
}

static bool put(struct translation *t, struct span bytes)
{
    if (bytes.len > sizeof(t->out->text) - t->out->len) {
        return fault(t, t->at, "it is too long");
    }
    memcpy(t->out->text + t->out->len, bytes.ptr, bytes.len);
    t->out->len += bytes.len;
    return true;
}

static bool insert(struct translation *t, size_t at, struct span bytes)
{
    size_t behind = t->out->len - at;

    if (!put(t, bytes)) {
        return false;
    }
    memmove(t->out->text + at + bytes.len, t->out->text + at, behind);
    memcpy(t->out->text + at, bytes.ptr, bytes.len);
    return true;
}

/* One character as itself; `special` are those that need a backslash where it stands. */
static bool put_character(struct translation *t, unsigned char c, const char *special)
{
    char text[8];
    int len;

    if (c < ' ' || c > '~') {
        len = snprintf(text, sizeof(text), "\\x%02x", c);
    } else {
        len = snprintf(text, sizeof(text), "%s%c", strchr(special, c) != NULL ? "\\" : "", c);
    }
    return put(t, span_of(text, (size_t)len));
}

static const char outside[] = "\\^$.[]|()?*+{}";
static const char inside[] = "\\[]^-";

static bool is_octal(unsigned char c)
{
    return c >= '0' && c <= '7';
}

static bool is_hex(unsigned char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static unsigned hex_value(unsigned char c)
{
    return ascii_is_digit(c) ? (unsigned)(c - '0') : (unsigned)(ascii_lower(c) - 'a' + 10);
}

/* The character that an escape stands for; t->at is behind its backslash. */
static bool read_escape(struct translation *t, unsigned char *c_r)
{
    static const char letters[] = "rntf", values[] = "\r\n\t\f";
    struct span rest = span_from(t->in, t->at);

    if (rest.len == 0) {
        return fault(t, t->at - 1, "it ends with a backslash");
    }
    const char *letter = memchr(letters, rest.ptr[0], sizeof(letters) - 1);
    if (letter != NULL) {
        *c_r = (unsigned char)values[letter - letters];
        t->at += 1;
    } else if (rest.len >= 3 && rest.ptr[0] == 'x' && is_hex(rest.ptr[1]) && is_hex(rest.ptr[2])) {
        *c_r = (unsigned char)(hex_value(rest.ptr[1]) << 4 | hex_value(rest.ptr[2]));
        t->at += 3;
    } else if (rest.len >= 3 && is_octal(rest.ptr[0]) && is_octal(rest.ptr[1]) &&
               is_octal(rest.ptr[2])) {
        unsigned value = (unsigned)(rest.ptr[0] - '0') << 6 | (unsigned)(rest.ptr[1] - '0') << 3 |
                         (unsigned)(rest.ptr[2] - '0');
        if (value > 255) {
            return fault(t, t->at - 1, "an octal number is at most \\377");
        }
        *c_r = (unsigned char)value;
        t->at += 3;
    } else {
        t->out->notes |= ascii_is_alnum(rest.ptr[0]) ? ASA_REGEX_LETTER : 0;
        *c_r = rest.ptr[0];
        t->at += 1;
    }
    return true;
}

/* ---- brackets ---- */

/* One character within brackets, escaped or not. */
static bool read_member(struct translation *t, unsigned char *c_r)
{
    *c_r = t->in.ptr[t->at++];
    if (*c_r == '[' && t->at < t->in.len && t->in.ptr[t->at] == ':') {
        t->out->notes |= ASA_REGEX_CLASS;
    }
    return *c_r != '\\' || read_escape(t, c_r);
}

static bool is_range(const struct translation *t)
{
    return t->at + 1 < t->in.len && t->in.ptr[t->at] == '-' && t->in.ptr[t->at + 1] != ']';
}

/* t->at is behind the "[". A "]" that comes first is one of the characters, as in POSIX. */
static bool read_brackets(struct translation *t)
{
    size_t open = t->at - 1;
    unsigned char first, last;

    if (!put(t, SPAN("["))) {
        return false;
    }
    if (t->at < t->in.len && t->in.ptr[t->at] == '^') {
        t->at++;
        if (!put(t, SPAN("^"))) {
            return false;
        }
    }
    size_t begin = t->at;
    while (t->at < t->in.len && (t->in.ptr[t->at] != ']' || t->at == begin)) {
        size_t at = t->at;
        if (!read_member(t, &first) || !put_character(t, first, inside)) {
            return false;
        }
        if (!is_range(t)) {
            continue;
        }
        t->at++;
        if (!read_member(t, &last) || !put(t, SPAN("-")) || !put_character(t, last, inside)) {
            return false;
        }
        if (last < first) {
            return fault(t, at, "a range ends before it begins");
        }
    }
    if (t->at == t->in.len) {
        return fault(t, open, "a \"[\" is not closed");
    }
    t->at++;
    return put(t, SPAN("]"));
}

/* ---- repeats ---- */

/* How many octets of `rest` are "{x}", "{x,}" or "{x,y}"; 0 where it is none. */
static size_t braces_length(struct span rest)
{
    unsigned commas = 0;

    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] == '}') {
            return i > 1 ? i + 1 : 0;
        }
        commas += rest.ptr[i] == ',';
        if ((rest.ptr[i] != ',' || i == 1 || commas > 1) && !ascii_is_digit(rest.ptr[i])) {
            return 0;
        }
    }
    return 0;
}

/* The numbers of "{x,y}" are no larger than PCRE2 takes, and in order. */
static bool braces_valid(struct span repeat)
{
    uint64_t least, most;
    struct span numbers = span_of(repeat.ptr + 1, repeat.len - 2);
    size_t comma = span_find(numbers, ',');

    if (!span_number(span_head(numbers, comma), &least) || least > REPEAT_MAX) {
        return false;
    }
    if (comma == numbers.len || comma + 1 == numbers.len) {
        return true;
    }
    return span_number(span_from(numbers, comma + 1), &most) && most <= REPEAT_MAX && least <= most;
}

/* The octets of the repeat at t->at; 0 where there is none. */
static size_t repeat_length(const struct translation *t)
{
    unsigned char c = t->in.ptr[t->at];

    return c == '?' || c == '*' || c == '+' ? 1
           : c == '{'                       ? braces_length(span_from(t->in, t->at))
                                            : 0;
}

/* A repeat of a repeat: "a+?" is any number of a here, and lazy in PCRE2. Two of "?", "*" and "+"
 * are one of them; others need a group. */
static bool read_repeat(struct translation *t, size_t len)
{
    struct span repeat = span_of(t->in.ptr + t->at, len);
    unsigned char by = len == 1 ? repeat.ptr[0] : 0;

    if (!t->atom) {
        return fault(t, t->at, "there is nothing to repeat");
    }
    if (by == 0 && !braces_valid(repeat)) {
        return fault(t, t->at, "these numbers are out of order or above 65535");
    }
    if (t->repeated && by != 0 && t->by != 0) {
        t->by = by == t->by ? by : '*';
        t->out->text[t->out->len - 1] = t->by;
    } else {
        if (t->repeated && (!insert(t, t->begin, SPAN("(?:")) || !put(t, SPAN(")")))) {
            return false;
        }
        if (!put(t, repeat)) {
            return false;
        }
        t->by = by;
    }
    t->repeated = true;
    t->at += len;
    return true;
}

/* ---- the rest ---- */

static bool read_group(struct translation *t)
{
    if (t->depth == GROUPS_MAX) {
        return fault(t, t->at, "it has too many groups within each other");
    }
    t->groups[t->depth] = t->out->len;
    t->opened[t->depth++] = t->at++;
    t->atom = false;
    return put(t, SPAN("("));
}

static bool read_group_end(struct translation *t)
{
    if (t->depth == 0) {
        return fault(t, t->at, "a \")\" closes nothing");
    }
    t->at++;
    t->begin = t->groups[--t->depth];
    t->atom = true;
    t->repeated = false;
    return put(t, SPAN(")"));
}

static bool is_last(const struct translation *t)
{
    return t->at == t->in.len || t->in.ptr[t->at] == '|' || t->in.ptr[t->at] == ')';
}

/* What can be repeated, without groups. */
static bool read_atom(struct translation *t)
{
    unsigned char c = t->in.ptr[t->at++];

    t->begin = t->out->len;
    t->atom = true;
    t->repeated = false;
    if (c == '[') {
        return read_brackets(t);
    }
    if (c == '.') {
        return put(t, SPAN("."));
    }
    if (c == '$' && is_last(t)) {
        t->out->notes |= ASA_REGEX_DOLLAR;
        return put(t, SPAN("(?:\\$|$)"));
    }
    return (c != '\\' || read_escape(t, &c)) && put_character(t, c, outside);
}

static bool read_next(struct translation *t)
{
    unsigned char c = t->in.ptr[t->at];
    size_t repeat = repeat_length(t);

    if (repeat > 0) {
        return read_repeat(t, repeat);
    }
    if (c == '(') {
        return read_group(t);
    }
    if (c == ')') {
        return read_group_end(t);
    }
    if (c == '|' || c == '^') {
        t->at++;
        t->atom = false;
        return put(t, span_of(&c, 1));
    }
    return read_atom(t);
}

void asa_regex_translate(struct span regex, struct asa_pattern *pattern_r)
{
    struct translation t = {.in = regex, .out = pattern_r};

    pattern_r->len = 0;
    pattern_r->notes = 0;
    pattern_r->fault = NULL;
    pattern_r->fault_at = 0;
    if (regex.len == 0) {
        fault(&t, 0, "it is empty");
        return;
    }
    if (regex.len > ASA_PATTERN_MAX) {
        fault(&t, ASA_PATTERN_MAX, "it is too long");
        return;
    }
    while (t.at < t.in.len && read_next(&t)) {
    }
    if (pattern_r->fault == NULL && t.depth > 0) {
        fault(&t, t.opened[t.depth - 1], "a \"(\" is not closed");
    }
}
