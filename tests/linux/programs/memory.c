/* Memory: private and shared mappings, of files and of none, protection, break, moving. */
#include "check.h"

static void file_mappings(void)
{
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char text[6000];
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	SAY(write(fd, text, sizeof(text)));
	char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *offset = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	SAY(memcmp(shared, text, sizeof(text)));
	SAY(memcmp(private, text, sizeof(text)));
	SAY(offset[0] == text[4096]);
	SAY(shared[6000] + shared[8191]);
	shared[10] = 'S';
	private[11] = 'P';
	char byte[4] = "";
	SAY(pread(fd, byte, 3, 10));
	printf("%s %c %c\n", byte, private[10], shared[11]);
	SAY(pwrite(fd, "W", 1, 20));
	printf("%c %c\n", shared[20], shared[5000] == text[5000] ? 'y' : 'n');
	SAY(msync(shared, 8192, MS_SYNC));
	SAY(munmap(shared, 8192));
	SAY(pread(fd, byte, 1, 10));
	printf("%c\n", byte[0]);
	close(fd);
	printf("%c\n", offset[1]);
	unlink("m");
	printf("%c\n", private[11]);
}

static void past_the_end(void)
{
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0600);
	SAY(ftruncate(fd, 100));
	char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	shared[50] = 1;
	shared[4096] = 1; /* SIGBUS */
}

static void sharing(void)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static int data = 1;
	*shared = *private = 1;
	if (fork() == 0) {
		*shared = *private = data = 2;
		if (fork() == 0) {
			*shared += 10;
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait(NULL);
	printf("%d %d %d\n", *shared, *private, data);
}

static void protection(void)
{
	char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page[4096] = 5;
	SAY(mprotect(page + 4096, 4096, PROT_READ));
	printf("%d\n", page[4096]);
	SAY(mprotect(page + 4096, 4096, PROT_READ | PROT_WRITE));
	page[4096] = 6;
	SAY(munmap(page + 4096, 4096));
	page[0] = page[8192] = 1;
	SAY(mprotect(page, 3 * 4096, PROT_READ));
	char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(code, "\xb8\x2a\0\0\0\xc3", 6);
	SAY(mprotect(code, 4096, PROT_READ | PROT_EXEC));
	SAY(((int (*)(void))(uintptr_t)code)());
	mprotect(page, 4096, PROT_NONE);
	printf("%d\n", page[0]);
}

static void moving(void)
{
	char *area = mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(area, "moved");
	strcpy(area + 3 * 4096, "end");
	char *larger = mremap(area, 4096 * 4, 4096 * 64, MREMAP_MAYMOVE);
	printf("%s %s %d\n", larger, larger + 3 * 4096, larger[63 * 4096]);
	SAY(mremap(larger, 4096 * 64, 4096, 0) == larger);
	printf("%s\n", larger);
	char *fixed = mmap((void *)0x200000000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	SAY(fixed == (void *)0x200000000000);
	SAY(mmap(fixed, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED);
	strcpy(fixed, "there");
	SAY(madvise(fixed, 4096, MADV_DONTNEED));
	SAY(fixed[0]);
	unsigned char resident[4];
	SAY(mincore(fixed, 4096, resident));
	char *low = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	SAY((uintptr_t)low < 1ull << 32);
}

static char *set_break(char *end)
{
	return (char *)syscall(SYS_brk, end);
}

static void breaking(void)
{
	char *start = set_break(NULL);
	SAY(set_break(start + 100000) == start + 100000);
	memset(start, 7, 100000);
	SAY(start[99999]);
	SAY(set_break(start) == start);
	SAY(set_break((char *)16) == start);
	SAY(set_break(start + 4096) == start + 4096);
	SAY(start[0]);
	set_break(start);
	start[4096 * 2] = 1;
}

static void large(void)
{
	char *area = mmap(NULL, 1ull << 32, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	SAY(area != MAP_FAILED);
	for (uint64_t at = 0; at < 1ull << 32; at += 1ull << 26)
		area[at] = 1;
	long sum = 0;
	for (uint64_t at = 0; at < 1ull << 32; at += 1ull << 25)
		sum += area[at];
	SAY(sum);
	SAY(munmap(area, 1ull << 32));
	char *heap[200];
	for (int i = 0; i < 200; i++)
		memset(heap[i] = malloc((size_t)i * 5000 + 1), i, (size_t)i * 5000 + 1);
	long good = 0;
	for (int i = 0; i < 200; i++) {
		good += heap[i][i * 5000] == (char)i;
		free(heap[i]);
	}
	SAY(good);
}

int main(void)
{
	in_child("file_mappings", file_mappings);
	in_child("past_the_end", past_the_end);
	in_child("sharing", sharing);
	in_child("protection", protection);
	in_child("moving", moving);
	in_child("breaking", breaking);
	in_child("large", large);
	return 0;
}
