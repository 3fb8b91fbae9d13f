"""Calls methods of one object of the package, as its users do, and prints what they answer.

Arguments: <redis url> <class> <the constructor's further arguments, as JSON: [[positional…], {keyword…}]>
Each line of the input is JSON, [method, argument…]; the answer is a line of JSON.
"""

import json
import sys

import redis
import redis_ext
from redis_ext import debounce_task, json_task_queue

url, name, arguments = sys.argv[1:]
positional, keyword = json.loads(arguments)
found = (getattr(module, name, None) for module in (redis_ext, debounce_task, json_task_queue))
target = next(filter(None, found))(redis.Redis.from_url(url), *positional, **keyword)
for line in sys.stdin:
    method, *values = json.loads(line)
    print(json.dumps(getattr(target, method)(*values), ensure_ascii=False), flush=True)
