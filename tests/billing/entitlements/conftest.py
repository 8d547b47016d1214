from tests.contract.recorder import contract_is_kept
from tests.support.sandbox import sandbox

__all__ = ["contract_is_kept", "sandbox"]
