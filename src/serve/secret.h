/*
 * What of an event may be logged: credentials may not, wherever they turn up.
 */
#ifndef SERVE_SECRET_H
#define SERVE_SECRET_H

#include "gate/gate.h"

/* The reply: a server's answer to AUTH, or to what it takes for a command, may repeat what it was
 * sent, so nothing is kept of it but its codes. */
struct span secret_reply(const struct gate_event *event);

/* The text: what a client sends out of turn may be an AUTH command, or the answer to one. */
struct span secret_text(const struct gate_event *event);

/* The word that stood in the place of a verb. A client that goes on with an AUTH that was refused
 * sends its password there, in base64: only what looks like a verb is let through. */
struct span secret_word(const struct gate_event *event);

#endif
