/* Places in a thread's block that entry.S knows: struct reflect_frame comes first, then the fields that
 * thread.h checks. */
#ifndef PERSONALITY_FRAME_OFFSETS_H
#define PERSONALITY_FRAME_OFFSETS_H

#define PERSONALITY_MAGIC_VALUE 0x31304c4e53524550

#define FRAME_RAX 0
#define FRAME_RBX 8
#define FRAME_RCX 16
#define FRAME_RDX 24
#define FRAME_RSI 32
#define FRAME_RDI 40
#define FRAME_RBP 48
#define FRAME_RSP 56
#define FRAME_R8 64
#define FRAME_R9 72
#define FRAME_R10 80
#define FRAME_R11 88
#define FRAME_R12 96
#define FRAME_R13 104
#define FRAME_R14 112
#define FRAME_R15 120
#define FRAME_RIP 128
#define FRAME_RFLAGS 136
#define ALERT 184
#define STACK_TOP 192
#define CALL_NUMBER 200
#define SELF 208
#define ROBUST_HEAD 216

/* struct item of epoll.c */
#define ACCESS_STILL_NEXT 0
#define ACCESS_STILL_IN 16
#define ACCESS_STILL_OUT 24
#define ACCESS_STILL_MARKS 32

#define BLOCK_SIZE 1024 /* room for struct thread, at the end of its region */
#define FIRST_STACK_SIZE (65536 - BLOCK_SIZE)

#endif
