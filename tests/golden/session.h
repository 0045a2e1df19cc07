/*
 * Golden sessions as they stand in Markdown: read into steps, each something that happens and what
 * has to come of it. README.md has the grammar.
 */
#ifndef GOLDEN_SESSION_H
#define GOLDEN_SESSION_H

#include "config/config.h"
#include "gate/gate.h"
#include "text.h"

enum step_kind {
    STEP_START, /* the client connects; unless the session says otherwise, the server is there */
    STEP_CONNECT,
    STEP_INPUT, /* a block of bytes from one side */
    STEP_WAIT,
    STEP_CLOSE, /* a side closes its connection */
    STEP_DRAIN,
};

/* Where in the file the wanted bytes from `at` on stand. */
struct mark {
    size_t at;
    unsigned line;
};

/* What is wanted, with the lines that it stands in. */
struct want {
    struct text bytes;
    struct mark *marks; /* owned */
    size_t mark_count;
};

struct step {
    struct step *next; /* owned */
    enum step_kind kind;
    enum gate_side side; /* INPUT, CLOSE */
    bool opening;        /* stands in an opening, which is a session of its own */
    bool ok;             /* START, CONNECT: the server is there */
    uint64_t ms;         /* WAIT */
    unsigned trace;      /* enum drive_trace */
    unsigned line;
    struct text input;
    struct want out[2];
    struct want events; /* lines */
    struct want closed; /* lines, without "closed ": "server", "client linger" */
};

struct session {
    struct session *next; /* owned */
    char title[100];      /* the heading above it */
    unsigned line;
    struct text statements;
    struct config *config; /* owned */
    struct gate_facts facts;
    char listener[64]; /* what facts.listener points into */
    struct step *steps, *last_step;
};

/* Read all sessions of a file. False when one cannot be read; `errors` has a line for each error,
 * "file:line: what". */
bool session_read(const char *path, struct session **sessions_r, struct text *errors);
void session_free(struct session **sessions);

/* The policy under which the session runs. */
const struct policy *session_policy(const struct session *session);

/* The line of the file in which wanted bytes at that offset stand. */
unsigned want_line(const struct want *want, size_t at);

#endif
