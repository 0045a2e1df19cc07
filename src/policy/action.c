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

#define WHY_NOT_OFFER "a line of the EHLO reply is shown, hidden or masked, and the reply goes on"

static const struct policy_action_info infos[POLICY_ACTIONS] = {
    [POLICY_ACTION_NONE] = {.name = "none", .about = "nothing"},
    [POLICY_ACTION_ALLOW] = {.name = "allow",
                             .about = "no later rule that is asked there is asked",
                             .stages = ALL},
    [POLICY_ACTION_REJECT] = {.name = "reject",
                              .about = "refused, with the text",
                              .stages = CLIENTS,
                              .why = WHY_REFUSE,
                              .argument = POLICY_ARGUMENT_TEXT,
                              .classes = "45"},
    [POLICY_ACTION_TEMPFAIL] = {.name = "tempfail",
                                .about = "refused for now, with the text",
                                .stages = CLIENTS,
                                .why = WHY_REFUSE,
                                .argument = POLICY_ARGUMENT_TEXT,
                                .classes = "4"},
    [POLICY_ACTION_CLOSE] = {.name = "close",
                             .about = "answered with the text, and the session ends",
                             .stages = ALL & ~AT(OFFER),
                             .why = WHY_NOT_OFFER,
                             .argument = POLICY_ARGUMENT_TEXT,
                             .classes = "45"},
    [POLICY_ACTION_DROP] = {.name = "drop",
                            .about = "the session ends without an answer",
                            .stages = ALL & ~AT(OFFER),
                            .why = WHY_NOT_OFFER},
    [POLICY_ACTION_RESET] = {.name = "reset",
                             .about = "the same by a TCP reset",
                             .stages = ALL & ~AT(OFFER),
                             .why = WHY_NOT_OFFER},
    [POLICY_ACTION_MASK] = {.name = "mask",
                            .about = "the command, the EHLO line or the greeting is X'ed out",
                            .stages = COMMANDS | AT(GREETING) | AT(OFFER),
                            .why = "only a command, the greeting and a line of the EHLO reply can "
                                   "be masked"},
    [POLICY_ACTION_NOOP] = {.name = "noop",
                            .about = "the server gets NOOP in the command's place",
                            .stages = COMMANDS,
                            .why = "only a command can be made a NOOP"},
    [POLICY_ACTION_HIDE] = {.name = "hide",
                            .about = "the line of the EHLO reply is taken out",
                            .stages = AT(OFFER),
                            .why = "only a line of the EHLO reply can be hidden"},
    [POLICY_ACTION_DELAY] = {.name = "delay",
                             .about = "the command is answered after this time",
                             .stages = AT(CONNECT) | COMMANDS,
                             .why = "only a connection or a command can be kept waiting",
                             .argument = POLICY_ARGUMENT_TIME},
    [POLICY_ACTION_LIMIT] = {.name = "limit",
                             .about = "at most so many in that time for each client address; more "
                                      "are refused for now",
                             .stages = CLIENTS,
                             .why = "only what a client does can be limited, and what the server "
                                    "says is not its doing",
                             .argument = POLICY_ARGUMENT_RATE,
                             .classes = "4"},
    [POLICY_ACTION_LOG] = {.name = "log", .about = "only told", .stages = ALL},
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
