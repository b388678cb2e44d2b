# Python: threads, forks, signals, locks, maps, epoll, children by the dozen.
cat > snake.py <<'END'
import fcntl
import hashlib
import mmap
import os
import select
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda n: sum(range(n)), range(200))))
numbers = "\n".join(str(i * 37 % 101) for i in range(101))
print(subprocess.run(["sort", "-n"], input=numbers, capture_output=True, text=True).stdout.split()[-3:])

reads, writes = os.pipe()
child = os.fork()
if child == 0:
    os.write(writes, b"child")
    os._exit(4)
print(os.read(reads, 10), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

caught = []
signal.signal(signal.SIGUSR1, lambda *arguments: caught.append(1))
for _ in range(20):
    os.kill(os.getpid(), signal.SIGUSR1)
print(len(caught))

for i in range(60):
    with open(str(i), "w") as file:
        file.write(str(i) * 100)
names = sorted(int(name) for name in os.listdir(".") if name.isdigit())
print(hashlib.md5("".join(open(str(name)).read() for name in names).encode()).hexdigest())

with open("map", "w+b") as file:
    file.truncate(65536)
    with mmap.mmap(file.fileno(), 65536) as memory:
        memory[100:105] = b"hello"
        memory.flush()
        file.seek(100)
        print(file.read(5))


def count():
    for _ in range(25):
        with open("count", "a+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            file.seek(0)
            value = int(file.read() or 0)
            file.truncate(0)
            file.write(str(value + 1))


children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        count()
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children], open("count").read())

sleepers = [subprocess.Popen(["sh", "-c", f"sleep 0.0{i}; exit {i}"]) for i in range(6)]
print([sleeper.wait() for sleeper in sleepers])

poll = select.epoll()
reads, writes = os.pipe()
poll.register(reads, select.EPOLLIN)
threading.Timer(0.05, lambda: os.write(writes, b"t")).start()
print(len(poll.poll(20)))

echo = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(len(echo.communicate(b"z" * 300000)[0]), echo.returncode)
END
python3.11 -E -s -S snake.py
