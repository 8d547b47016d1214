from tests.server.rest.client import rest

__all__ = ["rest"]
