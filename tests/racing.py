"""`python racing.py FILE NAME HEATS START`: open each heat's key from 6 threads at once; stay alive until stdin closes."""

import json
import sys
import threading
import time

from imagegen.ledger import NewJob, Scope
from imagegen.ledger.owners import this_process
from imagegen.ledger.sqlite import SqliteStore

SCOPE = Scope(provider="acme", account="f00d", base_url="https://acme.example")


def job(name, key):
    """Return a job under a key; what it is for is the same for all."""
    return NewJob(id=name, scope=SCOPE, request_hash="a lighthouse", request={}, plan={}, calls=1, idempotency_key=key)


def race(file, name, heats, start):
    """Print a line of JSON for each attempt: heat, job, whether it is ours, token (or what went wrong)."""
    store, out = SqliteStore(file), threading.Lock()

    def open_it(heat, thread):
        mine = f"{heat}-{name}-{thread}"
        try:
            row, token = store.open_job(job(mine, f"key-{heat}"), this_process())
            answer = [heat, row.id, row.id == mine, token]
        except Exception as error:
            answer = [heat, repr(error), False, None]
        with out:
            print(json.dumps(answer), flush=True)

    for heat in range(heats):
        threads = [threading.Thread(target=open_it, args=(heat, n)) for n in range(6)]
        time.sleep(max(0.0, start + 0.2 * heat - time.time()))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sys.stdin.read()


if __name__ == "__main__":
    race(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
