/* Several ranks, one terminal. */
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include "comm/comm.h"

/* Ranks that work on one thing say the same: from here on only rank 0 is heard. */
void ranks_speak_once(const comm *c);

#endif
