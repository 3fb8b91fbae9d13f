"""A FastSet under command: each line of input is a method and its argument in JSON, or `show`; after each, the version
and the members, sorted by their spelling, are printed.

Arguments: <redis url> <key>
"""

import json
import sys

import redis
from redis_ext.fastset import FastSet

url, key = sys.argv[1:]
# It looks at the version at each read.
members = FastSet(redis.Redis.from_url(url), key, timeout=0)
for line in iter(sys.stdin.readline, ""):
    method, _, argument = line.strip().partition(" ")
    result = None
    if method != "show":
        len(members)
        result = getattr(members, method)(*([json.loads(argument)] if argument else []))
    now = sorted(members.copy(), key=json.dumps)
    print(json.dumps([members._ver, now, result]))
