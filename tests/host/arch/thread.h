/* The x86-64 registers and their accessors are plain C: the host's threads have the same. */
#include "../../../kernel/arch/x86_64/thread.h"
