/*
 * How often a client address has done something: the memory behind the action `limit`.
 */
#ifndef POLICY_RATE_H
#define POLICY_RATE_H

#include "policy/field.h"

/* One rule's table, of fixed size: where it is full, the address that was quiet for the longest is
 * forgotten, in favour of the client. */
struct policy_rate;

struct policy_rate *policy_rate_new(void) __attribute__((warn_unused_result));
void policy_rate_free(struct policy_rate **rate);

/* Count one at `now` (milliseconds). False when it is more than `number` within `period`
 * milliseconds; what was refused counts as well. Addresses that are not known share one place. IPv6
 * is counted by its /64, which is what one customer has. */
bool policy_rate_take(struct policy_rate *rate, const struct policy_address *address, uint64_t now,
                      uint64_t number, uint64_t period);

#endif
