"""redis-ext-ramwin of Python: at most once; a job that was taken is gone if its worker dies.

Works a backlog off and prints what it came to: a peer for `throughput --peer`.
"""

import argparse
import json
import logging
import os
import re
import threading
import time

import redis
from redis_ext import RedisWork

# It says so each time when all of its threads are busy.
logging.disable(logging.WARNING)

LIST = "bench"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu(process):
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def peak_memory(process):
    with open(f"/proc/{process}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) * 1024


class Worker(RedisWork):
    def __init__(self, client, arguments):
        super().__init__(LIST, client, max_workers=arguments.concurrency)
        self.arguments = arguments
        self.lock = threading.Lock()
        self.handled = 0
        self.begun = None

    def handle(self, task):
        with self.lock:
            self.handled += 1
            handled = self.handled
        server = self.arguments.server
        if handled == max(1, self.arguments.warm_up):
            self.begun = (handled, time.monotonic(), cpu("self"), cpu(server))
        if handled == self.arguments.tasks:
            before, at, own, of_server = self.begun
            sample = {
                "operations": handled - before,
                "elapsed": time.monotonic() - at,
                "server_cpu": cpu(server) - of_server,
                "own_cpu": cpu("self") - own,
                "server_memory": peak_memory(server),
                "own_memory": peak_memory("self"),
            }
            print(json.dumps(sample), flush=True)
            os._exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("--url")
for name in ("--server", "--tasks", "--warm-up", "--concurrency", "--body-bytes"):
    parser.add_argument(name, type=int)
arguments = parser.parse_args()

client = redis.Redis.from_url(arguments.url)
body = json.dumps({"body": "x" * arguments.body_bytes})
left = arguments.tasks
while left > 0:
    client.rpush(LIST, *[body] * min(left, 1000))
    left -= 1000
threading.Timer(60, os._exit, args=[1]).start()
Worker(client, arguments).start()
