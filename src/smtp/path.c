/*
 * Envelope addresses.
 *
 *   reverse-path = "<>" / path                      forward-path = "<Postmaster>" / path
 *   path         = "<" [ at-domain *( "," at-domain ) ":" ] mailbox ">"
 *   mailbox      = local-part "@" ( domain / address-literal )
 *   local-part   = dot-string / quoted-string       (RFC 5321 section 4.1.2)
 *   domain       = sub-domain *("." sub-domain)
 *   sub-domain   = let-dig [ldh-str] / U-label      (RFC 6531 section 3.3)
 *   literal      = "[" ( IPv4 / "IPv6:" addr / tag ":" dcontent ) "]"    (section 4.1.3)
 *
 * Beyond the grammar two habits of real clients are accepted, since refusing them loses mail and
 * the canonical form repairs them: an address without angle brackets, and an underscore in a
 * domain. Local parts may be longer than 64 octets: real ones (VERP, SRS) are.
 */
#include "smtp/path.h"

/* Limits that we apply: the path's own 256 octets are not, for the same reason. */
enum { LOCAL_PART_ACCEPTED = 255, LABEL_MAX = 63 };

bool smtp_utf8_valid(struct span s)
{
    size_t i = 0;

    while (i < s.len) {
        unsigned char c = s.ptr[i];
        size_t more = c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 4;
        if (more == 4 || more >= s.len - i) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            if ((s.ptr[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        unsigned char second = more > 0 ? s.ptr[i + 1] : 0;
        if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
            (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f)) {
            return false; /* overlong, a surrogate, or beyond U+10FFFF */
        }
        i += more + 1;
    }
    return true;
}

static bool has_utf8(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

static bool label_valid(struct span label, bool utf8_ok)
{
    if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = label.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_' && !(utf8_ok && c >= 0x80)) {
            return false;
        }
    }
    return true;
}

bool smtp_domain_valid(struct span s, bool utf8_ok)
{
    if (s.len == 0 || s.len > SMTP_DOMAIN_MAX) {
        return false;
    }
    for (;;) {
        size_t dot = span_find(s, '.');
        if (!label_valid(span_head(s, dot), utf8_ok)) {
            return false;
        }
        if (dot == s.len) {
            return true;
        }
        s = span_from(s, dot + 1);
    }
}

/* Snum 3("." Snum), each 0 to 255. inet_pton() would do, and belongs to the sockets. */
static bool ipv4_valid(struct span s)
{
    for (int part = 0; part < 4; part++) {
        size_t dot = span_find(s, '.');
        uint64_t value;
        if (dot > 3 || !span_number(span_head(s, dot), &value) || value > 255 ||
            (dot < s.len) != (part < 3)) {
            return false;
        }
        s = span_from(s, part < 3 ? dot + 1 : dot);
    }
    return true;
}

/* Eight groups of one to four hexadecimal digits, the last two of which may be an IPv4 address;
 * "::" stands once for at least one group of zeros. */
static bool ipv6_valid(struct span s)
{
    enum { GROUPS = 8 };
    unsigned groups = 0;
    bool gap = false;

    if (s.len > 0 && s.ptr[0] == ':') {
        s = span_from(s, 1);
        if (s.len == 0 || s.ptr[0] != ':') {
            return false;
        }
    }
    while (s.len > 0) {
        if (s.ptr[0] == ':') {
            if (gap) {
                return false;
            }
            gap = true;
            s = span_from(s, 1);
            continue;
        }
        size_t len = span_find(s, ':');
        if (len == s.len && span_find(s, '.') < s.len) {
            groups += 2;
            return ipv4_valid(s) && (gap ? groups < GROUPS : groups == GROUPS);
        }
        for (size_t i = 0; i < len; i++) {
            unsigned char c = ascii_lower(s.ptr[i]);
            if (!ascii_is_digit(c) && (c < 'a' || c > 'f')) {
                return false;
            }
        }
        if (len > 4 || ++groups > GROUPS || len + 1 == s.len) {
            return false; /* too long, too many, or ":" at the end */
        }
        s = span_from(s, len < s.len ? len + 1 : len);
    }
    return gap ? groups < GROUPS : groups == GROUPS;
}

bool smtp_literal_valid(struct span s)
{
    if (s.len < 3 || s.len > SMTP_DOMAIN_MAX || s.ptr[0] != '[' || s.ptr[s.len - 1] != ']') {
        return false;
    }
    struct span inner = span_of(s.ptr + 1, s.len - 2);
    if (span_begins_nocase(inner, SPAN("IPv6:"))) {
        return ipv6_valid(span_from(inner, 5));
    }
    size_t colon = span_find(inner, ':');
    if (colon == inner.len) {
        return ipv4_valid(inner);
    }
    if (colon == 0 || colon + 1 == inner.len) {
        return false;
    }
    for (size_t i = 0; i < inner.len; i++) {
        unsigned char c = inner.ptr[i];
        bool tag = ascii_is_alnum(c) || c == '-';
        bool dcontent = c > ' ' && c < 0x7f && c != '[' && c != '\\' && c != ']';
        if (i < colon ? !tag : i > colon && !dcontent) {
            return false;
        }
    }
    return true;
}

/* atext of RFC 5322 section 3.2.3, and UTF-8. */
static bool is_atext(unsigned char c)
{
    return ascii_is_alnum(c) || c >= 0x80 ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Length of the local part at the beginning of `s`, 0 where there is none. A dot-string may have
 * its dots anywhere: real mailboxes do ("a..b@docomo.example"). */
static size_t local_length(struct span s, bool *quoted_r)
{
    size_t i = 0;

    *quoted_r = s.len > 0 && s.ptr[0] == '"';
    if (!*quoted_r) {
        while (i < s.len && (is_atext(s.ptr[i]) || s.ptr[i] == '.')) {
            i++;
        }
        return i;
    }
    for (i = 1; i < s.len && s.ptr[i] != '"'; i++) {
        if (s.ptr[i] == '\\') {
            i++; /* quoted-pair: whatever follows stands for itself */
        }
    }
    return i < s.len ? i + 1 : 0;
}

static size_t domain_length(struct span s)
{
    size_t i = 0;

    if (s.len > 0 && s.ptr[0] == '[') {
        size_t close = span_find(s, ']');
        return close < s.len ? close + 1 : 0;
    }
    while (i < s.len && (ascii_is_alnum(s.ptr[i]) || s.ptr[i] >= 0x80 || s.ptr[i] == '-' ||
                         s.ptr[i] == '.' || s.ptr[i] == '_')) {
        i++;
    }
    return i;
}

static bool domain_or_literal_valid(struct span s)
{
    return s.len > 0 && s.ptr[0] == '[' ? smtp_literal_valid(s) : smtp_domain_valid(s, true);
}

/* Cut the source route "@one,@two:" off `*s`. */
static enum smtp_path_error route_parse(struct span *s, struct smtp_path *path)
{
    const unsigned char *begin = s->ptr;

    while (s->len > 0 && s->ptr[0] == '@') {
        *s = span_from(*s, 1);
        size_t len = domain_length(*s);
        if (!domain_or_literal_valid(span_head(*s, len))) {
            return SMTP_PATH_ROUTE;
        }
        *s = span_from(*s, len);
        if (s->len > 0 && s->ptr[0] == ':') {
            path->route = span_of(begin, (size_t)(s->ptr - begin));
            *s = span_from(*s, 1);
            return SMTP_PATH_OK;
        }
        if (s->len == 0 || s->ptr[0] != ',') {
            return SMTP_PATH_ROUTE;
        }
        *s = span_from(*s, 1);
    }
    return s->ptr != begin ? SMTP_PATH_ROUTE : SMTP_PATH_OK;
}

/* Cut the mailbox off `*s`. */
static enum smtp_path_error mailbox_parse(struct span *s, bool bare_local_ok,
                                          struct smtp_path *path)
{
    const unsigned char *begin = s->ptr;
    size_t local = local_length(*s, &path->quoted);

    if (local == 0) {
        return SMTP_PATH_LOCAL;
    }
    path->local = span_head(*s, local);
    if (span_find(path->local, '\t') < local) {
        return SMTP_PATH_CHARACTER; /* qtextSMTP has no HTAB */
    }
    *s = span_from(*s, local);
    if (s->len > 0 && s->ptr[0] == '@') {
        *s = span_from(*s, 1);
        size_t len = domain_length(*s);
        path->domain = span_head(*s, len);
        if (path->domain.len > SMTP_DOMAIN_MAX) {
            return SMTP_PATH_LENGTH;
        }
        if (!domain_or_literal_valid(path->domain)) {
            return SMTP_PATH_DOMAIN;
        }
        path->literal = path->domain.ptr[0] == '[';
        *s = span_from(*s, len);
    } else if (!bare_local_ok && !span_equal_nocase(path->local, SPAN("Postmaster"))) {
        return SMTP_PATH_DOMAIN;
    }
    path->text = span_of(begin, (size_t)(s->ptr - begin));
    return path->local.len > LOCAL_PART_ACCEPTED ? SMTP_PATH_LENGTH : SMTP_PATH_OK;
}

static enum smtp_path_error path_parse(struct span *s, bool null_ok, bool bare_local_ok,
                                       struct smtp_path *path)
{
    enum smtp_path_error error;

    if (s->len == 0 || ascii_is_blank(s->ptr[0])) {
        return SMTP_PATH_EMPTY;
    }
    path->bracketed = s->ptr[0] == '<';
    if (path->bracketed) {
        *s = span_from(*s, 1);
    }
    if (path->bracketed && s->len > 0 && s->ptr[0] == '>') {
        path->text = span_of(s->ptr, 0);
        *s = span_from(*s, 1);
        return null_ok ? SMTP_PATH_OK : SMTP_PATH_EMPTY;
    }
    error = route_parse(s, path);
    if (error == SMTP_PATH_OK) {
        error = mailbox_parse(s, bare_local_ok, path);
    }
    if (error != SMTP_PATH_OK) {
        return error;
    }
    if (path->bracketed != (s->len > 0 && s->ptr[0] == '>')) {
        return path->bracketed && s->len > 0 && !ascii_is_blank(s->ptr[0])
                   ? (path->domain.len > 0 ? SMTP_PATH_DOMAIN : SMTP_PATH_LOCAL)
                   : SMTP_PATH_BRACKET;
    }
    if (path->bracketed) {
        *s = span_from(*s, 1);
    }
    return s->len > 0 && !ascii_is_blank(s->ptr[0]) ? SMTP_PATH_DOMAIN : SMTP_PATH_OK;
}

enum smtp_path_error smtp_path_parse(struct span *rest, bool null_ok, bool bare_local_ok,
                                     struct smtp_path *path_r)
{
    *path_r = (struct smtp_path){0};
    if (span_has_control(*rest)) {
        return SMTP_PATH_CHARACTER;
    }
    enum smtp_path_error error = path_parse(rest, null_ok, bare_local_ok, path_r);
    if (error == SMTP_PATH_OK && has_utf8(path_r->text)) {
        path_r->utf8 = true;
        if (!smtp_utf8_valid(path_r->text)) {
            return SMTP_PATH_UTF8;
        }
    }
    return error;
}

const char *smtp_path_error_text(enum smtp_path_error error)
{
    static const char *const texts[] = {
        [SMTP_PATH_OK] = "no error",
        [SMTP_PATH_EMPTY] = "no address",
        [SMTP_PATH_BRACKET] = "unpaired angle bracket",
        [SMTP_PATH_ROUTE] = "malformed source route",
        [SMTP_PATH_LOCAL] = "malformed local part",
        [SMTP_PATH_DOMAIN] = "malformed domain",
        [SMTP_PATH_LENGTH] = "address too long",
        [SMTP_PATH_UTF8] = "address is not UTF-8",
        [SMTP_PATH_CHARACTER] = "control character in address",
    };
    return texts[error];
}
