/*
 * One command line, taken apart by its verb's grammar.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "smtp/keyword.h"
#include "smtp/path.h"
#include "smtp/verb.h"

enum smtp_command_error {
    SMTP_COMMAND_OK,
    SMTP_COMMAND_EMPTY,     /* an empty line */
    SMTP_COMMAND_CONTROL,   /* NUL, bare CR or another control character */
    SMTP_COMMAND_ARGUMENT,  /* an argument where none may be */
    SMTP_COMMAND_MISSING,   /* no argument where one must be */
    SMTP_COMMAND_KEYWORD,   /* MAIL without FROM:, RCPT without TO: */
    SMTP_COMMAND_PATH,      /* malformed address: see `path_error` */
    SMTP_COMMAND_PARAMETER, /* malformed ESMTP parameter */
    SMTP_COMMAND_HELLO,     /* malformed domain in HELO or EHLO */
    SMTP_COMMAND_CHUNK,     /* malformed BDAT: the size of what follows is not known */
    SMTP_COMMAND_MECHANISM, /* malformed AUTH mechanism or initial response */
};

struct smtp_command {
    enum smtp_verb verb;
    enum smtp_command_error error;
    enum smtp_path_error path_error;
    bool canonical;        /* the line is what smtp_command_write() would make of it */
    bool last;             /* BDAT … LAST, BURL … LAST */
    struct span line;      /* the line without its end */
    struct span word;      /* the verb as it was sent */
    struct span args;      /* what follows it, blanks at both ends cut off */
    struct span params;    /* MAIL and RCPT: the ESMTP parameters, unparsed */
    struct smtp_path path; /* MAIL and RCPT */
    uint64_t chunk;        /* BDAT: octets that follow the line */
};

/* Take apart one line (without its line end). Every span of `command_r` points into it. */
void smtp_command_parse(struct span line, struct smtp_command *command_r);

/* Write the canonical form of an error-free command, with its CRLF, into `out` of `size` bytes:
 * the verb in capitals, one space, the arguments with "FROM:<path>" made regular. Returns its
 * length, 0 when it does not fit: the canonical form is at most SMTP_CANONICAL_MORE octets longer
 * than the line. */
enum { SMTP_CANONICAL_MORE = 4 };
size_t smtp_command_write(const struct smtp_command *command, unsigned char *out, size_t size);

/* Why, in words for a reply: "Syntax: MAIL FROM:<address>". */
const char *smtp_command_error_text(const struct smtp_command *command);

#endif
