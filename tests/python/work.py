"""Works off a list with RedisWork, printing each task as a line, until it has had one that is null.

Arguments: <redis url> <list> <tasks at once>
"""

import json
import sys
import threading

import redis
from redis_ext import RedisWork

url, key, max_workers = sys.argv[1:]
printing = threading.Lock()


class Work(RedisWork):
    def handle(self, task):
        if task is None:
            self._stop_evt.set()
            return
        with printing:
            print(json.dumps(task, ensure_ascii=False))


Work(key, redis.Redis.from_url(url), max_workers=int(max_workers), timeout=1).start()
