/*
 * Whom the workers run as.
 */
#ifndef SERVE_PRIVILEGE_H
#define SERVE_PRIVILEGE_H

#include "config/config.h"

#include <sys/types.h>

struct privilege {
    bool change;      /* there is something to do */
    const char *name; /* borrowed; NULL where only the group is set */
    uid_t uid;
    gid_t gid;
};

/* Look up the configuration's user and group, and whether this process may become them. EX_OK, or
 * the exit status; what was wrong has been logged. */
int privilege_find(const struct config *config, struct privilege *privilege_r)
    __attribute__((warn_unused_result));

/* Become them for good: no way back is left. False with the reason logged. */
bool privilege_drop(const struct privilege *privilege) __attribute__((warn_unused_result));

#endif
