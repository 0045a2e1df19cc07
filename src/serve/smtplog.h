/*
 * Sessions in the log: text in Postfix's grammar, so that fail2ban, pflogsumm and eyes that know it
 * understand, or one JSON object an event.
 */
#ifndef SERVE_SMTPLOG_H
#define SERVE_SMTPLOG_H

#include "serve/session.h"

void smtplog_connect(const struct session *s);

/* The session is over: what was done in it. */
void smtplog_disconnect(const struct session *s);

/* A connection was answered with a 421 and closed. */
void smtplog_refuse(const struct config_listener *listener, const union session_peer *peer,
                    const char *text);

/* The server that is being tried cannot be had; `error` is an errno. */
void smtplog_unreachable(const struct session *s, int error);

/* Trouble of our own ends the session. */
void smtplog_fail(const struct session *s, const char *why);

/* For struct gate_out: `context` is the session. */
void smtplog_event(void *context, const struct gate_event *event);

/* The gate call is over: lines that its events make together are written. */
void smtplog_call_done(const struct session *s);

#endif
