from tests.server.rest.client import rest
from tests.support.sandbox import sandbox

__all__ = ["rest", "sandbox"]
