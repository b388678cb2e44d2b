/* Two thousand requests to the pipe server, one of which kills it each time it is tried. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	int ends[2], good = 0, refused = 0, other = 0;
	if (pipe(ends) != 0)
		return 1;
	for (int i = 0; i < 2000; i++) {
		if (fcntl(ends[0], F_SETFL, i & 1 ? O_NONBLOCK : 0) == 0)
			good++;
		else if (errno == EIO)
			refused++;
		else
			other++;
	}
	printf("%d %d %d, in the end %s\n", good, refused, other, fcntl(ends[0], F_GETFL) & O_NONBLOCK ? "set" : "clear");
	return 0;
}
