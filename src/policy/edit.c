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

/* One of the two tables. */
struct table {
    uint8_t *treatment;
    unsigned words;
    uint64_t *named;
    const struct policy_statement **origins; /* NULL: not kept */
    const struct policy_statement *statement;
};

static void table_edit(const struct table *table, uint8_t action, struct policy_words list)
{
    for (unsigned i = 0; i < table->words; i++) {
        bool listed = i > 0 && (list.set >> i & 1) != 0;
        bool other = i == 0 || (*table->named >> i & 1) == 0;
        if (list.all || listed || (list.others && other)) {
            table->treatment[i] = action;
            if (table->origins != NULL) {
                table->origins[i] = table->statement;
            }
        }
    }
    *table->named = list.all ? 0 : *table->named | list.set;
}

/* `allow LIST` is `DENY all` and then `also LIST`. */
static void table_allow_only(const struct table *table, uint8_t allow, uint8_t deny,
                             struct policy_words list)
{
    if (!list.all && !list.others) {
        table_edit(table, deny, (struct policy_words){.all = true});
    }
    table_edit(table, allow, list);
}

void policy_edit_begin(struct policy_edit *edit_r, struct policy *policy_r,
                       const struct policy_profile *profile)
{
    policy_begin(policy_r, profile);
    *edit_r = (struct policy_edit){
        .policy = policy_r,
        .commands_named = table_named(policy_r->command, SMTP_VERB_WORDS),
        .keywords_named = table_named(policy_r->keyword, SMTP_KEYWORDS),
    };
}

void policy_edit_command(struct policy_edit *edit, enum policy_command action, bool also,
                         struct policy_words list)
{
    struct table table = {edit->policy->command, SMTP_VERB_WORDS, &edit->commands_named,
                          edit->origin != NULL ? edit->origin->command : NULL, edit->statement};

    if (action == POLICY_COMMAND_ALLOW && !also) {
        table_allow_only(&table, POLICY_COMMAND_ALLOW, POLICY_COMMAND_REFUSE, list);
    } else {
        table_edit(&table, (uint8_t)action, list);
    }
}

void policy_edit_keyword(struct policy_edit *edit, enum policy_keyword action, bool also,
                         struct policy_words list)
{
    struct table table = {edit->policy->keyword, SMTP_KEYWORDS, &edit->keywords_named,
                          edit->origin != NULL ? edit->origin->keyword : NULL, edit->statement};

    if (action == POLICY_KEYWORD_ALLOW && !also) {
        table_allow_only(&table, POLICY_KEYWORD_ALLOW, POLICY_KEYWORD_HIDE, list);
    } else {
        table_edit(&table, (uint8_t)action, list);
    }
}
