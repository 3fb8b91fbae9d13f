"""Asks UniqueId for IDs, from several threads, and prints how many it got.

Arguments: <redis url> <class> <seconds> <threads> <how many keys there are; 0 = each key is new>
"""

import sys
import threading
import time

import redis
from redis_ext.unique_id import UniqueId

url, klass, seconds, threads, known = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
ids = UniqueId(redis.Redis.from_url(url), klass)
counts = [0] * threads
end = time.monotonic() + seconds


def ask(caller):
    while time.monotonic() < end:
        n = counts[caller]
        ids.get_or_create(str((caller * 7919 + n) % known) if known else "%d-%d" % (caller, n))
        counts[caller] += 1


callers = [threading.Thread(target=ask, args=(caller,)) for caller in range(threads)]
for caller in callers:
    caller.start()
for caller in callers:
    caller.join()
print(sum(counts))
