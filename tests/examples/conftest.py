from tests.billing.in_advance.conftest import shop
from tests.billing.metering.conftest import company
from tests.support.sandbox import sandbox

__all__ = ["company", "sandbox", "shop"]
