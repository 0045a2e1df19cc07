/*
 * Whom the workers run as. The master keeps what it has: it binds anew where a worker is replaced
 * and reads keys that workers must not.
 */
#include "serve/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

int privilege_find(const struct config *config, struct privilege *privilege_r)
{
    *privilege_r = (struct privilege){.uid = geteuid(), .gid = getegid()};
    if (config->user == NULL && config->group == NULL) {
        return EX_OK;
    }
    if (config->user != NULL) {
        const struct passwd *user = getpwnam(config->user);
        if (user == NULL) {
            log_line(LOG_LEVEL_ERROR, "user %s does not exist", config->user);
            return EX_CONFIG;
        }
        privilege_r->name = config->user;
        privilege_r->uid = user->pw_uid;
        privilege_r->gid = user->pw_gid;
    }
    if (config->group != NULL) {
        const struct group *group = getgrnam(config->group);
        if (group == NULL) {
            log_line(LOG_LEVEL_ERROR, "group %s does not exist", config->group);
            return EX_CONFIG;
        }
        privilege_r->gid = group->gr_gid;
    }
    if (privilege_r->uid == geteuid() && privilege_r->gid == getegid()) {
        return EX_OK;
    }
    if (geteuid() != 0) {
        log_line(LOG_LEVEL_ERROR,
                 "only root can run workers as another user: start as root, or remove `user` and "
                 "`group` from the configuration");
        return EX_NOPERM;
    }
    privilege_r->change = true;
    return EX_OK;
}

bool privilege_drop(const struct privilege *privilege)
{
    if (!privilege->change) {
        return true;
    }
    int groups =
        privilege->name != NULL ? initgroups(privilege->name, privilege->gid) : setgroups(0, NULL);
    if (groups < 0 || setresgid(privilege->gid, privilege->gid, privilege->gid) < 0 ||
        setresuid(privilege->uid, privilege->uid, privilege->uid) < 0) {
        log_line(LOG_LEVEL_ERROR, "cannot become user %u, group %u: %s", (unsigned)privilege->uid,
                 (unsigned)privilege->gid, strerror(errno));
        return false;
    }
    if (privilege->uid != 0 && setuid(0) == 0) {
        log_line(LOG_LEVEL_ERROR, "root could be had back after it was given up");
        return false;
    }
    return true;
}
