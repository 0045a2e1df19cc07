/*
 * The statements `command` and `keyword`, on the two tables of a policy.
 *
 * Both work on an array with one treatment a word, [UNKNOWN] standing for all words that are not
 * known. Rejected: keeping the statements as a list and searching it for each verb of a session;
 * the array answers in one load, and "the last statement wins" needs no thought at run time.
 */
#include "policy/edit.h"

_Static_assert(SMTP_VERB_WORDS <= 64, "a set of verbs is one word");
_Static_assert(SMTP_VERB_UNKNOWN == 0 && SMTP_KEYWORD_UNKNOWN == 0, "unknown words come first");

/* The words that a profile treats otherwise than the unknown ones. */
static uint64_t table_named(const uint8_t *table, unsigned words)
{
    uint64_t named = 0;

    for (unsigned i = 1; i < words; i++) {
        if (table[i] != table[0]) {
            named |= (uint64_t)1 << i;
        }
    }
    return named;
}

static void table_edit(uint8_t *table, unsigned words, uint64_t *named, uint8_t action,
                       struct policy_words list)
{
    for (unsigned i = 0; i < words; i++) {
        bool listed = i > 0 && (list.set >> i & 1) != 0;
        bool other = i == 0 || (*named >> i & 1) == 0;
        if (list.all || listed || (list.others && other)) {
            table[i] = action;
        }
    }
    *named = list.all ? 0 : *named | list.set;
}

/* `allow LIST` is `DENY all` and then `also LIST`. */
static void table_allow_only(uint8_t *table, unsigned words, uint64_t *named, uint8_t allow,
                             uint8_t deny, struct policy_words list)
{
    if (!list.all && !list.others) {
        table_edit(table, words, named, deny, (struct policy_words){.all = true});
    }
    table_edit(table, words, named, allow, list);
}

void policy_edit_begin(struct policy_edit *edit_r, struct policy *policy_r,
                       const struct policy_profile *profile)
{
    policy_begin(policy_r, profile);
    edit_r->policy = policy_r;
    edit_r->commands_named = table_named(policy_r->command, SMTP_VERB_WORDS);
    edit_r->keywords_named = table_named(policy_r->keyword, SMTP_KEYWORDS);
}

void policy_edit_command(struct policy_edit *edit, enum policy_command action, bool also,
                         struct policy_words list)
{
    uint8_t *table = edit->policy->command;

    if (action == POLICY_COMMAND_ALLOW && !also) {
        table_allow_only(table, SMTP_VERB_WORDS, &edit->commands_named, POLICY_COMMAND_ALLOW,
                         POLICY_COMMAND_REFUSE, list);
    } else {
        table_edit(table, SMTP_VERB_WORDS, &edit->commands_named, (uint8_t)action, list);
    }
}

void policy_edit_keyword(struct policy_edit *edit, enum policy_keyword action, bool also,
                         struct policy_words list)
{
    uint8_t *table = edit->policy->keyword;

    if (action == POLICY_KEYWORD_ALLOW && !also) {
        table_allow_only(table, SMTP_KEYWORDS, &edit->keywords_named, POLICY_KEYWORD_ALLOW,
                         POLICY_KEYWORD_HIDE, list);
    } else {
        table_edit(table, SMTP_KEYWORDS, &edit->keywords_named, (uint8_t)action, list);
    }
}
