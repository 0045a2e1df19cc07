/*
 * The daemon: a master that binds, supervises and restarts, and workers that carry sessions.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "config/config.h"

/* Serve until told to stop (TERM, USR1, INT: drain; a second one: stop at once). Returns the exit
 * status: 0, or a code of sysexits.h when serving could not begin; what was wrong has been logged.
 */
int serve_run(struct config *config);

#endif
