/*
 * The actions, and the stages at which each makes sense.
 */
#include "policy/rule.h"

#define AT(stage) (1u << (POLICY_STAGE_##stage))
#define COMMANDS  (AT(COMMAND) | AT(HELO) | AT(AUTH) | AT(MAIL) | AT(RCPT) | AT(DATA))
#define CLIENTS   (AT(CONNECT) | COMMANDS | AT(HEADER) | AT(PART) | AT(MESSAGE))
#define ALL       ((1u << POLICY_STAGES) - 1)

#define WHY_REFUSE                                                                                 \
    "the server has answered already: its greeting and EHLO lines can be masked, or the session "  \
    "closed"

static const struct policy_action_info infos[POLICY_ACTIONS] = {
    [POLICY_ACTION_NONE] = {"none", "nothing", 0, NULL, POLICY_ARGUMENT_NONE, ""},
    [POLICY_ACTION_ALLOW] = {"allow", "no later rule that is asked there is asked", ALL, NULL,
                             POLICY_ARGUMENT_NONE, ""},
    [POLICY_ACTION_REJECT] = {"reject", "refused, with the text", CLIENTS, WHY_REFUSE,
                              POLICY_ARGUMENT_TEXT, "45"},
    [POLICY_ACTION_TEMPFAIL] = {"tempfail", "refused for now, with the text", CLIENTS, WHY_REFUSE,
                                POLICY_ARGUMENT_TEXT, "4"},
    [POLICY_ACTION_CLOSE] = {"close", "answered with the text, and the session ends",
                             ALL & ~AT(OFFER),
                             "a line of the EHLO reply is shown, hidden or masked, and the reply "
                             "goes on",
                             POLICY_ARGUMENT_TEXT, "45"},
    [POLICY_ACTION_DROP] = {"drop", "the session ends without an answer", ALL & ~AT(OFFER),
                            "a line of the EHLO reply is shown, hidden or masked, and the reply "
                            "goes on",
                            POLICY_ARGUMENT_NONE, ""},
    [POLICY_ACTION_RESET] = {"reset", "the same by a TCP reset", ALL & ~AT(OFFER),
                             "a line of the EHLO reply is shown, hidden or masked, and the reply "
                             "goes on",
                             POLICY_ARGUMENT_NONE, ""},
    [POLICY_ACTION_MASK] =
        {"mask", "the command, the EHLO line or the greeting is X'ed out",
         COMMANDS | AT(GREETING) | AT(OFFER),
         "only a command, the greeting and a line of the EHLO reply can be masked",
         POLICY_ARGUMENT_NONE, ""},
    [POLICY_ACTION_NOOP] = {"noop", "the server gets NOOP in the command's place", COMMANDS,
                            "only a command can be made a NOOP", POLICY_ARGUMENT_NONE, ""},
    [POLICY_ACTION_HIDE] = {"hide", "the line of the EHLO reply is taken out", AT(OFFER),
                            "only a line of the EHLO reply can be hidden", POLICY_ARGUMENT_NONE,
                            ""},
    [POLICY_ACTION_DELAY] = {"delay", "the command is answered after this time",
                             AT(CONNECT) | COMMANDS,
                             "only a connection or a command can be kept waiting",
                             POLICY_ARGUMENT_TIME, ""},
    [POLICY_ACTION_LIMIT] = {"limit",
                             "at most so many in that time for each client address; more are "
                             "refused for now",
                             CLIENTS,
                             "only what a client does can be limited, and what the server says is "
                             "not its doing",
                             POLICY_ARGUMENT_RATE, "4"},
    [POLICY_ACTION_LOG] = {"log", "only told", ALL, NULL, POLICY_ARGUMENT_NONE, ""},
};

const char *const policy_action_words[] = {"allow", "reject", "tempfail", "close", "drop",
                                           "reset", "mask",   "noop",     "hide",  "delay",
                                           "limit", "log",    NULL};

_Static_assert(sizeof(policy_action_words) / sizeof(policy_action_words[0]) == POLICY_ACTIONS,
               "a word for each action but NONE");

const struct policy_action_info *policy_action_info(enum policy_action action)
{
    return &infos[action];
}
