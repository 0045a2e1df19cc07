/*
 * Addresses as the envelope carries them: paths, mailboxes, domains and address literals
 * (RFC 5321 sections 4.1.2 and 4.1.3, RFC 6531 for UTF-8).
 */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include "base/span.h"

/* Limits of RFC 5321 section 4.5.3.1, in octets. */
enum { SMTP_LOCAL_PART_MAX = 64, SMTP_DOMAIN_MAX = 255, SMTP_PATH_MAX = 256 };

struct smtp_path {
    struct span text;   /* the path without its angle brackets and source route: "a@b", or "" */
    struct span route;  /* the source route "@one,@two" without its colon; empty for none */
    struct span local;  /* local part, in its quotes if it has them */
    struct span domain; /* domain or "[literal]"; empty for "" and "Postmaster" */
    bool bracketed;     /* stood in angle brackets */
    bool quoted;        /* the local part is a quoted string */
    bool literal;       /* the domain is an address literal */
    bool utf8;          /* has octets above 127: needs SMTPUTF8 */
};

enum smtp_path_error {
    SMTP_PATH_OK,
    SMTP_PATH_EMPTY,     /* no address where one is needed */
    SMTP_PATH_BRACKET,   /* "<" without ">" or the reverse */
    SMTP_PATH_ROUTE,     /* malformed source route */
    SMTP_PATH_LOCAL,     /* malformed local part */
    SMTP_PATH_DOMAIN,    /* malformed domain or address literal */
    SMTP_PATH_LENGTH,    /* local part or domain too long */
    SMTP_PATH_UTF8,      /* octets above 127 that are not UTF-8 */
    SMTP_PATH_CHARACTER, /* a control character */
};

/* Parse the path at the beginning of `*rest` and cut it off: "<>" (where `null_ok`), "<a@b>",
 * "<@x,@y:a@b>", or, as many clients write it, "a@b" up to a blank. `bare_local_ok` accepts a
 * local part without domain ("<Postmaster>" always is). */
enum smtp_path_error smtp_path_parse(struct span *rest, bool null_ok, bool bare_local_ok,
                                     struct smtp_path *path_r);

/* Is `s` a domain (sub-domains of letters, digits, hyphens; UTF-8 where `utf8_ok`)? A trailing
 * dot is not. */
bool smtp_domain_valid(struct span s, bool utf8_ok);

/* Is `s` an address literal in its brackets: "[192.0.2.1]", "[IPv6:2001:db8::1]", "[tag:text]"? */
bool smtp_literal_valid(struct span s);

/* Is `s` well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates)? */
bool smtp_utf8_valid(struct span s);

/* Why, in words for a reply: "malformed local part". */
const char *smtp_path_error_text(enum smtp_path_error error);

#endif
