/* Which slots are free, without a word about what is in them. */
#ifndef ATOLL_SLOTS_H
#define ATOLL_SLOTS_H

#include "atoll/atoll.h"

slot_t slot_take(void); /* 0: none left */
void slot_release(slot_t slot);

#endif
