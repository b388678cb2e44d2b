/* The portable core sees the same contract on the host; tests/host/arch/machine.c implements it. */
#include "../../../kernel/arch/x86_64/arch.h"
