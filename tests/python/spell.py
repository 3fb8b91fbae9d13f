"""For each line of JSON: how FastSet writes the value, and how DebounceInfoTask does."""

import json
import sys

from redis_ext import fastset
from redis_ext.debounce_task import DebounceInfoTask

debounce = DebounceInfoTask(client=None, key="unused")
for line in iter(sys.stdin.readline, ""):
    value = json.loads(line)
    print(fastset._dumps(value))
    print(debounce._serialize_task(value))
