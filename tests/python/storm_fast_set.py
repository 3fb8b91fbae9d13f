"""Changes a FastSet of small numbers at random, so many times; numbers from 0 to 49 are everybody's.

Arguments: <redis url> <key> <seed> <operations>
"""

import random
import sys

import redis
from redis_ext.fastset import FastSet

# A change that others come before tries again by recursion.
sys.setrecursionlimit(100_000)
url, key, seed, operations = sys.argv[1:]
dice = random.Random(int(seed))
members = FastSet(redis.Redis.from_url(url), key, timeout=0)
for _ in range(int(operations)):
    number = dice.randrange(50)
    choice = dice.randrange(100)
    len(members)
    if choice < 45:
        members.add(number)
    elif choice < 85:
        members.discard(number)
    elif choice < 99:
        members.update(dice.randrange(50) for _ in range(5))
    else:
        members.clear()
print("done")
