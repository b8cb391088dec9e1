"""Asks a model through the Service until standard input ends, then prints what came of it as a line of JSON.

Usage: ask.py URL MODEL THREADS PAUSE. Half of the threads keep their connection, the others make a new one
for each request. Beside it lies the package edge_stack, whose Load counts every request and repeats none.
"""

import json
import sys
import time
from dataclasses import asdict

from edge_stack.measuring.load import Load, summarize

url, model, threads, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
with (
    Load(url, model, threads=threads - threads // 2, pause=pause) as keeping,
    Load(url, model, threads=threads // 2, pause=pause, keep_connections=False) as new,
):
    while not (keeping.answers() and (new.answers() or threads == 1)):
        time.sleep(0.01)
    sys.stdout.write("asking\n")
    sys.stdout.flush()
    sys.stdin.read()
kinds = {"kept": summarize(keeping.answers()), "new": summarize(new.answers())}
sys.stdout.write(json.dumps({kind: asdict(summary) for kind, summary in kinds.items()}) + "\n")
