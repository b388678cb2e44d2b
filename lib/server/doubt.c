/* See doubt.h. An error that is known was answered twice a short time ago, so programs that fail again and again are seldom doubted. */
#include "server/doubt.h"

#define KNOWN 1000000000ull /* nanoseconds that an error is */
#define APART 10000000ull   /* nanoseconds from doubt to doubt, in the mean */
#define AT_ONCE 8           /* and at most so many close together */

/* Its entry, or the older of the two that could be. */
static struct known_error *entry_of(struct doubts *doubts, uint32_t operation, int status)
{
	struct known_error *known = &doubts->known[(operation * 7 + (uint32_t)status) % (DOUBT_ERRORS / 2) * 2];
	if (known[0].operation == operation && known[0].status == status)
		return &known[0];
	if (known[1].operation == operation && known[1].status == status)
		return &known[1];
	return known[0].time < known[1].time ? &known[0] : &known[1];
}

static bool is_known(const struct known_error *entry, uint32_t operation, int status, uint64_t now)
{
	return entry->operation == operation && entry->status == status && now - entry->time < KNOWN;
}

/* Whoever makes many calls that fail costs the others a share of the time that is small and does not grow. */
static bool is_paid(struct doubts *doubts, uint64_t now)
{
	uint64_t paid = (doubts->paid > now ? doubts->paid : now) + APART;
	if (paid > now + AT_ONCE * APART)
		return false;
	doubts->paid = paid;
	return true;
}

bool doubt_is_due(struct doubts *doubts, const struct request *request, int status)
{
	uint64_t now = time_now();
	struct known_error *entry = entry_of(doubts, request->operation, status);
	if (request->id == doubts->call) {
		*entry = (struct known_error){ request->operation, status, now };
		return false;
	}
	if (is_known(entry, request->operation, status, now) || !is_paid(doubts, now))
		return false;
	doubts->call = request->id;
	return true;
}
