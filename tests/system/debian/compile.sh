# make and gcc: three compilers at once, a program with threads, times of files that decide what is made again.
for i in 1 2 3; do
	printf 'int f%d(int x) { return x * %d + 1; }\n' $i $i > f$i.c
done
cat > main.c <<'END'
#include <pthread.h>
#include <stdio.h>
int f1(int), f2(int), f3(int);
static void *run(void *sum)
{
	for (int i = 0; i < 1000; i++)
		*(long *)sum += f1(i) + f2(i) + f3(i);
	return 0;
}
int main(void)
{
	pthread_t threads[4];
	long sums[4] = { 0 };
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], 0, run, &sums[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	printf("%ld %ld\n", sums[0], sums[3]);
}
END
printf 'program: main.o f1.o f2.o f3.o\n\tgcc -fno-use-linker-plugin -static -o $@ $^\n%%.o: %%.c\n\tgcc -O1 -c -o $@ $<\n' > Makefile
make -j3 2>&1 | sort
./program
make 2>&1
sleep 0.1
touch f2.c
make 2>&1
ls
md5sum < program
