"""Pushes each line of JSON to a list, spelt as Python does by itself, as producers for RedisWork do.

Arguments: <redis url> <list>
"""

import json
import sys

import redis

url, key = sys.argv[1:]
client = redis.Redis.from_url(url)
for line in sys.stdin:
    client.rpush(key, json.dumps(json.loads(line)))
