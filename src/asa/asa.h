/*
 * asa: what a Cisco ASA's or PIX's configuration says about SMTP, written as an ehlogate
 * configuration (docs/asa.md).
 */
#ifndef ASA_ASA_H
#define ASA_ASA_H

#include "base/span.h"

#include <stdio.h>

enum asa_result {
    ASA_WHOLE,  /* everything was carried over */
    ASA_PART,   /* something was not: a comment in the output and a line in `errors` say what */
    ASA_ERRORS, /* the text has errors, or nothing about SMTP: nothing was written to `out` */
    ASA_NO_MEMORY,
};

/* Read the configuration `text`, as `show running-config` prints it, and write the equivalent of
 * what it says about SMTP to `out`: a file that `ehlogate check` takes. Errors go to `errors` as
 * "name:line:column: what", the first hundred of them. */
enum asa_result asa_import(const char *name, struct span text, FILE *out, FILE *errors)
    __attribute__((warn_unused_result));

#endif
