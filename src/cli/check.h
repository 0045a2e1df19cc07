/*
 * `ehlogate check` from inside: the report, which check_text.c and check_json.c write.
 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "base/buf.h"
#include "config/config.h"
#include "policy/impact.h"

/* What a server said when it was asked for its EHLO reply. */
struct check_server {
    struct check_server *next;
    const struct config_server *server;
    const char *error;         /* why there is nothing below; NULL where there is */
    const char *greeting;      /* its first line */
    smtp_keyword_set keywords; /* the known ones */
    struct span offer;         /* the EHLO reply's lines behind the first, as they came */
};

struct check_listener {
    struct check_listener *next;
    const struct config_listener *listener;
    bool live; /* a server of its backend has answered */
    struct policy_impact impact;
};

struct check_report {
    const char *path;
    struct config *config;
    struct arena arena;
    bool live; /* the servers have been asked */
    struct check_server *servers;
    struct check_listener *listeners;
    unsigned warnings;
};

enum { CHECK_SCHEMA_VERSION = 1 };

/* check_live.c: ask a server for its EHLO reply. NULL when memory is out. */
struct check_server *check_ask(struct arena *arena, const struct config_server *server,
                               const char *hostname);
const struct check_server *check_answer(const struct check_report *report,
                                        const struct config_server *server);

void check_print_text(const struct check_report *report);

/* False when memory is out. `errors`: those of a configuration that cannot be used, a line each;
 * the report then has its path alone. */
bool check_print_json(const struct check_report *report, struct span errors);

#endif
