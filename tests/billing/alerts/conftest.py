from tests.billing.notifications.conftest import receiver
from tests.billing.notifications.test_payloads import wired
from tests.contract.recorder import contract_is_kept
from tests.support.sandbox import sandbox

__all__ = ["contract_is_kept", "receiver", "sandbox", "wired"]
