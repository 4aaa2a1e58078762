"""
`Client` and `AsyncClient`: the same names, one blocking, one awaiting.  Thin: what they do is in `imagegen.work`.

    with Client.from_config() as client:
        result = client.generate(request, provider="...")

A new client holds open connections and nothing else; plugins, catalogues and the ledger are read on first use.
"""

from .awaiting import AsyncClient, AsyncJob
from .blocking import Client, Job
from .opened import Options

__all__ = ["AsyncClient", "AsyncJob", "Client", "Job", "Options"]
