/*
 * The configuration: one file read into one immutable object that lives in one arena.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/log.h"
#include "net/addr.h"
#include "policy/origin.h"
#include "policy/policy.h"
#include "policy/rule.h"

#include <stdio.h>

struct config_place {
    const char *file;
    unsigned line, column; /* from 1 */
};

struct config_policy {
    struct config_policy *next;
    const char *name;
    struct config_place place;
    struct policy policy;
    struct policy_origin origin;
};

/* How a list's file was when it was last read, to see whether it has changed. */
struct config_stamp {
    uint64_t device, inode, size;
    uint64_t modified, changed; /* nanoseconds */
};

struct config_list_file {
    struct config_list_file *next;
    const char *path;
    struct config_place place;
    struct config_stamp stamp;
};

struct config_list_entry {
    struct config_list_entry *next;
    struct span text;
    struct config_place place;
};

struct config_list {
    struct config_list *next;
    const char *name;
    struct config_place place; /* of its block, or of the first rule that names it */
    bool defined;              /* has a block */
    struct config_list_entry *entries;
    struct config_list_file *files;
    const struct policy_list *list; /* owned; the slot that rules look into */
};

struct config_server {
    struct config_server *next;
    const char *text;       /* as written: "mail.example.net:25" */
    struct net_addr *addrs; /* tried in order */
    size_t addr_count;
    struct config_place place;
};

struct config_backend {
    struct config_backend *next;
    const char *name;
    struct config_server *servers; /* tried in order */
    bool bad; /* while reading: has an error, and what it lacks is no second one */
    struct config_place place;
};

struct config_listen {
    struct config_listen *next;
    const char *text;
    struct net_addr addr;
    struct config_place place;
};

struct config_listener {
    struct config_listener *next;
    const char *name;
    struct config_listen *addrs;
    const struct config_backend *backend;
    const struct config_policy *policy;
    bool bad; /* as in a backend */
    struct config_place place;
};

struct config {
    struct arena arena;
    const char *file;     /* NULL when made from the command line */
    const char *hostname; /* the gateway's own name; default: the machine's */
    const char *user;     /* to run the workers as; NULL: unchanged */
    const char *group;
    const char *log_file; /* NULL: stderr */
    enum log_format log_format;
    unsigned workers;  /* default: one a core */
    unsigned sessions; /* most sessions of one worker; one more is answered 421 */
    unsigned drain;    /* seconds that sessions may take to end after TERM */
    struct config_list *lists;
    struct config_policy *policies;
    struct config_backend *backends;
    struct config_listener *listeners;
};

/* Read a configuration file, with its includes. Every error is written to `errors` as
 * "file:line:column: what, and what was expected"; NULL after the last of them. */
struct config *config_load(const char *path, FILE *errors) __attribute__((warn_unused_result));

/* What `serve --listen ADDR --backend ADDR [--profile NAME]` stands for: one listener "default".
 * Any of the lists may have several addresses. Errors name the option. */
struct config_quick {
    const char *const *listen; /* NULL-terminated */
    const char *const *backend;
    const char *profile;  /* NULL: "esmtp" */
    const char *hostname; /* NULL: the machine's */
    unsigned workers;     /* 0: one a core */
    enum log_format log_format;
};
struct config *config_from_options(const struct config_quick *quick, FILE *errors)
    __attribute__((warn_unused_result));

/* Read the lists anew of which a file has changed since it was read, and put them in the place of
 * the old ones, which are freed: no span of a list outlives this call, and none is held by rules. A
 * list that cannot be read stays as it was, and why is written to `errors`, once for each change of
 * its files. False where there was such a list. */
bool config_lists_refresh(struct config *config, FILE *errors);

void config_free(struct config **config);

#endif
