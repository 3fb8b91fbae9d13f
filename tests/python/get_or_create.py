"""Gives each key that comes as a line, in JSON, its ID, by UniqueId.

Arguments: <redis url> <class> <seconds that a mapping lives>
"""

import json
import sys

import redis
from redis_ext.unique_id import UniqueId

url, klass, timeout = sys.argv[1:]
ids = UniqueId(redis.Redis.from_url(url), klass, timeout=float(timeout))
for line in sys.stdin:
    print(ids.get_or_create(json.loads(line)))
