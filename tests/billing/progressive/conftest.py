from tests.billing.notifications.conftest import receiver
from tests.billing.taxes.conftest import managed, seller
from tests.support.sandbox import sandbox

__all__ = ["managed", "receiver", "sandbox", "seller"]
