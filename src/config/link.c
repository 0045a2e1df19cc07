/*
 * After the last statement: what the listeners refer to, what is missing, what stands twice, and
 * the defaults that depend on the machine.
 *
 * References are resolved here and not where they stand, so that blocks may come in any order.
 */
#include "config/parse.h"

#include <sched.h>
#include <unistd.h>

static struct config_backend *find_backend(struct config *config, const char *name)
{
    for (struct config_backend *backend = config->backends; backend != NULL;
         backend = backend->next) {
        if (span_equal(span_str(backend->name), span_str(name))) {
            return backend;
        }
    }
    return NULL;
}

/* The policy of that name or, where there is none, the profile as a policy of its own. */
static struct config_policy *find_policy(struct config_parser *parser, const char *name,
                                         struct config_place place)
{
    struct config_policy **end = &parser->config->policies;

    for (; *end != NULL; end = &(*end)->next) {
        if (span_equal(span_str((*end)->name), span_str(name))) {
            return *end;
        }
    }
    const struct policy_profile *profile = policy_profile_find(span_str(name));
    if (profile == NULL) {
        return NULL;
    }
    struct config_policy *policy = arena_alloc(&parser->config->arena, sizeof(*policy));
    if (policy == NULL) {
        config_error_memory(parser);
        return NULL;
    }
    policy->name = profile->name;
    policy->place = place;
    policy_begin(&policy->policy, profile);
    *end = policy;
    return policy;
}

static void error_backend(struct config_parser *parser, const struct config_reference *reference)
{
    char hint[CONFIG_HINT_MAX];
    struct config_near near = config_near_begin(span_str(reference->name));

    for (const struct config_backend *b = parser->config->backends; b != NULL; b = b->next) {
        config_near_offer(&near, span_str(b->name));
    }
    config_error(parser, reference->place,
                 "there is no backend \"%s\"; expected backend %s { … }%s", reference->name,
                 reference->name, config_near_hint(&near, hint));
}

static void error_policy(struct config_parser *parser, const struct config_reference *reference)
{
    char hint[CONFIG_HINT_MAX];
    struct config_near near = config_near_begin(span_str(reference->name));

    if (reference->place.line == 0) { /* an option: there are no policies */
        config_error_profile(parser, span_str(reference->name), reference->place);
        return;
    }
    for (const struct config_policy *p = parser->config->policies; p != NULL; p = p->next) {
        config_near_offer(&near, span_str(p->name));
    }
    for (const struct policy_profile *p = policy_profiles; p->name != NULL; p++) {
        config_near_offer(&near, span_str(p->name));
    }
    config_error(parser, reference->place,
                 "there is no policy and no profile \"%s\"; expected policy %s { … }%s",
                 reference->name, reference->name, config_near_hint(&near, hint));
}

/* The list has the last reference first, and errors should come in the order of the file. */
static struct config_reference *reversed(struct config_reference *list)
{
    struct config_reference *result = NULL;

    while (list != NULL) {
        struct config_reference *next = list->next;
        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

static void resolve(struct config_parser *parser)
{
    parser->references = reversed(parser->references);
    for (struct config_reference *r = parser->references; r != NULL; r = r->next) {
        if (r->kind == CONFIG_BACKEND) {
            r->listener->backend = find_backend(parser->config, r->name);
            if (r->listener->backend == NULL) {
                error_backend(parser, r);
            }
        } else {
            r->listener->policy = find_policy(parser, r->name, r->place);
            if (r->listener->policy == NULL) {
                error_policy(parser, r);
            }
        }
    }
}

static bool has_reference(const struct config_parser *parser,
                          const struct config_listener *listener, enum config_block kind)
{
    for (const struct config_reference *r = parser->references; r != NULL; r = r->next) {
        if (r->listener == listener && r->kind == kind) {
            return true;
        }
    }
    return false;
}

static void check_listener(struct config_parser *parser, struct config_listener *listener)
{
    if (listener->addrs == NULL && !listener->bad) {
        config_error(parser, listener->place,
                     "listener \"%s\" listens nowhere: expected listen ADDR in its block",
                     listener->name);
    }
    if (!has_reference(parser, listener, CONFIG_BACKEND) && !listener->bad) {
        config_error(parser, listener->place,
                     "listener \"%s\" has no backend: expected backend NAME in its block",
                     listener->name);
    }
    if (!has_reference(parser, listener, CONFIG_POLICY)) {
        listener->policy = find_policy(parser, policy_profiles[0].name, listener->place);
    }
}

static void check_backends(struct config_parser *parser)
{
    for (const struct config_backend *b = parser->config->backends; b != NULL; b = b->next) {
        if (b->servers == NULL && !b->bad) {
            config_error(parser, b->place,
                         "backend \"%s\" has no server: expected server ADDR in its block",
                         b->name);
        }
    }
}

/* Port 0 is a free one each time. */
static bool same_addr(const struct net_addr *a, const struct net_addr *b)
{
    bool any_port = a->any.sa_family != AF_UNIX && net_addr_port(a) == 0;

    return a->len > 0 && a->len == b->len && memcmp(&a->any, &b->any, a->len) == 0 && !any_port;
}

/* Is an address listened on by one that comes before it? */
static void check_listen(struct config_parser *parser, const struct config_listen *listen)
{
    for (const struct config_listener *l = parser->config->listeners; l != NULL; l = l->next) {
        for (const struct config_listen *first = l->addrs; first != NULL; first = first->next) {
            if (first == listen) {
                return;
            }
            if (same_addr(&first->addr, &listen->addr)) {
                config_error(parser, listen->place,
                             "\"%s\" is listened on twice; the first is \"%s\" at %s:%u:%u",
                             listen->text, first->text, first->place.file, first->place.line,
                             first->place.column);
                return;
            }
        }
    }
}

static void check_listens(struct config_parser *parser)
{
    for (const struct config_listener *l = parser->config->listeners; l != NULL; l = l->next) {
        for (const struct config_listen *listen = l->addrs; listen != NULL; listen = listen->next) {
            check_listen(parser, listen);
        }
    }
}

static void set_defaults(struct config_parser *parser)
{
    struct config *config = parser->config;
    char hostname[256] = "";
    cpu_set_t cpus;

    if (config->hostname == NULL) {
        bool known = gethostname(hostname, sizeof(hostname) - 1) == 0 && hostname[0] != '\0';
        config->hostname = config_string(parser, span_str(known ? hostname : "localhost"));
    }
    if (config->workers == 0) {
        /* The cores that we may use, which in a container are fewer than there are. */
        bool known = sched_getaffinity(0, sizeof(cpus), &cpus) == 0;
        config->workers = known ? (unsigned)CPU_COUNT(&cpus) : 1;
    }
}

void config_link(struct config_parser *parser)
{
    resolve(parser);
    config_link_lists(parser);
    check_backends(parser);
    for (struct config_listener *l = parser->config->listeners; l != NULL; l = l->next) {
        check_listener(parser, l);
    }
    check_listens(parser);
    if (parser->config->listeners == NULL && parser->error_count == 0) {
        config_error(parser, parser->begin,
                     "there is no listener: expected listener NAME { listen ADDR; backend NAME }");
    }
    set_defaults(parser);
}
