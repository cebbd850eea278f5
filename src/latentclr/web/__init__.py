"""What the explorer and the pages of studies share: how a server is started and what it refuses.

Importing this imports no optional library.
"""

from latentclr.web.extras import needs, offline
from latentclr.web.guards import UNEXPECTED, Guards, Policy, as_sentences
from latentclr.web.server import HOST, PORT, check_host, running, serve

__all__ = [
    "HOST",
    "PORT",
    "UNEXPECTED",
    "Guards",
    "Policy",
    "as_sentences",
    "check_host",
    "needs",
    "offline",
    "running",
    "serve",
]
