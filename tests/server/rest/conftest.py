from tests.contract.recorder import contract_is_kept
from tests.server.rest.client import rest
from tests.support.sandbox import sandbox

__all__ = ["contract_is_kept", "rest", "sandbox"]
