/* Random numbers: ChaCha20 keyed from the CPU's generator where it has one, and from the clock's jitter. The key is
 * replaced after each use, so that what was given out cannot be computed again from memory. */
#include "exec.h"

static struct lock lock;
static uint32_t key[8];
static bool keyed;
static uint32_t keyed_process; /* a forked child takes a key of its own */
static uint64_t counter;

static bool cpu_has_generator(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx >> 30 & 1;
}

static uint64_t cpu_random(void)
{
	uint64_t value;
	uint8_t done = 0;
	for (unsigned i = 0; i < 10 && !done; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(done));
	return done ? value : 0;
}

static uint64_t cpu_ticks(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void key_make(void)
{
	uint64_t state = time_real() ^ (uint64_t)thread_self()->task->process << 40;
	bool generator = cpu_has_generator();
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned j = 0; j < 16; j++) {
			state = (state ^ cpu_ticks()) * 0x9e3779b97f4a7c15ull;
			state ^= state >> 29;
		}
		key[i] ^= (uint32_t)(state >> 16) ^ (generator ? (uint32_t)cpu_random() : 0);
	}
	keyed = true;
	keyed_process = thread_self()->task->process;
}

static inline uint32_t rotate(uint32_t value, unsigned by)
{
	return value << by | value >> (32 - by);
}

static void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

static void block_make(uint32_t out[16])
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	memcpy(start + 4, key, sizeof(key));
	start[12] = (uint32_t)counter;
	start[13] = (uint32_t)(counter++ >> 32);
	memcpy(out, start, sizeof(start));
	for (unsigned i = 0; i < 10; i++) {
		for (unsigned j = 0; j < 4; j++)
			quarter(out, j, 4 + j, 8 + j, 12 + j);
		for (unsigned j = 0; j < 4; j++)
			quarter(out, j, 4 + (j + 1) % 4, 8 + (j + 2) % 4, 12 + (j + 3) % 4);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] += start[i];
}

void random_fill(void *to, uint64_t length)
{
	uint32_t block[16];
	lock_take(&lock);
	if (!keyed || keyed_process != thread_self()->task->process)
		key_make();
	/* The first block's first half is the next key; what follows is given out. */
	block_make(block);
	uint64_t done = MINIMUM(sizeof(block) - sizeof(key), length);
	memcpy(to, block + 8, done);
	uint32_t next[8];
	memcpy(next, block, sizeof(next));
	for (; done < length; done += MINIMUM(sizeof(block), length - done)) {
		block_make(block);
		memcpy((uint8_t *)to + done, block, MINIMUM(sizeof(block), length - done));
	}
	memcpy(key, next, sizeof(key));
	lock_release(&lock);
}

#define GRND_KNOWN 7u
#define RANDOM_CHUNK 256u

int64_t linux_getrandom(struct thread *thread, uint64_t buffer, uint64_t length, uint32_t flags)
{
	uint8_t chunk[RANDOM_CHUNK];
	if (flags & ~GRND_KNOWN)
		return -EINVAL;
	length = MINIMUM(length, 33554431ull);
	for (uint64_t done = 0; done < length;) {
		uint64_t count = MINIMUM(length - done, sizeof(chunk));
		random_fill(chunk, count);
		if (user_write(buffer + done, chunk, count) < 0)
			return -EFAULT;
		done += count;
	}
	return (int64_t)length;
}
