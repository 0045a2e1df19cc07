/*
 * The envelope: MAIL and RCPT with the parameters of the extensions that the sink offers.
 */
#ifndef SINK_ENVELOPE_H
#define SINK_ENVELOPE_H

#include "sink/dialogue.h"
#include "smtp/command.h"

/* What stands before each address in sink_dialogue.recipients. */
#define SINK_DELIVERED_TO "Delivered-To: "

/* Handle an error-free MAIL or RCPT that is in sequence. */
void sink_mail(struct sink_dialogue *dialogue, const struct smtp_command *command);
void sink_rcpt(struct sink_dialogue *dialogue, const struct smtp_command *command);

#endif
